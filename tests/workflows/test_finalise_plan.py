"""Finalising thousands: so many at once, a history that stays short, and each source asked about once."""

import asyncio
import uuid
from collections import Counter

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from migration import names
from migration.finalise import Finalised, FinalisePlanInput, FinaliseTask
from tests.workflows.scenes import make_plan
from workflows import finalise_plan
from workflows.finalise_plan import FinalisePlan

UNDER_WAY: set[str] = set()
SEEN: list[tuple[str, int]] = []


@workflow.defn(name=names.FINALISE_VM)
class StandInFinaliseVm:
    """Stands for the deletion of one source: it takes a moment, and every fifth is refused."""

    @workflow.run
    async def run(self, task: FinaliseTask) -> Finalised:
        """End, and tell how many were under way."""
        UNDER_WAY.add(task.vm.name)
        await workflow.sleep(0.02)
        SEEN.append((task.vm.name, len(UNDER_WAY)))
        UNDER_WAY.discard(task.vm.name)
        outcome = "refused" if task.vm.name.endswith("5") else "finalised"
        return Finalised.model_validate({"name": task.vm.name, "outcome": outcome})


async def test_many_sources_go_in_turn_and_in_short_histories(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four at once, each once, in several runs of one workflow, whose last counts them all."""
    monkeypatch.setattr(finalise_plan, "AT_ONCE", 4)
    monkeypatch.setattr(finalise_plan, "MOST_EVENTS", 30)
    plan, queue = make_plan({"one": [f"vm-{number:02d}" for number in range(20)]}), f"finalise-{uuid.uuid4()}"
    UNDER_WAY.clear()
    SEEN.clear()
    request = FinalisePlanInput(plan=plan, vms=[vm.name.upper() for vm in plan.vms], requester="anna")
    async with Worker(
        client,
        task_queue=queue,
        workflows=[FinalisePlan, StandInFinaliseVm],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=100,
    ):
        handle = await client.start_workflow(
            FinalisePlan.run, request, id=names.finalise_plan_id(plan.name), task_queue=queue
        )
        ending = await asyncio.wait_for(handle.result(), 30)
        told = await client.get_workflow_handle(handle.id).query(FinalisePlan.status)
    first = await client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id).describe()

    assert ("mixed", {"finalised": 18, "refused": 2}) == (ending.outcome, ending.counts)
    assert {vm.name: 1 for vm in plan.vms} == Counter(name for name, _ in SEEN)
    assert 4 == max(together for _, together in SEEN)
    assert {vm.name for vm in plan.vms} == set(told)
    assert WorkflowExecutionStatus.CONTINUED_AS_NEW == first.status
