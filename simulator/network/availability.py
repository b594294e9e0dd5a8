"""Which addresses a network still has, and how much of Network's quotas is used."""

from __future__ import annotations

import ipaddress
from typing import Any

from simulator.compute import quotas
from simulator.network.addresses import taken_addresses
from simulator.network.names import (
    LOAD_BALANCER,
    NAT_GATEWAY,
    NIC,
    NSG,
    PUBLIC_IP,
    ROUTE_TABLE,
    VNET,
    region,
)
from simulator.network.subnets import capacity, is_usable, prefixes, subnets_of
from simulator.provider import ArmError, Call, Reply

_SUGGESTED = 5
_USAGES = (
    ("VirtualNetworks", "Virtual Networks", VNET, 1000),
    ("StaticPublicIPAddresses", "Static Public IP Addresses", PUBLIC_IP, 1000),
    ("NetworkSecurityGroups", "Network Security Groups", NSG, 5000),
    ("PublicIPAddresses", "Public IP Addresses", PUBLIC_IP, 1000),
    ("NetworkInterfaces", "Network Interfaces", NIC, 65536),
    ("LoadBalancers", "Load Balancers", LOAD_BALANCER, 1000),
    ("NatGateways", "NAT Gateways", NAT_GATEWAY, 1000),
    ("RouteTables", "Route Tables", ROUTE_TABLE, 600),
    ("ApplicationGateways", "Application Gateways", None, 1000),
    ("SubnetsPerVirtualNetwork", "Subnets per Virtual Network", None, 3000),
    ("IPConfigurationsPerVirtualNetwork", "IP Configurations per Virtual Network", None, 65536),
    ("SecurityRulesPerNetworkSecurityGroup", "Security rules per Network Security Group", None, 1000),
    ("RoutesPerRouteTable", "Routes per Route Table", None, 400),
)


def virtual_networks_check_ip_address_availability(call: Call) -> Reply:
    """Tell whether a private address is free, and suggest others of its subnet where it is not."""
    vnet = call.world.store.require(call.parent_id)
    text = call.query.get("ipaddress", "")
    try:
        wanted = ipaddress.IPv4Address(text)
    except ValueError:
        raise ArmError(400, "InvalidIPAddressFormat", f"The IP address {text} is not valid.", details=[]) from None
    for subnet in subnets_of(vnet):
        for network in prefixes(subnet):
            if wanted in network:
                return Reply(200, _availability(wanted, network, taken_addresses(call.world, subnet["id"])))
    raise ArmError(
        400,
        "PrivateIPAddressNotInAnySubnet",
        f"Private static IP address {text} does not belong to any of the subnet prefixes in virtual network {vnet.id}.",
        details=[],
    )


def _availability(wanted: ipaddress.IPv4Address, network: ipaddress.IPv4Network, taken: set[str]) -> dict[str, Any]:
    if str(wanted) not in taken and is_usable(wanted, network):
        return {"available": True}
    return {"available": False, "availableIPAddresses": _others(wanted, network, taken)}


def _others(wanted: ipaddress.IPv4Address, network: ipaddress.IPv4Network, taken: set[str]) -> list[str]:
    """The next free addresses after *wanted*, then those before it."""
    after = range(int(wanted) + 1, int(network.broadcast_address))
    before = range(int(network.network_address), int(wanted))
    found: list[str] = []
    for number in (*after, *before):
        address = ipaddress.IPv4Address(number)
        if is_usable(address, network) and str(address) not in taken:
            found.append(str(address))
        if len(found) == _SUGGESTED:
            break
    return found


def virtual_networks_list_usage(call: Call) -> Reply:
    """How full the subnets of a virtual network are."""
    vnet = call.world.store.require(call.parent_id)
    return Reply(
        200,
        {
            "value": [
                {
                    "currentValue": float(len(taken_addresses(call.world, subnet["id"]))),
                    "id": subnet["id"],
                    "limit": float(capacity(subnet)),
                    "name": {"localizedValue": "Subnet size and usage", "value": "SubnetSpace"},
                    "unit": "Count",
                }
                for subnet in subnets_of(vnet)
            ]
        },
    )


def usages_list(call: Call) -> Reply:
    """Network's usages and limits in a region."""
    location = region(call.params["location"])
    value = []
    for name, label, type_, limit in _USAGES:
        found = call.world.store.list(type_, f"/subscriptions/{call.subscription}") if type_ else []
        if name == "StaticPublicIPAddresses":
            found = [address for address in found if address.properties.get("publicIPAllocationMethod") == "Static"]
        value.append(
            {
                "currentValue": sum(1 for resource in found if region(resource.location) == location),
                "id": f"{call.path}/{name}",
                "limit": quotas.limit(call.world, call.subscription, location, name, limit),
                "name": {"localizedValue": label, "value": name},
                "unit": "Count",
            }
        )
    return Reply(200, {"value": value})
