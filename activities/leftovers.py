"""What a lost run left of one virtual machine: proved, or named and not touched."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from activities.leftover_entries import leftover, on_purpose, untouched
from activities.moved_leftovers import MovedLooker
from arm import items, jobs, machines, reads
from migration import ids, names
from migration.cleaning import RECOVERY_PLANS, RESTORED_TYPES, CleanSurvey, Leftover, MachineLeft, Untouched
from migration.ids import ResourceId, id_key, same_id
from migration.power import is_running
from migration.rules.adoption import is_ours
from migration.times import parse_azure_time

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from arm.machines import Machine
    from arm.reads import Json
    from migration.earlier import EarlierAnswer
    from migration.models import VmSpec
    from migration.requests import ItemState

_DELETED = {"microsoft.compute/virtualmachines", "microsoft.compute/disks", "microsoft.network/networkinterfaces"}
_SNAPSHOT = "microsoft.compute/snapshots"
_BY_ITEM = "its protected item names it"
_NOT_PROVED = "cannot be proved ours: no run's ledger names it, and no protected item of ours does"


class MachineLooker:
    """Looks at one virtual machine of a plan that does not run."""

    def __init__(self, azure: AzureClients, spec: VmSpec, earlier: EarlierAnswer, protected: list[Json]) -> None:
        self._azure = azure
        self._spec = spec
        self._earlier = earlier
        self._protected = protected
        mine = [item for item in protected if is_ours(spec, str(item["id"]))]
        self._item = next(iter(mine), None)

    async def look(self) -> CleanSurvey:
        """Return what is left of it."""
        survey, (gone, kept) = await asyncio.gather(self._of_the_move(), self._snapshots())
        machines_left = survey.machines or ([MachineLeft(name=self._spec.name)] if gone else [])
        return survey.model_copy(
            update={
                "leftovers": [*survey.leftovers, *gone],
                "untouched": [*survey.untouched, *kept],
                "machines": machines_left,
            }
        )

    async def _of_the_move(self) -> CleanSurvey:
        source, target = await asyncio.gather(
            machines.read_machine(self._azure, self._spec.source_id),
            machines.read_machine(self._azure, self._spec.target_id),
        )
        state = items.state_of(self._item) if self._item else None
        proved = self._proved(state, source, target)
        there = await self._there(proved)
        job = await jobs.working_on(self._azure, self._item, str(self._item["id"])) if self._item else None
        busy = f"Site Recovery works on it ({job.scenario}): wait until that has ended" if job else ""
        committed = state is not None and state.committed
        if (committed or self._earlier.committed) and not busy:
            moved = MovedLooker(self._spec, source, target, there, proved)
            item_id = str(self._item["id"]) if self._item else ""
            mine = self._item if any(same_id(item_id, one) for one in there) else None
            return moved.look(mine, committed=committed, protected=self._protected)
        stays = busy or self._why_it_stays(state, source, target)
        if stays:
            # Whoever goes on needs it: no command that deletes it is told.
            told = [
                untouched(one, document, stays, by_hand=False) for one, document in there.items() if self._is_told(one)
            ]
            return CleanSurvey(untouched=told)
        found = [self._leftover(one, document, proved) for one, document in there.items() if self._is_removable(one)]
        others = [*self._of_other_kinds(there, proved), *await self._look_alikes(proved, source)]
        machine = MachineLeft(
            name=self._spec.name,
            item_id=str(self._item["id"]) if self._item else None,
            test_pending=self._has_test(state),
        )
        return CleanSurvey(leftovers=found, untouched=others, machines=[machine] if found else [])

    async def _snapshots(self) -> tuple[list[Leftover], list[Untouched]]:
        """Return the snapshots of a target's writes whose time is over, and those whose is not."""
        named = {entry.id: entry for entry in self._earlier.entries if entry.type.lower() == _SNAPSHOT}
        there = await self._there({key: "" for key, entry in named.items() if entry.ours or entry.state == "left"})
        gone, kept = [], []
        for one, document in there.items():
            until = str((document.get("tags") or {}).get(names.TAG_KEEP_UNTIL) or "")
            at = parse_azure_time(until)
            if at is not None and at > datetime.now(UTC):
                kept.append(on_purpose(one, document, f"what was written on a target, to be kept until {until}"))
            else:
                why = f"in the run's ledger: {named[one].why}; that time is over"
                gone.append(leftover(one, document, why, self._spec.name))
        return gone, kept

    def _proved(self, state: ItemState | None, source: Machine | None, target: Machine | None) -> dict[str, str]:
        """Return reasons by id of all that is proved to be made by a run of ours; never what existed before it."""
        proved = {
            entry.id: f"in the run's ledger: {entry.why}"
            for entry in self._earlier.entries
            if entry.ours and entry.type.lower() not in {_SNAPSHOT, RECOVERY_PLANS}
        }
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

    def _why_it_stays(self, state: ItemState | None, source: Machine | None, target: Machine | None) -> str:
        """Return why nothing of this machine may go, "" where it may."""
        source_runs = source is not None and is_running(source.power_state)
        if target is not None and is_running(target.power_state) and self._may_be_copy(state):
            return "its target runs: start the plan again, which goes on with it, and approve or reject"
        is_over = (state is not None and state.failed_over) or (target is not None and self._may_be_copy(state))
        if is_over and not source_runs:
            return "it has failed over and its source does not run: start the plan again, which goes on with it"
        return ""

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
        """Return what a run made that no clean removes."""
        below = f"{id_key(self._spec.source_id)}/"
        return [
            untouched(one, document, f"{proved[one]}; a clean removes none of its kind")
            for one, document in there.items()
            if not self._is_removable(one) and not id_key(one).startswith(below)
        ]

    def _is_removable(self, resource_id: str) -> bool:
        """Tell whether clean removes it: never the source or what is on it; the agent goes with the item."""
        below_source = f"{id_key(resource_id)}/".startswith(f"{id_key(self._spec.source_id)}/")
        return not below_source and (
            (self._item is not None and same_id(resource_id, str(self._item["id"])))
            or ids.type_of(resource_id).lower() in _DELETED | RESTORED_TYPES
        )

    async def _there(self, proved: dict[str, str]) -> dict[str, Json]:
        documents = await asyncio.gather(*(reads.read(self._azure, one) for one in proved))
        return {one: document for one, document in zip(proved, documents, strict=True) if document is not None}

    def _leftover(self, resource_id: str, document: Json, proved: dict[str, str]) -> Leftover:
        return leftover(resource_id, document, proved[resource_id], self._spec.name)

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
            untouched(one, document, self._why_not(one))
            for one, document in zip(asked, documents, strict=True)
            if document is not None
        ]

    def _why_not(self, resource_id: str) -> str:
        return "it was there before the run" if id_key(resource_id) in self._earlier.existed else _NOT_PROVED


def _target_parts(spec: VmSpec, state: ItemState, source: Machine | None, target: Machine | None) -> list[str]:
    """Return what the item's failover made: the machine that it names, with parts under the source's names."""
    if not state.failed_over or target is None or source is None or not same_id(state.recovery_vm_id, spec.target_id):
        return []
    known = {ResourceId.parse(one).name.lower() for one in (*(disk.id for disk in source.disks), *source.nic_ids)}
    attached = [*(disk.id for disk in target.disks), *target.nic_ids]
    return [spec.target_id, *(one for one in attached if ResourceId.parse(one).name.lower() in known)]
