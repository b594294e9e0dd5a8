"""The route table of Microsoft.Network."""

from __future__ import annotations

from simulator.compute.crud import delete_now, get_resource, list_resources, update_tags
from simulator.network import availability, balancers, interfaces, perimeter, vnets
from simulator.network.names import LOAD_BALANCER, NAT_GATEWAY, NIC, NSG, PUBLIC_IP, ROUTE_TABLE, VNET
from simulator.network.operations import operation_results_get, operations_get
from simulator.provider import Route

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_PLACE = f"{_SUBSCRIPTION}/providers/Microsoft.Network/locations/{{location}}"
_VNET = f"{_GROUP}/providers/{VNET}/{{vnet}}"
_SUBNET = f"{_VNET}/subnets/{{subnet}}"
_NIC = f"{_GROUP}/providers/{NIC}/{{nic}}"
_PUBLIC_IP = f"{_GROUP}/providers/{PUBLIC_IP}/{{address}}"
_BALANCER = f"{_GROUP}/providers/{LOAD_BALANCER}/{{name}}"
_NSG = f"{_GROUP}/providers/{NSG}/{{nsg}}"


def _lists(type_: str) -> list[Route]:
    """The two listings of a type: in a group and in a subscription."""
    handler = list_resources(type_)
    return [Route("GET", f"{scope}/providers/{type_}", handler) for scope in (_GROUP, _SUBSCRIPTION)]


def _read_only(type_: str) -> list[Route]:
    one = f"{_GROUP}/providers/{type_}/{{name}}"
    return [Route("GET", one, get_resource), Route("DELETE", one, delete_now), *_lists(type_)]


ROUTES = [
    Route("GET", f"{_PLACE}/operations/{{operation}}", operations_get, action=""),
    Route("GET", f"{_PLACE}/operationResults/{{operation}}", operation_results_get, action=""),
    Route("GET", f"{_PLACE}/usages", availability.usages_list),
    Route("GET", _VNET, vnets.virtual_networks_get),
    Route("PUT", _VNET, vnets.virtual_networks_create_or_update),
    Route("PATCH", _VNET, update_tags),
    Route("DELETE", _VNET, vnets.virtual_networks_delete),
    Route("GET", f"{_GROUP}/providers/{VNET}", vnets.virtual_networks_list),
    Route("GET", f"{_SUBSCRIPTION}/providers/{VNET}", vnets.virtual_networks_list),
    Route("GET", f"{_VNET}/CheckIPAddressAvailability", availability.virtual_networks_check_ip_address_availability),
    Route("GET", f"{_VNET}/usages", availability.virtual_networks_list_usage),
    Route("GET", f"{_VNET}/subnets", vnets.subnets_list),
    Route("GET", _SUBNET, vnets.subnets_get),
    Route("PUT", _SUBNET, vnets.subnets_create_or_update),
    Route("DELETE", _SUBNET, vnets.subnets_delete),
    Route("GET", _NIC, interfaces.network_interfaces_get),
    Route("PUT", _NIC, interfaces.network_interfaces_create_or_update),
    Route("PATCH", _NIC, interfaces.network_interfaces_update_tags),
    Route("DELETE", _NIC, interfaces.network_interfaces_delete),
    *_lists(NIC),
    Route("GET", _PUBLIC_IP, get_resource),
    Route("PUT", _PUBLIC_IP, perimeter.public_ip_addresses_create_or_update),
    Route("PATCH", _PUBLIC_IP, update_tags),
    Route("DELETE", _PUBLIC_IP, perimeter.public_ip_addresses_delete),
    *_lists(PUBLIC_IP),
    Route("GET", _NSG, get_resource),
    Route("PUT", _NSG, perimeter.network_security_groups_create_or_update),
    Route("PATCH", _NSG, update_tags),
    Route("DELETE", _NSG, perimeter.network_security_groups_delete),
    *_lists(NSG),
    *_read_only(LOAD_BALANCER),
    Route("PUT", _BALANCER, balancers.load_balancers_create_or_update),
    Route("PATCH", _BALANCER, update_tags),
    Route("GET", f"{_BALANCER}/backendAddressPools/{{pool}}", balancers.backend_address_pools_get),
    *_read_only(NAT_GATEWAY),
    *_read_only(ROUTE_TABLE),
]
