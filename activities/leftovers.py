"""What a lost run left of one virtual machine, and of what all share: proved, or named and not touched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from arm import items, jobs, machines, reads, vault_reads
from migration import ids, names
from migration.cleaning import CleanSurvey, Leftover, MachineLeft, Untouched, claimed, removal_command
from migration.ids import ResourceId, describe, id_key, same_id
from migration.models import vm_specs
from migration.power import is_running
from migration.rules.adoption import is_ours

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from arm.machines import Machine
    from arm.reads import Json
    from migration.earlier import EarlierAnswer
    from migration.models import VmSpec
    from migration.plan import Plan
    from migration.requests import ItemState

_DELETED = {"microsoft.compute/virtualmachines", "microsoft.compute/disks", "microsoft.network/networkinterfaces"}
_BY_ITEM = "its protected item names it"
_NOT_PROVED = "cannot be proved ours: no run's ledger names it, and no protected item of ours does"


class MachineLooker:
    """Looks at one virtual machine of a plan that does not run."""

    def __init__(self, azure: AzureClients, spec: VmSpec, earlier: EarlierAnswer, protected: list[Json]) -> None:
        self._azure = azure
        self._spec = spec
        self._earlier = earlier
        mine = [item for item in protected if is_ours(spec, str(item["id"]))]
        self._item = next(iter(mine), None)

    async def look(self) -> CleanSurvey:
        """Return what is left of it."""
        source, target = await asyncio.gather(
            machines.read_machine(self._azure, self._spec.source_id),
            machines.read_machine(self._azure, self._spec.target_id),
        )
        state = items.state_of(self._item) if self._item else None
        proved = self._proved(state, source, target)
        there = await self._there(proved)
        stays = await self._why_it_stays(state, source, target)
        if stays:
            return CleanSurvey(untouched=[Untouched(id=one, why=stays) for one in there if self._is_told(one)])
        found = [self._leftover(one, document, proved) for one, document in there.items() if self._is_removable(one)]
        untouched = [*self._of_other_kinds(there, proved), *await self._look_alikes(proved, source)]
        machine = MachineLeft(
            name=self._spec.name,
            item_id=str(self._item["id"]) if self._item else None,
            test_pending=self._has_test(state),
        )
        return CleanSurvey(leftovers=found, untouched=untouched, machines=[machine] if found else [])

    def _proved(self, state: ItemState | None, source: Machine | None, target: Machine | None) -> dict[str, str]:
        """Return reasons by id of all that is proved to be made by a run of ours; never what existed before it."""
        proved = {entry.id: f"in the run's ledger: {entry.why}" for entry in self._earlier.entries if entry.ours}
        if self._item is not None and state is not None and self._is_of_this_plan(self._item):
            parts = _target_parts(self._spec, state, source, target)
            for one in (str(self._item["id"]), *state.replica_disk_ids, *parts):
                known = any(same_id(one, other) for other in proved)
                if not known and id_key(one) not in self._earlier.existed:
                    proved[one] = "our name for it" if same_id(one, str(self._item["id"])) else _BY_ITEM
        return proved

    def _is_of_this_plan(self, item: Json) -> bool:
        """Tell whether our item is of this plan: named by its runs' ledgers, or fitting it where they are lost.

        The item's name follows from the machine, so a run of another plan may have made it.
        """
        item_id = str(item["id"])
        if any(same_id(entry.id, item_id) and entry.ours for entry in self._earlier.entries):
            return True
        group = str(items.details(item).get("recoveryAzureResourceGroupId") or "")
        lost = self._earlier.runs == self._earlier.unread
        return lost and same_id(group, self._spec.target_resource_group_id)

    async def _why_it_stays(self, state: ItemState | None, source: Machine | None, target: Machine | None) -> str:
        """Return why nothing of this machine may go, "" where it may."""
        source_runs = source is not None and is_running(source.power_state)
        if self._earlier.committed or (state is not None and state.committed):
            return "it was migrated: its target is no leftover"
        if target is not None and is_running(target.power_state) and self._may_be_copy(state):
            return "its target runs: start the plan again, which goes on with it, and approve or reject"
        is_over = (state is not None and state.failed_over) or (target is not None and self._may_be_copy(state))
        if is_over and not source_runs:
            return "it has failed over and its source does not run: start the plan again, which goes on with it"
        job = await jobs.working_on(self._azure, self._item, str(self._item["id"])) if self._item else None
        return f"Site Recovery works on it ({job.scenario}): wait until that has ended" if job else ""

    def _may_be_copy(self, state: ItemState | None) -> bool:
        """Tell whether a machine with the target's name may be the copy; a stranger's bars nothing of ours."""
        known = any(same_id(entry.id, self._spec.target_id) and entry.ours for entry in self._earlier.entries)
        named = state is not None and state.failed_over and same_id(state.recovery_vm_id, self._spec.target_id)
        return known or named

    def _has_test(self, state: ItemState | None) -> bool:
        return state is not None and state.test_failover_state not in items.TEST_FAILOVER_DONE

    def _is_told(self, resource_id: str) -> bool:
        return not same_id(resource_id, self._spec.target_id) and self._is_removable(resource_id)

    def _of_other_kinds(self, there: dict[str, Json], proved: dict[str, str]) -> list[Untouched]:
        """Return what a run made that no clean removes, such as what it restored of the source's surroundings."""
        below = f"{id_key(self._spec.source_id)}/"
        return [
            Untouched(id=one, why=f"{proved[one]}; a clean removes none of its kind", command=removal_command(one))
            for one in there
            if not self._is_removable(one) and not id_key(one).startswith(below)
        ]

    def _is_removable(self, resource_id: str) -> bool:
        """Tell whether clean removes it: never the source or what is on it; the agent goes with the item."""
        below_source = id_key(resource_id).startswith(id_key(self._spec.source_id))
        return not below_source and (
            (self._item is not None and same_id(resource_id, str(self._item["id"])))
            or ResourceId.parse(resource_id).type.lower() in _DELETED
        )

    async def _there(self, proved: dict[str, str]) -> dict[str, Json]:
        documents = await asyncio.gather(*(reads.read(self._azure, one) for one in proved))
        return {one: document for one, document in zip(proved, documents, strict=True) if document is not None}

    def _leftover(self, resource_id: str, document: Json, proved: dict[str, str]) -> Leftover:
        return _leftover(resource_id, document, proved[resource_id], self._spec.name)

    async def _look_alikes(self, proved: dict[str, str], source: Machine | None) -> list[Untouched]:
        """Return what bears the names that a run gives, exists, and is not proved."""
        own = {id_key(one) for one in proved}
        home = (self._spec.target_subscription, self._spec.target_resource_group)
        disks = [ResourceId.parse(disk.id).name for disk in source.disks] if source else []
        nics = [ResourceId.parse(nic).name for nic in source.nic_ids] if source else []
        wanted = [self._spec.target_id, *(ids.nic_id(*home, name) for name in nics)]
        wanted += [ids.disk_id(*home, f"{name}{end}") for name in disks for end in ("", "-ASRReplica", "-ASRtest")]
        asked = [one for one in wanted if id_key(one) not in own]
        documents = await asyncio.gather(*(reads.read(self._azure, one) for one in asked))
        return [
            Untouched(id=one, why=self._why_not(one), command=removal_command(one))
            for one, document in zip(asked, documents, strict=True)
            if document is not None
        ]

    def _why_not(self, resource_id: str) -> str:
        return "it was there before the run" if id_key(resource_id) in self._earlier.existed else _NOT_PROVED


class SharedLooker:
    """Looks at what the machines of a plan share. *gone*: what goes before it; *others*: running plans that use it."""

    def __init__(
        self, azure: AzureClients, plan: Plan, earlier: EarlierAnswer, gone: list[str], others: list[str]
    ) -> None:
        self._azure = azure
        self._plan = plan
        self._by_run = claimed(earlier)
        self._left = {id_key(entry.id): entry.why for entry in earlier.entries if entry.state == "left"}
        self._existed = earlier.existed
        self._gone = {id_key(one) for one in gone}
        self._others = others

    async def look(self) -> CleanSurvey:
        """Return what is left of it."""
        plan = self._plan
        use = await vault_reads.read_use(self._azure, plan.vault_id)
        account = plan.vault.cache_account or names.cache_account_name(plan.vault_id, plan.source.region)
        cache = ids.storage_account_id(plan.subscription, plan.vault.resource_group, account)
        inside = [*use.network_mapping_ids, *use.mapping_ids, *use.container_ids, *use.policy_ids, *use.fabric_ids]
        asked = list(dict.fromkeys([cache, plan.vault_id, *self._groups()]))
        documents = dict(
            zip(asked, await asyncio.gather(*(reads.read(self._azure, one) for one in asked)), strict=True)
        )
        vault = documents[plan.vault_id]
        vault_is_ours = vault is not None and bool(self._reason(plan.vault_id, vault))
        users = [one for one in use.item_ids if id_key(one) not in self._gone]
        found: list[Leftover] = []
        stays: list[Untouched] = []
        for one in inside:
            why = self._by_run.get(id_key(one)) or self._left_reason(one)
            why = why or ("in the vault that we made, under our name" if vault_is_ours and _is_named_ours(one) else "")
            self._sort(found, stays, one, {}, why, self._in_use(users))
        for one in (cache, plan.vault_id):
            if documents[one] is not None:
                self._sort(
                    found, stays, one, documents[one] or {}, self._reason(one, documents[one]), self._in_use(users)
                )
        await self._look_at_groups(found, stays, documents)
        return CleanSurvey(leftovers=found, untouched=stays)

    async def _look_at_groups(
        self, found: list[Leftover], stays: list[Untouched], documents: dict[str, Json | None]
    ) -> None:
        for group_id in self._groups():
            document = documents[group_id]
            if document is None:
                continue
            going = self._gone | {id_key(one.id) for one in found}
            version = reads.API_VERSIONS["microsoft.resources"]
            listed = await reads.read_list(
                self._azure, f"{group_id}/resources", ResourceId.parse(group_id).subscription, version
            )
            others = [str(one["id"]) for one in listed if not _goes(str(one["id"]), going)]
            busy = f"it still holds {len(others)}, {describe(others[0])} among them" if others else ""
            self._sort(found, stays, group_id, document, self._reason(group_id, document), busy)

    def _sort(
        self, found: list[Leftover], stays: list[Untouched], one: str, document: Json, reason: str, busy: str
    ) -> None:
        """Enter a resource where it belongs; what existed before is nobody's leftover, and not told."""
        if id_key(one) in self._existed or (not reason and not _is_named_ours(one)):
            return
        if reason and not busy:
            found.append(_leftover(one, document, reason, ""))
        elif reason:
            stays.append(Untouched(id=one, why=busy, command=removal_command(one)))
        else:
            why = "cannot be proved ours: no run's ledger names it, and it has no tag of this plan"
            stays.append(Untouched(id=one, why=why, command=removal_command(one)))

    def _in_use(self, users: list[str]) -> str:
        if self._others:
            return f"in use by the plans {', '.join(self._others)}"
        return f"in use: the vault protects {len(users)} machines" if users else ""

    def _reason(self, resource_id: str, document: Json | None) -> str:
        tagged = ((document or {}).get("tags") or {}).get(names.TAG_PLAN) == self._plan.name
        by_run = self._by_run.get(id_key(resource_id)) or self._left_reason(resource_id)
        return by_run or ("tagged as made by this plan" if tagged else "")

    def _left_reason(self, resource_id: str) -> str:
        why = self._left.get(id_key(resource_id))
        return f"left by the run: {why}" if why else ""

    def _groups(self) -> list[str]:
        groups = [spec.target_resource_group_id for spec in vm_specs(self._plan)]
        groups.append(ids.resource_group_id(self._plan.subscription, self._plan.vault.resource_group))
        return list({id_key(one): one for one in groups}.values())


def _target_parts(spec: VmSpec, state: ItemState, source: Machine | None, target: Machine | None) -> list[str]:
    """Return what the item's failover made: the machine that it names, with parts under the source's names."""
    if not state.failed_over or target is None or source is None or not same_id(state.recovery_vm_id, spec.target_id):
        return []
    known = {ResourceId.parse(one).name.lower() for one in (*(disk.id for disk in source.disks), *source.nic_ids)}
    attached = [*(disk.id for disk in target.disks), *target.nic_ids]
    return [spec.target_id, *(one for one in attached if ResourceId.parse(one).name.lower() in known)]


def _leftover(resource_id: str, document: Json, why: str, vm: str) -> Leftover:
    properties = document.get("properties") or {}
    return Leftover(
        id=resource_id,
        type=ResourceId.parse(resource_id).type,
        vm=vm,
        why=why,
        since=properties.get("timeCreated") or properties.get("creationTime"),
        size_gib=properties.get("diskSizeGB"),
        sku=str((document.get("sku") or {}).get("name") or ""),
    )


def _is_named_ours(resource_id: str) -> bool:
    return ResourceId.parse(resource_id).name.lower().startswith(("migration-", "asrcache"))


def _goes(resource_id: str, going: set[str]) -> bool:
    key = id_key(resource_id)
    return key in going or any(key.startswith(f"{parent}/") for parent in going)
