"""Finalising a plan: one `FinaliseVm` for each virtual machine whose source is to be deleted."""

import asyncio
from collections import Counter, deque

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.finalise import FinalisePlanEnding, FinalisePlanInput, FinaliseTask, finalise_task
    from migration.specs import vm_specs
from workflows.attributes import vm_attributes
from workflows.engine import reason_of
from workflows.finalise_vm import FinaliseVm

AT_ONCE = 500
"""Sources under way: Temporal takes 2,000 children of a workflow, and people decide about as many as they can read."""
MOST_EVENTS = 4_000
"""Of a history, after which no more begin in it: 5,000 sources are nearly as many events as Temporal keeps of one."""
_LISTED = 50


@workflow.defn(name=names.FINALISE_PLAN)
class FinalisePlan:
    """Starts the deletions and counts how they end. A cancel goes to each, which stops before its next deletion.

    Of thousands, the next begins as one ends; a history that has grown long begins none, and a new run does the rest.
    """

    @workflow.init
    def __init__(self, request: FinalisePlanInput) -> None:
        self.outcomes: dict[str, str] = dict(request.outcomes)
        self.reasons: dict[str, str] = {}
        wanted = {name.casefold() for name in request.vms}
        specs = [spec for spec in vm_specs(request.plan) if spec.name.casefold() in wanted]
        self._queue = deque(spec for spec in specs if spec.name not in self.outcomes)

    @workflow.run
    async def run(self, request: FinalisePlanInput) -> FinalisePlanEnding:
        """Delete the sources that were asked for."""
        in_turn = len(self._queue) > AT_ONCE and workflow.patched("finalises-in-turn")
        lanes = AT_ONCE if in_turn else len(self._queue)
        await asyncio.gather(*(self._lane(request) for _ in range(lanes)))
        if self._queue:
            workflow.continue_as_new(request.model_copy(update={"outcomes": self.outcomes}))
        counts = {outcome: list(self.outcomes.values()).count(outcome) for outcome in sorted({*self.outcomes.values()})}
        common = next(iter(counts)) if len(counts) == 1 else "mixed"
        return FinalisePlanEnding.model_validate({"outcome": common, "counts": counts})

    @workflow.query(name=names.QUERY_STATUS)
    def status(self) -> dict[str, str]:
        """Tell how those that have ended did."""
        return self.outcomes

    async def _lane(self, request: FinalisePlanInput) -> None:
        """Delete one source after the other, as long as this run begins any."""
        is_first = True
        while self._queue and (is_first or workflow.info().get_current_history_length() < MOST_EVENTS):
            is_first = False
            await self._one(finalise_task(request.plan, self._queue.popleft(), request.requester))

    async def _one(self, task: FinaliseTask) -> None:
        name = task.vm.name
        try:
            ended = await workflow.execute_child_workflow(
                FinaliseVm.run,
                task,
                id=names.finalise_vm_id(task.plan, name),
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                search_attributes=vm_attributes(task.plan, task.vm),
                static_summary=f"Delete the source of {name}",
            )
            self.outcomes[name] = ended.outcome or "needs_operator"
        except WorkflowAlreadyStartedError:
            self.outcomes[name], self.reasons[name] = "refused", "its deletion runs already"
            workflow.logger.warning("The deletion of this source runs already", extra={"vm": name})
        except ChildWorkflowError as error:
            if workflow.cancellation_reason() is not None:
                self.outcomes[name] = "cancelled"
                raise
            self.outcomes[name] = "cancelled" if is_cancelled_exception(error) else "needs_operator"
            self.reasons[name] = reason_of(error)
        workflow.set_current_details(self._markdown())

    def _markdown(self) -> str:
        counts = Counter(self.outcomes.values())
        lines = [f"- {count} {outcome}" for outcome, count in sorted(counts.items())]
        others = [(vm, outcome) for vm, outcome in self.outcomes.items() if outcome != "finalised"]
        lines += [f"- {vm}: {outcome} {self.reasons.get(vm, '')}".rstrip() for vm, outcome in others[-_LISTED:]]
        if self._queue:
            lines.append(f"- {len(self._queue)} begin as others end")
        return "\n".join(lines)
