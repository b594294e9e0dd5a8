"""What lost runs left of consistency groups: their recovery plans. Proved, or named and not touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activities.leftover_entries import leftover, untouched
from arm import jobs, reads, recovery_plans, vault_reads
from migration import names
from migration.cleaning import RECOVERY_PLANS, CleanSurvey, GroupLeft, Leftover, MachineLeft, Untouched
from migration.ids import ResourceId, describe, id_key, vault_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arm.clients import AzureClients
    from arm.reads import Json
    from migration.earlier import EarlierAnswer
    from migration.ledger import LedgerEntry
    from migration.models import VmSpec


class GroupLooker:
    """Looks at the recovery plans of a plan's machines, each of which has a ledger, once these were looked at.

    *gone*: what goes of the machines. A recovery plan goes only with, or after, the protection of all its members: a
    run that goes on with one of them needs it.
    """

    def __init__(
        self, azure: AzureClients, plan: str, earlier: Mapping[str, EarlierAnswer], specs: list[VmSpec], gone: list[str]
    ) -> None:
        self._azure = azure
        self._plan = plan
        self._earlier = earlier
        self._gone = {id_key(one) for one in gone}
        self._entries: dict[str, LedgerEntry] = {}
        self._by_key: dict[str, list[VmSpec]] = {}
        """Whose ledger has a recovery plan."""
        self._by_name: dict[str, list[VmSpec]] = {}
        """Whose group has a recovery plan of that name."""
        self._by_item = {_item_key(spec): spec for spec in specs}
        for spec in specs:
            if spec.consistency_group:
                name = names.recovery_plan_name(spec.consistency_group).lower()
                self._by_name.setdefault(name, []).append(spec)
            for entry in earlier[spec.name].entries:
                if entry.type.lower() == RECOVERY_PLANS:
                    self._entries[id_key(entry.id)] = entry
                    self._by_key.setdefault(id_key(entry.id), []).append(spec)

    async def look(self, vault_ids: list[str], protected: list[Json]) -> CleanSurvey:
        """Return what is left of the groups in some vaults, which protect these items."""
        found: list[Leftover] = []
        stays: list[Untouched] = []
        groups: list[GroupLeft] = []
        staying = self._staying(protected)
        for vault in vault_ids if self._by_name or self._by_key else []:
            for told in await vault_reads.children(self._azure, vault, "replicationRecoveryPlans"):
                plan_id = str(told["id"])
                if id_key(plan_id) not in self._by_key and _name(plan_id) not in self._by_name:
                    continue
                document = await recovery_plans.read_plan(self._azure, plan_id)  # the listing leaves its groups out
                if document is None:
                    continue
                listed = recovery_plans.items_of(document)
                members = self._members(plan_id, listed)
                why, proof = await self._judge(document, members, staying)
                if why:
                    stays.append(untouched(plan_id, document, why, by_hand=not proof))
                else:
                    found.append(leftover(plan_id, document, proof, ""))
                    groups.append(GroupLeft(id=plan_id, members=[spec.name for spec in members], item_ids=listed))
        claimed = dict.fromkeys(name for group in groups for name in group.members)
        machines = [MachineLeft(name=name) for name in claimed]
        return CleanSurvey(leftovers=found, untouched=stays, machines=machines, groups=groups)

    def _staying(self, protected: list[Json]) -> dict[str, str]:
        """Return whose protection stays: its item by the machine's name."""
        owned = [(self._owner(str(item["id"])), str(item["id"])) for item in protected]
        return {spec.name: item for spec, item in owned if spec is not None and id_key(item) not in self._gone}

    def _owner(self, item_id: str) -> VmSpec | None:
        """Return the machine of the plan whose protection an item is, by the names that we give."""
        found = dict(ResourceId.parse(item_id).names)
        item, container = found.get("replicationProtectedItems", ""), found.get("replicationProtectionContainers", "")
        return self._by_item.get((item.lower(), container.lower()))

    def _members(self, plan_id: str, listed: list[str]) -> list[VmSpec]:
        """Return the plan's machines that a recovery plan concerns: of its group, of its ledger, or of its items."""
        of_items = [spec for spec in map(self._owner, listed) if spec is not None]
        found = [*self._by_name.get(_name(plan_id), []), *self._by_key.get(id_key(plan_id), []), *of_items]
        return list({spec.name: spec for spec in found}.values())

    async def _judge(self, document: Json, members: list[VmSpec], staying: Mapping[str, str]) -> tuple[str, str]:
        """Return why a recovery plan stays, "" where it may go, and what proves it to be a lost run's."""
        plan_id, listed = str(document["id"]), recovery_plans.items_of(document)
        entry = self._entries.get(id_key(plan_id))
        if entry is not None and entry.state == "existed":
            return "it was there before the run", ""
        if entry is None:
            proof = await self._by_its_items(plan_id, listed, members)
        else:
            proof = f"in the run's ledger: {entry.why}" if entry.ours or entry.state == "left" else ""
        if not proof:
            return "cannot be proved ours: no run's ledger names it, and it is not made of what a lost run left", ""
        strange = next((item for item in listed if self._owner(item) is None), None)
        if strange is not None:
            return f"somebody has put {describe(strange)} into it, which is none of plan {self._plan}", proof
        job = await jobs.working_on(self._azure, document, plan_id)
        if job is not None:
            return f"Site Recovery works on it ({job.scenario}): wait until that has ended", proof
        needed = next((staying[spec.name] for spec in members if spec.name in staying), None)
        if needed is not None:
            return f"it is for {describe(needed)}, which stays: start the plan again, which goes on with both", proof
        return "", proof

    async def _by_its_items(self, plan_id: str, listed: list[str], members: list[VmSpec]) -> str:
        """Return what proves it where the histories of all members are lost; one that answers would name it."""
        if any(self._earlier[spec.name].runs != self._earlier[spec.name].unread for spec in members):
            return ""
        if listed:
            ours = all(id_key(item) in self._gone for item in listed)
            return "our name for it, and all that it fails over is a lost run's" if ours else ""
        vault = await reads.read(self._azure, vault_of(plan_id))
        tags: dict[str, Any] = (vault or {}).get("tags") or {}
        return "in the vault that we made, under our name" if tags.get(names.TAG_PLAN) == self._plan else ""


def _item_key(spec: VmSpec) -> tuple[str, str]:
    item, container = names.protected_item_name(spec.source_id), names.container_name(spec.source_region)
    return item.lower(), container.lower()


def _name(resource_id: str) -> str:
    return ResourceId.parse(resource_id).name.lower()
