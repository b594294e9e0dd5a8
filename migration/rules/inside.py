"""What else only the machine itself tells: what it boots from, disks that nothing is on, services that are off.

`Troubleshoot Azure-to-Azure errors
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-troubleshoot-errors>`_: 150039, 151025, 151124, 151126.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration.facts import UnaskedError
from migration.guests import GuestAnswer
from migration.ids import describe
from migration.models import VmSpec
from migration.rules.case import Case, Hit, VmCheck


def boot_devices(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a boot configuration that names a disk as the kernel does: at the next start it may be another one."""
    devices = _told(case, vm, "boot_devices", "Linux")
    if devices:
        yield Hit(describe(vm.source_id), f"its boot configuration names {_listed(devices)}")


def boot_volumes(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a boot configuration that names a volume which is not there."""
    volumes = _told(case, vm, "absent_volumes", "Linux")
    if volumes:
        yield Hit(describe(vm.source_id), f"its boot configuration names {_listed(volumes)}, which is not there")


def disks_initialised(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to data disks that move and have neither partitions nor a file system."""
    for lun in _told(case, vm, "raw_luns") or ():
        yield Hit(describe(vm.source_id), f"its data disk of LUN {lun} is not initialised")


def snapshot_services(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to Windows services that are disabled and that the agent takes snapshots with."""
    services = _told(case, vm, "disabled_services", "Windows")
    if services:
        yield Hit(describe(vm.source_id), f"its services {_listed(services)} are disabled")


def _told(case: Case, vm: VmSpec, field: str, os_type: str = "") -> tuple[object, ...] | None:
    answer: GuestAnswer | None = case.inventory.guests.about(vm.source_id)
    if answer is not None and os_type and answer.os_type != os_type:
        return None
    told: tuple[object, ...] | None = getattr(answer, field, None)
    if told is None:
        raise UnaskedError(f"asking {describe(vm.source_id)}: it could not tell its {field.replace('_', ' ')}")
    return told


def _listed(things: tuple[object, ...]) -> str:
    return ", ".join(map(str, things))


CHECKS: dict[str, VmCheck] = {
    "boot-devices": boot_devices,
    "boot-volumes": boot_volumes,
    "disks-initialised": disks_initialised,
    "snapshot-services": snapshot_services,
}
