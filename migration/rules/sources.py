"""Puts together what the rest of the move knows of a source: the virtual machine with its disks and interfaces."""

from __future__ import annotations

from migration.inventory import AttachedDisk, Inventory
from migration.models import SourceDisk, SourceNic, SourceVm, VmSpec


def source_vm(inventory: Inventory, vm: VmSpec) -> SourceVm | None:
    """Return the source as it is now; None where there is none.

    Raises:
        UnaskedError: Part of it could not be read.
    """
    machine = inventory.machines.about(vm.source_id)
    if machine is None:
        return None
    disks = [_disk(inventory, disk, is_os=index == 0) for index, disk in enumerate(machine.disks)]
    return SourceVm(
        id=machine.id,
        vm_unique_id=machine.vm_unique_id,
        region=machine.location,
        size=machine.size,
        zone=machine.zone,
        os_type="Windows" if machine.os_type.lower() == "windows" else "Linux",
        power_state=machine.power_state,
        agent_ready=machine.agent_ready,
        disks=[disk for disk in disks if disk is not None],
        nics=[nic for index, id_ in enumerate(machine.nic_ids) if (nic := _nic(inventory, id_, is_primary=index == 0))],
    )


def _disk(inventory: Inventory, attached: AttachedDisk, *, is_os: bool) -> SourceDisk | None:
    if attached.id is None:
        return None
    disk = inventory.disks.about(attached.id)
    return SourceDisk(
        id=attached.id,
        size_gib=(disk.size_gib if disk else attached.size_gib) or 0,
        type=(disk.type if disk else attached.type) or "",
        is_os=is_os,
    )


def _nic(inventory: Inventory, nic_id: str, *, is_primary: bool) -> SourceNic | None:
    nic = inventory.nics.about(nic_id)
    if nic is None:
        return None
    return SourceNic(
        id=nic.id,
        network_id=nic.network_id,
        subnet=nic.subnet,
        private_ip=nic.address,
        is_static=nic.is_static,
        is_primary=is_primary,
    )
