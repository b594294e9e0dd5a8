"""Which size the virtual machine will have: the plan's, the same as at home, or the closest that the region offers.

`Azure resource quota issues
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-troubleshoot-errors#azure-resource-quota-issues-error-code-150097>`_:
"By default, Site Recovery picks the same size for the target VM as the source VM. If the matching size isn't available,
the closest possible size is picked automatically."
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from migration.facts import UnaskedError
from migration.ids import describe
from migration.inventory import Machine, Sku
from migration.models import VmSpec
from migration.rules.case import Case, Hit, VmCheck, place

_NAME = re.compile(r"(?i)standard_([a-z]+)(\d+)(?:-\d+)?([a-z]*)(?:_[a-z]+\d*)?(?:_v(\d+))?")


def size_offered(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a size that the region, or the zone, does not offer to the subscription; name the closest one."""
    size = case.wanted_size(vm)
    if size is None:
        return
    why = _not_offered(vm, size, sku_of(case, vm, size))
    if why:
        yield Hit(f"size {size} in {vm.target_region}", why, _advice(case, vm))


def size_fits(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a size that cannot carry what hangs on the virtual machine."""
    size, machine = case.wanted_size(vm), case.machine(vm)
    sku = sku_of(case, vm, size) if size else None
    if sku is None or machine is None:
        return
    for why in misfits(case, vm, machine, sku):
        yield Hit(f"size {sku.name} for {describe(vm.source_id)}", why, _advice(case, vm))


def size_differs(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Note a size that the plan changes, and by how much."""
    machine = case.machine(vm)
    if machine is None or vm.size is None or vm.size.lower() == machine.size.lower():
        return
    now, then = specification(case, vm, machine.size), sku_of(case, vm, vm.size)
    if now and then:
        evidence = f"the source has {machine.size}: {_told(now)} become {_told(then)}"
        yield Hit(f"size {vm.size} for {describe(vm.source_id)}", evidence)


def size_enough(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of a source smaller than the support matrix asks for."""
    machine = case.machine(vm)
    sku = specification(case, vm, machine.size) if machine else None
    if sku and (sku.vcpus < 2 or (sku.memory_gib or 1) < 1):
        yield Hit(describe(vm.source_id), f"its size {sku.name} has {_told(sku)}")


def accelerated(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn where the size cannot accelerate an interface that is accelerated at home."""
    size = case.wanted_size(vm)
    sku = sku_of(case, vm, size) if size else None
    if sku and not sku.accelerated and any(nic.accelerated for nic in case.nics(vm)):
        yield Hit(f"size {sku.name} for {describe(vm.source_id)}", "it has no accelerated networking, the source has")


def choice(case: Case, vm: VmSpec) -> tuple[str, str] | None:
    """Return the size that the virtual machine will have, and why; None where that is not known.

    Raises:
        UnaskedError: What would tell could not be read.
    """
    machine, size = case.machine(vm), case.wanted_size(vm)
    if machine is None or size is None:
        return None
    if vm.size and vm.size.lower() != machine.size.lower():
        return size, f"as the plan says; {machine.size} at the source"
    if not _not_offered(vm, size, sku_of(case, vm, size)):
        return size, "the same as at the source"
    near = closest(case, vm)
    return (near.name, f"the closest to {size} that {vm.target_region} offers ({_told(near)})") if near else None


def closest(case: Case, vm: VmSpec) -> Sku | None:
    """Return the size nearest to the source's that the region offers and that carries all of it."""
    machine = case.machine(vm)
    wanted = specification(case, vm, case.wanted_size(vm) or "") if machine else None
    if machine is None or wanted is None:
        return None
    table = case.inventory.skus.about(place(vm.target_subscription, vm.target_region)) or {}
    able = [
        sku
        for sku in table.values()
        if not _not_offered(vm, sku.name, sku)
        and sku.architecture == wanted.architecture
        and not any(misfits(case, vm, machine, sku))
    ]
    return min(able, key=lambda sku: _distance(wanted, sku), default=None)


def sku_of(case: Case, vm: VmSpec, size: str) -> Sku | None:
    """Return what the target region offers of a size."""
    return (case.inventory.skus.about(place(vm.target_subscription, vm.target_region)) or {}).get(size.lower())


def specification(case: Case, vm: VmSpec, size: str) -> Sku | None:
    """Return what a size is, by the target region or, where that does not offer it, by the source region."""
    known = sku_of(case, vm, size)
    if known is not None:
        return known
    home = place(vm.source_id.split("/")[2], vm.source_region)
    try:
        return (case.inventory.skus.about(home) or {}).get(size.lower())
    except UnaskedError:
        return None  # it only helps to find a substitute


def misfits(case: Case, vm: VmSpec, machine: Machine, sku: Sku) -> Iterator[str]:
    """Yield why a size cannot carry the virtual machine."""
    data_disks, nics = len(case.kept_disks(vm)) - 1, len(machine.nic_ids)
    if sku.max_data_disks is not None and data_disks > sku.max_data_disks:
        yield f"it takes {sku.max_data_disks} data disks, {data_disks} move"
    if sku.max_nics is not None and nics > sku.max_nics:
        yield f"it takes {sku.max_nics} network interfaces, the machine has {nics}"
    if machine.generation and sku.generations and machine.generation not in sku.generations:
        yield f"it takes generation {' and '.join(sku.generations)}, the machine is {machine.generation}"
    if not sku.premium and any(kind.startswith("Premium") for kind in _kept_types(case, vm)):
        yield "it takes no premium disk, and the machine will have one"
    if machine.security_type == "TrustedLaunch" and not sku.trusted_launch:
        yield "it has no Trusted Launch, and the machine has"
    if machine.disk_controller and sku.controllers and machine.disk_controller not in sku.controllers:
        yield f"its disk controller is {' or '.join(sku.controllers)}, the machine's is {machine.disk_controller}"


def _not_offered(vm: VmSpec, size: str, sku: Sku | None) -> str:
    if sku is None:
        return f"{vm.target_region} does not offer it"
    if sku.restricted:
        return f"subscription {vm.target_subscription} may not use it there ({sku.reason or 'restricted'})"
    if vm.zone and vm.zone not in sku.zones:
        return f"it is offered in zones {', '.join(sku.zones) or 'none'}, not in {vm.zone}"
    if vm.zone and vm.zone in sku.restricted_zones:
        return f"subscription {vm.target_subscription} may not use it in zone {vm.zone} ({sku.reason})"
    return "" if sku.usable or vm.zone else f"subscription {vm.target_subscription} may use {size} in no zone there"


def _advice(case: Case, vm: VmSpec) -> str | None:
    near = closest(case, vm)
    if near is None:
        return None
    return f"name target.size: {near.name}, the closest there ({_told(near)}), or another size or zone; or ask for it"


def _distance(wanted: Sku, sku: Sku) -> tuple[float, ...]:
    """Order sizes by nearness: vCPUs first, then memory, series, features, version."""
    series, features, version = _parts(wanted.name)
    other_series, other_features, other_version = _parts(sku.name)
    return (
        abs(sku.vcpus - wanted.vcpus),
        abs((sku.memory_gib or 0) - (wanted.memory_gib or 0)),
        series != other_series,
        len(set(features) ^ set(other_features)),
        abs(version - other_version),
        sku.vcpus < wanted.vcpus,
    )


def _parts(name: str) -> tuple[str, str, int]:
    match = _NAME.fullmatch(name)
    return (match[1].upper(), match[3].lower(), int(match[4] or 1)) if match else (name, "", 1)


def _told(sku: Sku) -> str:
    memory = f" and {sku.memory_gib:g} GiB" if sku.memory_gib is not None else ""
    return f"{sku.vcpus} vCPU{'s' if sku.vcpus != 1 else ''}{memory}"


def _kept_types(case: Case, vm: VmSpec) -> list[str]:
    return [vm.disk_type(disk.name) or disk.type or "" for disk in case.kept_disks(vm)]


CHECKS: dict[str, VmCheck] = {
    "size-offered": size_offered,
    "size-fits": size_fits,
    "size-differs": size_differs,
    "size-enough": size_enough,
    "accelerated-networking": accelerated,
}
