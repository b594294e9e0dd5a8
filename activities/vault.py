"""What virtual machines share: resource groups, the vault, and in it fabrics, containers, mappings and the policy.

Each is made if it is missing, under a predictable name; what is there already is used, whoever made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from temporalio import activity

from activities import sharing
from activities.failures import refused
from activities.heartbeats import beating
from activities.writing import INTENT_SETTLE_SECONDS, Write, Writer
from arm import reads, vault_reads
from arm.clients import AzureClients
from arm.writes import Accepted, begin, send
from migration import ids, names
from migration.ids import ResourceId, describe, same_id
from migration.models import Started
from migration.sharing import (
    CacheAccountWanted,
    ContainerMappingWanted,
    ContainerWanted,
    FabricWanted,
    NetworkMappingWanted,
    PolicyWanted,
    RemoveShared,
    ResourceGroupWanted,
    VaultUse,
    VaultUseAnswer,
    VaultWanted,
)

if TYPE_CHECKING:
    from azure.mgmt.recoveryservicessiterecovery.aio import SiteRecoveryManagementClient

POLICY = {
    "instanceType": "A2A",
    "recoveryPointHistory": 24 * 60,
    "crashConsistentFrequencyInMinutes": 5,
    "appConsistentFrequencyInMinutes": 0,
    "multiVmSyncStatus": "Enable",
}
"""Crash-consistent points suffice: the failover takes one from after the source's shutdown."""


class VaultActivities:
    """The shared part of a plan."""

    def __init__(self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._writer = Writer(azure, settle_seconds)

    @activity.defn
    async def ensure_resource_group(self, wanted: ResourceGroupWanted) -> Started:
        """Make a resource group, unless it is there."""
        group = ids.resource_group_id(wanted.subscription, wanted.name)

        async def make() -> Accepted:
            groups = self._azure.resources(wanted.subscription).resource_groups
            body = {"location": wanted.region, "tags": {names.TAG_PLAN: wanted.plan}}
            return await send(groups.create_or_update, wanted.name, body)

        return await self._ensure(group, make)

    @activity.defn
    async def ensure_vault(self, wanted: VaultWanted) -> Started:
        """Make a Recovery Services vault, unless it is there; it may still be provisioning then."""
        vault = ResourceId.parse(wanted.vault_id)

        async def make() -> Accepted:
            body = {
                "location": wanted.region,
                "tags": {names.TAG_PLAN: wanted.plan},
                "sku": {"name": "RS0", "tier": "Standard"},
                "properties": {"publicNetworkAccess": "Enabled"},
            }
            vaults = self._azure.recovery_services(vault.subscription).vaults
            return await begin(vaults.begin_create_or_update, vault.resource_group, vault.name, body)

        return await self._ensure(wanted.vault_id, make)

    @activity.defn
    async def ensure_fabric(self, wanted: FabricWanted) -> Started:
        """Make the fabric of a region, unless the vault has one under any name."""
        vault, name = ResourceId.parse(wanted.vault_id), names.fabric_name(wanted.region)
        fabric = ids.fabric_id(wanted.vault_id, name)

        async def find() -> Started | None:
            there = await vault_reads.fabric_of_region(self._azure, wanted.vault_id, wanted.region)
            return _existing(there and ids.fabric_id(wanted.vault_id, ResourceId.parse(there).name))

        async def make() -> Accepted:
            body = {"properties": {"customDetails": {"instanceType": "Azure", "location": wanted.region}}}
            fabrics = self._site_recovery(vault).replication_fabrics
            return await begin(fabrics.begin_create, vault.resource_group, vault.name, name, body)

        return await self._writer.write(Write(fabric, find, make, "CreateSite", creates=True))

    @activity.defn
    async def ensure_policy(self, wanted: PolicyWanted) -> Started:
        """Make the replication policy, unless it is there."""
        vault = ResourceId.parse(wanted.vault_id)

        async def make() -> Accepted:
            policies = self._site_recovery(vault).replication_policies
            body = {"properties": {"providerSpecificInput": POLICY}}
            return await begin(policies.begin_create, vault.resource_group, vault.name, names.POLICY_NAME, body)

        policy = f"{wanted.vault_id}/replicationPolicies/{names.POLICY_NAME}"
        return await self._ensure(policy, make, "AddProtectionProfile")

    @activity.defn
    async def ensure_container(self, wanted: ContainerWanted) -> Started:
        """Make the protection container of a region, unless it is there."""
        vault, name = _vault_of(wanted.fabric_id), names.container_name(wanted.region)
        fabric = ResourceId.parse(wanted.fabric_id).name

        async def make() -> Accepted:
            containers = self._site_recovery(vault).replication_protection_containers
            body = {"properties": {"providerSpecificInput": [{"instanceType": "A2A"}]}}
            return await begin(containers.begin_create, vault.resource_group, vault.name, fabric, name, body)

        return await self._ensure(ids.container_id(wanted.fabric_id, name), make, "CreateCloud")

    @activity.defn
    async def ensure_container_mapping(self, wanted: ContainerMappingWanted) -> Started:
        """Map one container to another, unless that mapping exists under any name."""
        source, vault = wanted.source_container_id, _vault_of(wanted.source_container_id)
        mapping = f"{source}/replicationProtectionContainerMappings/{wanted.name}"

        async def find() -> Started | None:
            target = wanted.target_container_id
            return _existing(await vault_reads.container_mapping_between(self._azure, source, target))

        async def make() -> Accepted:
            body = {
                "properties": {
                    "targetProtectionContainerId": wanted.target_container_id,
                    "policyId": wanted.policy_id,
                    "providerSpecificInput": {"instanceType": "A2A", "agentAutoUpdateStatus": "Disabled"},
                }
            }
            mappings = self._site_recovery(vault).replication_protection_container_mappings
            return await begin(mappings.begin_create, *_path(vault, source), wanted.name, body)

        return await self._writer.write(Write(mapping, find, make, "AssociateProtectionProfile", creates=True))

    @activity.defn
    async def ensure_network_mapping(self, wanted: NetworkMappingWanted) -> Started:
        """Map a virtual network to its counterpart, unless it is mapped there; a network can be mapped to one only."""
        fabric, vault = wanted.source_fabric_id, _vault_of(wanted.source_fabric_id)
        name = names.network_mapping_name(wanted.source_network_id, wanted.target_network_id)
        mapping = f"{fabric}/replicationNetworks/azureNetwork/replicationNetworkMappings/{name}"

        async def find() -> Started | None:
            there = await vault_reads.network_mapping_of(self._azure, fabric, wanted.source_network_id)
            if there and not same_id(there[1], wanted.target_network_id):
                raise refused(
                    f"mapping {describe(wanted.source_network_id)} to {describe(wanted.target_network_id)}: the vault "
                    f"maps it to {describe(there[1])} already.",
                    wanted.source_network_id,
                    remedy="Remove that mapping if nothing uses it, or plan the move into that network.",
                )
            return _existing(there and there[0])

        async def make() -> Accepted:
            body = {
                "properties": {
                    "recoveryFabricName": ResourceId.parse(wanted.target_fabric_id).name,
                    "recoveryNetworkId": wanted.target_network_id,
                    "fabricSpecificDetails": {
                        "instanceType": "AzureToAzure",
                        "primaryNetworkId": wanted.source_network_id,
                    },
                }
            }
            mappings = self._site_recovery(vault).replication_network_mappings
            return await begin(mappings.begin_create, *_path(vault, fabric), "azureNetwork", name, body)

        return await self._writer.write(Write(mapping, find, make, "NetworkPairing", creates=True))

    @activity.defn
    async def ensure_cache_account(self, wanted: CacheAccountWanted) -> Started:
        """Make the cache storage account, unless it is there; it may still be provisioning then."""
        account = ResourceId.parse(wanted.account_id)

        async def make() -> Accepted:
            body = {
                "location": wanted.region,
                "tags": {names.TAG_PLAN: wanted.plan},
                "sku": {"name": "Standard_LRS"},
                "kind": "StorageV2",
                "properties": {
                    "supportsHttpsTrafficOnly": True,
                    "minimumTlsVersion": "TLS1_2",
                    "allowBlobPublicAccess": False,
                },
            }
            accounts = self._azure.storage(account.subscription).storage_accounts
            return await begin(accounts.begin_create, account.resource_group, account.name, body)

        return await self._ensure(wanted.account_id, make)

    @activity.defn
    async def read_vault_use(self, request: VaultUse) -> VaultUseAnswer:
        """Tell what a vault holds."""
        async with beating(list):
            return await vault_reads.read_use(self._azure, request.vault_id)

    @activity.defn
    async def remove_shared(self, request: RemoveShared) -> Started:
        """Remove what virtual machines shared.

        Raises:
            ApplicationError: `StillInUse`: somebody else uses it, so it stays.
        """
        return await self._writer.write(sharing.removal(self._azure, request))

    async def _ensure(self, resource_id: str, make: Any, scenario: str = "") -> Started:
        async def find() -> Started | None:
            there = await reads.read(self._azure, resource_id)
            # A group that is being deleted takes no more; the PUT is refused until it is gone, and then makes it anew.
            gone = there is not None and (there.get("properties") or {}).get("provisioningState") == "Deleting"
            return _existing(resource_id if there is not None and not gone else None)

        return await self._writer.write(Write(resource_id, find, make, scenario, creates=True))

    def _site_recovery(self, vault: ResourceId) -> SiteRecoveryManagementClient:
        return self._azure.site_recovery(vault.subscription)


def _existing(resource_id: str | None) -> Started | None:
    return Started(resource_id=resource_id, existed=True) if resource_id else None


def _vault_of(resource_id: str) -> ResourceId:
    return ResourceId.parse(ids.vault_of(resource_id))


def _path(vault: ResourceId, resource_id: str) -> list[str | None]:
    """Return the names by which an SDK finds what lies in a vault: group, vault, and each name below."""
    return [vault.resource_group, vault.name, *(name for _, name in ResourceId.parse(resource_id).names[1:])]
