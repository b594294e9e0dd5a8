"""Two running copies: contained before anything is discussed, alarmed, bounded, and told in the report."""

from datetime import timedelta

import pytest

from migration import ids, names
from migration.models import PowerStates
from migration.phases import Outcome, Phase
from migration.power import DEALLOCATED, RUNNING
from migration.waiting import CopiesWatched
from tests.workflows.scenes import APPROVER, make_task
from tests.workflows.script import Script, vm_failure
from tests.workflows.stage import Stage
from tests.workflows.world import TARGET_RUNNING_SINCE, World, held_fence

SOURCE_SINCE = "2026-03-01T10:04:00.0000000Z"


def both_after_the_failover(world: World, source_id: str, **differing: object) -> object:
    """Start the source beside its copy, and return what the fence sees of it."""
    world.power[ids.id_key(source_id)] = RUNNING
    return held_fence(held=False, reason="the shutdown task failed", both_running_seen=True, **differing)


async def test_the_moment_is_told_by_azures_clock(stage: Stage, script: Script, world: World) -> None:
    """Both ran from the later start to the proof that one was off; the alarm stays in the status, the loss grows."""
    task = make_task(failover={"if_shutdown_fails": "ask"})
    since = {"source_running_since": SOURCE_SINCE, "target_running_since": "2026-03-01T10:03:10Z"}
    point = {"recovery_point_time": "2026-03-01T09:59:00Z", "data_loss_seconds": 60}
    script.on("judge_fence", lambda _: both_after_the_failover(world, task.vm.source_id, **since, **point))
    handle = await stage.start_vm(task)
    status = await stage.until_asked(handle, "the copy lacks the writes of 360 s")
    assert (RUNNING, DEALLOCATED) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))
    assert "contained after 60 s: the target was deallocated" in status.alarm
    [moment] = (await stage.report(handle)).two_copies
    assert ("after the failover", "azure", SOURCE_SINCE, TARGET_RUNNING_SINCE, 60, "target") == (
        moment.where,
        moment.clock,
        moment.seen,
        moment.contained,
        moment.seconds,
        moment.stopped,
    )
    # What is read again knows the loss at the failover alone, which is less.
    script.on("judge_fence", lambda _: held_fence(held=False, reason="it runs on", source_power_state=RUNNING, **point))
    before = len(script.calls)
    await stage.resolve(handle, "retry")
    status = await stage.until_asked(handle, "it runs on")
    assert 1 == script.labels(since=before).count("judge_fence")
    assert "the copy lacks the writes of 360 s, and all that it still writes" in status.waiting_for
    await stage.resolve(handle, "give_up")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    assert [moment] == (await stage.report(handle)).two_copies


async def test_a_containment_that_azure_refuses_asks_and_tries_again(
    stage: Stage, script: Script, world: World
) -> None:
    """The person is told the command; whether they answer or not, it is tried again, under alarm all the time."""
    task = make_task()
    script.on("judge_fence", lambda _: both_after_the_failover(world, task.vm.source_id))
    script.on("deallocate_vm", vm_failure("the target is locked"), times=2)
    handle = await stage.start_vm(task)
    status = await stage.until_asked(handle, "cannot be deallocated: the target is locked")
    assert f"az vm deallocate --ids {task.vm.target_id}" in status.waiting_for
    assert "the target is being deallocated" in status.alarm
    [moment] = (await stage.report(handle)).two_copies
    assert (None, None, "temporal") == (moment.contained, moment.seconds, moment.clock)
    await stage.environment.sleep(timedelta(minutes=10))
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    [moment] = (await stage.report(handle)).two_copies
    assert moment.seconds is not None
    assert 120 <= moment.seconds
    assert RUNNING == world.power_of(task.vm.source_id)


async def test_who_stops_the_other_side_contains_it_as_well(stage: Stage, script: Script, world: World) -> None:
    """When the source was stopped by hand meanwhile, the only copy that runs is not stopped after it."""
    task = make_task(failover={"if_shutdown_fails": "accept"})
    script.on("judge_fence", lambda _: both_after_the_failover(world, task.vm.source_id))
    script.on("deallocate_vm", vm_failure("the target is locked"))
    handle = await stage.start_vm(task)
    await stage.until_asked(handle, "cannot be deallocated")
    world.power[ids.id_key(task.vm.source_id)] = DEALLOCATED
    await stage.resolve(handle, "retry")
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    assert RUNNING == world.power_of(task.vm.target_id)
    assert 1 == script.labels().count("deallocate_vm")
    assert ["source"] == [moment.stopped for moment in (await stage.report(handle)).two_copies]


@pytest.mark.parametrize("choice", ["skip", "give_up"])
async def test_a_source_that_is_started_while_the_approval_is_waited_for_is_seen(
    stage: Stage, script: Script, world: World, choice: str
) -> None:
    """The target stops at once; who serves on is a person's to say, and nothing is approved meanwhile."""
    task = make_task()

    def started(_: object) -> CopiesWatched:
        world.power[ids.id_key(task.vm.source_id)] = RUNNING
        both = PowerStates(source=RUNNING, target=RUNNING, source_since=SOURCE_SINCE, target_since=SOURCE_SINCE)
        return CopiesWatched(running=False, both_running=both)

    script.on("watch_copies", started)
    handle = await stage.start_vm(task)
    status = await stage.until_asked(handle, "see that only the target runs")
    assert (RUNNING, DEALLOCATED) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))
    assert ["retry", "skip", "give_up"] == status.choices
    await stage.send(handle, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    await stage.until(handle, lambda status: status.last_refusal is not None)
    await stage.resolve(handle, choice)
    if choice == "skip":
        await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
        assert (DEALLOCATED, RUNNING) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))
        assert "commit_failover" not in script.labels()
    ending = await (stage.approve(handle) if choice == "skip" else handle.result())
    assert (Outcome.MIGRATED if choice == "skip" else Outcome.ROLLED_BACK) == ending.outcome
    report = await stage.report(handle)
    assert [("while the approval was waited for", 60)] == [(one.where, one.seconds) for one in report.two_copies]
    assert report.fence is not None
    assert (False, "the source ran beside its copy") == (report.fence.held, report.fence.reason)
    assert 60 == report.data_loss_seconds  # what it wrote since it was started again, not since the failover
    assert [choice] == [one.action for one in report.resolutions]


async def test_a_source_that_is_started_beyond_the_commit_is_stopped(
    stage: Stage, script: Script, world: World
) -> None:
    """The target is the one that counts then: the source is deallocated, and the move ends as migrated."""
    task = make_task()

    def started(_: object) -> object:
        world.power[ids.id_key(task.vm.source_id)] = RUNNING
        return {"running": False}

    script.on_job("DisableDr", started)
    handle = await stage.start_vm(task)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert (DEALLOCATED, RUNNING) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))
    assert [("after the commit", "source")] == [
        (one.where, one.stopped) for one in (await stage.report(handle)).two_copies
    ]
