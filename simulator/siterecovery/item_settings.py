"""What a replicated item keeps: its settings, with Azure's defaults filled in from the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.siterecovery import consistency_groups, estate, names, networks, states

if TYPE_CHECKING:
    from simulator.world import World


def new_meta(world: World, id_: str, args: dict[str, Any]) -> dict[str, Any]:
    """What a new item keeps: its settings with Azure's defaults filled in."""
    given = args["input"]
    source = estate.machine(world, given["fabricObjectId"])
    name = source.resource.name if source else names.last(given["fabricObjectId"])
    disks = {disk.id.lower(): disk for disk in source.disks} if source else {}
    wanted = [disk_meta(world, entry, disks.get(entry["diskId"].lower())) for entry in given["vmManagedDisks"]]
    chosen = {disk["id"].lower() for disk in wanted}
    meta: dict[str, Any] = {
        "state": states.ENABLING,
        "vm": source.id if source else given["fabricObjectId"],
        "policy": args["policy"],
        "recovery_container": args["recovery_container"],
        "recovery_group": _canonical(world, given["recoveryResourceGroupId"]),
        "network": given.get("recoveryAzureNetworkId"),
        "subnet": given.get("recoverySubnetName"),
        "zone": given.get("recoveryAvailabilityZone"),
        "primary_zone": source.zone if source else None,
        "initial_zone": source.zone if source else None,
        "initial_recovery_zone": given.get("recoveryAvailabilityZone"),
        "availability_set": given.get("recoveryAvailabilitySetId"),
        "proximity_placement_group": given.get("recoveryProximityPlacementGroupId"),
        "boot_diagnostics": given.get("recoveryBootDiagStorageAccountId"),
        "scale_set": given.get("recoveryVirtualMachineScaleSetId"),
        "capacity_reservation": given.get("recoveryCapacityReservationGroupId"),
        "auto_protection": given.get("autoProtectionOfDataDisk") or "Disabled",
        "multi_vm_group": given.get("multiVmGroupId")
        or consistency_groups.group_id(world, id_, given.get("multiVmGroupName")),
        "multi_vm_group_name": given.get("multiVmGroupName"),
        "size": source.size if source else "",
        "os_type": source.os_type if source else "",
        "generation": next((disk.hyperv for disk in disks.values() if disk.kind == "OperatingSystem"), "V1"),
        "target_name": name,
        "test_name": f"{name}-test",
        "tags": source.tags if source else {},
        "disks": wanted,
        "excluded_luns": [disk.lun for key, disk in disks.items() if key not in chosen and disk.lun is not None],
        "initial_primary": networks.fabric_location(world, id_),
        "initial_recovery": networks.fabric_location(world, args["recovery_container"]),
        "management": names.new_uuid(),
        "correlation": names.new_uuid(),
        "lifecycle": names.new_uuid(),
    }
    return meta | dict(args.get("meta") or {})


def _canonical(world: World, id_: str) -> str:
    """The id as the resource itself is written, whose case callers may not know."""
    found = world.store.get(id_)
    return found.id if found else id_


def disk_meta(world: World, entry: dict[str, Any], disk: estate.SourceDisk | None) -> dict[str, Any]:
    """What an item keeps of a disk that is to be replicated."""
    name = disk.name if disk else names.last(entry["diskId"])
    sku = disk.sku if disk else "Standard_LRS"
    given_name = names.last(entry["diskId"]) if disk is None else disk.name
    group = _canonical(world, entry["recoveryResourceGroupId"])
    replica = f"{group}/providers/Microsoft.Compute/disks/{given_name}-ASRReplica"
    return {
        "id": disk.id if disk else entry["diskId"],
        "name": name,
        "kind": disk.kind if disk else "Data",
        "lun": disk.lun if disk else None,
        "size_gb": disk.size_gb if disk else 0,
        "capacity": disk.capacity_bytes if disk else 0,
        "hyperv": disk.hyperv if disk else "V1",
        "cache": entry["primaryStagingAzureStorageAccountId"],
        "group": group,
        "replica_id": replica,
        "replica_sku": entry.get("recoveryReplicaDiskAccountType") or sku,
        "target_sku": entry.get("recoveryTargetDiskAccountType") or sku,
        "encryption_set": entry.get("recoveryDiskEncryptionSetId"),
        "primary_encryption_set": disk.encryption_set if disk else None,
        "failover_name": name,
        "test_name": f"{name}-ASRtest",
    }
