"""What a machine's and a plan's workflow tell of when they are done, in their status and in their details."""

from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from migration import names
from migration.eta.fleet import Timetable, timetable
from migration.eta.reckoning import estimate
from migration.models import Progress
from migration.phases import Phase
from migration.report import PlanStatus
from migration.times import parse_azure_time
from tests.workflows.scenes import make_plan, plan_check
from tests.workflows.script import Script
from tests.workflows.stage import Stage
from workflows.migrate_plan import MigratePlan

HALTED = Progress(percent=9, stuck="no_progress", reason="no progress for 90 min: it stays at 9 %")


async def details_of(handle: WorkflowHandle[Any, Any]) -> str:
    """Return what the Temporal UI shows of a workflow."""
    answer: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return answer.current_details


async def test_a_machine_tells_what_lies_ahead_and_why_it_stands_still(real_stage: Stage, script: Script) -> None:
    """While it copies its details hold a range; what its wait signals stands there until the next phase."""
    gate = script.gate("wait_until_protected")
    handle = await real_stage.start_vm()
    status = await real_stage.until_phase(handle, Phase.REPLICATING)
    assert status.outlook is not None
    assert [Phase.CONFIGURING, Phase.WAITING_FOR_TURN] == [step.phase for step in status.outlook.ahead[:2]]
    assert "ready for approval between " in await details_of(handle)
    assert script.requests("wait_until_protected")[0].worst_seconds == status.outlook.now.high

    await handle.signal(names.SIGNAL_PROGRESSED, "not what it should be")
    await handle.signal(names.SIGNAL_PROGRESSED)
    await handle.signal(names.SIGNAL_PROGRESSED, HALTED)
    status = await real_stage.until(handle, lambda now: now.outlook is not None and now.outlook.seen is not None)
    assert status.outlook is not None
    since = parse_azure_time(status.outlook.since)
    assert since is not None
    assert "no_progress" == estimate(status.outlook, since).stuck
    assert f"ready for approval: unknown: {HALTED.reason}" in await details_of(handle)

    gate.open()
    status = await real_stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    assert status.outlook is not None
    assert ("person", None) == (status.outlook.stuck, status.outlook.seen)
    await real_stage.approve(handle)
    assert (await real_stage.status(handle)).outlook is None
    assert "Estimate" not in await details_of(handle)


async def test_a_plan_tells_when_its_waves_are_done_and_one_answer_stays_small(stage: Stage, script: Script) -> None:
    """By the sizes of its check; `overview` tells the same without a word of each machine."""
    plan = make_plan({"first": ["web-01"], "second": ["web-02"]})
    checked = plan_check(plan)
    sized = [vm.model_copy(update={"copied_gib": 100}) for vm in checked.vms]
    script.on("check_plan", checked.model_copy(update={"vms": sized}))
    gates = [script.gate("wait_until_protected", vm=name) for name in ("web-01", "web-02")]
    handle = await stage.start_plan(plan)
    for gate in gates:
        await gate.reached.wait()

    status: PlanStatus = await handle.query(names.QUERY_STATUS, result_type=PlanStatus)
    overview: PlanStatus = await handle.query(names.QUERY_OVERVIEW, result_type=PlanStatus)
    assert (2, 0) == (len(status.vms), len(overview.vms))
    assert overview.outlook is not None
    first, second = (overview.outlook.waves[wave] for wave in ("first", "second"))
    assert first.low_seconds is not None
    assert second.low_seconds is not None
    assert first.high_seconds is not None
    assert first.low_seconds < second.low_seconds
    assert overview.outlook.plan is not None
    assert second.high_seconds == overview.outlook.plan.high_seconds
    details = await details_of(handle)
    assert "- Estimate of " in details
    assert "  - second: ready for approval between " in details

    for gate in gates:
        gate.open()
    for name in ("web-01", "web-02"):
        await stage.approve(stage.vm_of(plan, name))
    await handle.result()
    assert (await handle.query(names.QUERY_OVERVIEW, result_type=PlanStatus)).outlook is None


@pytest.mark.parametrize("is_large", [True, False])
async def test_a_replay_reckons_no_timetable_of_many(
    stage: Stage, script: Script, monkeypatch: pytest.MonkeyPatch, *, is_large: bool
) -> None:
    """A worker that goes through the history of thousands has a minute for it; who asks thrice hears one reckoning."""
    plan = make_plan({"first": ["web-01"], "second": ["web-02"]})
    gates = [script.gate("wait_until_protected", vm=name) for name in ("web-01", "web-02")]
    monkeypatch.setattr("workflows.plan_forecast.EACH", 1 if is_large else 2)
    count = 0

    def counted(*places: Any, **limits: Any) -> Timetable:
        nonlocal count
        count += 1
        return timetable(*places, **limits)

    monkeypatch.setattr("workflows.plan_forecast.timetable", counted)
    handle = await stage.start_plan(plan)
    for gate in gates:
        await gate.reached.wait()
    assert "- Estimate of " in await details_of(handle)
    live, count = count, 0
    for _ in range(3):
        await handle.query(names.QUERY_OVERVIEW)
    asked, count = count, 0
    replayer = Replayer(
        workflows=[MigratePlan], workflow_runner=UnsandboxedWorkflowRunner(), data_converter=pydantic_data_converter
    )
    await replayer.replay_workflow(await handle.fetch_history())
    assert live > 0
    assert (asked, count) == (1, 0 if is_large else live)
