"""Finalising a plan: one `FinaliseVm` for each virtual machine whose source is to be deleted."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.finalise import FinalisePlanEnding, FinalisePlanInput, FinaliseTask, finalise_task
    from migration.specs import vm_specs
from workflows.attributes import vm_attributes
from workflows.engine import reason_of
from workflows.finalise_vm import FinaliseVm


@workflow.defn(name=names.FINALISE_PLAN)
class FinalisePlan:
    """Starts the deletions and counts how they end. A cancel goes to each, which stops before its next deletion."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.reasons: dict[str, str] = {}

    @workflow.run
    async def run(self, request: FinalisePlanInput) -> FinalisePlanEnding:
        """Delete the sources that were asked for."""
        wanted = {name.casefold() for name in request.vms}
        tasks = [
            finalise_task(request.plan, spec, request.requester)
            for spec in vm_specs(request.plan)
            if spec.name.casefold() in wanted
        ]
        await asyncio.gather(*(self._one(task) for task in tasks))
        counts = {outcome: list(self.outcomes.values()).count(outcome) for outcome in sorted({*self.outcomes.values()})}
        common = next(iter(counts)) if len(counts) == 1 else "mixed"
        return FinalisePlanEnding.model_validate({"outcome": common, "counts": counts})

    @workflow.query(name=names.QUERY_STATUS)
    def status(self) -> dict[str, str]:
        """Tell how those that have ended did."""
        return self.outcomes

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
            self.outcomes[name] = "refused"
            workflow.logger.warning("The deletion of this source runs already", extra={"vm": name})
        except ChildWorkflowError as error:
            if workflow.cancellation_reason() is not None:
                self.outcomes[name] = "cancelled"
                raise
            self.outcomes[name] = "cancelled" if is_cancelled_exception(error) else "needs_operator"
            self.reasons[name] = reason_of(error)
        workflow.set_current_details("\n".join(f"- {vm}: {outcome}" for vm, outcome in self.outcomes.items()))
