"""Seeded networks made whole: NICs, virtual networks and subnets that a seed names but lacks."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute.flattened import unflatten
from simulator.network.addresses import free_addresses
from simulator.network.names import VNET, region, resource_id, split_subnet_id, subnet_id
from simulator.network.nics import ip_configuration, nic_document, save_nic
from simulator.network.subnets import find_subnet, subnet_document, subnets_of
from simulator.network.vnets import vnet_document

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

_SPACE = "10.0.0.0/16"
_DEFAULT_PREFIX = "10.0.0.0/20"
_VNET_BITS, _SUBNET_BITS = 16, 24


def complete_nic(world: World, nic_id: str, vm_id: str, location: str, *, address: str | None = None) -> Resource:
    """Make the NIC of a seeded machine where it is absent, and whatever it lacks where it is there."""
    nic = world.store.get(nic_id)
    document = unflatten(nic.doc) if nic is not None else {}
    configurations = document.get("properties", {}).get("ipConfigurations") or []
    filled = [
        _complete_configuration(world, nic_id, vm_id, location, index, given, address if index == 0 else None)
        for index, given in enumerate(configurations or [{"name": "ipconfig1"}])
    ]
    whole = nic_document(nic_id, location, filled, {**document.get("properties", {}), "ipConfigurations": filled})
    envelope = {key: value for key, value in document.items() if key != "properties"}
    return save_nic(world, {**whole, **envelope}, nic.meta if nic is not None else None)


def _complete_configuration(
    world: World,
    nic_id: str,
    vm_id: str,
    location: str,
    index: int,
    given: dict[str, Any],
    address: str | None,
) -> dict[str, Any]:
    inner = given.get("properties") or _flat(given)
    address = inner.get("privateIPAddress") or inner.get("privateIpAddress") or address
    named = (inner.get("subnet") or {}).get("id")
    where = named or _default_subnet(world, vm_id, location)
    if find_subnet(world, where) is None:
        make_subnet(world, where, location, address)
    method = str(inner.get("privateIPAllocationMethod") or inner.get("privateIpAllocationMethod") or "Dynamic")
    extra = {key: inner[key] for key in ("publicIPAddress", "loadBalancerBackendAddressPools") if inner.get(key)}
    return ip_configuration(
        nic_id,
        given.get("name") or f"ipconfig{index + 1}",
        subnet_id=where,
        address=address or next(free_addresses(world, where)),
        static=method.lower() == "static",
        primary=bool(inner.get("primary", index == 0)),
        extra=extra,
    )


def make_subnet(world: World, id_: str, location: str, address: str | None = None) -> None:
    """Make a subnet, and its virtual network, that has room for *address* (default: 10.0.0.0/20)."""
    vnet_id, name = split_subnet_id(id_)
    inside = ipaddress.ip_network(f"{address}/{_SUBNET_BITS}", strict=False) if address else None
    prefix = str(inside) if inside else _DEFAULT_PREFIX
    vnet = world.store.get(vnet_id)
    if vnet is None:
        space = str(ipaddress.ip_network(f"{address}/{_VNET_BITS}", strict=False)) if address else _SPACE
        subnet = subnet_document(vnet_id, name, {"addressPrefix": prefix})
        world.store.put(vnet_document(vnet_id, location, [space], [subnet]))
        return
    subnets_of(vnet).append(subnet_document(vnet.id, name, {"addressPrefix": prefix}))
    world.store.save(vnet)


def _default_subnet(world: World, vm_id: str, location: str) -> str:
    """The subnet for a NIC of which nothing is known: of a network in the VM's group and region, else a new one."""
    parsed = paths.parse(vm_id)
    scope = f"/subscriptions/{parsed.subscription}/resourceGroups/{parsed.group}"
    for vnet in world.store.list(VNET, scope):
        if region(vnet.location) != region(location):
            continue
        for subnet in subnets_of(vnet):
            if next(free_addresses(world, subnet_id(vnet.id, subnet["name"])), None) is not None:
                return subnet_id(vnet.id, subnet["name"])
    name = f"{parsed.group}-vnet"
    if world.store.exists(resource_id(parsed.subscription, parsed.group, VNET, name)):
        name = f"{name}-{region(location)}"
    return subnet_id(resource_id(parsed.subscription, parsed.group, VNET, name), "default")


def _flat(given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in {"name", "id", "etag", "type"}}
