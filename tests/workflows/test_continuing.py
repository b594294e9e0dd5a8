"""A plan whose history grows long goes on in a new run, and nobody notices."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowFailureError

from console.starting import FIRST
from migration.phases import Outcome, Phase
from migration.plan import Plan
from migration.report import MemoKeys, plan_evidence
from migration.urgency import Urgency
from tests.workflows.scenes import finding, make_plan, plan_check
from tests.workflows.script import Script
from tests.workflows.stage import PATIENCE, PATIENCE_SECONDS, PlanHandle, Stage
from workflows import policies

CONTINUED = WorkflowExecutionStatus.CONTINUED_AS_NEW
CONTINUES = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
CHILD_BEGUN = EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED


@pytest.fixture(autouse=True)
def short_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run of a plan have sixty events or three children, instead of thousands and hundreds."""
    monkeypatch.setattr(policies, "PLAN_EVENTS", 60)
    monkeypatch.setattr(policies, "PLAN_CHILDREN", 3)
    monkeypatch.setattr(policies, "TOGETHER", 2)
    monkeypatch.setattr(policies, "A_FEW", 2)
    monkeypatch.setattr(policies, "FLEET_LOOKS", (timedelta(seconds=1),))
    monkeypatch.setattr("migration.large_plans._MANY", 4)
    monkeypatch.setattr("migration.large_plans._TASK_TIMEOUT", PATIENCE / 2)
    monkeypatch.setattr("migration.large_plans._TASK_TIMEOUT_EACH", timedelta())


async def parts_of(stage: Stage, handle: PlanHandle) -> list[tuple[WorkflowExecutionDescription, list[HistoryEvent]]]:
    """Return the runs of a plan, the oldest first, each with its events."""
    found = []
    run_id = (await handle.describe()).raw_description.workflow_execution_info.first_run_id
    while run_id:
        part = stage.client.get_workflow_handle(handle.id, run_id=run_id)
        events = list((await part.fetch_history()).events)
        found.append((await part.describe(), events))
        run_id = events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return found


def _plan() -> Plan:
    waves = {"first": ["lost", "app-01", "db-01"], "second": ["app-02", "db-02"]}
    return make_plan(waves, concurrency={"replication": 3, "cutover": 2})


async def _until_all_wait(stage: Stage, handle: PlanHandle, plan: Plan) -> None:
    await stage.until_plan(handle, lambda status: status.phase == "moving")
    for vm in plan.vms:
        await stage.until_phase(stage.vm_of(plan, vm.name), Phase.AWAITING_APPROVAL)


async def test_a_plan_goes_on_in_new_runs_to_its_end(real_stage: Stage, script: Script) -> None:
    """No part is long; nothing is checked, prepared or begun twice; who is terminated is found; the report is one."""
    plan = _plan()
    warned = plan_check(plan).model_copy(update={"findings": [finding(severity="warning")]})
    script.on("check_plan", warned)
    handle = await real_stage.start_plan(plan)
    await _until_all_wait(real_stage, handle, plan)
    await real_stage.vm_of(plan, "lost").terminate("stuck")
    await real_stage.until_plan(handle, lambda status: status.vms[0].outcome is not None)
    lost = (await real_stage.plan_status(handle)).vms[0]
    for vm in plan.vms[1:]:
        await real_stage.approve(real_stage.vm_of(plan, vm.name))
    ending = await handle.result()
    parts = await parts_of(real_stage, handle)
    last, labels, report = await handle.describe(), script.labels(), await real_stage.plan_report(handle)
    memo = await last.memo()
    runs = {vm.name: (await real_stage.vm_of(plan, vm.name).describe()).run_id for vm in plan.vms}

    assert {"migrated": 4, "needs_operator": 1} == ending.counts
    assert (Outcome.NEEDS_OPERATOR, "its workflow was terminated, and told nothing") == (lost.outcome, lost.reason)
    assert len(parts) >= 3
    assert [CONTINUED] * (len(parts) - 1) == [part.status for part, _ in parts[:-1]]
    assert max(len(events) for _, events in parts[1:-1]) < 1.5 * policies.PLAN_EVENTS + 50
    configs = [part.raw_description.execution_config for part, _ in parts]
    assert [PATIENCE, *([PATIENCE / 2] * (len(parts) - 1))] == [
        config.default_workflow_task_timeout.ToTimedelta() for config in configs
    ], "a run that an earlier build began gets the time of many machines with the next"
    assert [1, 1, 5] == [labels.count(one) for one in ("check_plan", "ensure_vault", "enable_replication")]
    assert warned.findings == report.findings
    assert len(report.resources) > 10
    assert [FIRST.priority_key, Urgency.MOVING] == [
        one.raw_description.workflow_execution_info.priority.priority_key
        for one in (last, await real_stage.vm_of(plan, "db-01").describe())
    ], "also of a run that goes on for another"
    assert (report.run_id, report.started, plan.vault_ids[0]) == (last.run_id, memo["began"], memo[MemoKeys.VAULT])
    assert plan_evidence(report, runs) == memo[MemoKeys.EVIDENCE]


async def test_no_run_has_more_children_than_it_may(real_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporal fails each task of a run that has more, for ever: a plan that may begin all at once begins in runs.

    And in each only a few at a time, so that the server gets to hand out the plan's next task.
    """
    monkeypatch.setattr(policies, "TOGETHER", 8)
    plan = make_plan({"only": [f"vm-{number}" for number in range(8)]}, concurrency={"replication": 8, "cutover": 8})
    handle = await real_stage.start_plan(plan)
    await _until_all_wait(real_stage, handle, plan)
    for vm in plan.vms:
        await real_stage.approve(real_stage.vm_of(plan, vm.name))
    ending = await handle.result()
    parts = await parts_of(real_stage, handle)

    begun = [sum(event.event_type == CHILD_BEGUN for event in events) for _, events in parts]
    together = Counter(
        (number, event.start_child_workflow_execution_initiated_event_attributes.workflow_task_completed_event_id)
        for number, (_, events) in enumerate(parts)
        for event in events
        if event.event_type == CHILD_BEGUN
    )
    assert {"migrated": 8} == ending.counts
    assert max(together.values()) == policies.A_FEW
    assert policies.PLAN_CHILDREN >= max(begun)
    assert 8 == sum(begun)


async def test_what_comes_in_is_heard_before_a_run_ends(real_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that Temporal did not let end has to be gone through; news is heard then, before the end is tried again."""
    monkeypatch.setattr(policies, "BEFORE_CONTINUING", timedelta(seconds=1))
    monkeypatch.setattr("workflows.continuing._AT_MOST", 100)
    plan = _plan()
    handle = await real_stage.start_plan(plan)
    await _until_all_wait(real_stage, handle, plan)
    for vm in plan.vms:
        await real_stage.approve(real_stage.vm_of(plan, vm.name))
    await handle.result()
    parts = await parts_of(real_stage, handle)

    waits = [_heard_in_last_wait(events) for _, events in parts if events[-1].event_type == CONTINUES]
    assert waits
    assert [0] * len(waits) == waits


def _heard_in_last_wait(events: list[HistoryEvent]) -> int:
    """Return how many signals came in while a run waited before it ended."""
    summary = "Before it goes on in a new run"
    begun = [n for n, event in enumerate(events) if summary.encode() in event.user_metadata.summary.data]
    return sum(event.event_type == SIGNALED for event in events[begun[-1] :])


async def test_a_cancelled_plan_goes_on_in_new_runs_while_its_machines_go_back(
    real_stage: Stage, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cancels all together and once, and its last run ends canceled, as the first one was asked to."""
    plan = _plan()
    handle = await real_stage.start_plan(plan)
    await _until_all_wait(real_stage, handle, plan)
    before = (await handle.describe()).run_id
    monkeypatch.setattr(policies, "PLAN_EVENTS", 20)
    slow = script.gate("disable_replication", vm="db-02")
    await handle.cancel(reason="by anna")
    async with asyncio.timeout(PATIENCE_SECONDS):
        await slow.reached.wait()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await handle.describe()).run_id == before:
            await asyncio.sleep(0.05)
    slow.open()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    parts = await parts_of(real_stage, handle)
    report = await real_stage.plan_report(handle)

    assert [*([CONTINUED] * (len(parts) - 1)), WorkflowExecutionStatus.CANCELED] == [part.status for part, _ in parts]
    assert 1 == len(script.requests("cancel_vms"))
    assert script.requests("cancel_again")
    assert ("cancelled by anna", Outcome.ROLLED_BACK) == (report.reason, report.outcome)
    assert {"cancelled with its plan by anna"} == {vm.reason for vm in report.vms}
    assert set() == real_stage.world.resources
