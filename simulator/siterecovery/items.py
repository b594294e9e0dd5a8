"""Replicated items: reading them, and changing their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.provider import Reply
from simulator.siterecovery import durations, item_views, jobs, names, refusals, states, target_sizes
from simulator.siterecovery.calls import (
    listing,
    listing_of,
    object_id,
    properties,
    require,
    require_instance_type,
    require_vault,
)
from simulator.siterecovery.fabrics import target
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.views import show

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.store import Resource
    from simulator.world import World

__all__ = ["item_views"]


def target_of(item: Resource, kind: str = "ProtectionEntity") -> tuple[str, str, str]:
    """What a job about the item says of its target: the machine."""
    return target(item.meta["vm"])[0], names.last(item.meta["vm"]), kind


def require_operation(call: Call, item: Resource, operation: str) -> None:
    """Answer 409 while a job runs on the item, 400 where its state does not allow the operation."""
    jobs.refuse_if_busy(call, item.id)
    if operation not in states.allowed_operations(call.world, item):
        raise refusals.not_allowed(call, item.name, operation, states.state_of(call.world, item))


def replication_protected_items_get(call: Call) -> Reply:
    """Show the item."""
    return Reply(200, show(call.world, require(call, object_id(call))))


def replication_protected_items_list_by_replication_protection_containers(call: Call) -> Reply:
    """List the container's items."""
    container = require(call, object_id(call, action=True))
    return listing_of(call, names.ITEM, container.id)


def replication_protected_items_list(call: Call) -> Reply:
    """List the vault's items."""
    vault = require_vault(call)
    return listing_of(call, names.ITEM, vault.id)


def replication_protected_items_update(call: Call) -> Reply:
    """Change how the item is to be recovered: only once it is protected."""
    item = require(call, object_id(call))
    jobs.refuse_if_busy(call, item.id)
    given = properties(call)
    details = given.get("providerSpecificDetails")
    if details is not None:
        require_instance_type(call, details, "A2A")
    if states.state_of(call.world, item) != states.PROTECTED or item.meta.get("test"):
        raise refusals.not_allowed(call, item.name, "UpdateProtection", states.state_of(call.world, item))
    seconds = durations.seconds(call.world, "update", item.id)
    task = Task("UpdateVmPropertiesTask", "Updating the virtual machine settings", ((seconds, None),))
    plan = Plan(
        scenario="UpdateVmProperties",
        friendly_name="Update the virtual machine",
        subject=item.id,
        target=target_of(item),
        tasks=(task,),
        on_success="asr.item_updated",
        locks=(item.id,),
        args={"input": given},
    )
    return jobs.start(call, plan)


_GENERAL = {
    "recoveryAzureVMName": "target_name",
    "recoveryAzureVMSize": "size",
    "selectedRecoveryAzureNetworkId": "network",
    "selectedTfoAzureNetworkId": "test_network",
    "recoveryAvailabilitySetId": "availability_set",
    "licenseType": "license",
}
_SPECIFIC = {
    "recoveryResourceGroupId": "recovery_group",
    "tfoAzureVMName": "test_name",
    "recoveryAvailabilityZone": "zone",
    "recoveryProximityPlacementGroupId": "proximity_placement_group",
    "recoveryBootDiagStorageAccountId": "boot_diagnostics",
    "recoveryVirtualMachineScaleSetId": "scale_set",
    "recoveryCapacityReservationGroupId": "capacity_reservation",
}
_DISK = {
    "recoveryTargetDiskAccountType": "target_sku",
    "recoveryReplicaDiskAccountType": "replica_sku",
    "failoverDiskName": "failover_name",
    "tfoDiskName": "test_name",
}
_NIC = {
    "selectionType": "selection",
    "recoveryNetworkSecurityGroupId": "security_group",
    "enableAcceleratedNetworkingOnRecovery": "accelerated",
    "tfoNetworkSecurityGroupId": "test_security_group",
    "enableAcceleratedNetworkingOnTfo": "test_accelerated",
    "recoveryNicName": "name",
    "recoveryNicResourceGroupName": "group",
    "reuseExistingNic": "reuse",
    "tfoNicName": "test_name",
    "tfoNicResourceGroupName": "test_group",
    "tfoReuseExistingNic": "test_reuse",
    "targetNicName": "target_name",
}
_CONFIGURATION = {
    "isPrimary": "primary",
    "isSeletedForFailover": "selected",
    "recoverySubnetName": "subnet",
    "recoveryStaticIPAddress": "address",
    "recoveryPublicIPAddressId": "public_ip",
    "recoveryLBBackendAddressPoolIds": "pools",
    "tfoSubnetName": "test_subnet",
    "tfoStaticIPAddress": "test_address",
    "tfoPublicIPAddressId": "test_public_ip",
    "tfoLBBackendAddressPoolIds": "test_pools",
}


@effect("asr.item_updated")
def _updated(world: World, job: Job) -> None:
    """Apply what the input names; what is null stays, and disks, NICs or configurations unknown here are ignored."""
    item, given = world.store.get(job.subject), job.args["input"]
    if item is None:
        return
    specific = given.get("providerSpecificDetails") or {}
    _apply(item.meta, given, _GENERAL)
    _apply(item.meta, specific, _SPECIFIC)
    disks = {disk["id"].lower(): disk for disk in item.meta["disks"]}
    for entry in specific.get("managedDiskUpdateDetails") or []:
        _apply(disks.get(str(entry.get("diskId", "")).lower(), {}), entry, _DISK)
    nics = {nic["nic_id"].lower(): nic for nic in item.meta.get("nics") or []}
    if given.get("selectedRecoveryAzureNetworkId"):
        for nic in nics.values():
            nic["network"] = given["selectedRecoveryAzureNetworkId"]
    if given.get("selectedTfoAzureNetworkId"):
        for nic in nics.values():
            nic["test_network"] = given["selectedTfoAzureNetworkId"]
    for entry in given.get("vmNics") or []:
        _update_nic(nics.get(str(entry.get("nicId", "")).lower(), {}), entry)
    world.store.save(item)


def _apply(kept: dict[str, Any], given: dict[str, Any], keys: dict[str, str]) -> None:
    for key, ours in keys.items():
        if given.get(key) is not None:
            kept[ours] = given[key]


def _update_nic(nic: dict[str, Any], entry: dict[str, Any]) -> None:
    _apply(nic, entry, _NIC)
    known = {str(configuration["name"]).lower(): configuration for configuration in nic.get("configurations") or []}
    for given in entry.get("ipConfigs") or []:
        configuration = known.get(str(given.get("ipConfigName", "")).lower())
        if configuration is None and len(known) == 1 and not given.get("ipConfigName"):
            configuration = next(iter(known.values()))
        _apply(configuration if configuration is not None else {}, given, _CONFIGURATION)


def target_compute_sizes_list_by_replication_protected_items(call: Call) -> Reply:
    """List the sizes that the machine may have on the recovery side: those that the region has and that fit it."""
    item = require(call, object_id(call, action=True))
    shown = []
    for size in target_sizes.offered(call.world, target_sizes.needs_of(call.world, item)):
        fields = {
            "name": size.name,
            "friendlyName": size.name,
            "cpuCoresCount": size.vcpus,
            "vCPUsAvailable": size.vcpus,
            "memoryInGB": size.memory_mb / 1024,
            "maxDataDiskCount": size.max_data_disks,
            "maxNicsCount": size.max_nics,
            "errors": [],
            "highIopsSupported": "Supported" if size.premium_io else "NotSupported",
            "hyperVGenerations": size.hyperv_generations.split(","),
        }
        id_ = f"{item.id}/targetComputeSizes/{size.name}"
        shown.append({"id": id_, "name": size.name, "type": f"{names.ITEM}/targetComputeSizes", "properties": fields})
    return listing(call, shown)


def unsupported(call: Call) -> Reply:
    """Refuse an operation that Azure-to-Azure replication does not have."""
    item = require(call, object_id(call, action=True))
    raise refusals.not_allowed(call, item.name, names.last(call.path), states.state_of(call.world, item))
