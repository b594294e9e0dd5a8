"""The claim: while a virtual machine moves, no other plan may move it. Temporal's unique workflow ids enforce it."""

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.finalise import FinaliseTask
    from migration.ids import ResourceId, describe
    from migration.models import VmTask
from workflows import policies

_TRIES = 3
_RELEASE = "release"
_Handle = workflow.ChildWorkflowHandle["VmClaim", None]


@workflow.defn(name=names.VM_CLAIM)
class VmClaim:
    """Only waits. It ends when its migration gives it back, or with it."""

    def __init__(self) -> None:
        self._released = False

    @workflow.run
    async def run(self) -> None:
        """Hold the virtual machine."""
        workflow.set_current_details("Held while its migration runs.")
        await workflow.wait_condition(lambda: self._released)

    @workflow.signal(name=_RELEASE)
    def release(self) -> None:
        """End the claim."""
        self._released = True


async def start_claim(source: ResourceId, summary: str) -> _Handle:
    """Claim *source* until the workflow that runs ends.

    Raises:
        WorkflowAlreadyStartedError: another workflow holds it.
    """
    # Whoever deletes sources is served by a worker of its own, and its claims with it.
    apart = workflow.info().task_queue == names.FINALISE_TASK_QUEUE
    return await workflow.start_child_workflow(
        VmClaim.run,
        id=names.vm_claim_id(source.subscription, source.resource_group or "", source.name),
        task_queue=names.FINALISE_TASK_QUEUE if apart else names.CLAIM_TASK_QUEUE,
        parent_close_policy=workflow.ParentClosePolicy.TERMINATE,
        static_summary=summary,
    )


class Claim:
    """A migration's side of its claim."""

    def __init__(self, task: VmTask | FinaliseTask) -> None:
        self._task = task
        self._handle: _Handle | None = None

    async def take(self) -> None:
        """Claim the virtual machine.

        Raises:
            WorkflowAlreadyStartedError: another migration holds it.
        """
        source = ResourceId.parse(self._task.vm.source_id)
        for tries_left in reversed(range(_TRIES)):
            try:
                self._handle = await start_claim(source, f"Claim on {describe(self._task.vm.source_id)}")
            except WorkflowAlreadyStartedError:
                if not tries_left:
                    raise
                await workflow.sleep(policies.CLAIM_RETRY, summary="An ended migration's claim falls a moment later")
            else:
                return

    async def release(self) -> None:
        """Give the claim back, if it was taken; one that somebody terminated is no reason to fail."""
        if self._handle is None:
            return
        try:
            await self._handle.signal(VmClaim.release)
            await self._handle
        except FailureError as error:
            workflow.logger.warning("The claim had gone already", extra={"why": str(error)})
