"""Removing what virtual machines shared: in use it stays, gone is fine, and each kind has its own operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activities.failures import refused
from activities.writing import Write
from arm import items, reads, vault_reads
from arm.writes import Accepted, begin, send
from migration import ids
from migration.ids import ResourceId, describe, same_id
from migration.models import Started

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from migration.sharing import RemoveShared

STILL_IN_USE = "StillInUse"


def removal(azure: AzureClients, request: RemoveShared) -> Write:
    """Return the write that removes one shared resource."""
    shared = _Shared(azure, request)
    return Write(request.id, shared.find, shared.remove, kind="deletes")


class _Shared:
    def __init__(self, azure: AzureClients, request: RemoveShared) -> None:
        self._azure = azure
        self._id = request.id
        self._resource = ResourceId.parse(request.id)
        self._kind = self._resource.type.rsplit("/", 1)[-1].lower()

    async def find(self) -> Started | None:
        """Return an answer where there is nothing to remove."""
        there = await reads.read(self._azure, self._id)
        if there is None:
            return Started(resource_id=self._id, existed=False)
        if (there.get("properties") or {}).get("provisioningState") == "Deleting":
            return Started(resource_id=self._id, existed=True)
        users = await self._users()
        if users:
            raise refused(
                f"removing {describe(self._id)}: {len(users)} still use it, {describe(users[0])} first.",
                self._id,
                STILL_IN_USE,
                remedy="It stays; remove it once nothing uses it.",
            )
        return None

    async def remove(self) -> Accepted:
        """Remove it."""
        azure, resource = self._azure, self._resource
        group, name = resource.resource_group, resource.name
        if self._kind == "resourcegroups":
            return await begin(azure.resources(resource.subscription).resource_groups.begin_delete, group)
        if self._kind == "storageaccounts":
            return await send(azure.storage(resource.subscription).storage_accounts.delete, group, name)
        if self._kind == "vaults":
            return await begin(azure.recovery_services(resource.subscription).vaults.begin_delete, group, name)
        return await self._remove_from_vault()

    async def _remove_from_vault(self) -> Accepted:
        client = self._azure.site_recovery(self._resource.subscription)
        path = [self._resource.resource_group, *(name for _, name in self._resource.names)]
        if self._kind == "replicationnetworkmappings":
            return await begin(client.replication_network_mappings.begin_delete, *path)
        if self._kind == "replicationprotectioncontainermappings":
            return await begin(client.replication_protection_container_mappings.begin_purge, *path)
        if self._kind == "replicationprotectioncontainers":
            return await begin(client.replication_protection_containers.begin_delete, *path)
        if self._kind == "replicationpolicies":
            return await begin(client.replication_policies.begin_delete, *path)
        if self._kind == "replicationfabrics":
            return await begin(client.replication_fabrics.begin_delete, *path)
        raise refused(f"removing {describe(self._id)}: this is no resource that virtual machines share.", self._id)

    async def _users(self) -> list[str]:
        azure = self._azure
        if self._kind == "resourcegroups":
            return await self._contents_of_group()
        if self._kind == "storageaccounts":
            return await vault_reads.users_of_cache(azure, self._id)
        if self._kind == "vaults":
            use = await vault_reads.read_use(azure, self._id)
            inner = [*use.mapping_ids, *use.network_mapping_ids, *use.container_ids, *use.fabric_ids, *use.policy_ids]
            return [*use.item_ids, *inner]
        return await self._users_in_vault()

    async def _users_in_vault(self) -> list[str]:
        """Return what depends on an object of the vault; an item that goes away takes its use with it."""
        azure = self._azure
        vault = ids.vault_of(self._id)
        listed = await items.list_items(azure, vault)
        own = f"{ids.id_key(self._id)}/"
        if self._kind == "replicationpolicies":
            mappings = await vault_reads.children(azure, vault, "replicationProtectionContainerMappings")
            return [
                str(one["id"])
                for one in [*mappings, *listed]
                if same_id(items.properties(one).get("policyId"), self._id)
            ]
        if self._kind == "replicationfabrics":
            containers = await vault_reads.children(azure, vault, "replicationProtectionContainers")
            return [str(one["id"]) for one in containers if ids.id_key(str(one["id"])).startswith(own)]
        if self._kind == "replicationnetworkmappings":
            own = f"{ids.id_key(self._id.split('/replicationNetworks/')[0])}/"
        if self._kind == "replicationprotectioncontainermappings":
            own = f"{ids.id_key(self._id.rsplit('/', 2)[0])}/"
        return [str(item["id"]) for item in listed if ids.id_key(str(item["id"])).startswith(own)]

    async def _contents_of_group(self) -> list[str]:
        version = reads.API_VERSIONS["microsoft.resources"]
        listed = await reads.read_list(self._azure, f"{self._id}/resources", self._resource.subscription, version)
        return [str(resource["id"]) for resource in listed]
