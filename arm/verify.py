"""What the target looks like, held against the plan and the source, field by field."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arm import protection
from migration import power
from migration.ids import ResourceId, same_id
from migration.models import Mismatch
from migration.proofs import Comparison

if TYPE_CHECKING:
    from arm.machines import AttachedDisk, Interface, Machine
    from migration.inventory import Network
    from migration.models import SourceDisk, SourceVm, VmSpec


@dataclass(frozen=True)
class Target:
    """A target as it was read: its disks and interfaces each by its own reading, None where that is missing."""

    machine: Machine
    disks: list[AttachedDisk | None]
    interfaces: list[Interface | None]
    network: Network | None = None


def mismatches(vm: VmSpec, source: SourceVm, target: Target, size: str | None = None) -> list[Mismatch]:
    """Return what is not as the plan wants it, or as the source was where the plan says nothing."""
    return differing(compared(vm, source, target, size))


def differing(everything: list[Comparison]) -> list[Mismatch]:
    """Return what did not hold."""
    return [Mismatch(field=one.field, expected=one.expected, actual=one.actual) for one in everything if not one.ok]


def compared(vm: VmSpec, source: SourceVm, target: Target, size: str | None = None) -> list[Comparison]:
    """Return every field that the plan, or the source, has something to say about; *size*: what the check foretold."""
    return [
        *_shape(vm, source, target.machine, size),
        *_disks(vm, source, target),
        *_interfaces(vm, source, target),
        *([_same("zone", vm.zone, target.machine.zone or "")] if vm.zone else []),
    ]


def compared_test(vm: VmSpec, source: SourceVm, target: Target, size: str | None = None) -> list[Comparison]:
    """Return the same of the machine of a test failover, whose interfaces lie in the test network and nowhere else."""
    there = [interface for interface in target.interfaces if interface is not None]
    wanted = vm.test_network_id or ""
    return [
        *_shape(vm, source, target.machine, size),
        *_disks(vm, source, target),
        _count("number of network interfaces", len(source.nics), len(there)),
        *(_network(interface, wanted) for interface in there),
        *(
            _same(f"public address of {_name(interface)}", "none", "there" if interface.has_public_address else "none")
            for interface in there
        ),
    ]


def _shape(vm: VmSpec, source: SourceVm, machine: Machine, size: str | None) -> Iterator[Comparison]:
    yield _same("power", power.RUNNING, machine.power_state)
    yield _same("region", vm.target_region, machine.region)
    yield _same("size", vm.size or size or source.size, machine.size)


def _disks(vm: VmSpec, source: SourceVm, target: Target) -> Iterator[Comparison]:
    wanted = [disk for disk in source.disks if not vm.excludes(disk.name)]
    there = [disk for disk in target.disks if disk is not None]
    yield _count("number of disks", len(wanted), len(there))
    if len(wanted) != len(there):
        return
    for disk, copy in _paired(wanted, there):
        yield _same(f"role of disk {disk.name}", _role(is_os=disk.is_os), _role(is_os=copy.is_os))
        yield _same(f"size of disk {disk.name}", f"{disk.size_gib} GiB", f"{copy.size_gib} GiB")
        yield _same(f"type of disk {disk.name}", protection.wanted_disk_type(vm, disk), copy.type or "")
        if vm.disk_encryption_set_id:
            yield _same_id(f"encryption set of disk {disk.name}", vm.disk_encryption_set_id, copy.encryption_set)


def _paired(wanted: list[SourceDisk], there: list[AttachedDisk]) -> list[tuple[SourceDisk, AttachedDisk]]:
    """Pair disks by name, for Site Recovery keeps it; where it did not, in the order of their attachment."""
    by_name: dict[str, AttachedDisk] = {}
    for disk in there:
        name = ResourceId.parse(disk.id).name.lower()
        by_name[name.removesuffix("-asrtest")] = disk
    if all(disk.name.lower() in by_name for disk in wanted):
        return [(disk, by_name[disk.name.lower()]) for disk in wanted]
    return list(zip(wanted, there, strict=True))


def _interfaces(vm: VmSpec, source: SourceVm, target: Target) -> Iterator[Comparison]:
    there = [interface for interface in target.interfaces if interface is not None]
    yield _count("number of network interfaces", len(source.nics), len(there))
    if len(source.nics) != len(there):
        return
    subnet = f"{vm.network_id}/subnets/{vm.subnet}"
    for interface in there:
        yield _same_id(f"subnet of {_name(interface)}", subnet, interface.subnet_id)
    if len(there) > 1:
        yield _same("primary network interface", source.nics[0].name, _name(there[0]))
    yield from _addresses(vm, there, target.network)


def _addresses(vm: VmSpec, there: list[Interface], network: Network | None) -> Iterator[Comparison]:
    if vm.address and there:
        yield _same(f"address of {_name(there[0])}", vm.address, there[0].address or "nothing")
        allocation = "static" if there[0].is_static else "dynamic"
        yield _same(f"allocation of the address of {_name(there[0])}", "static", allocation)
    subnet = network.subnet(vm.subnet) if network else None
    for interface in there if subnet else []:
        within = ", ".join(subnet.prefixes) if subnet else ""
        inside = bool(subnet) and _lies_in(interface.address, subnet.prefixes if subnet else ())
        actual = interface.address or "nothing"
        yield Comparison(field=f"range of {_name(interface)}", expected=within, actual=actual, ok=inside)


def _lies_in(address: str | None, prefixes: tuple[str, ...]) -> bool:
    ranges = [ipaddress.ip_network(prefix, strict=False) for prefix in prefixes]
    return address is not None and any(ipaddress.ip_address(address) in each for each in ranges)


def _network(interface: Interface, wanted: str) -> Comparison:
    network = interface.subnet_id.rpartition("/subnets/")[0]
    return _same_id(f"network of {_name(interface)}", wanted, network)


def _same(field: str, expected: str, actual: str) -> Comparison:
    return Comparison(field=field, expected=expected, actual=actual or "nothing", ok=expected.lower() == actual.lower())


def _same_id(field: str, expected: str, actual: str | None) -> Comparison:
    return Comparison(field=field, expected=expected, actual=actual or "nothing", ok=same_id(expected, actual or ""))


def _count(field: str, expected: int, actual: int) -> Comparison:
    return Comparison(field=field, expected=str(expected), actual=str(actual), ok=expected == actual)


def _role(*, is_os: bool) -> str:
    return "operating system" if is_os else "data"


def _name(interface: Interface) -> str:
    return ResourceId.parse(interface.id).name
