"""Reading the Azure CLI's JSON, which prints properties flat, adds keys of its own, and writes nulls."""

from __future__ import annotations

from typing import Any

_ENVELOPE = {
    "id", "name", "type", "location", "tags", "zones", "sku", "plan", "kind", "identity", "etag", "managedBy",
    "extendedLocation", "resources", "properties", "placement", "managedByExtended", "systemData",
}  # fmt: skip
_OPAQUE = {"tags", "settings"}
_ONLY_SHOWN = {
    "resourceGroup", "powerState", "privateIps", "publicIps", "fqdns", "macAddresses", "createdTime", "changedTime",
}  # fmt: skip
_RENAMED = {
    "diskSizeGb": "diskSizeGB",
    "diskIopsReadWrite": "diskIOPSReadWrite",
    "diskMbpsReadWrite": "diskMBpsReadWrite",
    "enableIpForwarding": "enableIPForwarding",
    "privateIpAddress": "privateIPAddress",
    "privateIpAddressVersion": "privateIPAddressVersion",
    "privateIpAllocationMethod": "privateIPAllocationMethod",
    "publicIpAddress": "publicIPAddress",
    "publicIpAddressVersion": "publicIPAddressVersion",
    "publicIpAllocationMethod": "publicIPAllocationMethod",
}
"""How some releases of the CLI spell what ARM spells otherwise."""


def unflatten(document: dict[str, Any]) -> dict[str, Any]:
    """Bring what the Azure CLI prints into ARM's shape: properties in their place, no nulls, no `resourceGroup`."""
    plain: dict[str, Any] = _without_noise(document)
    for key in ("kind", "managedBy", "plan"):
        if plain.get(key) == "":
            # Resource Graph writes an empty text where ARM writes nothing.
            del plain[key]
    properties = dict(plain.get("properties") or {})
    for key in [key for key in plain if key not in _ENVELOPE]:
        properties[key] = plain.pop(key)
    plain["properties"] = properties
    return plain


def _without_noise(value: Any) -> Any:
    if isinstance(value, dict):
        # Resource Graph has an object called `powerState` inside a machine; that one is no text for people.
        noise = {key for key in value if key in _ONLY_SHOWN and not isinstance(value[key], dict)}
        kept = {key: inner for key, inner in value.items() if inner is not None and key not in noise}
        for key in _RENAMED.keys() & kept.keys():
            kept.setdefault(_RENAMED[key], kept.pop(key))
        return {key: inner if key in _OPAQUE else _without_noise(inner) for key, inner in kept.items()}
    return [_without_noise(inner) for inner in value] if isinstance(value, list) else value
