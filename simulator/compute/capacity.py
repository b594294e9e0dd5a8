"""Whether a VM fits: its size in the region, and the quotas of vCPUs and machines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from simulator import paths
from simulator.compute import quotas
from simulator.compute.names import VM, region
from simulator.compute.sizes import SIZES, VmSize, find_size

if TYPE_CHECKING:
    from simulator.world import World

__all__ = ["SIZES", "check_capacity", "vm_usage"]

Problem = tuple[str, str]
_SUPPORT_TEXT = (
    "Setup Alerts when Quota reaches threshold. Learn more at https://aka.ms/quotamonitoringalerting . Submit a "
    "request for Quota increase at https://aka.ms/ProdportalCRP by specifying parameters listed in the 'Details' "
    "section for deployment to succeed. Please read more about quota limits at "
    "https://docs.microsoft.com/en-us/azure/azure-supportability/per-vm-quota-requests"
)


def vm_usage(world: World, subscription: str, location: str, *, without: str | None = None) -> Counter[str]:
    """Count machines (`virtualMachines`), vCPUs (`cores`) and vCPUs by family of a region, stopped machines too.

    *without* names a machine that does not count.
    """
    usage: Counter[str] = Counter()
    for machine in world.store.list(VM, f"/subscriptions/{subscription}"):
        if region(machine.location) != region(location) or (without and paths.same(machine.id, without)):
            continue
        usage["virtualMachines"] += 1
        size = find_size(str(machine.properties.get("hardwareProfile", {}).get("vmSize", "")))
        if size is not None:
            usage["cores"] += size.vcpus
            usage[size.family] += size.vcpus
    return usage


def check_capacity(
    world: World, subscription: str, location: str, size: str, zone: str | None = None, *, instead_of: str | None = None
) -> Problem | None:
    """Tell why one more VM of *size* would not start in the region: Azure's code and message, or None.

    *instead_of* names the machine whose place it takes, as in a change of size.
    """
    known = find_size(size)
    if known is None:
        return _invalid_size(size, location)
    return _sku_problem(world, subscription, location, known, zone) or _quota_problem(
        vm_usage(world, subscription, location, without=instead_of), world, subscription, location, known
    )


def _invalid_size(size: str, location: str) -> Problem:
    return "InvalidParameter", (
        f"The value {size} provided for the VM size is not valid. The valid sizes in the current region are those "
        f"that https://management.azure.com lists as vmSizes of '{region(location)}'. "
        "Find out more on the valid VM sizes in each region at https://aka.ms/azure-regions."
    )


def _sku_problem(world: World, subscription: str, location: str, size: VmSize, zone: str | None) -> Problem | None:
    if not quotas.is_offered(world, subscription, location, size.name):
        return _invalid_size(size.name, location)
    in_zone = zone is not None and zone in quotas.restricted_zones(world, subscription, location, size.name)
    if not in_zone and not quotas.is_restricted(world, subscription, location, size.name):
        return None
    return "SkuNotAvailable", (
        "The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: "
        f"{size.name}' is currently not available in location '{region(location)}'. Please try another size or "
        "deploy to a different location or different zone. See https://aka.ms/azureskunotavailable for details."
    )


def _quota_problem(usage: Counter[str], world: World, subscription: str, location: str, size: VmSize) -> Problem | None:
    for name, label, needed in (
        ("cores", "Total Regional Cores", size.vcpus),
        (size.family, f"{size.family} Cores", size.vcpus),
        ("virtualMachines", "Virtual Machines", 1),
    ):
        allowed = quotas.limit(world, subscription, location, name)
        if usage[name] + needed > allowed:
            return "OperationNotAllowed", (
                f"Operation could not be completed as it results in exceeding approved {label} quota. Additional "
                f"details - Deployment Model: Resource Manager, Location: {region(location)}, Current Limit: "
                f"{allowed}, Current Usage: {usage[name]}, Additional Required: {needed}, (Minimum) New Limit "
                f"Required: {usage[name] + needed}. {_SUPPORT_TEXT}"
            )
    return None
