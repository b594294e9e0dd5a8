"""Subnets: they live inside their virtual network's document, as ARM shows them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from simulator.network.names import SUBNET, etag, split_subnet_id, subnet_id
from simulator.provider import ArmError

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

RESERVED_AT_START = 4
"""Azure keeps a subnet's first four addresses and the last one for itself."""


def subnet_document(vnet_id: str, name: str, properties: dict[str, Any], state: str = "Succeeded") -> dict[str, Any]:
    """Write a subnet's JSON with Azure's defaults under *properties*."""
    given = {key: value for key, value in properties.items() if value is not None and key != "provisioningState"}
    if "addressPrefixes" in given and "addressPrefix" not in given and len(given["addressPrefixes"]) == 1:
        given["addressPrefix"] = given.pop("addressPrefixes")[0]
    return {
        "name": name,
        "id": subnet_id(vnet_id, name),
        "etag": etag(vnet_id, name),
        "properties": {
            "provisioningState": state,
            **given,
            "delegations": given.get("delegations", []),
            "privateEndpointNetworkPolicies": given.get("privateEndpointNetworkPolicies", "Disabled"),
            "privateLinkServiceNetworkPolicies": given.get("privateLinkServiceNetworkPolicies", "Enabled"),
        },
        "type": SUBNET,
    }


def subnets_of(vnet: Resource) -> list[dict[str, Any]]:
    """The subnets of a virtual network, to be read or changed in place; what a seed left out is filled in."""
    subnets: list[dict[str, Any]] = vnet.properties.get("subnets") or []
    vnet.properties["subnets"] = [
        subnet
        if subnet.get("id") and "etag" in subnet
        else subnet_document(vnet.id, subnet["name"], subnet.get("properties") or {})
        for subnet in subnets
    ]
    return vnet.properties["subnets"]  # type: ignore[no-any-return]


def find_subnet(world: World, id_: str) -> dict[str, Any] | None:
    """The subnet's JSON, or None where it or its network is absent."""
    vnet_id, name = split_subnet_id(id_)
    vnet = world.store.get(vnet_id)
    if vnet is None:
        return None
    return next((subnet for subnet in subnets_of(vnet) if subnet["name"].lower() == name.lower()), None)


def require_subnet(world: World, id_: str) -> dict[str, Any]:
    """The subnet's JSON, or the 400 that a reference to an absent one gets."""
    found = find_subnet(world, id_)
    if found is None:
        raise ArmError(
            400,
            "InvalidResourceReference",
            f"Resource {id_} referenced by this request was not found. Please make sure that the referenced resource "
            "exists, and that both resources are in the same region.",
            details=[],
        )
    return found


def prefixes(subnet: dict[str, Any]) -> list[ipaddress.IPv4Network]:
    """The IPv4 prefixes of a subnet."""
    properties = subnet.get("properties") or {}
    texts = [properties["addressPrefix"]] if properties.get("addressPrefix") else properties.get("addressPrefixes", [])
    networks = (ipaddress.ip_network(text, strict=False) for text in texts)
    return [network for network in networks if isinstance(network, ipaddress.IPv4Network)]


def usable_numbers(network: ipaddress.IPv4Network) -> range:
    """The addresses, as numbers, that machines may have: all but the five that Azure keeps."""
    return range(int(network.network_address) + RESERVED_AT_START, int(network.broadcast_address))


def is_usable(address: ipaddress.IPv4Address, network: ipaddress.IPv4Network) -> bool:
    """Whether machines may have the address."""
    return int(address) in usable_numbers(network)


def capacity(subnet: dict[str, Any]) -> int:
    """How many addresses the subnet offers."""
    return sum(len(usable_numbers(network)) for network in prefixes(subnet))
