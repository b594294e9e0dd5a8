"""What a region offers: VM sizes, SKUs with their restrictions, and usages against limits."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

from simulator.compute import quotas
from simulator.compute.capacity import vm_usage
from simulator.compute.names import AVAILABILITY_SET, DISK, region
from simulator.compute.sizes import SIZES, VmSize, families
from simulator.provider import Call, Reply
from simulator.resources.locations import listing

if TYPE_CHECKING:
    from simulator.world import World

_OS_DISK_MB = 1047552
_DISK_SKUS = {
    "Standard_LRS": "Standard",
    "StandardSSD_LRS": "Standard",
    "StandardSSD_ZRS": "Standard",
    "Premium_LRS": "Premium",
    "Premium_ZRS": "Premium",
    "PremiumV2_LRS": "Premium",
    "UltraSSD_LRS": "Ultra",
}
_DISK_USAGES = {
    "StandardDiskCount": ("Standard_LRS", "Standard Storage Managed Disks"),
    "StandardSSDDiskCount": ("StandardSSD_LRS", "StandardSSD Storage Managed Disks"),
    "PremiumDiskCount": ("Premium_LRS", "Premium Storage Managed Disks"),
}


def resource_skus_list(call: Call) -> Reply:
    """List the SKUs of VM sizes, availability sets and disks (`$filter=location eq '...'`)."""
    match = re.search(r"location\s+eq\s+'([^']*)'", call.query.get("$filter", ""), re.IGNORECASE)
    places = [region(match[1])] if match else sorted(_zones())
    value = []
    for place in places:
        value.append(_plain_sku("availabilitySets", "Aligned", None, place))
        value += [_plain_sku("disks", name, tier, place) for name, tier in _DISK_SKUS.items()]
        value += [
            _vm_sku(call.world, call.subscription, place, size)
            for size in SIZES.values()
            if quotas.is_offered(call.world, call.subscription, place, size.name)
        ]
    return Reply(200, {"value": value})


@cache
def _zones() -> dict[str, list[str]]:
    """The availability zones of every region."""
    mappings = {place["name"]: place.get("availabilityZoneMappings", []) for place in listing("")}
    return {name: [mapping["logicalZone"] for mapping in entries] for name, entries in mappings.items()}


def zones_of(location: str) -> list[str]:
    """The availability zones of a region, none where it has none."""
    return _zones().get(region(location), [])


def _plain_sku(kind: str, name: str, tier: str | None, place: str) -> dict[str, Any]:
    sku = {"resourceType": kind, "name": name, **({"tier": tier} if tier else {}), "locations": [place]}
    return {**sku, "locationInfo": [_location_info(place, [])], "capabilities": [], "restrictions": []}


def _location_info(place: str, zones: list[str]) -> dict[str, Any]:
    return {"location": place, "zones": zones, "zoneDetails": []}


def _vm_sku(world: World, subscription: str, place: str, size: VmSize) -> dict[str, Any]:
    zones = _zones().get(place, [])
    return {
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.partition("_")[2],
        "family": size.family,
        "locations": [place],
        "locationInfo": [_location_info(place, zones)],
        "capabilities": [{"name": name, "value": value} for name, value in _capabilities(size).items()],
        "restrictions": _restrictions(world, subscription, place, size, zones),
    }


def _capabilities(size: VmSize) -> dict[str, str]:
    capabilities = {
        "MaxResourceVolumeMB": str(size.resource_disk_mb),
        "OSVhdSizeMB": str(_OS_DISK_MB),
        "vCPUs": str(size.vcpus),
        "MemoryPreservingMaintenanceSupported": "True",
        "HyperVGenerations": size.hyperv_generations,
        "DiskControllerTypes": size.disk_controllers.replace(" ", ""),
        "MemoryGB": f"{size.memory_mb / 1024:g}",
        "MaxDataDiskCount": str(size.max_data_disks),
        "CpuArchitectureType": "Arm64" if size.arm64 else "x64",
        "LowPriorityCapable": str(size.series != "B"),
        "PremiumIO": str(size.premium_io),
        "VMDeploymentTypes": "IaaS",
        "vCPUsAvailable": str(size.vcpus),
        "EphemeralOSDiskSupported": str(size.premium_io and size.resource_disk_mb > 0),
        "EncryptionAtHostSupported": str(size.premium_io),
        "AcceleratedNetworkingEnabled": str(size.accelerated_networking),
        "RdmaEnabled": "False",
        "MaxNetworkInterfaces": str(size.max_nics),
    }
    if not size.trusted_launch:
        capabilities["TrustedLaunchDisabled"] = "True"
    return capabilities


def _restrictions(world: World, subscription: str, place: str, size: VmSize, zones: list[str]) -> list[dict[str, Any]]:
    found = []
    if quotas.is_restricted(world, subscription, place, size.name):
        info = {"locations": [place], "zones": zones} if zones else {"locations": [place]}
        found.append(_restriction("Location", [place], info))
    lacking = [zone for zone in quotas.restricted_zones(world, subscription, place, size.name) if zone in zones]
    if lacking:
        found.append(_restriction("Zone", [place], {"locations": [place], "zones": lacking}))
    return found


def _restriction(kind: str, values: list[str], info: dict[str, list[str]]) -> dict[str, Any]:
    return {"type": kind, "values": values, "restrictionInfo": info, "reasonCode": "NotAvailableForSubscription"}


def virtual_machine_sizes_list(call: Call) -> Reply:
    """List the VM sizes of a region."""
    offered = [
        size
        for size in SIZES.values()
        if quotas.is_offered(call.world, call.subscription, call.params["location"], size.name)
    ]
    return Reply(200, {"value": [size_document(size) for size in offered]})


def size_document(size: VmSize) -> dict[str, Any]:
    """A VM size as the `vmSizes` listing has it."""
    return {
        "name": size.name,
        "numberOfCores": size.vcpus,
        "osDiskSizeInMB": _OS_DISK_MB,
        "resourceDiskSizeInMB": size.resource_disk_mb,
        "memoryInMB": size.memory_mb,
        "maxDataDiskCount": size.max_data_disks,
    }


def usage_list(call: Call) -> Reply:
    """Compute's usages and limits in a region, counted from the estate."""
    place = region(call.params["location"])
    used = vm_usage(call.world, call.subscription, place)
    disks = _disk_usage(call.world, call.subscription, place)
    rows = [
        ("availabilitySets", "Availability Sets", _count(call, AVAILABILITY_SET, place)),
        ("cores", "Total Regional vCPUs", used["cores"]),
        ("virtualMachines", "Virtual Machines", used["virtualMachines"]),
        ("virtualMachineScaleSets", "Virtual Machine Scale Sets", 0),
        ("lowPriorityCores", "Total Regional Spot vCPUs", 0),
        *((name, _family_label(name), used[name]) for name in families()),
        *((name, label, disks[sku]) for name, (sku, label) in _DISK_USAGES.items()),
    ]
    return Reply(
        200,
        {
            "value": [
                {
                    "limit": quotas.limit(call.world, call.subscription, place, name),
                    "unit": "Count",
                    "currentValue": current,
                    "name": {"value": name, "localizedValue": label},
                }
                for name, label, current in rows
            ]
        },
    )


def _family_label(name: str) -> str:
    return f"Standard {name[len('standard') : -len('Family')]} Family vCPUs"


def _count(call: Call, type_: str, place: str) -> int:
    found = call.world.store.list(type_, f"/subscriptions/{call.subscription}")
    return sum(1 for resource in found if region(resource.location) == place)


def _disk_usage(world: World, subscription: str, place: str) -> Counter[str]:
    found = world.store.list(DISK, f"/subscriptions/{subscription}")
    return Counter(str((disk.doc.get("sku") or {}).get("name")) for disk in found if region(disk.location) == place)
