"""The questions inside machines as the workflows put them: few at once, and no silent machine stops the others."""

import asyncio
import uuid
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from migration import names
from migration.findings import CheckGuest, PlanCheck, VmFindings
from migration.phases import Outcome
from migration.plan import Plan
from tests.workflows.scenes import finding, make_plan, plan_check
from tests.workflows.script import Gate, Script
from tests.workflows.stage import Stage
from tests.workflows.test_plan import TWO_WAVES
from workflows import policies
from workflows.check_plan import CheckPlan


def asking(plan: Plan, **changes: Any) -> PlanCheck:
    """Return a check that finds nothing, and that each machine is to be asked from inside."""
    check = plan_check(plan, **changes)
    return check.model_copy(update={"vms": [vm.model_copy(update={"guest": "Linux"}) for vm in check.vms]})


async def check(stage: Stage, plan: Plan) -> PlanCheck:
    """Run the check of a plan."""
    return await stage.client.execute_workflow(
        CheckPlan.run, plan, id=f"check-{uuid.uuid4()}", task_queue=names.WORKFLOW_TASK_QUEUE
    )


async def test_what_machines_say_is_in_the_answer(stage: Stage, script: Script) -> None:
    """Each machine is asked once, as the plan wants it, and its findings stand beside what was read of it."""
    plan = make_plan(TWO_WAVES, guest_probes={"timeout": "90s"})
    script.on("check_plan", asking(plan, blocked=("web-01",)))
    script.on(
        "check_guest", lambda request: VmFindings(name=request.vm.name, findings=[finding(request.vm.name)]), times=0
    )

    answer = await check(stage, plan)

    assert {vm.name: 2 if vm.name == "web-01" else 1 for vm in plan.vms} == {
        vm.name: len(vm.findings) for vm in answer.vms
    }
    asked = [call.request for call in script.calls if call.name == "check_guest"]
    assert sorted(vm.name for vm in plan.vms) == sorted(request.vm.name for request in asked)
    assert {(90, 0)} == {(request.timeout_seconds, request.max_age_seconds) for request in asked}


async def test_machines_of_a_large_plan_are_asked_in_histories_of_their_own(
    stage: Stage, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lot in one, some after others; what they find comes together, and the check's own history stays short."""
    monkeypatch.setattr(policies, "GUESTS_TOGETHER", 2)
    plan = make_plan({"only": [f"vm-{number}" for number in range(5)]})
    script.on("check_plan", asking(plan))
    script.on(
        "check_guest", lambda request: VmFindings(name=request.vm.name, findings=[finding(request.vm.name)]), times=0
    )
    workflow_id = f"check-{uuid.uuid4()}"
    handle = await stage.client.start_workflow(
        CheckPlan.run, plan, id=workflow_id, task_queue=names.WORKFLOW_TASK_QUEUE
    )
    answer = await handle.result()
    events = (await handle.fetch_history()).events

    assert [(vm.name, 1) for vm in plan.vms] == [(vm.name, len(vm.findings)) for vm in answer.vms]
    assert 5 == len(script.requests("check_guest"))
    assert 3 == sum(event.HasField("child_workflow_execution_completed_event_attributes") for event in events)
    assert 1 == sum(event.HasField("activity_task_scheduled_event_attributes") for event in events)


async def test_a_probe_that_fails_is_unknown_and_spoils_no_other(stage: Stage, script: Script) -> None:
    """Whatever an activity does, the check ends with an answer about every machine."""
    plan = make_plan(TWO_WAVES)
    script.on("check_plan", asking(plan))
    broken = ApplicationError("the machine burns", non_retryable=True)
    script.on("check_guest", broken, when=lambda request: request.vm.name == "web-01")

    answer = await check(stage, plan)

    assert [("web-01", ["unknown"])] == [
        (vm.name, [found.severity for found in vm.findings]) for vm in answer.vms if vm.findings
    ]
    assert "the machine burns" in answer.vms[[vm.name for vm in answer.vms].index("web-01")].findings[0].evidence
    assert answer.blocking


async def test_only_so_many_are_asked_at_once(stage: Stage, script: Script) -> None:
    """The plan's bound holds, however many slots workers have."""
    plan = make_plan(TWO_WAVES, guest_probes={"concurrency": 1})
    gate = Gate()
    script.on("check_plan", asking(plan))
    script.on("check_guest", gate, times=1)

    answer = asyncio.create_task(check(stage, plan))
    async with asyncio.timeout(20):
        await gate.reached.wait()
    await asyncio.sleep(0.3)
    while_first_waits = len([call for call in script.calls if call.name == "check_guest"])
    gate.open()
    await answer

    assert (1, len(plan.vms)) == (while_first_waits, len([c for c in script.calls if c.name == "check_guest"]))


async def test_a_run_is_refused_for_what_a_machine_says(stage: Stage, script: Script) -> None:
    """The same rules gate the run: nothing is written, and the report tells why."""
    plan = make_plan(TWO_WAVES)
    script.on("check_plan", asking(plan))
    script.on(
        "check_guest", lambda request: VmFindings(name=request.vm.name, findings=[finding(request.vm.name)]), times=0
    )

    handle = await stage.start_plan(plan)
    ending = await handle.result()

    assert Outcome.REFUSED == ending.outcome
    assert {"check_plan", "check_guest"} == set(script.labels())
    assert {600} == {call.request.max_age_seconds for call in script.calls if call.name == "check_guest"}
    told = [found.subject for vm in (await stage.plan_report(handle)).vms for found in vm.findings]
    assert sorted(vm.name for vm in plan.vms) == sorted(told)


async def test_a_run_that_is_refused_anyway_asks_nobody(stage: Stage, script: Script) -> None:
    """What was read blocks already, so that no command runs in a machine."""
    plan = make_plan(TWO_WAVES)
    script.on("check_plan", asking(plan, blocked=("db-01",)))

    assert Outcome.REFUSED == (await (await stage.start_plan(plan)).result()).outcome
    assert ["check_plan"] == script.labels()


def test_an_old_answer_asks_nobody() -> None:
    """The history of an earlier version knows of no machine to be asked, so that it replays."""
    vm = VmFindings.model_validate_json('{"name": "web-01", "findings": []}')

    assert vm.guest is None
    with pytest.raises(ValueError, match="os_type"):
        CheckGuest.model_validate({"vm": {}, "vault_id": "", "cache_account": ""})
