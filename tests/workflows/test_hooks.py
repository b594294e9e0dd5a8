"""A user's hooks: when they run, on which side, and what follows where one cannot be run or taken back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from migration.models import VmTask
from migration.phases import Outcome, Phase
from migration.windows import Standing
from tests.workflows.scenes import APPROVER, make_plan, make_task
from tests.workflows.script import Script, environment_failure, vm_failure
from tests.workflows.stage import Stage

COMMAND = {"command": {"script": "systemctl stop shop"}, "undo": {"command": {"script": "systemctl start shop"}}}
WEBHOOK = {"webhook": {"channel": "dns"}, "undo": {"webhook": {"channel": "dns", "body": {"back": "yes"}}}}


def _hook(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **COMMAND, **more}


def _task(before: list[dict[str, Any]], after: list[dict[str, Any]] | None = None, **more: Any) -> VmTask:
    return make_task(hooks={"before_cutover": before, "after_cutover": after or []}, **more)


def _story(script: Script) -> list[str]:
    """Return what happened around the cutover, in order."""
    wanted = ("run_hook", "undo_hook", "start_failover", "verify_target", "deallocate_vm", "start_vm", "commit")
    return [label for label in script.labels() if label.startswith(wanted)]


async def test_hooks_run_around_the_cutover_each_on_its_side(stage: Stage, script: Script) -> None:
    """Before the failover on the source, after the verification on the target; the report tells each."""
    task = _task([_hook("quiesce"), _hook("drain")], [{"name": "dns", **WEBHOOK}])
    handle = await stage.start_vm(task)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    expected = ["run_hook(quiesce)", "run_hook(drain)", "start_failover", "verify_target", "run_hook(dns)"]
    assert expected == _story(script)[:5]
    sides = [request.vm_id for request in script.requests("run_hook")]
    assert [task.vm.source_id, task.vm.source_id, task.vm.target_id] == sides
    assert 3 == len({request.key for request in script.requests("run_hook")})
    told = [(one.name, one.when, one.ok, one.undone) for one in (await stage.report(handle)).hooks]
    before = [(name, "before_cutover", True, None) for name in ("quiesce", "drain")]
    assert [*before, ("dns", "after_cutover", True, None)] == told
    assert not any(request.task.hooks.before for request in script.requests("start_failover"))


async def test_a_rejection_takes_hooks_back_in_the_reverse_order(stage: Stage, script: Script) -> None:
    """Those after the cutover while the target runs, those before it once the source serves, the last one first."""
    handle = await stage.start_vm(_task([_hook("quiesce"), _hook("drain")], [{"name": "dns", **WEBHOOK}]))
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    since = len(script.calls)
    await stage.send(handle, "reject_commit", APPROVER)
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    labels = script.labels(since=since)
    back = [
        label for label in labels if "hook" in label or label in {"deallocate_vm", "start_vm", "wait_for_vm(serving)"}
    ]
    serving = ["deallocate_vm", "start_vm", "wait_for_vm(serving)"]
    assert ["undo_hook(dns)", *serving, "undo_hook(drain)", "undo_hook(quiesce)"] == back
    assert labels.index("undo_hook(quiesce)") < labels.index("disable_replication")
    assert [True, True, True] == [one.undone for one in (await stage.report(handle)).hooks]


async def test_a_hook_that_fails_is_taken_back_as_well(stage: Stage, script: Script) -> None:
    """on_failure: roll_back leads back before any failover; what had begun may be half done, what had not is left."""
    script.on("run_hook", vm_failure("exit status 3"), when=lambda request: request.name == "drain")
    hooks = [_hook("quiesce"), _hook("drain", on_failure="roll_back"), _hook("never")]
    handle = await stage.start_vm(_task(hooks))
    ending = await handle.result()
    assert (Outcome.ROLLED_BACK, True) == (
        ending.outcome,
        "the hook drain before the cutover: exit status 3" in ending.reason,
    )
    expected = ["run_hook(quiesce)", "run_hook(drain)", "undo_hook(drain)", "undo_hook(quiesce)"]
    assert expected == _story(script)
    assert [("quiesce", True), ("drain", False)] == [(one.name, one.ok) for one in (await stage.report(handle)).hooks]


async def test_a_hook_that_holds_gives_the_permit_back_and_begins_anew(stage: Stage, script: Script) -> None:
    """A person mends it; meanwhile another machine passes, and the hooks run again with a turn of their own."""
    plan = make_plan(
        waves=[{"name": "one", "vms": [{"name": "a", "hooks": {"before_cutover": [_hook("quiesce")]}}, {"name": "b"}]}],
        concurrency={"cutover": 1},
    )
    script.on("run_hook", vm_failure("exit status 1"))
    copying = script.gate("wait_until_protected", vm="b")
    await stage.start_plan(plan)
    await copying.reached.wait()
    a, b = stage.vm_of(plan, "a"), stage.vm_of(plan, "b")
    status = await stage.until_asked(a, "the hook quiesce before the cutover: exit status 1")
    assert (Phase.NEEDS_ACTION, ["retry", "skip", "give_up"]) == (status.phase, status.choices)
    copying.open()
    await stage.until_phase(b, Phase.AWAITING_APPROVAL)
    await stage.resolve(a, "retry")
    for handle in (a, b):
        assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    expected = ["run_hook(quiesce)"] * 2 + ["undo_hook(quiesce)", "run_hook(quiesce)"]
    assert expected == [label for label in script.labels() if "hook" in label]
    [told] = (await stage.report(a)).hooks
    assert (True, 3) == (told.ok, told.attempts)


@pytest.mark.parametrize("on_failure", ["hold", "continue"])
async def test_a_hook_that_is_gone_without_is_told(stage: Stage, script: Script, on_failure: str) -> None:
    """Skipped by a person, or by the plan: it is not run again, and the report has it as an incident."""
    script.on("run_hook", vm_failure("no such unit"), when=lambda request: not request.undo, times=0)
    handle = await stage.start_vm(_task([_hook("quiesce", on_failure=on_failure)]))
    if on_failure == "hold":
        await stage.until_asked(handle, "no such unit")
        await stage.resolve(handle, "skip")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    report = await stage.report(handle)
    assert any("the hook quiesce before the cutover: no such unit" in incident for incident in report.incidents)
    assert [False] == [one.ok for one in report.hooks]
    assert 1 == sum(not request.undo for request in script.requests("run_hook"))


async def test_the_source_serves_before_a_hook_that_cannot_be_taken_back_is_asked_about(
    stage: Stage, script: Script
) -> None:
    """The undo of a hook after the cutover fails: the way back goes on, it is tried again, then a person decides."""
    script.on("run_hook", vm_failure("HTTP 503"), when=lambda request: request.undo, times=2)
    handle = await stage.start_vm(_task([], [{"name": "dns", **WEBHOOK}]))
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, "reject_commit", APPROVER)
    status = await stage.until_asked(handle, "undoing (undo_hooks): taking back the hook dns: HTTP 503")
    assert "wait_for_vm(serving)" in script.labels()
    assert "disable_replication" not in script.labels()
    assert ["retry", "skip", "give_up"] == status.choices
    await stage.resolve(handle, "retry")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    report = await stage.report(handle)
    assert [True] == [one.undone for one in report.hooks]
    assert any("it is tried again once the source serves" in incident for incident in report.incidents)


@pytest.mark.parametrize("ends", [True, False])
async def test_a_cancel_while_a_hook_runs_takes_it_back(real_stage: Stage, script: Script, *, ends: bool) -> None:
    """The hook's own end is waited for, then it is undone: it may have done its work. The report tells of both."""
    running = script.gate("run_hook(quiesce)", opens_on_cancel=ends)
    handle = await real_stage.start_vm(_task([_hook("quiesce")]))
    await running.reached.wait()
    await handle.cancel()
    await real_stage.until(handle, lambda status: status.outcome is Outcome.ROLLED_BACK)
    assert ["run_hook(quiesce)", "undo_hook(quiesce)"] == _story(script)
    [told] = (await real_stage.report(handle)).hooks
    assert ("quiesce", ends, True) == (told.name, told.ok, told.undone)
    assert ends != ("whether it was done is not known" in told.detail)


async def test_a_window_that_shuts_while_hooks_run_takes_them_back(stage: Stage, script: Script) -> None:
    """Nothing failed over yet: the application runs again until the next window, where all begins anew."""
    cutover = {"time_zone": "UTC", "windows": [{"days": None, "from": "00:00", "to": "24:00"}]}
    soon = timedelta(seconds=1.5)
    script.on("look_at_window", lambda request: Standing(is_open=True, closes=request.at + soon))
    script.on("look_at_window", lambda request: Standing(is_open=False, opens=request.at + soon))
    running = script.gate("run_hook(quiesce)")
    handle = await stage.start_vm(_task([_hook("quiesce")], cutover=cutover))
    await running.reached.wait()
    await asyncio.sleep(soon.total_seconds())
    running.open()
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    expected = ["run_hook(quiesce)", "undo_hook(quiesce)", "run_hook(quiesce)", "start_failover"]
    assert expected == _story(script)[:4]


async def test_an_environment_that_fails_is_the_hooks_failure(stage: Stage, script: Script) -> None:
    """A hook does not wait for days for a secret: its deadline holds, and then the plan's word."""
    script.on("run_hook", environment_failure(), when=lambda request: not request.undo)
    handle = await stage.start_vm(_task([_hook("quiesce", on_failure="roll_back")]))
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
