"""What a clean finds of one machine: only what is proved, and nothing of one that serves from its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from temporalio.exceptions import ApplicationError

from activities.failover import FailoverActivities
from activities.ledger import LedgerActivities
from activities.leftovers import MachineLooker
from activities.power import PowerActivities
from arm import items
from migration import ids
from migration.earlier import Books, EarlierAnswer, joined
from migration.keeping import DeleteResources
from migration.ledger import LedgerEntry, State
from migration.requests import PowerChange, StartFailover
from tests.activities.estate import SUBSCRIPTION, TARGET_GROUP, TARGET_REGION, VAULT
from workflows import belongings

if TYPE_CHECKING:
    from migration.cleaning import CleanSurvey
    from tests.activities.stage import Case, Stage

NO_HISTORY = EarlierAnswer()


async def look(stage: Stage, case: Case, earlier: EarlierAnswer = NO_HISTORY) -> CleanSurvey:
    """Look at what is left of a machine."""
    protected = await items.list_items(stage.azure, VAULT)
    return await MachineLooker(stage.azure, case.task.vm, earlier, protected).look()


def ledger(case: Case, state: State) -> list[LedgerEntry]:
    """Return the ledger of a run that enabled and failed over, all in one state."""
    entries = belongings.replication_entries(case.task, case.source)
    entries += belongings.failover_entries(case.task, case.source)
    return [entry.model_copy(update={"state": state}) for entry in entries]


def names(survey: CleanSurvey) -> set[str]:
    """Return the names of what would go."""
    return {ids.ResourceId.parse(leftover.id).name for leftover in survey.leftovers}


def make_disk(stage: Stage, name: str) -> str:
    """Make a disk in the target group."""
    made = ids.disk_id(SUBSCRIPTION, TARGET_GROUP, name)
    body = {"diskSizeGB": 4, "creationData": {"createOption": "Empty"}}
    stage.sim.follow(stage.sim.arm("PUT", made, {"location": TARGET_REGION, "properties": body}))
    return made


async def test_the_item_proves_its_replicas_where_the_history_is_lost(stage: Stage) -> None:
    """Item and replicas go, and neither the source, its agent, nor a disk that is only named like them."""
    case = stage.arrange()
    await stage.protect(case)
    os_name = case.source.disks[0].name
    look_alike = make_disk(stage, f"{os_name}-ASRtest")

    found = await look(stage, case)

    replicas = {f"{disk.name}-ASRReplica" for disk in case.source.disks}
    assert {case.name, *replicas} == names(found)
    assert all(leftover.since for leftover in found.leftovers if "ASRReplica" in leftover.id)
    told = {ids.id_key(one.id): one for one in found.untouched}
    assert "cannot be proved ours" in told[ids.id_key(look_alike)].why
    assert f"az disk delete --ids {look_alike}" == told[ids.id_key(look_alike)].command


async def test_an_item_of_another_plan_is_not_this_ones(stage: Stage) -> None:
    """Where this plan's histories answer and do not name it, a lost run of another plan has made it."""
    case = stage.arrange()
    await stage.protect(case)
    assert set() == names(await look(stage, case, joined([Books()])))
    elsewhere = case.task.vm.model_copy(update={"target_resource_group": "another"})
    protected = await items.list_items(stage.azure, VAULT)
    assert set() == names(await MachineLooker(stage.azure, elsewhere, NO_HISTORY, protected).look())


async def test_what_existed_before_the_run_stays(stage: Stage) -> None:
    """Names that are equal prove nothing: the ledger says which was there before, and the item does not overrule it."""
    case = stage.arrange()
    await stage.protect(case)
    entries = ledger(case, "created")
    stays = entries[1].id
    entries[1] = entries[1].model_copy(update={"state": "existed"})
    assert ids.ResourceId.parse(stays).name not in names(await look(stage, case, joined([Books(entries=entries)])))


async def test_nothing_goes_of_a_machine_that_serves_or_has_moved(stage: Stage) -> None:
    """Failed over: start the plan again. Committed, also when its owner has stopped it since: it is no leftover."""
    case = stage.arrange()
    await stage.fail_over(case)
    history = joined([Books(entries=ledger(case, "created"))])
    for earlier in (NO_HISTORY, history):
        running = await look(stage, case, earlier)
        assert set() == names(running)
        assert all("start the plan again" in one.why for one in running.untouched)
    delete = DeleteResources(ids=[case.task.vm.target_id], why="a test", spare_running=True)
    with pytest.raises(ApplicationError, match="it runs"):
        await stage.run(LedgerActivities.delete_resources, delete)

    stop = PowerChange(vm_id=case.task.vm.target_id, reason="a test")
    await stage.run(PowerActivities.deallocate_vm, stop)
    both_off = await look(stage, case, history)
    await stage.begin(FailoverActivities.commit_failover, StartFailover(task=case.task))
    committed = await look(stage, case, history)
    stage.sim.follow(stage.sim.arm("DELETE", case.task.item_id))
    known = joined([Books(entries=ledger(case, "created"), committed=True)])
    moved = await look(stage, case, known)
    forgotten = await look(stage, case)
    await stage.run(PowerActivities.start_vm, PowerChange(vm_id=case.task.vm.source_id, reason="a test"))
    source_runs = await look(stage, case, known)

    for survey in (both_off, committed, moved, forgotten, source_runs):
        assert set() == names(survey)


async def test_what_a_way_back_left_goes(stage: Stage) -> None:
    """The source runs again and replication is gone: what the ledger names of the target is a leftover."""
    case = stage.arrange()
    vm = case.task.vm
    await stage.fail_over(case)
    await stage.run(PowerActivities.deallocate_vm, PowerChange(vm_id=vm.target_id, reason="a test"))
    start = PowerChange(vm_id=vm.source_id, other_id=vm.target_id, reason="a test")
    await stage.run(PowerActivities.start_vm, start)
    stage.sim.follow(stage.sim.arm("DELETE", case.task.item_id))

    network = LedgerEntry(id=vm.network_id, type="t", created_by="plan", state="created", why="restored")
    found = await look(stage, case, joined([Books(entries=[*ledger(case, "predicted"), network])]))

    parts = {disk.name for disk in case.source.disks} | {nic.name for nic in case.source.nics}
    assert {vm.target_name, *parts} == names(found)
    assert ["in the run's ledger: restored; a clean removes none of its kind"] == [one.why for one in found.untouched]
    assert set() == names(await look(stage, case))
