"""A machine that is replicated already: the run goes on with it, removes what an earlier run made, or refuses."""

from typing import Any, cast

from migration import ids, makings
from migration.adoption import Adoption
from migration.earlier import Books, joined
from migration.findings import VmCheck
from migration.ledger import Observation
from migration.ledger_proof import LedgerProof
from migration.models import VmTask
from migration.phases import Outcome, Phase
from migration.power import DEALLOCATED, RUNNING
from migration.requests import Observations, ObserveResources
from tests.workflows.scenes import make_task, source_of
from tests.workflows.script import Script
from tests.workflows.stage import Stage, VmHandle
from tests.workflows.world import World
from workflows import belongings
from workflows.engine import Engine


def found_by_check(script: Script, task: VmTask, stage: str, *, power: str = RUNNING, **more: Any) -> None:
    """Let the first check recognise an earlier protection."""
    adoption = Adoption.model_validate({"stage": stage, "item_id": task.item_id, "told": "seen"} | more)
    source = source_of(task.vm, power_state=power)
    script.on("check_vm", VmCheck(findings=[], source=source, adoption=adoption), when=lambda r: r.moment == "start")


def earlier_run(script: Script, task: VmTask) -> None:
    """Let an earlier run have enabled, tested and failed over, and kept its ledger."""
    source = source_of(task.vm)
    entries = [
        entry.model_copy(update={"state": "created"})
        for make in (makings.replication_entries, makings.test_entries, makings.failover_entries)
        for entry in make(task, source)
    ]
    script.on("read_earlier_runs", joined([Books(entries=entries, source=source)]))


def failed_over(world: World, script: Script) -> VmTask:
    """Return a machine that an earlier run has failed over."""
    task = make_task()
    world.protect(task)
    world.fail_over(task)
    found_by_check(script, task, "failed_over", power=DEALLOCATED)
    return task


async def rejected(stage: Stage, handle: VmHandle) -> None:
    """Reject what waits, and wait for the way back."""
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, "reject_commit", "approver@contoso.example")
    assert Outcome.ROLLED_BACK == (await handle.result()).outcome


async def test_a_failover_of_an_earlier_run_is_approved(stage: Stage, world: World, script: Script) -> None:
    """Nothing before the failover is done again; its fence is judged, and the machine migrates."""
    task = failed_over(world, script)
    earlier_run(script, task)
    handle = await stage.start_vm(task)
    assert Outcome.MIGRATED == (await stage.approve(handle)).outcome
    labels = script.labels()
    assert 0 == sum(labels.count(one) for one in ("enable_replication", "wait_until_protected", "configure_target"))
    assert 1 == labels.count("judge_fence")
    report = await stage.report(handle)
    assert "created" == next(one.state for one in report.resources if ids.same_id(one.id, task.vm.target_id))
    assert LedgerProof(proved=True) == report.ledger_proof


async def test_what_an_earlier_run_made_goes_on_the_way_back(stage: Stage, world: World, script: Script) -> None:
    """After a rejection the source, which ran before that run, runs again, and nothing is left of both runs."""
    task = failed_over(world, script)
    earlier_run(script, task)
    handle = await stage.start_vm(task)
    await rejected(stage, handle)
    assert RUNNING == world.power_of(task.vm.source_id)
    assert set() == world.resources
    states = {one.state for one in (await stage.report(handle)).resources}
    assert {"deleted"} == states


async def test_without_history_the_item_proves_what_goes(stage: Stage, world: World, script: Script) -> None:
    """Where Temporal has lost the earlier run, what its item names is removed, and the source is started."""
    task = make_task()
    source = source_of(task.vm)
    world.protect(task)
    world.fail_over(task)
    made = [*makings.replication_entries(task, source), *makings.failover_entries(task, source)]
    found_by_check(script, task, "failed_over", power=DEALLOCATED, own_ids=[entry.id for entry in made])
    await rejected(stage, await stage.start_vm(task))
    assert RUNNING == world.power_of(task.vm.source_id)
    assert set() == world.resources


async def test_what_existed_before_the_earlier_run_stays(stage: Stage, world: World, script: Script) -> None:
    """What the earlier run's ledger calls a stranger's is no leftover of ours, though the item names it."""
    task = make_task()
    world.protect(task)
    world.fail_over(task)
    nic = next(one for one in makings.failover_entries(task, source_of(task.vm)) if one.type.endswith("Interfaces"))
    found_by_check(script, task, "failed_over", power=DEALLOCATED, own_ids=[nic.id, task.vm.target_id])
    existed = nic.model_copy(update={"state": "existed"})
    script.on("read_earlier_runs", joined([Books(entries=[existed], source=source_of(task.vm))]))
    await rejected(stage, await stage.start_vm(task))
    assert world.is_there(nic.id)
    assert not world.is_there(task.vm.target_id)


async def test_what_somebody_else_set_up_is_never_disabled_on_the_way_back(
    stage: Stage, world: World, script: Script
) -> None:
    """The plan takes it over; a rejection removes what the failover made, and leaves the protection as it is."""
    task = make_task()
    task = task.model_copy(update={"adopted_item_id": task.item_id.replace(task.item_id.rsplit("/", 1)[-1], "portals")})
    world.protect(task)
    found_by_check(script, task, "replicating", foreign=True)
    await rejected(stage, await stage.start_vm(task))
    assert 0 == script.labels().count("disable_replication")
    assert task.item_id in world.items
    assert not world.is_there(task.vm.target_id)
    assert world.is_there(makings.replication_entries(task, source_of(task.vm))[1].id)


async def test_a_failed_enabling_is_removed_before_the_next(stage: Stage, world: World, script: Script) -> None:
    """What an earlier try left blocks the next one, so it goes first."""
    task = make_task()
    world.protect(task)
    found_by_check(script, task, "enabling_failed", own_ids=[task.item_id])
    assert Outcome.MIGRATED == (await stage.approve(await stage.start_vm(task))).outcome
    labels = script.labels()
    assert labels.index("disable_replication") < labels.index("enable_replication")


async def test_a_test_of_nobody_knows_whom_is_refused(stage: Stage, world: World, script: Script) -> None:
    """A test failover that no ledger names may be a person's: nothing is touched, and the command is told."""
    task = make_task()
    world.protect(task)
    found_by_check(script, task, "replicating", test_pending=True)
    ending = await (await stage.start_vm(task)).result()
    assert Outcome.REFUSED == ending.outcome
    assert f"{task.item_id}/testFailoverCleanup" in ending.reason
    assert {"check_vm", "read_earlier_runs"} == set(script.labels())


async def test_a_test_of_an_earlier_run_is_cleaned_up(stage: Stage, world: World, script: Script) -> None:
    """What the earlier run's ledger names is cleaned up before replication goes on."""
    task = make_task()
    world.protect(task)
    world.test_fail_over(task)
    found_by_check(script, task, "replicating", test_pending=True)
    earlier_run(script, task)
    assert Outcome.MIGRATED == (await stage.approve(await stage.start_vm(task))).outcome
    assert not world.is_there(task.vm.test_vm_id)


async def test_what_no_ledger_names_is_an_incident(stage: Stage, world: World) -> None:
    """A disk that came up beside the move under a name of its own is told; what a stranger deleted, corrected."""
    task = make_task()
    disk = makings.failover_entries(task, source_of(task.vm))[2].id
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    world.make(f"{disk}-ASRReplica-7")
    world.remove(disk)
    await stage.approve(handle)
    report = await stage.report(handle)
    assert report.ledger_proof is not None
    assert (False, [f"{disk}-ASRReplica-7".lower()], [disk]) == (
        report.ledger_proof.proved,
        report.ledger_proof.unlisted,
        report.ledger_proof.missing,
    )
    assert any("unlisted leftover" in incident for incident in report.incidents)
    assert "deleted" == next(one.state for one in report.resources if one.id == disk)


class Reads:
    """Stands in for the engine of a ledger: each call is a reading, which finds the next of these sets."""

    def __init__(self, *there: set[str]) -> None:
        self._there = list(there)

    async def call(self, _method: object, request: ObserveResources, _summary: str) -> Observations:
        """Answer one reading."""
        there = self._there.pop(0)
        return Observations(seen=[Observation(id=one, exists=one in there) for one in request.ids])


async def test_what_comes_between_two_readings_is_still_of_the_earlier_run() -> None:
    """An enabling goes on: what it had foretold, and makes right after this run asked for it, is nobody else's."""
    task = make_task()
    wanted = makings.replication_entries(task, source_of(task.vm))
    item, *replicas, agent = [entry.id for entry in wanted]
    begun = [entry.model_copy(update={"state": "predicted"}) for entry in wanted if entry.id != replicas[0]]
    ledger = belongings.Belongings(cast("Engine", Reads({item}, {item, agent, replicas[0]})))
    await ledger.inherit(joined([Books(entries=begun)]), [])
    await ledger.predict(wanted, "Read what enabling will make")
    states = {entry.id: entry.state for entry in ledger.entries}

    assert {"created"} == {states[one] for one in (item, agent)}
    assert "existed" == states[replicas[0]]
