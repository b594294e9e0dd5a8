"""Quotas and offers per subscription and region, as the seed's `quotas` sets them.

Two forms, both without regard to case; `*` stands for every subscription or every region, the most precise entry
wins::

    quotas:
      "*":                               # a subscription id, or *
        northeurope:                     # a region, or *
          cores: 20                      # vCPUs in the region
          standardDSv3Family: 8          # vCPUs of the family; any name of the usages list
          Standard_E4s_v3: 0             # a VM size: 0 = not available to this subscription in this region,
          Standard_D2s_v3: ["1", "2"]    #   a list = not available in these zones, null = not offered at all
          Microsoft.Compute/virtualMachines: 0  # a type of resource: 0 = the region does not offer it
    # or, for every subscription:
    quotas: {northeurope: {cores: 20}}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator.compute.names import VM, region

if TYPE_CHECKING:
    from simulator.world import World

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DEFAULTS = {
    "availabilitysets": 2500,
    "cores": 10_000,
    "virtualmachines": 25_000,
    "virtualmachinescalesets": 2500,
    "lowprioritycores": 100,
    "storageaccounts": 250,
}
_DEFAULT_FAMILY_LIMIT = 10_000
_DEFAULT_DISK_LIMIT = 50_000


def _tables(world: World, subscription: str, location: str) -> list[dict[str, Any]]:
    """The tables that speak of the subscription and region, the most precise first."""
    quotas = world.quotas
    by_subscription = any((key == "*" and _is_nested(value)) or _GUID.fullmatch(key) for key, value in quotas.items())
    scopes = [subscription.lower(), "*"] if by_subscription else [None]
    found = []
    for scope in scopes:
        regions = quotas if scope is None else _entry(quotas, scope)
        for name in (region(location), "*"):
            table = {region(key): value for key, value in (regions or {}).items()}.get(name)
            if isinstance(table, dict):
                found.append(table)
    return found


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values())


def _entry(table: dict[str, Any], name: str) -> Any:
    return next((value for key, value in table.items() if key.lower() == name.lower()), None)


def limit(world: World, subscription: str, location: str, name: str, default: int | None = None) -> int:
    """The limit of the usage *name* (`cores`, `standardDSv3Family`, `NetworkInterfaces`, `StorageAccounts`, ...)."""
    for table in _tables(world, subscription, location):
        value = _entry(table, name)
        if isinstance(value, int):
            return value
    if default is not None:
        return default
    if name.lower().endswith("diskcount"):
        return _DEFAULT_DISK_LIMIT
    return _DEFAULTS.get(name.lower(), _DEFAULT_FAMILY_LIMIT)


def offers_type(world: World, subscription: str, location: str, type_: str) -> bool:
    """Whether the subscription may have resources of the type *type_* in the region."""
    return not world.quotas or limit(world, subscription, location, type_, 1) > 0


def is_offered(world: World, subscription: str, location: str, size: str) -> bool:
    """Whether the region has the VM size at all."""
    return not any(
        value is None
        for table in _tables(world, subscription, location)
        for key, value in table.items()
        if key.lower() == size.lower()
    )


def is_restricted(world: World, subscription: str, location: str, size: str) -> bool:
    """Whether the subscription may not use the VM size in the region; none, where it may have no VM there."""
    if not offers_type(world, subscription, location, VM):
        return True
    for table in _tables(world, subscription, location):
        value = _entry(table, size)
        if isinstance(value, int):
            return value == 0
    return False


def restricted_zones(world: World, subscription: str, location: str, size: str) -> list[str]:
    """The zones of the region in which the subscription may not use the VM size."""
    for table in _tables(world, subscription, location):
        value = _entry(table, size)
        if isinstance(value, list):
            return [str(zone) for zone in value]
    return []
