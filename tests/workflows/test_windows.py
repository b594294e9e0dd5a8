"""The cutover window of a virtual machine: outside of it nothing fails over, and nobody else waits for it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from migration.phases import Outcome, Phase
from migration.plan import Plan
from migration.report import VmStatus
from migration.waiting import LookAtWindow
from migration.windows import Standing
from tests.workflows.scenes import make_plan, make_task
from tests.workflows.script import Script, environment_failure, vm_failure
from tests.workflows.stage import Stage, VmHandle

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SOON = timedelta(seconds=1.5)
"""How long a window that is about to shut stays open: activities that run do not let the server skip time."""


async def _now(stage: Stage) -> datetime:
    return (await stage.environment.get_current_time()).astimezone(UTC)


async def _cutover(stage: Stage, begin: timedelta, end: timedelta, **more: Any) -> dict[str, Any]:
    """Return a window, once, from *begin* to *end* after now."""
    now = await _now(stage)
    span = {"from": f"{now + begin:%Y-%m-%dT%H:%M}", "to": f"{now + end:%Y-%m-%dT%H:%M}"}
    return {"time_zone": "UTC", "windows": [span], **more}


def _shuts_soon(request: LookAtWindow) -> Standing:
    """Find the window open, for a moment."""
    return Standing(is_open=True, closes=request.at + SOON)


def _with(waves: dict[str, list[str]], cutovers: dict[str, Any], **plan: Any) -> Plan:
    """Return a plan in which some virtual machines have a cutover of their own."""
    named = [
        {"name": wave, "vms": [{"name": vm, "cutover": cutovers.get(vm)} for vm in vms]} for wave, vms in waves.items()
    ]
    return make_plan(waves=named, **plan)


def _failed_over(script: Script) -> list[str]:
    return [request.task.vm.name for request in script.requests("start_failover")]


def _is_shut(status: VmStatus) -> bool:
    return status.phase is Phase.WAITING_FOR_TURN and "its cutover window, which opens" in status.waiting_for


async def _checked_again(handle: VmHandle) -> int:
    """Return how many events the history had when the check right before the failover was asked for."""
    events = (await handle.fetch_history()).events
    checks = [one for one in events if one.activity_task_scheduled_event_attributes.activity_type.name == "check_vm"]
    return checks[-1].event_id


async def test_a_shut_window_holds_the_failover_until_it_opens(stage: Stage, script: Script) -> None:
    """The status says when it opens and how long that is, nobody has to act, and then the failover begins by itself."""
    cutover = await _cutover(stage, 2 * DAY + 3 * HOUR, 3 * DAY)
    opens = datetime.fromisoformat(cutover["windows"][0]["from"]).replace(tzinfo=UTC)
    handle = await stage.start_vm(make_task(cutover=cutover))
    status = await stage.until(handle, _is_shut)
    held = len((await handle.fetch_history()).events)
    assert f"its cutover window, which opens {opens:%Y-%m-%d %H:%M} UTC (in 2 d " in status.waiting_for
    assert (False, ["skip", "give_up"]) == (status.needs_action, status.choices)
    assert [] == _failed_over(script)
    await stage.environment.sleep(2 * DAY)
    told = await stage.until(handle, lambda status: " d " not in status.waiting_for)
    assert [] == _failed_over(script)
    assert told.phase is Phase.WAITING_FOR_TURN
    await stage.environment.sleep(3 * HOUR)
    await stage.approve(handle)
    spans = {span.name: span for span in (await stage.report(handle)).phases}
    assert opens <= datetime.fromisoformat(spans[Phase.FAILING_OVER].started) < opens + timedelta(minutes=2)
    assert 100 > await _checked_again(handle) - held, "a telling is five events, a look at the window six"


async def test_a_window_that_shuts_before_the_failover_holds_it_until_the_next(stage: Stage, script: Script) -> None:
    """The check before the failover outlasts the window: it waits for the next one, and is checked again in it."""
    script.on("look_at_window", _shuts_soon)
    checking = script.gate("check_vm", vm="web-01")
    handle = await stage.start_vm(make_task(cutover=await _cutover(stage, DAY, 2 * DAY)))
    await checking.reached.wait()
    last = script.gate("check_vm", vm="web-01")
    checking.open()
    await last.reached.wait()
    await asyncio.sleep(SOON.total_seconds())
    last.open()
    await stage.until(handle, _is_shut)
    assert [] == _failed_over(script)
    await stage.environment.sleep(DAY)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert ["start", "cutover", "cutover"] == [request.moment for request in script.requests("check_vm")]


async def test_a_failover_in_progress_outlasts_its_window(stage: Stage, script: Script) -> None:
    """What has begun is not interrupted by the window's end."""
    script.on("look_at_window", _shuts_soon)
    running = script.gate("wait_for_job(UnplannedFailover)")
    handle = await stage.start_vm(make_task(cutover=await _cutover(stage, DAY, 2 * DAY)))
    await running.reached.wait()
    await asyncio.sleep(SOON.total_seconds())
    running.open()
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_a_freeze_holds_although_the_window_is_open(stage: Stage, script: Script) -> None:
    """The status says why, and the failover begins when the freeze is over."""
    now = await _now(stage)
    freeze = {"from": f"{now - DAY:%Y-%m-%dT%H:%M}", "to": f"{now + DAY:%Y-%m-%dT%H:%M}", "reason": "quarter's end"}
    task = make_task(cutover={"time_zone": "UTC", "freezes": [freeze]})
    handle = await stage.start_vm(task)
    status = await stage.until(handle, _is_shut)
    assert "(frozen: quarter's end)" in status.waiting_for
    assert [] == _failed_over(script)
    await stage.environment.sleep(DAY)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_a_window_that_never_opens_again_asks_a_person(stage: Stage) -> None:
    """It shut while the machine replicated: only a person moves it on, by name and with a reason in the report."""
    handle = await stage.start_vm(make_task(cutover=await _cutover(stage, -DAY, -HOUR)))
    status = await stage.until_asked(handle, "its cutover window, which never opens again")
    assert (Phase.NEEDS_ACTION, ["skip", "give_up"]) == (status.phase, status.choices)
    await stage.resolve(handle, "skip", "agreed with the owner")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    [incident] = (await stage.report(handle)).incidents
    assert "the cutover window was overruled: olga@contoso.example: agreed with the owner" in incident


async def test_who_gives_up_outside_the_window_leads_back(stage: Stage, script: Script) -> None:
    """give_up undoes the copy; nothing failed over."""
    handle = await stage.start_vm(make_task(cutover=await _cutover(stage, DAY, 2 * DAY)))
    await stage.until(handle, _is_shut)
    await stage.resolve(handle, "give_up")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    assert [] == _failed_over(script)


async def test_a_cancel_outside_the_window_leads_back(real_stage: Stage, script: Script) -> None:
    """A machine that waits for its window can be cancelled like any other."""
    handle = await real_stage.start_vm(make_task(cutover=await _cutover(real_stage, DAY, 2 * DAY)))
    await real_stage.until(handle, _is_shut)
    await handle.cancel()
    await real_stage.until(handle, lambda status: status.outcome is Outcome.ROLLED_BACK)
    assert [] == _failed_over(script)


async def test_a_machine_outside_its_window_holds_no_permit_and_no_place(stage: Stage, script: Script) -> None:
    """Others of its wave pass it, with one permit and one place for replication; the next wave waits for it."""
    cutover = await _cutover(stage, DAY, 2 * DAY)
    few = {"cutover": 1, "replication": 1}
    plan = _with({"one": ["a", "b"], "two": ["c"]}, {"a": cutover}, concurrency=few)
    await stage.start_plan(plan)
    a, b, c = (stage.vm_of(plan, name) for name in "abc")
    await stage.until_phase(b, Phase.AWAITING_APPROVAL)
    await stage.until_phase(c, Phase.WAITING_FOR_TURN)
    assert _is_shut(await stage.status(a))
    assert ["b"] == _failed_over(script)
    await stage.environment.sleep(DAY)
    for handle in (a, c, b):
        assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert ["b", "a", "c"] == _failed_over(script)


async def test_a_window_that_shuts_while_a_permit_is_waited_for_withdraws_the_wish(
    stage: Stage, script: Script
) -> None:
    """Who waits for a permit when its window shuts gets none, and one that comes free goes to another."""
    cutover = await _cutover(stage, DAY, 2 * DAY)
    plan = _with({"one": ["a", "b", "c"]}, {"b": cutover}, concurrency={"cutover": 1})
    script.on("look_at_window", _shuts_soon)
    first = script.gate("verify_target", vm="a")
    copying = {vm: script.gate("wait_until_protected", vm=vm) for vm in "bc"}
    await stage.start_plan(plan)
    a, b, c = (stage.vm_of(plan, name) for name in "abc")
    await first.reached.wait()
    for vm, handle in (("b", b), ("c", c)):
        copying[vm].open()
        await stage.until(handle, lambda status: "cutover permits" in status.waiting_for)
    await stage.until(b, _is_shut)
    first.open()
    await stage.until_phase(c, Phase.AWAITING_APPROVAL)
    assert ["a", "c"] == _failed_over(script)
    await stage.environment.sleep(DAY)
    for handle in (c, a, b):
        assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_a_machine_held_in_its_window_gives_the_permit_back_when_it_shuts(stage: Stage, script: Script) -> None:
    """An outage that lasts past the window ends in a wait for the next one, not in a failover."""
    cutover = await _cutover(stage, -HOUR, HOUR)
    cutover["windows"] += (await _cutover(stage, 2 * DAY, 3 * DAY))["windows"]
    script.on("check_vm", environment_failure(), when=lambda request: request.moment == "cutover", times=20)
    handle = await stage.start_vm(make_task(cutover=cutover))
    await stage.until_asked(handle, "the client secret has expired")
    await stage.environment.sleep(DAY)
    await stage.until(handle, _is_shut)
    assert [] == _failed_over(script)
    await stage.environment.sleep(2 * DAY)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_a_plan_that_stops_does_not_wait_for_a_window(stage: Stage, script: Script) -> None:
    """on_failures: stop reaches a machine of a later wave also while its window is shut, days before it opens."""
    cutover = await _cutover(stage, 5 * DAY, 6 * DAY)
    plan = _with({"one": ["a"], "two": ["b"]}, {"b": cutover}, on_failures="stop")
    gate = script.gate("configure_target", vm="a", then=vm_failure())
    began = await _now(stage)
    handle = await stage.start_plan(plan)
    await gate.reached.wait()
    await stage.until(stage.vm_of(plan, "b"), _is_shut)
    gate.open()
    await handle.result()
    assert "the plan stops: of an earlier wave, a did not move" in (await stage.status(stage.vm_of(plan, "b"))).reason
    assert DAY > await _now(stage) - began
