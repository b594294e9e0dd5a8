"""Site Recovery objects of a seed: from the JSON that Azure shows of them to what this package keeps."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator import context
from simulator.seedfile import SeedError
from simulator.siterecovery import names, replication_pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.store import Resource
    from simulator.world import World

    Reader = Callable[[World, Resource], dict[str, Any]]

PROTECTED_FOR = timedelta(days=1)


def settle(world: World) -> None:
    """Take over the objects of a seed that was just loaded. Raises SeedError for one that lacks what it must have."""
    for type_, reader in _readers().items():
        for resource in world.store.list(type_):
            if resource.meta["created_by"] == context.SEED and not resource.meta.get("settled"):
                try:
                    _settle_one(world, resource, reader)
                except KeyError as problem:
                    message = f"seeding {resource.id}: properties.{problem.args[0]}: missing"
                    raise SeedError(message) from None
    replication_pace.refresh_all(world)


def _settle_one(world: World, resource: Resource, reader: Reader) -> None:
    meta = {**resource.meta, **reader(world, resource), "settled": True}
    world.store.delete(resource.id)
    world.store.put({"id": names.asr_id(resource.id), "properties": {}}, meta)
    vault = world.store.get(names.vault_id(resource.id))
    if vault is not None and not vault.meta.get("asr_used"):
        vault.meta["asr_used"] = True
        world.store.save(vault)


def _readers() -> dict[str, Reader]:
    """How each type is read, parents first."""
    return {
        names.FABRIC: lambda _world, found: {"location": _details(found, "customDetails").get("location", "")},
        names.POLICY: lambda _world, found: {"input": _policy(_details(found, "providerSpecificDetails"))},
        names.CONTAINER: lambda _world, _found: {},
        names.MAPPING: _mapping,
        names.NETWORK_MAPPING: _network_mapping,
        names.ITEM: _item,
    }


def _details(resource: Resource, key: str) -> dict[str, Any]:
    value = resource.properties.get(key)
    return value if isinstance(value, dict) else {}


def _policy(details: dict[str, Any]) -> dict[str, Any]:
    status = "Disable" if details.get("multiVmSyncStatus") == "Disabled" else "Enable"
    return {"instanceType": "A2A", **details, "multiVmSyncStatus": status}


def _mapping(_world: World, found: Resource) -> dict[str, Any]:
    shown = found.properties
    return {
        "policy": names.asr_id(shown["policyId"]),
        "target": names.asr_id(shown["targetProtectionContainerId"]),
        "automation": _details(found, "providerSpecificDetails"),
    }


def _network_mapping(_world: World, found: Resource) -> dict[str, Any]:
    shown = found.properties
    return {
        "primary_network": shown["primaryNetworkId"],
        "recovery_network": shown["recoveryNetworkId"],
        "recovery_fabric": names.asr_id(shown["recoveryFabricArmId"]),
    }


def _item(world: World, found: Resource) -> dict[str, Any]:
    from simulator.siterecovery import estate, item_settings, nics, recovery_machines, states  # noqa: PLC0415 - a circle

    shown, details = found.properties, _details(found, "providerSpecificDetails")
    source = estate.machine(world, str(details.get("fabricObjectId") or found.name))
    group = details.get("recoveryAzureResourceGroupId") or found.id.split("/providers/")[0]
    disks = details.get("protectedManagedDisks") or [{"diskId": disk.id} for disk in (source.disks if source else ())]
    wanted = [
        {
            "diskId": disk["diskId"],
            "primaryStagingAzureStorageAccountId": disk.get("primaryStagingAzureStorageAccountId", ""),
            "recoveryResourceGroupId": disk.get("recoveryResourceGroupId") or group,
        }
        for disk in disks
    ]
    given = {
        "fabricObjectId": source.id if source else details.get("fabricObjectId", found.name),
        "recoveryResourceGroupId": group,
        "recoveryAzureNetworkId": details.get("selectedRecoveryAzureNetworkId"),
        "vmManagedDisks": wanted,
    }
    args = {
        "input": given,
        "policy": names.asr_id(shown["policyId"]),
        "recovery_container": names.asr_id(shown["recoveryContainerId"]),
    }
    meta = item_settings.new_meta(world, names.asr_id(found.id), args)
    since = (world.now - PROTECTED_FOR).isoformat()
    meta |= {"state": shown.get("protectionState") or states.PROTECTED, "created_by": found.meta["created_by"]}
    meta |= dict.fromkeys(("enabled_at", "replicating_since", "protected_at", "first_point_at"), since)
    meta["replication_seconds"] = 1.0
    for key, ours in (("recoveryAzureVMName", "target_name"), ("recoveryAzureVMSize", "size")):
        meta[ours] = details.get(key) or meta[ours]
    found.meta |= meta
    meta["nics"] = nics.build(world, found)
    if meta["state"] in {states.COMMIT_PENDING, states.COMMITTED}:
        meta |= {"target_vm": recovery_machines.target_vm_id(found), "frozen_at": world.now.isoformat()}
    return meta
