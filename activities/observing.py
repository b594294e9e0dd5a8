"""Look which resources are there, and what else lies around a virtual machine's move."""

from __future__ import annotations

import asyncio

from activities.heartbeats import beating
from activities.power import read_both
from arm import machines
from arm.clients import AzureClients
from arm.listings import Listings
from arm.reads import Json
from migration.ids import ResourceId, id_key
from migration.ledger import Observation
from migration.ledger_proof import AT_THE_END, BEFORE, Surroundings, digests, unlisted
from migration.requests import Observations, ObserveResources

_TOGETHER = 10
STARTING_FLOORS = 2.5
"""How many floors old the listings may be of what lies around machines that start, before anything of theirs is made:
five seconds where the floor is two."""
_DISKS = "/providers/microsoft.compute/disks/"
_REPLICA = "-asrreplica"
"""Ends the names of disks that are made long before a move ends: a listing lags behind by moments, and lacks none of
them that is there."""


class ResourceObserver:
    """Who looks for a ledger: single resources, and listings that machines share."""

    def __init__(self, azure: AzureClients, floor_seconds: float = 0.0) -> None:
        """*floor_seconds*: between two reads; what lies around machines that start may be listed so long ago."""
        self._azure = azure
        self._listings = Listings(azure)
        self._age_seconds = STARTING_FLOORS * floor_seconds

    async def observe(self, request: ObserveResources) -> Observations:
        """Tell which resources are there."""
        together = asyncio.Semaphore(_TOGETHER)
        around = request.around
        age = self._age_seconds if request.reader == BEFORE and around is not None else 0.0
        async with beating(list):
            power = await read_both(self._azure, request.power_of) if request.power_of else None
            machines_of = [around.source_id, *around.target_ids] if around else []
            handed = self._azure.handed.take(request.reader, [*request.ids, *machines_of]) if request.reader else {}
            told = told_by(handed, request.ids)
            if age > 0 and around is not None:
                told |= await self._disks(around.group_id, age, [one for one in request.ids if id_key(one) not in told])

            async def look(resource_id: str) -> Observation:
                if (exists := told.get(id_key(resource_id))) is None:
                    async with together:
                        exists = await self._azure.together.read(resource_id) is not None
                return Observation(id=resource_id, exists=exists)

            source = handed.get(id_key(around.source_id)) if around else None
            found = await self._around(request, age, source)
            if found is not None and request.reader == AT_THE_END and not found.why:
                listed = {id_key(one) for one in found.ids}
                told |= {key: False for key in map(id_key, request.ids) if key.endswith(_REPLICA) and key not in listed}
            seen = list(await asyncio.gather(*(look(one) for one in request.ids)))
            return Observations(seen=seen, around=found, power=power)

    async def _disks(self, group_id: str, age: float, wanted: list[str]) -> dict[str, bool]:
        """Tell which disks of a target are there before anything is made; machines that start beside each other ask."""
        disks = [id_key(one) for one in wanted if id_key(one).startswith(f"{id_key(group_id)}{_DISKS}")]
        if not disks:
            return {}
        there = await self._listings.disks(group_id, age)
        return {} if there is None else {one: one in there for one in disks}

    async def _around(self, request: ObserveResources, age: float, source: Json | None) -> Surroundings | None:
        """Return what lies around; of what the ledger does not name only what is there when it is read by itself."""
        if request.around is None:
            return None
        found = await self._listings.around(request.around, age, source)
        strange = unlisted(found.ids, set(), digests(request.ids))
        there = await self._listings.confirmed(strange)
        return found.model_copy(update={"ids": [one for one in found.ids if one not in strange or one in there]})


def told_by(handed: dict[str, Json | None], wanted: list[str]) -> dict[str, bool]:
    """Return what readings tell of resources: whether they are there, and what machines are attached to or have."""
    told = {key: document is not None for key, document in handed.items()}
    for key, document in handed.items():
        machine = None if document is None else machines.machine_of(document)
        if document is None or machine is None or not _is_machine(key):
            continue
        parts = [*machine.nic_ids, *(disk.id for disk in machine.disks)]
        has = [*parts, *(str(one["id"]) for one in document.get("resources") or [])]
        told |= {id_key(one): False for one in wanted if id_key(one).startswith(f"{key}/extensions/")}
        told |= {id_key(one): True for one in has}
    return told


def _is_machine(key: str) -> bool:
    return ResourceId.parse(key).type == "microsoft.compute/virtualmachines"
