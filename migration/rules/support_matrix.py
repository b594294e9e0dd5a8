"""Can Site Recovery replicate the disks, and can they become what the plan wants of them?

`Support matrix <https://learn.microsoft.com/azure/site-recovery/azure-to-azure-support-matrix>`_.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration.ids import describe
from migration.inventory import AttachedDisk, Disk
from migration.models import VmSpec
from migration.rules.case import Case, Hit, VmCheck

MAX_OS_DISK_GIB = 4095
MAX_DATA_DISK_GIB = 32_767
"""What the matrix calls 32 TiB: the largest managed disk that there is."""
MAX_DATA_DISKS = 64
MIN_DISK_GIB = 1
_ZONAL_TYPES = {"PremiumV2_LRS", "UltraSSD_LRS"}


def supported(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to each kind of disk that cannot be replicated."""
    for attached in case.kept_disks(vm):
        why = _unsupported(attached, _disk(case, attached))
        if why:
            yield Hit(f'disk "{attached.name}" of {describe(vm.source_id)}', why)


def sizes(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to disks that are too large or too small."""
    for index, attached in enumerate(case.kept_disks(vm)):
        disk = _disk(case, attached)
        size = disk.size_gib if disk else attached.size_gib
        largest = MAX_DATA_DISK_GIB if index else MAX_OS_DISK_GIB
        if size is not None and not MIN_DISK_GIB <= size <= largest:
            yield Hit(
                f'disk "{attached.name}" of {describe(vm.source_id)}',
                f"it has {size} GiB; {MIN_DISK_GIB} to {largest} are taken",
            )


def count(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to too many data disks."""
    data_disks = len(case.kept_disks(vm)) - 1
    if data_disks > MAX_DATA_DISKS:
        yield Hit(describe(vm.source_id), f"it has {data_disks} data disks; Site Recovery takes {MAX_DATA_DISKS}")


def encryption(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of Azure Disk Encryption, whose keys must be in the target region."""
    for attached in case.kept_disks(vm):
        disk = _disk(case, attached)
        if disk and disk.encrypted_in_guest:
            yield Hit(describe(disk.id), "it is encrypted by Azure Disk Encryption")


def customer_keys(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to disks under the customer's own key where the plan names no encryption set for the target."""
    if vm.disk_encryption_set_id is not None:
        return
    for attached in case.kept_disks(vm):
        disk = _disk(case, attached)
        if disk and disk.encryption_set_id:
            yield Hit(describe(disk.id), f"it is encrypted by {describe(disk.encryption_set_id)}")


def excluded(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object where the plan leaves a disk behind that is not there, or the OS disk."""
    machine = case.machine(vm)
    if machine is None:
        return
    data_disks = [disk.name for disk in machine.data_disks]
    for name in vm.excluded_disks:
        if name.lower() == machine.os_disk.name.lower():
            yield Hit(describe(vm.source_id), f'the plan excludes its OS disk "{name}"')
        elif name.lower() not in {disk.lower() for disk in data_disks}:
            yield Hit(describe(vm.source_id), f'it has no data disk "{name}"; it has {_listed(data_disks)}')


def types(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a type for a disk that is not there, and to one that needs a zone where the plan names none."""
    machine = case.machine(vm)
    if machine is None:
        return
    names = [disk.name for disk in machine.disks]
    for name, kind in vm.disk_types.items():
        if name != "*" and name.lower() not in {disk.lower() for disk in names}:
            yield Hit(describe(vm.source_id), f'it has no disk "{name}"; it has {_listed(names)}')
        elif kind in _ZONAL_TYPES and vm.zone is None:
            yield Hit(describe(vm.source_id), f"disks of type {kind} need a zone, and the plan names none")


def encryption_set(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a disk encryption set that the target cannot use."""
    if vm.disk_encryption_set_id is None:
        return
    found = case.inventory.encryption_sets.about(vm.disk_encryption_set_id)
    subject = describe(vm.disk_encryption_set_id)
    if found is None:
        yield Hit(subject, "Azure knows no such disk encryption set")
    elif found.location != vm.target_region:
        yield Hit(subject, f"it lies in {found.location}, the target region is {vm.target_region}")


def _disk(case: Case, attached: AttachedDisk) -> Disk | None:
    return case.inventory.disks.about(attached.id) if attached.id else None


def _unsupported(attached: AttachedDisk, disk: Disk | None) -> str:
    if attached.ephemeral:
        return "it is an ephemeral disk, which is not replicated"
    if attached.id is None:
        return "it is no managed disk"
    if attached.write_accelerated:
        return "it uses the write accelerator"
    if disk and disk.type.lower() == "ultrassd_lrs":
        return "it is an ultra disk"
    if disk and disk.max_shares > 1:
        return f"it is a shared disk (maxShares {disk.max_shares})"
    return ""


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


CHECKS: dict[str, VmCheck] = {
    "disks-supported": supported,
    "disk-sizes": sizes,
    "disk-count": count,
    "disk-encryption": encryption,
    "customer-keys": customer_keys,
    "excluded-disks": excluded,
    "disk-types": types,
    "encryption-set": encryption_set,
}
