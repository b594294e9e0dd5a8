"""What Site Recovery is told to replicate a moved virtual machine back to the region that it left.

`Reprotect a failed over Azure VM to the primary region
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-how-to-reprotect>`_. With managed disks only the
container's `switchProtection` does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ids import ResourceId, resource_group_id

if TYPE_CHECKING:
    from arm.machines import AttachedDisk
    from arm.reads import Json
    from migration.models import SourceDisk, SourceVm, VmTask


def switch_body(task: VmTask, source: SourceVm, disks: list[AttachedDisk]) -> Json:
    """Return the body that turns a committed item round: from the target's *disks* to where the source was."""
    home = ResourceId.parse(task.vm.source_id)
    group = resource_group_id(home.subscription, home.resource_group or "")
    known = {disk.name.lower(): disk for disk in source.disks}
    return {
        "properties": {
            "replicationProtectedItemName": ResourceId.parse(task.item_id).name,
            "providerSpecificDetails": {
                "instanceType": "A2A",
                "policyId": task.shared.policy_id,
                "recoveryContainerId": task.shared.source_container_id,
                "recoveryResourceGroupId": group,
                "vmManagedDisks": [_disk(task, group, disk, known) for disk in disks],
            },
        }
    }


def _disk(task: VmTask, group: str, disk: AttachedDisk, known: dict[str, SourceDisk]) -> Json:
    body: Json = {
        "diskId": disk.id,
        "primaryStagingAzureStorageAccountId": task.shared.return_cache_account_id,
        "recoveryResourceGroupId": group,
    }
    before = known.get(disk.id.rsplit("/", 1)[-1].lower())
    if before is not None:
        body |= {"recoveryReplicaDiskAccountType": before.type, "recoveryTargetDiskAccountType": before.type}
    return body
