"""Takes the fingerprint of a virtual machine: what the copy, and the failover, take for granted.

What the move itself makes is not in it: replica disks and the protected item lie elsewhere, the agent's extension is
left out, and the power state is a rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration import ids
from migration.fingerprint import Fingerprint
from migration.ids import describe
from migration.inventory import Machine
from migration.models import VmSpec
from migration.rules.case import Case, source_group, target_group

_TEXT_LIMIT = 200


def take(case: Case, vm: VmSpec) -> Fingerprint | None:
    """Return the fingerprint; None where the virtual machine is not there.

    Raises:
        UnaskedError: Part of it could not be read.
    """
    machine = case.machine(vm)
    if machine is None:
        return None
    pairs = [*_machine(machine), *_disks(case, machine), *_nics(case, vm), *_locks(case, vm)]
    return Fingerprint(facets={name: value[:_TEXT_LIMIT] for name, value in pairs})


def _machine(machine: Machine) -> Iterator[tuple[str, str]]:
    yield "the virtual machine's own id", machine.vm_unique_id.lower()
    yield "its size", machine.size.lower()
    yield "its zone", machine.zone or "none"
    yield "its security type", machine.security_type or "standard"
    yield "its managed identities", ", ".join(sorted(map(_told, machine.identity_ids))) or "none"
    for name, reference in (
        ("its availability set", machine.availability_set_id),
        ("its proximity placement group", machine.proximity_group_id),
        ("its dedicated host", machine.host_id),
    ):
        yield name, _told(reference) if reference else "none"


def _disks(case: Case, machine: Machine) -> Iterator[tuple[str, str]]:
    for attached in machine.disks:
        disk = case.inventory.disks.about(attached.id) if attached.id else None
        size, kind = (disk.size_gib, disk.type) if disk else (attached.size_gib, attached.type)
        key = f", key {_told(disk.encryption_set_id)}" if disk and disk.encryption_set_id else ""
        yield f'disk "{attached.name}"', f"{size} GiB {kind}{key}"


def _nics(case: Case, vm: VmSpec) -> Iterator[tuple[str, str]]:
    for nic in case.nics(vm):
        address = f"{nic.address} {'static' if nic.is_static else 'dynamic'}"
        more = f" and {', '.join(nic.more_addresses)}" if nic.more_addresses else ""
        group = f", under {_told(nic.security_group_id)}" if nic.security_group_id else ""
        yield f'network interface "{nic.name}"', f'{address}{more} in "{nic.subnet}" of {_told(nic.network_id)}{group}'


def _locks(case: Case, vm: VmSpec) -> Iterator[tuple[str, str]]:
    places = {"source": (source_group(vm), vm.source_id), "target": (target_group(vm), vm.target_resource_group_id)}
    vault = case.vault_of(vm)
    places["vault"] = (vault.group, vault.id)
    for word, (home, resource_id) in places.items():
        group_id = ids.resource_group_id(*home)
        if case.inventory.groups.about(group_id) is None:
            yield f"locks on the {word}", "none"
            continue
        locks = [lock for lock in case.inventory.locks.about(group_id) or () if lock.holds(resource_id)]
        yield f"locks on the {word}", ", ".join(sorted(f"{lock.name} ({lock.level})" for lock in locks)) or "none"


def _told(reference: str) -> str:
    return describe(reference) if reference.startswith("/") else reference
