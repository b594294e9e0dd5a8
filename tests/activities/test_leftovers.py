"""What a clean finds of one machine: only what is proved, and nothing of one that serves from its target."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.cleaning import CleaningActivities
from activities.failover import FailoverActivities
from activities.ledger import LedgerActivities
from activities.leftovers import MachineLooker
from activities.moved_leftovers import MovedLooker
from activities.parity import ParityActivities
from activities.power import PowerActivities
from arm import items
from migration import ids, makings
from migration.cleaning import FindLeftovers
from migration.earlier import Books, EarlierAnswer, joined
from migration.keeping import DeleteResources
from migration.ledger import LedgerEntry, State
from migration.names import TAG_KEEP_UNTIL, finalise_vm_id, vm_claim_id
from migration.parity.requests import TakeBackRestored
from migration.requests import PowerChange, StartFailover
from migration.specs import vm_specs
from tests.activities.contoso import CONTOSO
from tests.activities.estate import SUBSCRIPTION, TARGET_GROUP, TARGET_REGION, VAULT
from tests.activities.rich_estate import READER

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
    entries = makings.replication_entries(case.task, case.source)
    entries += makings.failover_entries(case.task, case.source)
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
        assert all("start the plan again" in one.why and not one.command for one in running.untouched)
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

    for survey in (both_off, moved, forgotten, source_runs):
        assert set() == names(survey)
    assert {case.name} == names(committed), "its protection alone"


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


async def commit(stage: Stage, case: Case) -> None:
    """Fail over and commit, and wait until Site Recovery has done it."""
    await stage.fail_over(case)
    started = await stage.begin(FailoverActivities.commit_failover, StartFailover(task=case.task))
    await stage.end(started.job)


async def test_the_protection_of_a_moved_machine_goes_and_the_machine_never(stage: Stage) -> None:
    """Its run was lost between commit and disabling: the item goes, with or without a history.

    The source's disks stay on purpose. What bears the name of a part of the target is its owner's, attached or not.
    """
    case = stage.arrange()
    await commit(stage, case)
    history = joined([Books(entries=ledger(case, "created"), committed=True)])
    data = next(disk for disk in case.source.disks if not disk.is_os)
    target = ids.ResourceId.parse(case.task.vm.target_id)
    machine = stage.sim.arm("GET", target.text).json()
    machine["properties"]["storageProfile"]["dataDisks"] = []
    stage.sim.follow(stage.sim.arm("PUT", target.text, machine))

    for earlier in (history, NO_HISTORY):
        found = await look(stage, case, earlier)
        assert {case.name} <= names(found) <= {case.name, *(f"{disk.name}-ASRReplica" for disk in case.source.disks)}
        assert [case.task.item_id.lower()] == [one.item_id and one.item_id.lower() for one in found.machines]
        stays = {ids.ResourceId.parse(one.id).name: one for one in found.untouched if one.on_purpose}
        assert {disk.name for disk in case.source.disks} <= set(stays)
        assert (data.size_gib, data.type) == (stays[data.name].size_gib, stays[data.name].sku)
    await look_without_target(stage, case, history)


async def look_without_target(stage: Stage, case: Case, earlier: EarlierAnswer) -> None:
    """Where the target was deleted meanwhile nothing goes by itself."""
    stage.sim.follow(stage.sim.arm("DELETE", case.task.vm.target_id))
    found = await look(stage, case, earlier)
    assert set() == names(found)
    told = {one.id.lower(): one.why for one in found.untouched if not one.on_purpose}
    assert "is not there: see first what became of it" in told[case.task.item_id.lower()]


async def test_kept_writes_go_once_their_time_is_over_and_what_restoring_made_goes_too(stage: Stage) -> None:
    """A snapshot says how long it is to stay; a role that the ledger names goes, one that it does not name stays."""
    case = stage.arrange()
    await stage.protect(case)
    disk = make_disk(stage, f"{case.name}-kept")
    snapshots = [ids.snapshot_id(SUBSCRIPTION, TARGET_GROUP, f"{case.name}-{when}") for when in ("old", "new")]
    for one, until in zip(snapshots, ("2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"), strict=True):
        body = {"location": TARGET_REGION, "tags": {TAG_KEEP_UNTIL: until}, "properties": {
            "creationData": {"createOption": "Copy", "sourceResourceId": disk}, "incremental": True}}  # fmt: skip
        stage.sim.follow(stage.sim.arm("PUT", one, body))
    role = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    assignments = [
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{TARGET_GROUP}/providers/Microsoft.Authorization/roleAssignments/"
        f"30000000-0000-0000-0000-00000000{stage.count:03}{n}"
        for n in range(2)
    ]
    for number, one in enumerate(assignments):
        principal = f"99999999-0000-0000-0000-00000000{stage.count:03}{number}"
        given = {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}
        stage.sim.arm("PUT", one, {"properties": given})
    entries = [
        *(_entry(one, "Microsoft.Compute/snapshots", "left") for one in snapshots),
        _entry(assignments[0], "Microsoft.Authorization/roleAssignments", "created"),
    ]
    found = await look(stage, case, joined([Books(entries=[*ledger(case, "created"), *entries])]))

    gone = {one.id for one in found.leftovers}
    assert {snapshots[0], assignments[0]} <= gone
    assert not {snapshots[1], assignments[1]} & gone
    assert [snapshots[1]] == [one.id for one in found.untouched if one.on_purpose]
    back = TakeBackRestored(vm=case.task.vm, ids=[one for one in gone if "roleAssignments" in one])
    await stage.run(ParityActivities.take_back_restored, back)
    assert assignments[0].lower() not in stage.sim.resource_ids()
    assert assignments[1].lower() in stage.sim.resource_ids()


def _entry(resource_id: str, kind: str, state: State) -> LedgerEntry:
    return LedgerEntry(id=resource_id, type=kind, created_by="plan", state=state, why="a test")


class Claims:
    """Stands for Temporal: workflows that run, with their parents."""

    def __init__(self, running: dict[str, str]) -> None:
        self._running = running

    def get_workflow_handle(self, workflow_id: str) -> Any:
        """Return what describes one."""

        async def describe() -> Any:
            if workflow_id not in self._running:
                raise RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b"")
            return SimpleNamespace(status=WorkflowExecutionStatus.RUNNING, parent_id=self._running[workflow_id])

        return SimpleNamespace(describe=describe)


async def test_who_holds_a_machine_is_named_and_a_finalise_bars_nothing_else() -> None:
    """A clean waits for whoever works on a machine, by its name; not for who decides about a moved one's source."""
    specs = vm_specs(CONTOSO)
    homes = [ids.ResourceId.parse(spec.source_id) for spec in specs]
    claims = [vm_claim_id(home.subscription, home.resource_group or "", home.name) for home in homes]
    running = {claims[0]: finalise_vm_id(CONTOSO.name, specs[0].name), claims[1]: "migrate-vm/other/app"}
    clean = CleaningActivities(None, Claims(running))  # type: ignore[arg-type]
    found = await ActivityEnvironment().run(clean.find_leftovers, FindLeftovers(plan=CONTOSO))

    assert f"migrate-vm/other/app holds {ids.describe(specs[1].source_id)} now: wait for its end" == found.refused


def test_what_replicates_a_moved_machine_back_stays_with_its_replicas() -> None:
    """After a reprotection the old region holds replica disks: they are in use, and no leftover of the move."""
    spec = vm_specs(CONTOSO)[0]
    home = ids.ResourceId.parse(spec.source_id)
    replica, stray = (ids.disk_id(home.subscription, home.resource_group or "", f"{name}-ASRReplica") for name in "ab")
    details = {"fabricObjectId": spec.target_id.upper(), "protectedManagedDisks": [{"recoveryReplicaDiskId": replica}]}
    item = ids.item_id(ids.container_id(ids.fabric_id(VAULT, "f"), "c"), "i")
    back = {"id": item, "properties": {"providerSpecificDetails": details}}
    there: dict[str, Any] = {one: {"id": one} for one in (replica, stray)}

    found = MovedLooker(spec, None, None, there, {}).look(None, committed=True, protected=[back])

    assert [] == found.leftovers
    stays = {one.id for one in found.untouched if one.on_purpose}
    assert ({item, replica}, {replica, stray, item}) == (stays, {one.id for one in found.untouched})
