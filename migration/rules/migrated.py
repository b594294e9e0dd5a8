"""Was the virtual machine moved before? Only evidence counts; what merely has the target's name is a collision.

After a move the item, and often the vault, are gone, and Site Recovery leaves no mark on what it made but the shape:
a virtual machine that was built from disks and not from an image, which has the source's disks and interfaces by name
and size, while the source stands still. All of that together, in the right place and running, is taken for the move.
"""

from __future__ import annotations

from migration.ids import describe, same_id
from migration.inventory import Machine
from migration.models import VmSpec
from migration.rules.case import Case

COMMITTED = "UnplannedFailoverCommitted"
_STOPPED = {"PowerState/deallocated"}


def evidence_of_move(case: Case, vm: VmSpec) -> str | None:
    """Return what proves that the virtual machine was moved before, or None where that is not proved.

    Raises:
        UnaskedError: What would tell could not be read.
    """
    target = case.inventory.machines.about(vm.target_id)
    if target is None or target.location != vm.target_region or same_id(vm.target_id, vm.source_id):
        return None
    item = case.inventory.item_of(vm.source_id)
    if item is not None:
        is_committed = item.protection_state == COMMITTED
        return (
            f"{describe(item.id)} has a committed failover, and {describe(vm.target_id)} exists"
            if is_committed
            else None
        )
    source = case.machine(vm)
    if source is None and vm.name in case.finalised and not target.from_image:
        return f"{describe(vm.target_id)} is there, and the source was deleted by finalise {case.finalised[vm.name]}"
    if source is None or source.power_state not in _STOPPED or target.power_state != "PowerState/running":
        return None
    if target.from_image or not _has_the_disks_of(case, vm, source, target) or not _has_the_nics_of(source, target):
        return None
    return (
        f"{describe(vm.target_id)} runs in {vm.target_region} on copies of the source's disks, made from no image; "
        "the source is deallocated and no replication is left"
    )


def _has_the_disks_of(case: Case, vm: VmSpec, source: Machine, target: Machine) -> bool:
    there = {disk.name.lower(): disk for disk in target.disks}
    if target.os_disk.name.lower() != source.os_disk.name.lower():
        return False
    for disk in case.kept_disks(vm):
        copy = there.get(disk.name.lower())
        if copy is None or copy.create_option.lower() != "attach":
            return False
        if None not in {copy.size_gib, disk.size_gib} and copy.size_gib != disk.size_gib:
            return False
    return True


def _has_the_nics_of(source: Machine, target: Machine) -> bool:
    def names(machine: Machine) -> set[str]:
        return {nic_id.rsplit("/", 1)[-1].lower() for nic_id in machine.nic_ids}

    return names(source) <= names(target)
