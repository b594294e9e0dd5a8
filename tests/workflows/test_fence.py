"""The fence: what happens when the source was not proved to have stopped before its copy took over."""

import pytest

from migration import ids
from migration.models import Verification
from migration.phases import Outcome, Phase
from migration.power import DEALLOCATED, RUNNING
from tests.workflows.scenes import APPROVER, make_task
from tests.workflows.script import Script, lost_job
from tests.workflows.stage import Stage
from tests.workflows.world import World, held_fence

BROKEN = {"held": False, "reason": "the shutdown task failed", "data_loss_seconds": 240}


@pytest.fixture
def broken(world: World) -> World:
    """Return a cloud in which the fence does not hold, and the source still runs."""
    world.fence = held_fence(**BROKEN)
    return world


async def test_by_default_a_fence_that_does_not_hold_leads_back(stage: Stage, broken: World) -> None:
    """Writes may be missing in the copy, so the source goes on."""
    task = make_task()
    ending = await (await stage.start_vm(task)).result()
    assert (Outcome.ROLLED_BACK, "fencing the source: the shutdown task failed") == (ending.outcome, ending.reason)
    assert RUNNING == broken.power_of(task.vm.source_id)


async def test_a_plan_may_accept_the_loss(stage: Stage, script: Script, broken: World) -> None:
    """With `accept` the source is stopped first, and then the copy goes on; the report tells the loss."""
    task = make_task(failover={"if_shutdown_fails": "accept"})
    script.on("judge_fence", lambda _: _still_running(broken, task.vm.source_id))
    handle = await stage.start_vm(task)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    report = await stage.report(handle)
    assert 240 == report.data_loss_seconds
    assert "the copy was accepted although the shutdown task failed" in report.incidents[-1]
    assert DEALLOCATED == broken.power_of(task.vm.source_id)


@pytest.mark.parametrize(
    ("choice", "outcome"), [("skip", Outcome.MIGRATED), ("give_up", Outcome.ROLLED_BACK), ("retry", Outcome.MIGRATED)]
)
async def test_a_plan_may_ask(stage: Stage, broken: World, choice: str, outcome: Outcome) -> None:
    """With `ask` a person decides; retry reads the evidence again."""
    task = make_task(failover={"if_shutdown_fails": "ask"})
    handle = await stage.start_vm(task)
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert "the copy lacks the writes of 240 s" in status.waiting_for
    if choice == "retry":
        broken.fence = None
    await stage.resolve(handle, choice)
    ending = await (handle.result() if choice == "give_up" else stage.approve(handle))
    assert outcome == ending.outcome


async def test_evidence_that_cannot_be_read_asks_whatever_the_plan_says(stage: Stage, world: World) -> None:
    """Unknown is neither yes nor no: a person is asked also where the plan says accept."""
    world.fence = held_fence(held=None, reason="the recovery point is not listed", data_loss_seconds=None)
    handle = await stage.start_vm(make_task(failover={"if_shutdown_fails": "accept"}))
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert "the copy lacks the writes of an unknown time" in status.waiting_for
    await stage.resolve(handle, "skip")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_a_failover_whose_job_is_not_kept_asks(stage: Stage, script: Script, world: World) -> None:
    """A failover found ended, without its job, has no evidence: it does not count as fenced."""
    task = make_task()

    def found(_: object) -> object:
        world.fail_over(task)
        return {"started": {"resource_id": task.item_id, "existed": True}}

    script.on("start_failover", found)
    handle = await stage.start_vm(task)
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert "its job is not kept" in status.waiting_for
    await stage.resolve(handle, "skip")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


@pytest.mark.parametrize("policy", ["roll_back", "ask", "accept"])
async def test_two_running_copies_are_contained_before_anything_else(
    stage: Stage, script: Script, world: World, policy: str
) -> None:
    """Whatever the policy, the target is deallocated and proved to be before a word is said about it."""
    task = make_task(failover={"if_shutdown_fails": policy})

    def both(_: object) -> object:
        world.power[ids.id_key(task.vm.source_id)] = RUNNING
        return held_fence(**BROKEN, both_running_seen=True)

    script.on("judge_fence", both)
    handle = await stage.start_vm(task)
    if policy == "ask":
        await stage.until_phase(handle, Phase.NEEDS_ACTION)
        assert (RUNNING, DEALLOCATED) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))
        await stage.resolve(handle, "skip")
    ending = await (handle.result() if policy == "roll_back" else stage.approve(handle))
    labels = script.labels()
    at = labels.index("judge_fence")
    assert ["judge_fence", "deallocate_vm", "wait_for_vm(deallocated)"] == labels[at : at + 3]
    assert task.vm.target_id == script.requests("deallocate_vm")[0].vm_id
    assert "two running copies" in (await stage.report(handle)).incidents[0]
    if policy == "roll_back":
        assert Outcome.ROLLED_BACK == ending.outcome
        assert RUNNING == world.power_of(task.vm.source_id)
    else:
        assert Outcome.MIGRATED == ending.outcome
        assert (DEALLOCATED, RUNNING) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))


@pytest.mark.parametrize("policy", ["roll_back", "accept"])
async def test_the_verification_contains_two_running_copies(
    stage: Stage, script: Script, world: World, policy: str
) -> None:
    """Both copies running at the verification: the target stops, then the plan's policy decides."""
    task = make_task(failover={"if_shutdown_fails": policy})

    def both(_: object) -> object:
        world.power[ids.id_key(task.vm.source_id)] = RUNNING
        return Verification(mismatches=[], target_power_state=RUNNING, source_power_state=RUNNING)

    script.on("verify_target", both)
    handle = await stage.start_vm(task)
    ending = await (handle.result() if policy == "roll_back" else stage.approve(handle))
    labels = script.labels()
    at = labels.index("verify_target")
    assert ["verify_target", "deallocate_vm", "wait_for_vm(deallocated)"] == labels[at : at + 3]
    assert (Outcome.ROLLED_BACK if policy == "roll_back" else Outcome.MIGRATED) == ending.outcome
    assert (DEALLOCATED if policy == "accept" else RUNNING) == world.power_of(task.vm.source_id)


async def test_a_fence_is_not_mended_by_stopping_the_source_again(stage: Stage, script: Script, world: World) -> None:
    """Once the source ran beside its copy it has writes that the copy lacks, however the evidence reads later."""
    task = make_task(failover={"if_shutdown_fails": "ask"})

    def both(_: object) -> object:
        world.power[ids.id_key(task.vm.source_id)] = RUNNING
        return held_fence(**BROKEN, both_running_seen=True)

    script.on("judge_fence", both)
    handle = await stage.start_vm(task)
    await stage.until_asked(handle, "the shutdown task failed")
    world.power[ids.id_key(task.vm.source_id)] = DEALLOCATED
    await stage.resolve(handle, "retry")
    status = await stage.until_asked(handle, "the source ran beside its copy")
    assert "the writes of an unknown time" in status.waiting_for
    await stage.resolve(handle, "skip")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert RUNNING == world.power_of(task.vm.target_id)
    report = await stage.report(handle)
    assert (False, None) == (report.fence and report.fence.held, report.data_loss_seconds)


async def test_copies_that_the_verification_finds_running_break_the_fence(
    stage: Stage, script: Script, world: World
) -> None:
    """A source that runs again after the fence was judged writes on, until it is stopped: so long is the loss."""
    task = make_task(failover={"if_shutdown_fails": "ask"})

    def both(_: object) -> object:
        world.power[ids.id_key(task.vm.source_id)] = RUNNING
        return Verification(mismatches=[], target_power_state=RUNNING, source_power_state=RUNNING)

    script.on("verify_target", both)
    handle = await stage.start_vm(task)
    await stage.until_asked(handle, "the source ran beside its copy")
    before = len(script.calls)
    await stage.resolve(handle, "retry")
    await stage.until_asked(handle, "the source ran beside its copy")
    assert DEALLOCATED == world.power_of(task.vm.target_id)
    await stage.resolve(handle, "skip")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    assert "return_to_source" not in script.labels(since=before)
    assert 210 == (await stage.report(handle)).data_loss_seconds  # from the recovery point to the stop by us


async def test_copies_found_running_on_the_way_to_the_policy_are_contained(
    stage: Stage, script: Script, broken: World
) -> None:
    """Also the read before the copy is accepted contains: the target stops before the source does."""
    task = make_task(failover={"if_shutdown_fails": "accept"})
    script.on("judge_fence", lambda _: _still_running(broken, task.vm.source_id))
    handle = await stage.start_vm(task)
    await stage.approve(handle)
    stopped = [request.vm_id for request in script.requests("deallocate_vm")]
    assert [task.vm.target_id, task.vm.source_id] == stopped
    assert "two running copies" in (await stage.report(handle)).incidents[0]
    assert (DEALLOCATED, RUNNING) == (broken.power_of(task.vm.source_id), broken.power_of(task.vm.target_id))


async def test_two_running_copies_are_contained_also_where_no_job_tells_of_them(
    stage: Stage, script: Script, world: World
) -> None:
    """Before a person is asked about a fence without evidence, both sides are read, and the target stops."""
    task = make_task()

    def lost(_: object) -> None:
        world.power[ids.id_key(task.vm.source_id)] = RUNNING
        raise lost_job("UnplannedFailover")

    script.on_job("UnplannedFailover", lost)
    handle = await stage.start_vm(task)
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert "the fence did not hold" in status.waiting_for
    assert (RUNNING, DEALLOCATED) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))
    await stage.resolve(handle, "give_up")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome


async def test_a_lost_job_of_a_failover_that_ended_asks_and_undoes_nothing(stage: Stage, script: Script) -> None:
    """A job that the vault does not keep any more is no failed failover: the item tells, and the fence is unknown."""
    script.on_job("UnplannedFailover", lost_job("UnplannedFailover"))
    handle = await stage.start_vm()
    status = await stage.until_asked(handle, "its job is not kept")
    assert status.waiting_for.startswith("the fence cannot be judged (")
    await stage.resolve(handle, "skip")
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_a_lost_job_of_a_failover_that_did_not_happen_leads_back(
    stage: Stage, script: Script, world: World
) -> None:
    """Where the item says that nothing failed over, the move is undone."""
    task = make_task()

    def lost(_: object) -> None:
        world.items[task.item_id].failed_over = False
        raise lost_job("UnplannedFailover")

    script.on_job("UnplannedFailover", lost)
    ending = await (await stage.start_vm(task)).result()
    assert Outcome.ROLLED_BACK == ending.outcome
    assert "its job is not kept" in ending.reason


async def test_two_running_copies_after_the_approval_are_contained(stage: Stage, script: Script, world: World) -> None:
    """Days may pass before the approval: both sides are read again, and a source that was started stops the commit."""
    task = make_task()
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    world.power[ids.id_key(task.vm.source_id)] = RUNNING
    await stage.send(handle, "approve_commit", APPROVER)
    status = await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert "see that only the target runs" in status.waiting_for
    assert DEALLOCATED == world.power_of(task.vm.target_id)
    assert "commit_failover" not in script.labels()
    world.power |= {ids.id_key(task.vm.source_id): DEALLOCATED, ids.id_key(task.vm.target_id): RUNNING}
    await stage.resolve(handle, "retry")
    status = await stage.until(handle, lambda status: (status.last_refusal or "").startswith("void: "))
    assert "fence.held was true, is false" in (status.last_refusal or "")
    assert "commit_failover" not in script.labels()
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome


async def test_a_target_that_stopped_before_the_commit_asks(stage: Stage, script: Script, world: World) -> None:
    """A target that does not run is not committed."""
    task = make_task()
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    world.power[ids.id_key(task.vm.target_id)] = "PowerState/stopped"
    await stage.send(handle, "approve_commit", APPROVER)
    await stage.until_phase(handle, Phase.NEEDS_ACTION)
    assert "commit_failover" not in script.labels()
    await stage.resolve(handle, "give_up")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome


def _still_running(world: World, source_id: str) -> object:
    world.power[ids.id_key(source_id)] = RUNNING
    return world.fence
