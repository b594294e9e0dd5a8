"""Does the target region offer the sizes, and are its quotas large enough for all that move?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from migration.ids import describe
from migration.inventory import Sku, Usage
from migration.models import VmSpec
from migration.rules.case import Case, Hit, SharedCheck, VmCheck, place


def size_offered(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a size that the region, or the zone, does not offer to the subscription."""
    size = case.wanted_size(vm)
    if size is None:
        return
    sku = sku_of(case, vm, size)
    subject = f"size {size} in {vm.target_region}"
    if sku is None:
        yield Hit(subject, f"{vm.target_region} does not offer it")
    elif sku.restricted:
        yield Hit(subject, f"subscription {vm.target_subscription} may not use it there ({sku.reason or 'restricted'})")
    elif vm.zone and vm.zone not in sku.zones:
        yield Hit(subject, f"it is offered in zones {', '.join(sku.zones) or 'none'}, not in {vm.zone}")
    elif vm.zone and vm.zone in sku.restricted_zones:
        yield Hit(subject, f"subscription {vm.target_subscription} may not use it in zone {vm.zone} ({sku.reason})")


def size_fits(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a size that is too small for what hangs on the virtual machine."""
    size, machine = case.wanted_size(vm), case.machine(vm)
    sku = sku_of(case, vm, size) if size else None
    if sku is None or machine is None:
        return
    subject = f"size {sku.name} for {describe(vm.source_id)}"
    data_disks, nics = len(case.kept_disks(vm)) - 1, len(machine.nic_ids)
    if sku.max_data_disks is not None and data_disks > sku.max_data_disks:
        yield Hit(subject, f"it takes {sku.max_data_disks} data disks, {data_disks} move")
    if sku.max_nics is not None and nics > sku.max_nics:
        yield Hit(subject, f"it takes {sku.max_nics} network interfaces, the machine has {nics}")
    if machine.generation and sku.generations and machine.generation not in sku.generations:
        yield Hit(subject, f"it takes generation {' and '.join(sku.generations)}, the machine is {machine.generation}")
    if not sku.premium and any(kind.startswith("Premium") for kind in _kept_types(case, vm)):
        yield Hit(subject, "it takes no premium disk, and the machine will have one")


def quota(case: Case) -> Iterator[Hit]:
    """Object to each quota that the virtual machines together would exceed."""
    for where, wanted in _wanted(case).items():
        usages = case.inventory.usages.about(where) or {}
        subscription, _, region = where.partition("/")
        for name, amount in sorted(wanted.items()):
            usage = usages.get(name.lower())
            subject = f"quota {usage.label if usage else name} of subscription {subscription} in {region}"
            if usage is None:
                yield Hit(subject, "Azure does not list it", severity="unknown")
            elif usage.used + amount > usage.limit:
                yield Hit(
                    subject, f"{usage.limit} allowed, {usage.used} used, {amount} more wanted", _ask_for(usage, amount)
                )


def sku_of(case: Case, vm: VmSpec, size: str) -> Sku | None:
    """Return what the target region offers of a size."""
    return (case.inventory.skus.about(place(vm.target_subscription, vm.target_region)) or {}).get(size.lower())


def _wanted(case: Case) -> dict[str, Counter[str]]:
    wanted: dict[str, Counter[str]] = {}
    for vm in case.vms:
        size = case.wanted_size(vm)
        sku = sku_of(case, vm, size) if size else None
        if sku is not None:
            amounts = wanted.setdefault(place(vm.target_subscription, vm.target_region), Counter())
            amounts.update({"cores": sku.vcpus, "virtualMachines": 1, sku.family: sku.vcpus})
    return wanted


def _ask_for(usage: Usage, amount: int) -> str:
    return f"ask for a limit of {usage.used + amount} or more, or choose other sizes"


def _kept_types(case: Case, vm: VmSpec) -> list[str]:
    return [vm.disk_type(disk.name) or disk.type or "" for disk in case.kept_disks(vm)]


CHECKS: dict[str, VmCheck] = {"size-offered": size_offered, "size-fits": size_fits}
SHARED_CHECKS: dict[str, SharedCheck] = {"quota": quota}
