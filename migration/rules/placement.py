"""How the source is held, by availability sets, zones, groups and hosts, and what of that the target keeps.

`Support matrix, compute settings
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-support-matrix#replicated-machines---compute-settings>`_.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration.ids import describe
from migration.models import VmSpec
from migration.rules.case import Case, Hit, VmCheck


def availability_set(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn that the target will be in no availability set."""
    machine = case.machine(vm)
    if machine and machine.availability_set_id:
        yield Hit(describe(vm.source_id), f"it is in {describe(machine.availability_set_id)}")


def zone(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of a machine that loses its zone."""
    machine = case.machine(vm)
    if machine and machine.zone and vm.zone is None:
        yield Hit(describe(vm.source_id), f"it is in zone {machine.zone}, and the plan names no zone for the target")


def proximity_group(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of a machine that leaves its proximity placement group."""
    machine = case.machine(vm)
    if machine and machine.proximity_group_id:
        yield Hit(describe(vm.source_id), f"it is in {describe(machine.proximity_group_id)}")


def scale_set(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of a machine of a flexible scale set: it moves, the set does not."""
    machine = case.machine(vm)
    if machine and machine.scale_set_id:
        yield Hit(describe(vm.source_id), f"it belongs to {describe(machine.scale_set_id)}")


def dedicated_host(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a machine on a dedicated host."""
    machine = case.machine(vm)
    if machine and machine.host_id:
        yield Hit(describe(vm.source_id), f"it runs on {describe(machine.host_id)}")


CHECKS: dict[str, VmCheck] = {
    "availability-set": availability_set,
    "zone": zone,
    "proximity-group": proximity_group,
    "scale-set": scale_set,
    "dedicated-host": dedicated_host,
}
