"""A stand-in for what makes and removes what virtual machines share."""

from typing import Any

from temporalio import activity

from migration import ids, names
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
from tests.workflows.stand_in import StandIn


class Vault(StandIn):
    @activity.defn
    async def ensure_resource_group(self, wanted: ResourceGroupWanted) -> Started:
        """Make a resource group."""
        group = ids.resource_group_id(wanted.subscription, wanted.name)
        return await self._ensure(wanted, group)

    @activity.defn
    async def ensure_vault(self, wanted: VaultWanted) -> Started:
        """Make a vault."""
        return await self._ensure(wanted, wanted.vault_id)

    @activity.defn
    async def ensure_fabric(self, wanted: FabricWanted) -> Started:
        """Make a fabric."""
        return await self._ensure(wanted, ids.fabric_id(wanted.vault_id, names.fabric_name(wanted.region)), "Fabric")

    @activity.defn
    async def ensure_policy(self, wanted: PolicyWanted) -> Started:
        """Make the policy."""
        policy = f"{wanted.vault_id}/replicationPolicies/{names.POLICY_NAME}"
        return await self._ensure(wanted, policy, "Policy")

    @activity.defn
    async def ensure_container(self, wanted: ContainerWanted) -> Started:
        """Make a container."""
        container = ids.container_id(wanted.fabric_id, names.container_name(wanted.region))
        return await self._ensure(wanted, container, "Container")

    @activity.defn
    async def ensure_container_mapping(self, wanted: ContainerMappingWanted) -> Started:
        """Map one container to another."""
        mapping = f"{wanted.source_container_id}/replicationProtectionContainerMappings/{wanted.name}"
        return await self._ensure(wanted, mapping, "ContainerMapping")

    @activity.defn
    async def ensure_network_mapping(self, wanted: NetworkMappingWanted) -> Started:
        """Map one network to another."""
        name = names.network_mapping_name(wanted.source_network_id, wanted.target_network_id)
        parent = f"{wanted.source_fabric_id}/replicationNetworks/azureNetwork"
        return await self._ensure(wanted, f"{parent}/replicationNetworkMappings/{name}", "NetworkMapping")

    @activity.defn
    async def ensure_cache_account(self, wanted: CacheAccountWanted) -> Started:
        """Make the cache account."""
        return await self._ensure(wanted, wanted.account_id)

    @activity.defn
    async def read_vault_use(self, request: VaultUse) -> VaultUseAnswer:
        """Tell which items the vault protects."""

        def answer() -> VaultUseAnswer:
            inside = [item for item in self.world.items if item.lower().startswith(request.vault_id.lower())]
            return VaultUseAnswer(exists=self.world.is_there(request.vault_id), item_ids=inside)

        return await self.play(request, answer)

    @activity.defn
    async def remove_shared(self, request: RemoveShared) -> Started:
        """Remove one thing."""

        def answer() -> Started:
            there = self.world.is_there(request.id)
            self.world.remove(request.id)
            return Started(resource_id=request.id, existed=there)

        return await self.play(request, answer)

    async def _ensure(self, wanted: Any, resource_id: str, scenario: str = "") -> Started:
        return await self.play(wanted, lambda: self.world.ensure(resource_id, scenario))
