"""What lies in resource groups, in a vault and on a virtual machine: listed once for all who ask at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

from arm import items, reads, vault_reads
from arm.asking import Memory
from migration.facts import Fact
from migration.ids import ResourceId, id_key
from migration.ledger_proof import MOST_LISTED, Around, Neighbourhood, Surroundings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from arm.clients import AzureClients
    from arm.reads import Json

T = TypeVar("T")

_CONFIRMED = ("microsoft.compute/", "microsoft.network/", "microsoft.storage/", "microsoft.recoveryservices/")
"""Providers whose resources we can read one by one; a listing of a group may lag behind what was deleted."""
LONG = 500
"""A listing of more disks than that costs more than a read of each of a machine's."""


@dataclass(frozen=True)
class _Group:
    """What lies in a resource group: its id, and by what it is managed."""

    entries: list[Json]

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """The same for those who look for a few of them."""
        return Neighbourhood((str(one["id"]), one.get("managedBy")) for one in self.entries)


class Listings:
    """Listings of one process."""

    def __init__(self, azure: AzureClients) -> None:
        self._azure = azure
        self._memory = Memory()
        self._long: set[str] = set()

    async def around(self, asked: Around, age_seconds: float = 0, source: Json | None = None) -> Surroundings:
        """Return what lies around a virtual machine's move and is named like its own, or belongs to its target.

        *age_seconds*: how old the listings may be; *source*: the source machine where it has just been read.
        """
        group, protected, extensions = await asyncio.gather(
            self._group(asked.group_id, age_seconds),
            self._recalled(f"items of {asked.vault_id}", age_seconds, lambda: self._items(asked.vault_id)),
            self._extensions(asked.source_id, source),
        )
        found = group.neighbourhood.concerning(asked)
        machines = [asked.source_id, asked.target_ids[0]]
        found += [item_id for machine in machines for item_id in protected.get(id_key(machine), ())]
        found += [one for one in extensions if one.rpartition("/")[2].lower().startswith("siterecovery")]
        return Surroundings(ids=found, why=_too_many(group.entries, asked.group_id))

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
        use = await self._azure.turnstile.read(
            f"use of {vault_id}", lambda: vault_reads.read_use(self._azure, vault_id)
        )
        inside = [*use.item_ids, *use.mapping_ids, *use.container_ids, *use.fabric_ids, *use.policy_ids]
        return [*inside, *use.network_mapping_ids]

    async def group(self, group_id: str) -> list[Json]:
        """Return what lies in a resource group; nothing where there is no such group."""
        return (await self._group(group_id, 0)).entries

    async def _group(self, group_id: str, age_seconds: float) -> _Group:
        return await self._recalled(id_key(group_id), age_seconds, lambda: self._list_group(group_id))

    async def disks(self, group_id: str, age_seconds: float) -> set[str] | None:
        """Return the keys of the disks of a resource group; None where there are so many that a few are rather read."""
        question = f"disks of {id_key(group_id)}"
        if question in self._long:
            return None

        async def ask() -> list[str]:
            subscription = ResourceId.parse(group_id).subscription
            collection = f"{group_id}/providers/Microsoft.Compute/disks"
            listed = await reads.read_list(self._azure, collection, subscription, reads.DISKS_API)
            if len(listed) > LONG:
                self._long.add(question)
            return [id_key(str(one["id"])) for one in listed]

        return set(await self._recalled(question, age_seconds, ask))

    async def _recalled(self, question: str, age_seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
        async def fact() -> Fact[T]:
            return Fact(await ask())

        return cast("T", (await self._memory.recall(question, age_seconds, fact)).value)

    async def items(self, vault_id: str) -> list[Json]:
        """Return the protected items of a vault."""
        return await self._azure.turnstile.read(f"items of {vault_id}", lambda: items.list_items(self._azure, vault_id))

    async def confirmed(self, resource_ids: list[str]) -> list[str]:
        """Return those that are there when they are read one by one."""
        there = await asyncio.gather(*(self._is_there(one) for one in resource_ids))
        return [one for one, is_there in zip(resource_ids, there, strict=True) if is_there]

    async def _is_there(self, resource_id: str) -> bool:
        known = ResourceId.parse(resource_id).type.lower().startswith(_CONFIRMED)
        return not known or await reads.read(self._azure, resource_id) is not None

    async def _list_group(self, group_id: str) -> _Group:
        found: list[Json] = []
        version = reads.API_VERSIONS["microsoft.resources"]
        subscription = ResourceId.parse(group_id).subscription
        async for page in reads.pages(self._azure, f"{group_id}/resources", subscription, version):
            found += [{key: one.get(key) for key in ("id", "managedBy")} for one in page]
            if len(found) > MOST_LISTED:
                break
        return _Group(found)

    async def _items(self, vault_id: str) -> dict[str, list[str]]:
        """Return the items of a vault, by the key of the machine that they are about."""
        found: dict[str, list[str]] = {}
        for item in await items.list_items(self._azure, vault_id):
            found.setdefault(id_key(str(items.details(item).get("fabricObjectId"))), []).append(str(item["id"]))
        return found

    async def _extensions(self, source_id: str, source: Json | None) -> list[str]:
        """Return the extensions of a machine, from itself where it has just been read."""
        if source is not None:
            return [str(one["id"]) for one in source.get("resources") or []]
        subscription = ResourceId.parse(source_id).subscription
        version = reads.API_VERSIONS["microsoft.compute"]
        listed = await reads.read_list(self._azure, f"{source_id}/extensions", subscription, version)
        return [str(one["id"]) for one in listed]


def _too_many(listing: list[Json], group_id: str) -> str:
    return f"{group_id} holds more than {MOST_LISTED} resources" if len(listing) > MOST_LISTED else ""
