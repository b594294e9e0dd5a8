"""Consistency groups: members fail over, are approved, commit and go back together, whatever befalls one of them."""

import asyncio
import contextlib
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError, WorkflowHandle

from migration import names
from migration.groups import GroupState
from migration.models import Mismatch, Started, Verification
from migration.phases import Outcome, Phase
from migration.plan import Plan
from migration.power import DEALLOCATED, RUNNING
from migration.requests import FailoverStarted, OfGroup
from migration.steering import Part, Pause
from tests.workflows.scenes import APPROVER, make_plan
from tests.workflows.script import Script, job_failure, vm_failure
from tests.workflows.stage import PATIENCE_SECONDS, Stage
from tests.workflows.world import World
from workflows.dispatch import Dispatcher
from workflows.move_group import MoveGroup
from workflows.turns import VmNotice

GROUP = {"only": ["db@shop", "web@shop", "mail"]}
PAIR = {"only": ["db@shop", "web@shop"]}
BY_LEADER = ["ensure_recovery_plan", "start_group_failover", "commit_group", "remove_recovery_plan"]


def _calls(script: Script) -> list[str]:
    """Return what was done for the group as a whole, in order."""
    return [call.name for call in script.calls if call.name in BY_LEADER]


def _of(script: Script, name: str) -> list[str]:
    return [call.vm for call in script.calls if call.name == name]


async def _outcomes(stage: Stage, plan: Plan) -> dict[str, Outcome | None]:
    return {vm.name: (await stage.report(stage.vm_of(plan, vm.name))).outcome for vm in plan.vms}


async def _until_all_wait(stage: Stage, plan: Plan, *vms: str) -> None:
    for vm in vms:
        await stage.until_asked(stage.vm_of(plan, vm))


async def test_a_group_moves_as_one_beside_a_machine_that_moves_alone(
    stage: Stage, script: Script, world: World
) -> None:
    """One permit and one recovery plan for both; one approval, refused until both are verified, commits both."""
    plan = make_plan(GROUP, concurrency={"cutover": 1, "replication": 1})
    gate = script.gate("verify_target", vm="web")
    handle = await stage.start_plan(plan)
    await gate.reached.wait()
    early = stage.vm_of(plan, "db")
    await stage.until_phase(early, Phase.AWAITING_APPROVAL)
    await stage.send(early, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    refused = await stage.until(early, lambda status: status.last_refusal is not None)
    gate.open()
    await _until_all_wait(stage, plan, "db", "web")
    await stage.send(stage.vm_of(plan, "web"), names.SIGNAL_APPROVE_COMMIT, APPROVER)
    await stage.approve(stage.vm_of(plan, "mail"))
    ending = await handle.result()
    report = await stage.report(early)

    assert (Outcome.MIGRATED, {"migrated": 3}) == (ending.outcome, ending.counts)
    assert "web waits to be verified" in (refused.last_refusal or "")
    assert not refused.needs_action
    assert BY_LEADER == _calls(script)[:4]
    assert {"db"} == {vm for name in BY_LEADER for vm in _of(script, name)}
    assert (["mail"], ["mail"]) == (_of(script, "start_failover"), _of(script, "commit_failover"))
    committed = [call.name for call in script.calls if call.name in {"commit_group", "disable_replication"}]
    assert "commit_group" == committed[0]
    assert report.approval is not None
    assert (f"{APPROVER} (on web, for the consistency group shop)", "group") == (
        report.approval.approver,
        report.approval.by,
    )
    kinds = {one.type.rsplit("/", 1)[-1]: one.state for one in report.resources}
    assert "deleted" == kinds["replicationRecoveryPlans"]
    assert {DEALLOCATED} == {world.power_of(call.request.task.vm.source_id) for call in script.calls if call.vm}


@pytest.mark.parametrize("trouble", ["rejected", "unverified", "cancelled", "failover"])
async def test_what_befalls_one_takes_the_group_back(
    real_stage: Stage, script: Script, world: World, trouble: str
) -> None:
    """Rejected, not as the plan wants it, cancelled, or its failover failed: both sources serve; the third moves."""
    plan = make_plan(GROUP)
    if trouble == "unverified":
        script.on("verify_target", vm_failure("verifying the target: it lacks a disk"), when=_of_vm("web"))
    if trouble == "failover":
        script.on("wait_for_job", job_failure("UnplannedFailover"), when=_waits_for("replicationRecoveryPlans"))
    handle = await real_stage.start_plan(plan)
    web = real_stage.vm_of(plan, "web")
    if trouble in {"rejected", "cancelled"}:
        await _until_all_wait(real_stage, plan, "db", "web")
    if trouble == "rejected":
        await real_stage.send(web, names.SIGNAL_REJECT_COMMIT, APPROVER, comment="it is slow")
    if trouble == "cancelled":
        await web.cancel()
    await real_stage.approve(real_stage.vm_of(plan, "mail"))
    ending = await handle.result()
    outcomes = await _outcomes(real_stage, plan)
    reason = (await real_stage.report(real_stage.vm_of(plan, "db"))).reason
    vms = {call.vm: call.request.task.vm for call in script.calls if call.vm}

    assert {"migrated": 1, "rolled_back": 2} == ending.counts
    assert [Outcome.ROLLED_BACK, Outcome.ROLLED_BACK, Outcome.MIGRATED] == [
        outcomes[vm] for vm in ("db", "web", "mail")
    ]
    assert trouble == "failover" or "its consistency group shop goes back: web: " in reason
    assert (RUNNING, RUNNING) == tuple(world.power_of(vms[vm].source_id) for vm in ("db", "web"))
    assert (None, None) == tuple(world.power_of(vms[vm].target_id) for vm in ("db", "web"))
    assert "commit_group" not in _calls(script)
    after = [call.name for call in script.calls if call.vm in {"db", "web"}]
    assert after.index("remove_recovery_plan") < after.index("disable_replication")


def _of_vm(name: str) -> Any:
    return lambda request: request.task.vm.name == name


def _waits_for(kind: str) -> Any:
    return lambda request: kind in request.job.target_id


async def test_one_that_never_came_so_far_takes_the_group_back(stage: Stage, script: Script) -> None:
    """Nobody fails over when one cannot be enabled, although the others had waited for days."""
    plan = make_plan(GROUP)
    gate = script.gate("enable_replication", vm="web", then=vm_failure("enabling: the agent does not install"))
    handle = await stage.start_plan(plan)
    await gate.reached.wait()
    waits = await stage.until(
        stage.vm_of(plan, "db"),
        lambda status: status.waiting_for == "web of its consistency group shop to be protected",
    )
    gate.open()
    await stage.approve(stage.vm_of(plan, "mail"))
    await handle.result()

    assert Phase.WAITING_FOR_TURN == waits.phase
    assert [Outcome.ROLLED_BACK, Outcome.ROLLED_BACK] == list((await _outcomes(stage, plan)).values())[:2]
    assert [] == _calls(script)
    assert ["mail"] == _of(script, "start_failover")


async def test_one_that_begins_after_its_group_has_gone_back_writes_nothing(stage: Stage, script: Script) -> None:
    """With one place to replicate the second begins when the first has failed, hears of it at once, and ends."""
    plan = make_plan(PAIR, concurrency={"replication": 1})
    script.on("enable_replication", vm_failure("enabling: the agent does not install"))
    ending = await (await stage.start_plan(plan)).result()

    assert {"rolled_back": 2} == ending.counts
    assert ["db"] == _of(script, "enable_replication")
    assert "its consistency group shop goes back: db: " in (await stage.report(stage.vm_of(plan, "web"))).reason


async def test_a_copy_of_days_is_not_waited_for_when_the_group_goes_back(real_stage: Stage, script: Script) -> None:
    """The wait of one is cut off at once when another cannot be enabled."""
    plan = make_plan(PAIR)
    copying = script.gate("wait_until_protected", vm="db")
    failing = script.gate("enable_replication", vm="web", then=vm_failure("enabling: the agent does not install"))
    handle = await real_stage.start_plan(plan)
    await copying.reached.wait()
    failing.open()
    await handle.result()

    assert 1 == copying.cancels
    assert [Outcome.ROLLED_BACK] * 2 == list((await _outcomes(real_stage, plan)).values())


async def test_a_commit_that_does_not_reach_one_waits_for_a_person(stage: Stage, script: Script, world: World) -> None:
    """Nobody's replication ends before all are committed; `retry` commits the one that was left by itself."""
    plan = make_plan(GROUP)
    handle = await stage.start_plan(plan)
    await _until_all_wait(stage, plan, "db", "web")
    left = next(item for item, task in world.tasks.items() if task.vm.name == "web")

    def commit(request: Any) -> Any:
        for item, task in world.tasks.items():
            world.items[item].committed = item != left and task.group is not None
        plan_id = request.task.group.recovery_plan_id(request.task.shared.vault_id)
        return Started(resource_id=plan_id, job=world.job("CommitFailover", plan_id))

    script.on("commit_group", commit)
    await stage.send(stage.vm_of(plan, "db"), names.SIGNAL_APPROVE_COMMIT, APPROVER)
    web = stage.vm_of(plan, "web")
    asked = await stage.until_asked(web, "after the approval")
    waits = await stage.until(stage.vm_of(plan, "db"), lambda status: "web of its" in status.waiting_for)
    disabled = _of(script, "disable_replication")
    await stage.resolve(web, "retry")
    await stage.approve(stage.vm_of(plan, "mail"))

    assert Outcome.MIGRATED == (await handle.result()).outcome
    assert "committing the failover" in asked.waiting_for
    assert "web of its consistency group shop to be committed" == waits.waiting_for
    assert [] == disabled
    assert ["mail", "web"] == sorted(_of(script, "commit_failover"))


async def test_what_is_not_as_it_was_approved_is_asked_for_anew_of_all(stage: Stage, script: Script) -> None:
    """The evidence of one changed since the approval: both wait for a new decision, and nobody has committed."""
    plan = make_plan(GROUP)
    handle = await stage.start_plan(plan)
    await _until_all_wait(stage, plan, "db", "web")
    web, db = stage.vm_of(plan, "web"), stage.vm_of(plan, "db")
    resized = Verification(
        mismatches=[Mismatch(field="size", expected="Standard_D2s_v5", actual="Standard_B1s")],
        target_power_state=RUNNING,
        source_power_state=DEALLOCATED,
    )
    script.on("verify_target", resized, when=_of_vm("web"), times=0)
    await stage.send(db, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    told = [await stage.until(one, lambda now: (now.last_refusal or "").startswith("void: ")) for one in (web, db)]
    await _until_all_wait(stage, plan, "db", "web")
    committed = _calls(script)
    await stage.send(web, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    await stage.approve(stage.vm_of(plan, "mail"))

    assert Outcome.MIGRATED == (await handle.result()).outcome
    assert "void: the evidence changed" in (told[0].last_refusal or "")
    assert "its consistency group asks anew: web: the evidence changed" in (told[1].last_refusal or "")
    assert BY_LEADER[:2] == committed
    assert BY_LEADER[:3] == _calls(script)[:3]


async def test_a_cancel_after_the_groups_word_comes_too_late(stage: Stage, script: Script) -> None:
    """Both were told to commit: whoever is cancelled then is moved with the other."""
    plan = make_plan(PAIR)
    gate = script.gate("commit_group")
    await stage.start_plan(plan)
    await _until_all_wait(stage, plan, "db", "web")
    await stage.send(stage.vm_of(plan, "db"), names.SIGNAL_APPROVE_COMMIT, APPROVER)
    await gate.reached.wait()
    for vm in ("db", "web"):
        handle = stage.vm_of(plan, vm)
        await stage.until_phase(handle, Phase.COMMITTING)
        await handle.cancel()
        await stage.until_cancel_requested(handle)
    gate.open()
    for vm in ("db", "web"):
        await stage.vm_of(plan, vm).result()

    assert [Outcome.MIGRATED] * 2 == list((await _outcomes(stage, plan)).values())


async def test_nobody_returns_before_the_leader_begins_nothing_more(stage: Stage, script: Script, world: World) -> None:
    """One is cancelled while the failover of all is being sent, and its answer comes late: both sources serve then."""
    plan = make_plan(PAIR)
    sending = asyncio.Event()

    async def send(_: OfGroup) -> FailoverStarted:
        sending.set()
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                activity.heartbeat()
                await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        for task in world.tasks.values():
            world.fail_over(task)
        job = world.job("UnplannedFailover", "replicationRecoveryPlans")
        return FailoverStarted(started=Started(resource_id="", job=job))

    script.on("start_group_failover", send)
    handle = await stage.start_plan(plan)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await sending.wait()
    await stage.vm_of(plan, "web").cancel()
    await handle.result()

    assert [Outcome.ROLLED_BACK] * 2 == list((await _outcomes(stage, plan)).values())
    for task in world.tasks.values():
        assert (RUNNING, None) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))


async def test_who_has_given_its_consent_goes_back_only_with_the_group(real_stage: Stage, script: Script) -> None:
    """One waits for the other's last look and is cancelled: the group's word is back, and both return."""
    plan = make_plan(PAIR)
    handle = await real_stage.start_plan(plan)
    await _until_all_wait(real_stage, plan, "db", "web")
    gate = script.gate("verify_target", vm="web")
    db = real_stage.vm_of(plan, "db")
    await real_stage.send(db, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    await gate.reached.wait()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "prepared" != (await _meeting(real_stage, plan)).stages["db"]:
            await asyncio.sleep(0.05)
    await db.cancel()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "back" != (await _meeting(real_stage, plan)).decision:
            await asyncio.sleep(0.05)
    gate.open()
    await handle.result()
    with pytest.raises(WorkflowFailureError):
        await db.result()

    assert [Outcome.ROLLED_BACK] * 2 == list((await _outcomes(real_stage, plan)).values())
    assert "goes back: db: it was cancelled" in (await real_stage.report(real_stage.vm_of(plan, "web"))).reason
    assert "commit_group" not in _calls(script)


async def _meeting(stage: Stage, plan: Plan) -> GroupState:
    return await (await _meeting_place(stage, plan)).query(MoveGroup.status)


async def _meeting_place(stage: Stage, plan: Plan) -> WorkflowHandle[MoveGroup, GroupState]:
    run_id = (await stage.client.get_workflow_handle(names.migrate_plan_id(plan.name)).describe()).run_id
    return stage.client.get_workflow_handle_for(MoveGroup.run, names.move_group_id(plan.name, "shop", run_id))


@pytest.mark.parametrize("lost", ["the meeting", "a member"])
async def test_what_somebody_terminates_splits_no_group(real_stage: Stage, script: Script, lost: str) -> None:
    """A book that is gone is written anew with the next word; a member that is gone takes the others back."""
    plan = make_plan(PAIR)
    handle = await real_stage.start_plan(plan)
    await _until_all_wait(real_stage, plan, "db", "web")
    place = await _meeting_place(real_stage, plan)
    if lost == "the meeting":
        await place.terminate("a test")
    else:
        await real_stage.vm_of(plan, "web").terminate("a test")
    await real_stage.send(real_stage.vm_of(plan, "db"), names.SIGNAL_APPROVE_COMMIT, APPROVER)
    if lost == "the meeting":
        await real_stage.send(real_stage.vm_of(plan, "web"), names.SIGNAL_APPROVE_COMMIT, APPROVER)
    ending = await handle.result()
    outcome = (await real_stage.report(real_stage.vm_of(plan, "db"))).outcome

    assert (Outcome.MIGRATED if lost == "the meeting" else Outcome.ROLLED_BACK) == outcome
    assert (lost == "the meeting") == ("commit_group" in _calls(script))
    assert {"migrated": 2} == ending.counts if lost == "the meeting" else ending.counts["rolled_back"] == 1


def test_pausing_one_pauses_the_turn_of_its_group() -> None:
    """The leader's turn is that of all: it is granted once nobody of the group is paused."""
    plan = make_plan(PAIR)
    dispatcher = Dispatcher(plan)
    web = Part(kind="vm", name="web")
    dispatcher.pause(Pause(part=web, by="olga", at="2026-03-01T10:00:00Z", reason="wait"))
    for name in dispatcher.to_start():
        dispatcher.started(name)
    dispatcher.note(VmNotice(vm="db", reason="protected"))
    assert [] == dispatcher.answers()
    dispatcher.resume(web)
    assert ["db"] == [name for name, answer in dispatcher.answers() if answer.granted]
