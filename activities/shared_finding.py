"""Find at once what virtual machines share and is there already: nothing is written, and each listing is read once.

What is found as it is wanted need not be ensured one by one; what is not is read again right before it is made.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeats import beating
from arm import reads, vault_reads
from migration import ids, names
from migration.ids import ResourceId, same_id
from migration.sharing import NETWORK_MAPPINGS, FindShared, FoundShared, Serving, VaultToFind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arm.clients import AzureClients

_CONTAINER_MAPPINGS = "replicationProtectionContainerMappings"


class SharedFindingActivities:
    """Looks for what a plan shares."""

    def __init__(self, azure: AzureClients) -> None:
        self._azure = azure

    @activity.defn
    async def find_shared(self, request: FindShared) -> FoundShared:
        """Tell what serves already."""
        async with beating(list):
            groups, *parts = await asyncio.gather(
                self._there(request.group_ids), *(self._in_vault(vault) for vault in request.vaults)
            )
        return FoundShared(serving=[*groups, *(one for part in parts for one in part)])

    async def _there(self, resource_ids: Iterable[str]) -> list[Serving]:
        """Return those that are there under the very id that is wanted, and are not being deleted."""

        async def look(resource_id: str) -> Serving | None:
            document = await reads.read(self._azure, resource_id)
            state = ((document or {}).get("properties") or {}).get("provisioningState")
            return None if document is None or state == "Deleting" else Serving(wanted=resource_id, by=resource_id)

        return [one for one in await asyncio.gather(*map(look, resource_ids)) if one]

    async def _in_vault(self, vault: VaultToFind) -> list[Serving]:
        found = await self._there([vault.vault_id])
        if not found:
            return []
        policy = f"{vault.vault_id}/replicationPolicies/{names.POLICY_NAME}"
        fabrics, others = await asyncio.gather(
            vault_reads.children(self._azure, vault.vault_id, "replicationFabrics"),
            self._there([policy, *vault.account_ids]),
        )
        sides = []
        for region in (vault.source_region, vault.target_region):
            there = vault_reads.fabric_in(fabrics, region)
            if there is None:
                return found + others
            fabric = ids.fabric_id(vault.vault_id, ResourceId.parse(there).name)
            found.append(Serving(wanted=ids.fabric_id(vault.vault_id, names.fabric_name(region)), by=fabric))
            sides.append(fabric)
        containers, networks = await asyncio.gather(self._containers(vault, *sides), self._networks(vault, *sides))
        return found + others + containers + networks

    async def _containers(self, vault: VaultToFind, source_fabric: str, target_fabric: str) -> list[Serving]:
        """Return both containers and the mappings between them."""
        regions = (vault.source_region, vault.target_region)
        pair = [
            ids.container_id(fabric, names.container_name(region))
            for fabric, region in zip((source_fabric, target_fabric), regions, strict=True)
        ]
        found = await self._there(pair)
        if len(found) < len(pair):
            return found
        ways = ((pair[0], pair[1], regions), (pair[1], pair[0], regions[::-1]))
        lists = await asyncio.gather(*(vault_reads.children(self._azure, one, _CONTAINER_MAPPINGS) for one in pair))
        for (source, target, (there, back)), mappings in zip(ways, lists, strict=True):
            if by := vault_reads.mapping_in(mappings, source, target):
                wanted = f"{source}/{_CONTAINER_MAPPINGS}/{names.container_mapping_name(there, back)}"
                found.append(Serving(wanted=wanted, by=by))
        return found

    async def _networks(self, vault: VaultToFind, source_fabric: str, target_fabric: str) -> list[Serving]:
        """Return the mappings of networks that lead where they should."""
        if not vault.networks:
            return []
        there, back = await asyncio.gather(
            *(vault_reads.network_mappings(self._azure, fabric) for fabric in (source_fabric, target_fabric))
        )
        found = []
        for pair in vault.networks:
            one, other = pair.source_id, pair.target_id
            for fabric, mappings, ends in ((source_fabric, there, (one, other)), (target_fabric, back, (other, one))):
                mapped = vault_reads.network_mapping_in(mappings, ends[0])
                if mapped and same_id(mapped[1], ends[1]):
                    wanted = f"{fabric}/{NETWORK_MAPPINGS}/{names.network_mapping_name(*ends)}"
                    found.append(Serving(wanted=wanted, by=mapped[0]))
        return found
