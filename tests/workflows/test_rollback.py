"""Each step that fails leads back, by its own undo and those of the steps before it, last first."""

import pytest
from temporalio.exceptions import ApplicationError

from migration import ids, makings
from migration.models import JobRef, Mismatch, Verification
from migration.phases import Outcome, Phase
from migration.power import DEALLOCATED, RUNNING
from migration.requests import VmParts
from tests.workflows.scenes import make_task
from tests.workflows.script import Script, environment_failure, job_failure, vm_failure
from tests.workflows.stage import Stage
from tests.workflows.world import World

WITH_TEST = {"test_first": True, "test_network": "isolated"}
DISABLE = ["disable_replication", "wait_for_job(DisableDr)"]
NOTHING_TO_DISABLE = ["disable_replication"]
LOOK = ["observe_resources"]
CLEAN_UP_NOTHING = ["clean_up_test_failover"]
CLEAN_UP_TEST = ["clean_up_test_failover", "wait_for_job(TestFailoverCleanup)"]
RETURN = [
    "read_item",
    "read_parts",
    "read_power",
    "deallocate_vm",
    "wait_for_vm(deallocated)",
    "start_vm",
    "wait_for_vm(serving)",
]
STILL_SERVES = ["read_item", "read_parts", "observe_resources", "read_power", "wait_for_vm(serving)"]
NOTHING_LEFT = [*LOOK, *LOOK]
SAFE = ["read_power"]
DELETE_TARGET = [
    *LOOK,
    "delete_resources",
    "wait_for_resources(gone)",
    "delete_resources",
    "wait_for_resources(gone)",
    *LOOK,
]

FAILURES: list[tuple[str, ApplicationError, list[str]]] = [
    ("enable_replication", vm_failure(), [*NOTHING_TO_DISABLE, *NOTHING_LEFT]),
    ("wait_for_job(EnableDr)", job_failure("EnableDr", "151196"), [*DISABLE, *NOTHING_LEFT]),
    ("wait_until_protected", job_failure("EnableDr", "150161"), [*DISABLE, *NOTHING_LEFT]),
    ("configure_target", vm_failure(), [*DISABLE, *NOTHING_LEFT]),
    ("wait_for_job(UpdateVmProperties)", job_failure("UpdateVmProperties"), [*DISABLE, *NOTHING_LEFT]),
    ("prove_isolation", vm_failure(), [*CLEAN_UP_NOTHING, *DISABLE, *NOTHING_LEFT]),
    ("start_test_failover", vm_failure(), [*CLEAN_UP_NOTHING, *DISABLE, *NOTHING_LEFT]),
    ("wait_for_job(TestFailover)", job_failure("TestFailover"), [*CLEAN_UP_TEST, *DISABLE, *NOTHING_LEFT]),
    ("verify_test_copy", vm_failure(), [*CLEAN_UP_TEST, *DISABLE, *NOTHING_LEFT]),
    ("wait_for_boot", vm_failure(), [*CLEAN_UP_TEST, *DISABLE, *NOTHING_LEFT]),
    ("start_failover", vm_failure(), [*STILL_SERVES, *CLEAN_UP_NOTHING, *SAFE, *DISABLE, *NOTHING_LEFT]),
    (
        "wait_for_job(UnplannedFailover)",
        job_failure("UnplannedFailover"),
        [*RETURN, *CLEAN_UP_NOTHING, *SAFE, *DISABLE, *DELETE_TARGET],
    ),
    ("judge_fence", vm_failure(), [*RETURN, *CLEAN_UP_NOTHING, *SAFE, *DISABLE, *DELETE_TARGET]),
    ("verify_target", vm_failure(), [*RETURN, *CLEAN_UP_NOTHING, *SAFE, *DISABLE, *DELETE_TARGET]),
]


def _after(labels: list[str], failed: str) -> list[str]:
    return labels[labels.index(failed) + 1 :]


@pytest.mark.parametrize(("failed", "reaction", "undo"), FAILURES, ids=[failed for failed, _, _ in FAILURES])
async def test_a_failing_step_is_undone_in_order(
    stage: Stage, script: Script, failed: str, reaction: ApplicationError, undo: list[str]
) -> None:
    """Whatever step fails, the steps before it are undone last first, and the outcome is rolled_back."""
    if failed.startswith("wait_for_job"):
        script.on_job(failed.removeprefix("wait_for_job(").removesuffix(")"), reaction)
    else:
        script.on(failed, reaction)
    ending = await (await stage.start_vm(make_task(failover=WITH_TEST))).result()
    assert Outcome.ROLLED_BACK == ending.outcome
    assert reaction.message == ending.reason
    assert undo == _after(script.labels(), failed)


async def test_nothing_is_left_after_a_rollback(stage: Stage, script: Script, world: World) -> None:
    """After a failed verification all that was made is deleted, and the source runs as before."""
    task = make_task()
    script.on("verify_target", vm_failure())
    handle = await stage.start_vm(task)
    await handle.result()
    assert set() == world.resources
    assert RUNNING == world.power_of(task.vm.source_id)
    assert {"deleted"} == {one.state for one in (await stage.report(handle)).resources}


async def test_a_target_that_is_gone_was_still_our_failover(stage: Stage, script: Script, world: World) -> None:
    """Who deletes the target by hand while it is decided on does not make the failover somebody else's."""
    task = make_task()
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    world.remove(task.vm.target_id)
    await stage.send(handle, "reject_commit", "approver@contoso.example")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    assert {True} == {request.ours for request in script.requests("disable_replication")}


async def test_the_machine_goes_before_its_interface_and_its_disks(stage: Stage, script: Script) -> None:
    """Azure refuses to delete what is attached, so the machine goes first."""
    script.on("verify_target", vm_failure())
    await (await stage.start_vm()).result()
    first, then = (
        {ids.ResourceId.parse(one).names[-1][0] for one in request.ids}
        for request in script.requests("delete_resources")
    )
    assert ({"virtualMachines"}, {"networkInterfaces", "disks"}) == (first, then)


async def test_what_was_there_before_is_never_deleted(stage: Stage, script: Script, world: World) -> None:
    """A disk that carried a predicted name before the failover stays, whatever else is undone."""
    task = make_task()
    [_, _, disk, *_] = makings.failover_entries(task, world.source(task.vm))
    world.make(disk.id)
    script.on("verify_target", vm_failure())
    await (await stage.start_vm(task)).result()
    assert {ids.id_key(disk.id)} == world.resources


async def test_parts_under_names_that_nobody_predicted_are_reported_not_deleted(
    stage: Stage, script: Script, world: World
) -> None:
    """A disk that Azure named by itself is left, and the report says so."""
    task = make_task()
    stray = ids.disk_id(task.vm.target_subscription, task.vm.target_resource_group, "web-01-a1b2c3")
    script.on("read_parts", VmParts(exists=True, disk_ids=[stray]), times=2)
    script.on("verify_target", vm_failure())
    world.make(stray)
    handle = await stage.start_vm(task)
    await handle.result()
    assert world.is_there(stray)
    assert ["left"] == [one.state for one in (await stage.report(handle)).resources if one.id == stray]


async def test_the_undo_waits_for_a_job_that_runs_on_the_item(stage: Stage, script: Script, world: World) -> None:
    """A job of Site Recovery that still runs is waited out before anything is stopped or started."""
    task = make_task()

    def fail(_: object) -> None:
        world.items[task.item_id].running_job = JobRef(id="/j", scenario="UnplannedFailover", target_id=task.item_id)
        raise vm_failure()

    script.on_job("UnplannedFailover", fail)
    await (await stage.start_vm(task)).result()
    labels = script.labels()
    at = labels.index("read_item")
    assert ["read_item", "wait_for_job(UnplannedFailover)", "read_item"] == labels[at : at + 3]
    assert script.requests("wait_for_job")[-2].accept_failure


async def test_a_running_enable_is_waited_for_before_the_item_is_removed(
    stage: Stage, script: Script, world: World
) -> None:
    """Disabling is asked again after the job that it found, until nothing is there."""
    task = make_task()
    script.on("wait_until_protected", vm_failure())
    running = {"resource_id": task.item_id, "existed": True, "job": world.job("EnableDr", task.item_id)}
    script.on("disable_replication", lambda _: running)
    await (await stage.start_vm(task)).result()
    undo = _after(script.labels(), "wait_until_protected")
    assert ["disable_replication", "wait_for_job(EnableDr)", *DISABLE] == undo[:4]


async def test_an_item_that_cannot_be_removed_asks_a_person(stage: Stage, script: Script, world: World) -> None:
    """When the removal is reported done again and again and the item stays, a person is asked."""
    task = make_task()
    script.on("wait_until_protected", vm_failure())
    again = {"resource_id": task.item_id, "job": world.job("DisableDr", task.item_id)}
    script.on("disable_replication", lambda _: again, times=5)
    handle = await stage.start_vm(task)
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert "still there" in status.waiting_for
    await stage.resolve(handle, "retry")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome


async def test_a_source_that_does_not_start_keeps_everything(stage: Stage, script: Script, world: World) -> None:
    """Nothing is deleted while the source is down; after a retry that starts it the undo goes on."""
    task = make_task()
    script.on("verify_target", vm_failure())
    script.on("start_vm", vm_failure("AllocationFailed"))
    handle = await stage.start_vm(task)
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert "the source does not start: AllocationFailed" in status.waiting_for
    assert ["retry", "skip", "give_up"] == status.choices
    assert world.is_there(task.vm.target_id)
    assert "disable_replication" not in script.labels()
    await stage.resolve(handle, "retry")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    assert RUNNING == world.power_of(task.vm.source_id)
    assert not world.is_there(task.vm.target_id)


async def test_a_person_may_keep_the_target_instead(stage: Stage, script: Script, world: World) -> None:
    """When the source does not start, skip starts the target again and deletes nothing."""
    task = make_task()
    script.on("verify_target", vm_failure())
    script.on("start_vm", vm_failure("AllocationFailed"))
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.NEEDS_ACTION)
    await stage.resolve(handle, "skip")
    assert Outcome.NEEDS_OPERATOR == (await handle.result()).outcome
    assert RUNNING == world.power_of(task.vm.target_id)
    assert DEALLOCATED == world.power_of(task.vm.source_id)
    assert "delete_resources" not in script.labels()
    assert "disable_replication" not in script.labels()


async def test_giving_up_leaves_all_as_it_is(stage: Stage, script: Script, world: World) -> None:
    """give_up ends the migration as needs_operator, with both machines off and nothing deleted."""
    task = make_task()
    script.on("verify_target", vm_failure())
    script.on("start_vm", vm_failure("AllocationFailed"))
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.NEEDS_ACTION)
    await stage.resolve(handle, "give_up", reason="the region is full")
    ending = await handle.result()
    assert Outcome.NEEDS_OPERATOR == ending.outcome
    assert world.is_there(task.vm.target_id)
    report = await stage.report(handle)
    assert "the region is full" in report.incidents[-1]
    assert report.downtime_seconds is None  # neither serves: it has no end yet
    assert {"left"} == {one.state for one in report.resources}
    assert task.vm.target_id in {one.id for one in report.resources}


@pytest.mark.parametrize("choice", ["retry", "skip", "give_up"])
async def test_an_undo_that_fails_waits_for_a_person(stage: Stage, script: Script, world: World, choice: str) -> None:
    """A link of the undo that fails holds the rest; retry repeats it, skip goes on, give_up ends."""
    script.on("configure_target", vm_failure())
    script.on("disable_replication", vm_failure("the vault is locked."))
    handle = await stage.start_vm()
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert status.waiting_for.startswith("undoing (disable_and_remove): the vault is locked. By hand: az rest")
    assert (await stage.resolve(handle, choice, "a" * 600)).counted
    ending = await handle.result()
    [resolved] = (await stage.report(handle)).resolutions
    assert (choice, "olga@contoso.example", "a" * 500) == (resolved.action, resolved.by, resolved.reason)
    assert status.waiting_for == resolved.question
    expected = Outcome.NEEDS_OPERATOR if choice == "give_up" else Outcome.ROLLED_BACK
    assert expected == ending.outcome
    assert ("retry" == choice) == (1 < script.labels().count("disable_replication"))
    assert ("retry" != choice) == bool(world.items)


async def test_a_skipped_return_deletes_no_target_while_the_source_is_down(
    stage: Stage, script: Script, world: World
) -> None:
    """Skipping the way back does not delete the only copy: the source must serve first."""
    task = make_task()
    script.on("verify_target", vm_failure())
    script.on("deallocate_vm", vm_failure("the target is locked"))
    handle = await stage.start_vm(task)
    await stage.until_asked(handle, "undoing (return_to_source)")
    await stage.resolve(handle, "skip")
    status = await stage.until_asked(handle, "undoing (disable_and_remove)")
    assert "does not run" in status.waiting_for
    assert world.is_there(task.vm.target_id)
    assert task.item_id in world.items
    world.power[ids.id_key(task.vm.source_id)] = RUNNING
    await stage.resolve(handle, "retry")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    assert not world.is_there(task.vm.target_id)


async def test_a_committed_failover_is_never_undone(stage: Stage, script: Script, world: World) -> None:
    """When somebody else committed it, the undo stops, deletes nothing and leaves the target running."""
    task = make_task()

    def committed(_: object) -> None:
        world.items[task.item_id].committed = True
        raise vm_failure("it is not as wanted")

    script.on("verify_target", committed)
    handle = await stage.start_vm(task)
    ending = await handle.result()
    assert Outcome.NEEDS_OPERATOR == ending.outcome
    assert RUNNING == world.power_of(task.vm.target_id)
    assert not {"deallocate_vm", "start_vm", "disable_replication", "delete_resources"} & set(script.labels())
    assert "committed" in (await stage.report(handle)).incidents[-1]


async def test_the_environment_may_fail_during_the_undo(stage: Stage, script: Script) -> None:
    """An expired secret during the undo holds it; it goes on by itself."""
    script.on("configure_target", vm_failure())
    script.on("disable_replication", environment_failure(), times=3)
    assert Outcome.ROLLED_BACK == (await (await stage.start_vm()).result()).outcome


async def test_a_mismatch_leads_back_and_is_reported(stage: Stage, script: Script) -> None:
    """A target that differs from the plan is undone, and the report says in what."""
    wrong = Mismatch(field="size", expected="Standard_D4s_v5", actual="Standard_D2s_v5")
    seen = Verification(mismatches=[wrong], target_power_state=RUNNING, source_power_state=DEALLOCATED)
    script.on("verify_target", seen)
    handle = await stage.start_vm()
    ending = await handle.result()
    assert (Outcome.ROLLED_BACK, [wrong]) == (ending.outcome, (await stage.report(handle)).mismatches)
    assert "size is Standard_D2s_v5, wanted Standard_D4s_v5" in ending.reason


async def test_downtime_of_a_rolled_back_machine_ends_with_the_source(stage: Stage, script: Script) -> None:
    """Downtime runs from the shutdown to the source serving again, by Azure's clock."""
    script.on("verify_target", vm_failure())
    handle = await stage.start_vm()
    await handle.result()
    assert 1200 == (await stage.report(handle)).downtime_seconds


async def test_the_undo_of_an_unanswered_failover_lets_things_settle(stage: Stage, script: Script) -> None:
    """Where nobody heard whether the failover was taken, the item is read after it would show; else at once."""
    script.on("start_failover", vm_failure())
    await (await stage.start_vm()).result()
    assert [True] == [request.settled for request in script.requests("read_item")]
    script.on("verify_target", vm_failure())
    await (await stage.start_vm()).result()
    assert False is script.requests("read_item")[-1].settled


async def test_a_failover_that_shows_late_keeps_the_target(stage: Stage, script: Script, world: World) -> None:
    """When disabling finds a failover that has stopped the source, the only copy that runs is not deleted."""
    task = make_task()
    source, target = ids.id_key(task.vm.source_id), task.vm.target_id

    def late(_: object) -> object:
        world.fail_over(task)
        return {"resource_id": task.item_id, "existed": True, "job": world.job("UnplannedFailover", task.item_id)}

    script.on("start_failover", vm_failure("no answer"))
    script.on("disable_replication", late)
    handle = await stage.start_vm(task)
    status = await stage.until_asked(handle, "undoing (disable_and_remove)")
    assert "does not run now" in status.waiting_for
    assert world.is_there(target)
    assert Outcome.NEEDS_OPERATOR == status.outcome
    world.power[ids.id_key(target)], world.power[source] = DEALLOCATED, RUNNING
    await stage.resolve(handle, "retry")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome
    assert not world.is_there(target)


@pytest.mark.parametrize("failed", ["enable_replication", "start_test_failover"])
async def test_the_undo_of_an_unanswered_write_lets_things_settle(stage: Stage, script: Script, failed: str) -> None:
    """An enabling or a test whose answer nobody heard may show later only: its undo looks twice."""
    script.on(failed, vm_failure())
    await (await stage.start_vm(make_task(failover=WITH_TEST))).result()
    undo = "disable_replication" if failed == "enable_replication" else "clean_up_test_failover"
    assert script.requests(undo)[0].settled


async def test_a_target_whose_item_is_gone_is_not_deleted(stage: Stage, script: Script, world: World) -> None:
    """Who removed the item may have committed the failover before: the undo asks, and deletes nothing."""
    task = make_task()

    def gone(_: object) -> None:
        world.items.clear()
        raise vm_failure("no such disk")

    script.on("verify_target", gone)
    handle = await stage.start_vm(task)
    status = await stage.until_asked(handle, "undoing (return_to_source)")
    assert "the protected item is gone" in status.waiting_for
    assert RUNNING == world.power_of(task.vm.target_id)
    await stage.resolve(handle, "give_up")
    assert Outcome.NEEDS_OPERATOR == (await handle.result()).outcome
    assert (DEALLOCATED, RUNNING) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))


async def test_the_downtime_of_a_kept_target_ends_with_the_target(stage: Stage, script: Script) -> None:
    """When a person keeps the target, the downtime goes on until it runs again."""
    script.on("verify_target", vm_failure())
    script.on("start_vm", vm_failure("AllocationFailed"))
    handle = await stage.start_vm()
    await stage.until_phase(handle, Phase.NEEDS_ACTION)
    await stage.resolve(handle, "skip")
    await handle.result()
    assert 300 == (await stage.report(handle)).downtime_seconds
