"""What the target looks like, held against the plan and the source, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arm import protection
from migration import power
from migration.ids import ResourceId, same_id
from migration.models import Mismatch

if TYPE_CHECKING:
    from arm.machines import AttachedDisk, Interface, Machine
    from migration.models import SourceDisk, SourceVm, VmSpec


@dataclass(frozen=True)
class Target:
    """A target as it was read: its disks and interfaces each by its own reading, None where that is missing."""

    machine: Machine
    disks: list[AttachedDisk | None]
    interfaces: list[Interface | None]


def mismatches(vm: VmSpec, source: SourceVm, target: Target) -> list[Mismatch]:
    """Return what is not as the plan wants it, or as the source was where the plan says nothing."""
    machine = target.machine
    found = [
        _difference("power", power.RUNNING, machine.power_state),
        _difference("region", vm.target_region, machine.region),
        _difference("size", vm.size or source.size, machine.size),
        *_disk_mismatches(vm, source, target),
        *_interface_mismatches(vm, source, target),
    ]
    if vm.zone:
        found.append(_difference("zone", vm.zone, machine.zone or ""))
    return [mismatch for mismatch in found if mismatch is not None]


def _disk_mismatches(vm: VmSpec, source: SourceVm, target: Target) -> list[Mismatch | None]:
    wanted = [disk for disk in source.disks if not vm.excludes(disk.name)]
    there = [disk for disk in target.disks if disk is not None]
    if len(wanted) != len(there):
        return [Mismatch(field="number of disks", expected=str(len(wanted)), actual=str(len(there)))]
    found: list[Mismatch | None] = []
    for disk, copy in _paired(wanted, there):
        found += [
            _difference(f"role of disk {disk.name}", _role(is_os=disk.is_os), _role(is_os=copy.is_os)),
            _difference(f"size of disk {disk.name}", f"{disk.size_gib} GiB", f"{copy.size_gib} GiB"),
            _difference(f"type of disk {disk.name}", protection.wanted_disk_type(vm, disk), copy.type or ""),
        ]
    return found


def _paired(wanted: list[SourceDisk], there: list[AttachedDisk]) -> list[tuple[SourceDisk, AttachedDisk]]:
    """Pair disks by name, for Site Recovery keeps it; where it did not, in the order of their attachment."""
    by_name = {ResourceId.parse(disk.id).name.lower(): disk for disk in there}
    if all(disk.name.lower() in by_name for disk in wanted):
        return [(disk, by_name[disk.name.lower()]) for disk in wanted]
    return list(zip(wanted, there, strict=True))


def _interface_mismatches(vm: VmSpec, source: SourceVm, target: Target) -> list[Mismatch | None]:
    there = [interface for interface in target.interfaces if interface is not None]
    if len(source.nics) != len(there):
        return [Mismatch(field="number of network interfaces", expected=str(len(source.nics)), actual=str(len(there)))]
    subnet = f"{vm.network_id}/subnets/{vm.subnet}"
    found = [
        None
        if same_id(subnet, interface.subnet_id)
        else Mismatch(field=f"subnet of {_name(interface)}", expected=subnet, actual=interface.subnet_id or "nothing")
        for interface in there
    ]
    if vm.address and there:
        found.append(_difference(f"address of {_name(there[0])}", vm.address, there[0].address or "nothing"))
        allocation = "static" if there[0].is_static else "dynamic"
        found.append(_difference(f"allocation of the address of {_name(there[0])}", "static", allocation))
    return found


def _difference(field: str, expected: str, actual: str) -> Mismatch | None:
    same = expected.lower() == actual.lower()
    return None if same else Mismatch(field=field, expected=expected, actual=actual or "nothing")


def _role(*, is_os: bool) -> str:
    return "operating system" if is_os else "data"


def _name(interface: Interface) -> str:
    return ResourceId.parse(interface.id).name
