"""What Site Recovery is told about a virtual machine: when it is protected, and what it becomes in the target region.

Bodies are pure functions of the plan, the source and the item, so that what was sent can be held against what was kept
(Azure takes some settings without keeping them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arm import items
from migration.ids import same_id
from migration.models import Mismatch

if TYPE_CHECKING:
    from arm.reads import Json
    from migration.models import SourceDisk, SourceVm, VmSpec, VmTask


def enable_body(task: VmTask, source: SourceVm) -> Json:
    """Return the body that protects a virtual machine: its managed disks, without those that the plan leaves behind."""
    vm, shared = task.vm, task.shared
    details: Json = {
        "instanceType": "A2A",
        "fabricObjectId": source.id,
        "recoveryContainerId": shared.target_container_id,
        "recoveryResourceGroupId": vm.target_resource_group_id,
        "recoveryAzureNetworkId": vm.network_id,
        "recoverySubnetName": vm.subnet,
        "vmManagedDisks": [_enabled_disk(task, disk) for disk in source.disks if not vm.excludes(disk.name)],
    }
    if vm.zone:
        details["recoveryAvailabilityZone"] = vm.zone
    if vm.consistency_group:
        details["multiVmGroupName"] = vm.consistency_group
    return {"properties": {"policyId": shared.policy_id, "providerSpecificDetails": details}}


def update_body(task: VmTask, source: SourceVm, item: Json, test_subnet: str | None) -> Json:
    """Return the body that sets the target. It always names it: reports disagree on what Azure calls it otherwise."""
    vm = task.vm
    specific: Json = {
        "instanceType": "A2A",
        "managedDiskUpdateDetails": [_updated_disk(vm, source, disk) for disk in items.disks(item)],
    }
    if vm.zone:
        specific["recoveryAvailabilityZone"] = vm.zone
    general: Json = {
        "recoveryAzureVMName": vm.target_name,
        "recoveryAzureVMSize": vm.size or source.size,
        "selectedRecoveryAzureNetworkId": vm.network_id,
        "vmNics": [_updated_nic(vm, source, nic, test_subnet) for nic in _nics(item)],
        "providerSpecificDetails": specific,
    }
    if vm.test_network_id:
        general["selectedTfoAzureNetworkId"] = vm.test_network_id
    return {"properties": general}


def differences(task: VmTask, source: SourceVm, item: Json) -> list[Mismatch]:
    """Return what the item does not say as the plan wants it, field by field."""
    vm, inner = task.vm, items.details(item)
    found = [
        _difference("name", vm.target_name, inner.get("recoveryAzureVMName")),
        _difference("size", vm.size or source.size, inner.get("recoveryAzureVMSize")),
        _difference("resource group", vm.target_resource_group_id, inner.get("recoveryAzureResourceGroupId")),
        _difference("network", vm.network_id, inner.get("selectedRecoveryAzureNetworkId")),
    ]
    if vm.zone:
        found.append(_difference("zone", vm.zone, inner.get("recoveryAvailabilityZone")))
    if vm.test_network_id:
        found.append(_difference("test network", vm.test_network_id, inner.get("selectedTfoAzureNetworkId")))
    for nic in _nics(item):
        found += _nic_differences(vm, source, nic)
    found += _disk_differences(vm, source, item)
    return [mismatch for mismatch in found if mismatch is not None]


def wanted_disk_type(vm: VmSpec, disk: SourceDisk) -> str:
    """Return the type of a disk in the target region: the plan's, else its own."""
    return vm.disk_type(disk.name) or disk.type


def _enabled_disk(task: VmTask, disk: SourceDisk) -> Json:
    kind = wanted_disk_type(task.vm, disk)
    body: Json = {
        "diskId": disk.id,
        "primaryStagingAzureStorageAccountId": task.shared.cache_account_id,
        "recoveryResourceGroupId": task.vm.target_resource_group_id,
        "recoveryReplicaDiskAccountType": kind,
        "recoveryTargetDiskAccountType": kind,
    }
    if task.vm.disk_encryption_set_id:
        body["recoveryDiskEncryptionSetId"] = task.vm.disk_encryption_set_id
    return body


def _updated_disk(vm: VmSpec, source: SourceVm, disk: Json) -> Json:
    body: Json = {"diskId": disk["diskId"]}
    known = _source_disk(source, disk)
    if known is not None:
        body["recoveryTargetDiskAccountType"] = wanted_disk_type(vm, known)
    for key in ("recoveryReplicaDiskAccountType", "failoverDiskName", "tfoDiskName"):
        if disk.get(key):
            body[key] = disk[key]
    return body


def _updated_nic(vm: VmSpec, source: SourceVm, nic: Json, test_subnet: str | None) -> Json:
    address = vm.address if _is_primary(source, nic) else None
    return {
        "nicId": nic["nicId"],
        "selectionType": "SelectedByUser",
        "enableAcceleratedNetworkingOnRecovery": nic.get("enableAcceleratedNetworkingOnRecovery"),
        "recoveryNetworkSecurityGroupId": nic.get("recoveryNetworkSecurityGroupId"),
        "ipConfigs": [
            {
                "ipConfigName": configuration.get("name"),
                "isPrimary": configuration.get("isPrimary"),
                "isSeletedForFailover": True,
                "recoverySubnetName": vm.subnet,
                "recoveryStaticIPAddress": (address if configuration.get("isPrimary") else None) or "",
                "tfoSubnetName": test_subnet,
            }
            for configuration in nic.get("ipConfigs") or []
        ],
    }


def _nic_differences(vm: VmSpec, source: SourceVm, nic: Json) -> list[Mismatch | None]:
    name = str(nic.get("sourceNicArmId") or nic.get("nicId")).rsplit("/", 1)[-1]
    found = []
    for configuration in nic.get("ipConfigs") or []:
        found.append(_difference(f"subnet of {name}", vm.subnet, configuration.get("recoverySubnetName")))
        if vm.address and _is_primary(source, nic) and configuration.get("isPrimary"):
            actual = configuration.get("recoveryStaticIPAddress")
            found.append(_difference(f"address of {name}", vm.address, actual))
    return found


def _disk_differences(vm: VmSpec, source: SourceVm, item: Json) -> list[Mismatch | None]:
    found: list[Mismatch | None] = []
    protected = {str(disk.get("diskId")).lower(): disk for disk in items.disks(item)}
    for disk in source.disks:
        there = protected.get(disk.id.lower())
        if vm.excludes(disk.name):
            continue
        if there is None:
            found.append(Mismatch(field=f"disk {disk.name}", expected="replicated", actual="not replicated"))
            continue
        wanted = wanted_disk_type(vm, disk)
        found.append(_difference(f"type of disk {disk.name}", wanted, there.get("recoveryTargetDiskAccountType")))
    return found


def _difference(field: str, expected: str, actual: Any) -> Mismatch | None:
    told = str(actual or "")
    same = same_id(expected, told) if expected.startswith("/") else expected.lower() == told.lower()
    return None if same else Mismatch(field=field, expected=expected, actual=told or "nothing")


def _nics(item: Json) -> list[Json]:
    return items.details(item).get("vmNics") or []


def _is_primary(source: SourceVm, nic: Json) -> bool:
    return bool(source.nics) and same_id(source.nics[0].id, nic.get("sourceNicArmId"))


def _source_disk(source: SourceVm, disk: Json) -> SourceDisk | None:
    return next((one for one in source.disks if same_id(one.id, disk.get("diskId"))), None)
