"""What lies in a vault besides items and jobs: fabrics, containers, mappings and policies, whoever made them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from arm import items, reads
from arm.reads import SITE_RECOVERY_API, Json
from migration.ids import ResourceId, same_id
from migration.sharing import VaultUseAnswer

if TYPE_CHECKING:
    from arm.clients import AzureClients

_VAULTS_API = "2025-02-01"


async def children(azure: AzureClients, scope: str, kind: str) -> list[Json]:
    """Return what a vault, fabric or container lists under *kind*; empty where the scope itself is not there."""
    subscription = ResourceId.parse(scope).subscription
    return await reads.read_list(azure, f"{scope}/{kind}", subscription, SITE_RECOVERY_API)


async def read_use(azure: AzureClients, vault: str) -> VaultUseAnswer:
    """Return what a vault holds."""
    if await reads.read(azure, vault) is None:
        return VaultUseAnswer(exists=False)
    protected, mappings, containers, fabrics, policies, network_mappings = await asyncio.gather(
        children(azure, vault, "replicationProtectedItems"),
        children(azure, vault, "replicationProtectionContainerMappings"),
        children(azure, vault, "replicationProtectionContainers"),
        children(azure, vault, "replicationFabrics"),
        children(azure, vault, "replicationPolicies"),
        children(azure, vault, "replicationNetworkMappings"),
    )
    return VaultUseAnswer(
        exists=True,
        item_ids=_ids(protected),
        mapping_ids=_ids(mappings),
        container_ids=_ids(containers),
        fabric_ids=_ids(fabrics),
        policy_ids=_ids(policies),
        network_mapping_ids=_ids(network_mappings),
    )


async def fabric_of_region(azure: AzureClients, vault: str, region: str) -> str | None:
    """Return the id of the vault's fabric for an Azure region, under whatever name it was made."""
    return fabric_in(await children(azure, vault, "replicationFabrics"), region)


def fabric_in(fabrics: list[Json], region: str) -> str | None:
    """Return the id of the fabric for an Azure region among those of a vault."""
    for fabric in fabrics:
        custom = items.properties(fabric).get("customDetails") or {}
        if custom.get("instanceType") == "Azure" and _plain(custom.get("location")) == _plain(region):
            return str(fabric["id"])
    return None


async def container_mapping_between(azure: AzureClients, source: str, target: str) -> str | None:
    """Return the id of the mapping from one container to another; a container lists those of both directions."""
    return mapping_in(await children(azure, source, "replicationProtectionContainerMappings"), source, target)


def mapping_in(mappings: list[Json], source: str, target: str) -> str | None:
    """Return the id of the mapping from one container to another among those that the first lists."""
    for mapping in mappings:
        wanted = str(mapping["id"]).lower().startswith(f"{source}/".lower())
        if wanted and same_id(items.properties(mapping).get("targetProtectionContainerId"), target):
            return str(mapping["id"])
    return None


async def network_mapping_of(azure: AzureClients, fabric: str, network: str) -> tuple[str, str] | None:
    """Return the id of the mapping of a virtual network and the network that it leads to."""
    return network_mapping_in(await network_mappings(azure, fabric), network)


async def network_mappings(azure: AzureClients, fabric: str) -> list[Json]:
    """Return the mappings of a fabric's networks."""
    return await children(azure, f"{fabric}/replicationNetworks/azureNetwork", "replicationNetworkMappings")


def network_mapping_in(mappings: list[Json], network: str) -> tuple[str, str] | None:
    """Return the id of the mapping of a virtual network among those of its fabric, and the network it leads to."""
    for mapping in mappings:
        properties = items.properties(mapping)
        settings = properties.get("fabricSpecificSettings") or {}
        if same_id(properties.get("primaryNetworkId"), network) or same_id(settings.get("primaryNetworkId"), network):
            return str(mapping["id"]), str(properties.get("recoveryNetworkId") or "")
    return None


async def users_of_cache(azure: AzureClients, account: str) -> list[str]:
    """Return the protected items of the subscription's vaults that replicate through a storage account."""
    subscription = ResourceId.parse(account).subscription
    listing = f"/subscriptions/{subscription}/providers/Microsoft.RecoveryServices/vaults"
    vaults = await reads.read_list(azure, listing, subscription, _VAULTS_API)
    users = []
    for vault in vaults:
        for item in await items.list_items(azure, str(vault["id"])):
            staging = [disk.get("primaryStagingAzureStorageAccountId") for disk in items.disks(item)]
            if any(same_id(one, account) for one in staging):
                users.append(str(item["id"]))
    return users


def _ids(documents: list[Json]) -> list[str]:
    return [str(document["id"]) for document in documents]


def _plain(region: object) -> str:
    return str(region or "").replace(" ", "").lower()
