"""Seeded networks made whole: NICs, virtual networks and subnets that a seed names but lacks."""

from __future__ import annotations

import ipaddress
import itertools
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute.flattened import unflatten
from simulator.network.addresses import addresses_of, free_addresses, next_address
from simulator.network.names import VNET, region, resource_id, split_subnet_id, subnet_id
from simulator.network.nics import REFERENCES, ip_configuration, nic_document, note_references, save_nic
from simulator.network.subnets import find_subnet, prefixes, subnet_document, subnets_of
from simulator.network.vnets import vnet_document

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

_SPACE = "10.0.0.0/16"
_VNET_BITS, _SUBNET_BITS, _WIDE_SUBNET_BITS = 16, 24, 20


def complete_nic(world: World, nic_id: str, vm_id: str, location: str, *, address: str | None = None) -> Resource:
    """Make the NIC of a seeded machine where it is absent, and whatever it lacks where it is there."""
    nic = world.store.get(nic_id)
    if nic is not None and _is_whole(world, nic):
        return nic
    document = unflatten(nic.doc) if nic is not None else {}
    configurations = document.get("properties", {}).get("ipConfigurations") or []
    filled: list[dict[str, Any]] = []
    for index, given in enumerate(configurations or [{"name": "ipconfig1"}]):
        known = address if index == 0 else None
        filled.append(_complete_configuration(world, nic_id, vm_id, location, given, known, filled))
    whole = nic_document(nic_id, location, filled, {**document.get("properties", {}), "ipConfigurations": filled})
    envelope = {key: value for key, value in document.items() if key != "properties"}
    return save_nic(world, {**whole, **envelope}, nic.meta if nic is not None else None)


def complete_lone_nic(world: World, nic_id: str) -> None:
    """Fill in what a seeded NIC lacks that no seeded machine has, and let what it refers to say so."""
    nic = world.store.require(nic_id)
    note_references(world, complete_nic(world, nic.id, nic.id, nic.location).doc)


def _is_whole(world: World, nic: Resource) -> bool:
    """Whether a seeded NIC is shown as Azure shows it, so that nothing of it need be changed."""
    configurations = nic.properties.get("ipConfigurations") or []
    placed = [subnet for subnet, _ in addresses_of(nic.doc) if find_subnet(world, subnet) is not None]
    known = {"provisioningState", "resourceGuid", "macAddress"} <= set(nic.properties)
    return known and 0 < len(placed) == len(configurations) and all(one.get("id") for one in configurations)


def _complete_configuration(
    world: World,
    nic_id: str,
    vm_id: str,
    location: str,
    given: dict[str, Any],
    address: str | None,
    made: list[dict[str, Any]],
) -> dict[str, Any]:
    inner = given.get("properties") or _flat(given)
    address = inner.get("privateIPAddress") or inner.get("privateIpAddress") or address
    where = (inner.get("subnet") or {}).get("id") or _default_subnet(world, vm_id, location, address)
    if find_subnet(world, where) is None:
        make_subnet(world, where, location, address)
    method = str(inner.get("privateIPAllocationMethod") or inner.get("privateIpAllocationMethod") or "Dynamic")
    extra = {key: inner[key] for key in REFERENCES if inner.get(key)}
    return ip_configuration(
        nic_id,
        given.get("name") or f"ipconfig{len(made) + 1}",
        subnet_id=where,
        address=address or next_address(world, where, made),
        static=method.lower() == "static",
        primary=bool(inner.get("primary", not made)),
        extra=extra,
    )


def make_subnet(world: World, id_: str, location: str, address: str | None = None) -> None:
    """Make a subnet, and its virtual network where that is absent, with room for *address* where given."""
    vnet_id, name = split_subnet_id(id_)
    vnet = world.store.get(vnet_id)
    if vnet is None:
        space = str(ipaddress.ip_network(f"{address}/{_VNET_BITS}", strict=False)) if address else _SPACE
        vnet = world.store.put(vnet_document(vnet_id, location, [space], []))
    prefix = str(ipaddress.ip_network(f"{address}/{_SUBNET_BITS}", strict=False)) if address else _free_prefix(vnet)
    subnets_of(vnet).append(subnet_document(vnet.id, name, {"addressPrefix": prefix}))
    world.store.save(vnet)


def _free_prefix(vnet: Resource) -> str:
    """A part of the network's address space that no subnet has."""
    taken = [prefix for subnet in subnets_of(vnet) for prefix in prefixes(subnet)]
    for space in _spaces(vnet):
        for part in space.subnets(new_prefix=max(space.prefixlen, _WIDE_SUBNET_BITS)):
            if not any(part.overlaps(other) for other in taken):
                return str(part)
    return _SPACE


def _spaces(vnet: Resource) -> list[ipaddress.IPv4Network]:
    texts = (vnet.properties.get("addressSpace") or {}).get("addressPrefixes") or []
    return [ipaddress.IPv4Network(text) for text in texts if ":" not in text]


def _default_subnet(world: World, vm_id: str, location: str, address: str | None) -> str:
    """The subnet for a NIC that names none: in a network of the VM's group and region, else one still to be made."""
    parsed = paths.parse(vm_id)
    scope = f"/subscriptions/{parsed.subscription}/resourceGroups/{parsed.group}"
    near = [vnet for vnet in world.store.list(VNET, scope) if region(vnet.location) == region(location)]
    for vnet in near:
        for subnet in subnets_of(vnet):
            if _has_room(world, subnet, address):
                return str(subnet["id"])
        if address and any(ipaddress.IPv4Address(address) in space for space in _spaces(vnet)):
            return subnet_id(vnet.id, f"subnet-{len(subnets_of(vnet)) + 1}")
    names = itertools.chain(
        (f"{parsed.group}-vnet",), (f"{parsed.group}-vnet-{number}" for number in itertools.count(2))
    )
    ids = (resource_id(parsed.subscription, parsed.group, VNET, name) for name in names)
    return subnet_id(next(id_ for id_ in ids if not world.store.exists(id_)), "default")


def _has_room(world: World, subnet: dict[str, Any], address: str | None) -> bool:
    if address is None:
        return next(free_addresses(world, subnet["id"]), None) is not None
    return any(ipaddress.IPv4Address(address) in prefix for prefix in prefixes(subnet))


def _flat(given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in {"name", "id", "etag", "type"}}
