"""After the commit the machine replicates back, where the plan wants it; what fails there waits for a person."""

from migration.phases import Outcome, Phase
from migration.plan_finalise import Reprotect
from migration.power import RUNNING
from migration.report import MemoKeys
from migration.waiting import ProtectedWaited
from tests.workflows.scenes import make_task
from tests.workflows.script import Script, job_failure
from tests.workflows.stage import Stage
from tests.workflows.world import World

TASK = make_task().model_copy(update={"reprotect": Reprotect()})


async def test_the_old_region_becomes_the_place_of_recovery(stage: Stage, world: World, script: Script) -> None:
    """Replication is turned round and waited for in place of being disabled; what it makes is in the ledger."""
    handle = await stage.start_vm(TASK)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome

    assert [TASK.reversed.item_id] == list(world.items)
    assert "disable_replication" not in script.labels()
    waits = [call.request.task.item_id for call in script.calls if call.name == "wait_until_protected"]
    assert [TASK.item_id, TASK.reversed.item_id] == waits
    report = await stage.report(handle)
    walked = [span.name for span in report.phases]
    assert [Phase.COMMITTING, Phase.REPROTECTING, Phase.DONE] == walked[-3:]
    why = {one.why: one.state for one in report.resources}
    assert "created" == why["replication back to the old region"]
    assert "created" == why["replica disk in the old region"]
    moved = (await (await handle.describe()).memo())[MemoKeys.MOVED]
    assert ("migrated", TASK.vm.source_id, TASK.vm.target_id) == (
        moved["outcome"],
        moved["source_id"],
        moved["target_id"],
    )
    assert moved["part_ids"]


async def test_what_fails_waits_and_undoes_nothing(stage: Stage, world: World, script: Script) -> None:
    """The move is committed: the target serves on, whatever becomes of the way back; retry tries again."""
    script.on_job("SwitchReplicationGroupProtection", job_failure("SwitchReplicationGroupProtection", "151195"))
    script.on(
        "wait_until_protected",
        ProtectedWaited(running=False, health="Critical"),
        when=lambda wait: wait.task.item_id == TASK.reversed.item_id,
    )
    handle = await stage.start_vm(TASK)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, "approve_commit", "approver@contoso.example")
    status = await stage.until_asked(handle, "151195")
    assert ["retry", "skip", "give_up"] == status.choices
    assert RUNNING == world.power_of(TASK.vm.target_id)
    await stage.resolve(handle, "retry")
    await stage.until_asked(handle, "its health is critical")
    await stage.resolve(handle, "retry")

    assert Outcome.MIGRATED == (await handle.result()).outcome
    assert {"start_vm", "deallocate_vm", "delete_resources"}.isdisjoint(script.labels())


async def test_skipping_ends_replication_both_ways(stage: Stage, world: World, script: Script) -> None:
    """A person who goes on without it gets the ending of a plan that did not ask for it, and the report says so."""
    failure = job_failure("SwitchReplicationGroupProtection")
    script.on_job("SwitchReplicationGroupProtection", failure, times=0)
    handle = await stage.start_vm(TASK)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, "approve_commit", "approver@contoso.example")
    await stage.until_asked(handle)
    await stage.resolve(handle, "skip")

    assert Outcome.MIGRATED == (await handle.result()).outcome
    assert {} == world.items
    report = await stage.report(handle)
    assert Phase.DISABLING in [span.name for span in report.phases]
    assert any("reprotecting was skipped" in text for text in report.incidents)
