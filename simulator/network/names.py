"""Resource types of Network, and small helpers on ids that its modules share."""

from __future__ import annotations

from simulator.compute.names import region, resource_id, stable_guid

__all__ = ["LOAD_BALANCER", "NAT_GATEWAY", "NIC", "NSG", "PUBLIC_IP", "ROUTE_TABLE", "SUBNET", "VNET"]
__all__ += ["etag", "region", "resource_id", "split_subnet_id", "stable_guid", "subnet_id"]

VNET = "Microsoft.Network/virtualNetworks"
SUBNET = f"{VNET}/subnets"
NIC = "Microsoft.Network/networkInterfaces"
PUBLIC_IP = "Microsoft.Network/publicIPAddresses"
NSG = "Microsoft.Network/networkSecurityGroups"
LOAD_BALANCER = "Microsoft.Network/loadBalancers"
NAT_GATEWAY = "Microsoft.Network/natGateways"
ROUTE_TABLE = "Microsoft.Network/routeTables"


def etag(*parts: str) -> str:
    """A weak ETag that belongs to *parts*."""
    return f'W/"{stable_guid(*parts)}"'


def subnet_id(vnet_id: str, name: str) -> str:
    """The id of a virtual network's subnet."""
    return f"{vnet_id.rstrip('/')}/subnets/{name}"


def split_subnet_id(id_: str) -> tuple[str, str]:
    """The id of the virtual network and the name of the subnet."""
    vnet_id, _, tail = id_.rstrip("/").rpartition("/")
    return vnet_id.rpartition("/")[0], tail
