"""What lies in resource groups, in a vault and on a virtual machine: listed once for all who ask at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from arm import items, reads, vault_reads
from arm.turnstile import Turnstile
from migration.ids import ResourceId, id_key, same_id
from migration.ledger_proof import MOST_LISTED, Around, Surroundings, concerns

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from arm.reads import Json

_CONFIRMED = ("microsoft.compute/", "microsoft.network/", "microsoft.storage/", "microsoft.recoveryservices/")
"""Providers whose resources we can read one by one; a listing of a group may lag behind what was deleted."""


class Listings:
    """Listings of one process."""

    def __init__(self, azure: AzureClients) -> None:
        self._azure = azure
        self._turnstile = Turnstile()

    async def around(self, asked: Around) -> Surroundings:
        """Return what lies around a virtual machine's move and is named like its own, or belongs to its target."""
        group, protected, extensions = await asyncio.gather(
            self.group(asked.group_id), self.items(asked.vault_id), self._extensions(asked.source_id)
        )
        found = [str(one["id"]) for one in group if concerns(asked, str(one["id"]), one.get("managedBy"))]
        machines = [asked.source_id, asked.target_ids[0]]
        found += [
            str(item["id"])
            for item in protected
            if any(same_id(str(items.details(item).get("fabricObjectId")), machine) for machine in machines)
        ]
        found += [str(one["id"]) for one in extensions if str(one.get("name")).lower().startswith("siterecovery")]
        return Surroundings(ids=found, why=_too_many(group, asked.group_id))

    async def plan(self, group_ids: list[str], vault_ids: list[str]) -> Surroundings:
        """Return all that lies in some groups and in vaults, the groups themselves included."""
        listings = await asyncio.gather(*(self.group(one) for one in group_ids))
        groups = await asyncio.gather(*(reads.read(self._azure, one) for one in group_ids))
        inside = [one for vault_id in vault_ids for one in await self._inside(vault_id)]
        found = [one for one, there in zip(group_ids, groups, strict=True) if there is not None]
        found += [str(one["id"]) for listing in listings for one in listing]
        why = [_too_many(listing, one) for one, listing in zip(group_ids, listings, strict=True)]
        return Surroundings(ids=[*found, *inside], why="; ".join(filter(None, why)))

    async def _inside(self, vault_id: str) -> list[str]:
        use = await self._turnstile.read(f"use of {vault_id}", lambda: vault_reads.read_use(self._azure, vault_id))
        inside = [*use.item_ids, *use.mapping_ids, *use.container_ids, *use.fabric_ids, *use.policy_ids]
        return [*inside, *use.network_mapping_ids]

    async def group(self, group_id: str) -> list[Json]:
        """Return what lies in a resource group; nothing where there is no such group."""
        return await self._turnstile.read(id_key(group_id), lambda: self._list_group(group_id))

    async def items(self, vault_id: str) -> list[Json]:
        """Return the protected items of a vault."""
        return await self._turnstile.read(f"items of {vault_id}", lambda: items.list_items(self._azure, vault_id))

    async def confirmed(self, resource_ids: list[str]) -> list[str]:
        """Return those that are there when they are read one by one."""
        there = await asyncio.gather(*(self._is_there(one) for one in resource_ids))
        return [one for one, is_there in zip(resource_ids, there, strict=True) if is_there]

    async def _is_there(self, resource_id: str) -> bool:
        known = ResourceId.parse(resource_id).type.lower().startswith(_CONFIRMED)
        return not known or await reads.read(self._azure, resource_id) is not None

    async def _list_group(self, group_id: str) -> list[Json]:
        found: list[Json] = []
        version = reads.API_VERSIONS["microsoft.resources"]
        subscription = ResourceId.parse(group_id).subscription
        async for page in reads.pages(self._azure, f"{group_id}/resources", subscription, version):
            found += page
            if len(found) > MOST_LISTED:
                break
        return found

    async def _extensions(self, source_id: str) -> list[Json]:
        subscription = ResourceId.parse(source_id).subscription
        version = reads.API_VERSIONS["microsoft.compute"]
        return await reads.read_list(self._azure, f"{source_id}/extensions", subscription, version)


def _too_many(listing: list[Json], group_id: str) -> str:
    return f"{group_id} holds more than {MOST_LISTED} resources" if len(listing) > MOST_LISTED else ""
