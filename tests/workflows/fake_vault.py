"""A stand-in for what makes and removes what virtual machines share."""

from typing import Any

from temporalio import activity

from migration import ids, names
from migration.models import Started
from migration.sharing import (
    NETWORK_MAPPINGS,
    CacheAccountWanted,
    ContainerMappingWanted,
    ContainerWanted,
    FabricWanted,
    FindShared,
    FoundShared,
    NetworkMappingWanted,
    PolicyWanted,
    RemoveShared,
    ResourceGroupWanted,
    Serving,
    VaultToFind,
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
    async def find_shared(self, wanted: FindShared) -> FoundShared:
        """Tell what is there under the very ids that are wanted."""

        def answer() -> FoundShared:
            inside = [one for vault in wanted.vaults for one in _shared_in(vault)]
            there = [one for one in [*wanted.group_ids, *inside] if self.world.is_there(one)]
            return FoundShared(serving=[Serving(wanted=one, by=one) for one in there])

        return await self.play(wanted, answer)

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


def _shared_in(vault: VaultToFind) -> list[str]:
    """Return all that is shared in a vault, and its cache accounts."""
    regions = (vault.source_region, vault.target_region)
    fabrics = [ids.fabric_id(vault.vault_id, names.fabric_name(region)) for region in regions]
    containers = [ids.container_id(f, names.container_name(r)) for f, r in zip(fabrics, regions, strict=True)]
    ways = zip(containers, (regions, regions[::-1]), strict=True)
    mappings = [
        f"{one}/replicationProtectionContainerMappings/{names.container_mapping_name(*way)}" for one, way in ways
    ]
    ends = [(pair.source_id, pair.target_id) for pair in vault.networks]
    networks = [f"{fabrics[0]}/{NETWORK_MAPPINGS}/{names.network_mapping_name(one, other)}" for one, other in ends]
    networks += [f"{fabrics[1]}/{NETWORK_MAPPINGS}/{names.network_mapping_name(other, one)}" for one, other in ends]
    policy = f"{vault.vault_id}/replicationPolicies/{names.POLICY_NAME}"
    return [vault.vault_id, policy, *vault.account_ids, *fabrics, *containers, *mappings, *networks]
