"""Is the network of a test failover isolated? Its copy of a machine has the names and the data of production.

`Test failover to a network isolated from your production network
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-tutorial-dr-drill>`_.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migration.ids import describe, id_key, same_id
from migration.inventory import Network
from migration.perimeter import RouteTable
from migration.proofs import Isolation

_GATEWAYS = {"gatewaysubnet": "a VPN or ExpressRoute gateway", "routeserversubnet": "a route server"}
_FIREWALLS = {"azurefirewallsubnet": "a firewall"}
_CLOSE = "close it where the copy must not act on the world: set the subnet's defaultOutboundAccess to false"
_UNLINK = (
    "delete the private endpoints, or name a network without any as failover.test_network, where the copy must not "
    "reach what lies behind them"
)
_LEADING_AWAY = {"virtualappliance": "a virtual appliance", "virtualnetworkgateway": "a virtual network gateway"}


def judge(
    network_id: str,
    network: Network | None,
    tables: Mapping[str, RouteTable | None],
    production: list[str],
    region: str,
) -> Isolation:
    """Return whether a network is isolated; *tables*: the route tables of its subnets, by their ids' keys."""
    if network is None:
        return Isolation(network_id=network_id, isolated=False, reasons=["Azure knows no such virtual network"])
    reasons = [
        *_place(network, production, region),
        *_peerings(network),
        *_gateways(network),
        *_ways_out(network),
        *_routes(network, tables),
    ]
    return Isolation(
        network_id=network_id,
        isolated=not reasons,
        reasons=reasons,
        evidence=_evidence(network, tables),
        remarks=[remark for remark, _ in reached(network)],
    )


def tables_of(network: Network) -> list[str]:
    """Return the ids of the route tables of a network's subnets, each once."""
    found = {id_key(one.route_table_id): one.route_table_id for one in network.subnets if one.route_table_id}
    return list(found.values())


def reached(network: Network) -> Iterator[tuple[str, str]]:
    """Tell what a copy in a network could still act on, each with how to keep it from that."""
    for subnet in network.subnets:
        inside = f'its subnet "{subnet.name}"'
        if subnet.default_outbound and subnet.name.lower() not in {**_GATEWAYS, **_FIREWALLS}:
            way = "by Azure's default outbound access (defaultOutboundAccess is not false)"
            yield f"machines in {inside} get out to the internet {way}", _CLOSE
        if subnet.has_private_endpoints:
            yield f"{inside} has private endpoints: what lies behind them can be reached", _UNLINK


def _place(network: Network, production: list[str], region: str) -> Iterator[str]:
    if any(same_id(network.id, each) for each in production):
        yield "it is a network of production itself: the test would meet what serves"
    if network.location != region:
        yield f"it lies in {network.location}, the target region is {region}"
    if not network.subnets:
        yield "it has no subnet"


def _peerings(network: Network) -> Iterator[str]:
    """Tell of peerings; one that is not connected on both sides carries nothing."""
    for peering in network.peerings:
        if peering.state.lower() not in {"initiated", "disconnected"}:
            yield f'it is peered with {describe(peering.remote_id)} ("{peering.name}", {peering.state or "connected"})'


def _gateways(network: Network) -> Iterator[str]:
    for subnet in network.subnets:
        what = {**_GATEWAYS, **_FIREWALLS}.get(subnet.name.lower())
        if what and subnet.in_use:
            yield f"its subnet {subnet.name} holds {what}"


def _ways_out(network: Network) -> Iterator[str]:
    for subnet in network.subnets:
        if subnet.nat_gateway_id:
            yield f'its subnet "{subnet.name}" goes out through {describe(subnet.nat_gateway_id)}'


def _routes(network: Network, tables: Mapping[str, RouteTable | None]) -> Iterator[str]:
    for subnet in network.subnets:
        table = tables.get(id_key(subnet.route_table_id)) if subnet.route_table_id else None
        for prefix, hop in table.routes if table else ():
            if hop.lower() in _LEADING_AWAY:
                yield f'its subnet "{subnet.name}" sends {prefix} to {_LEADING_AWAY[hop.lower()]}'


def _evidence(network: Network, tables: Mapping[str, RouteTable | None]) -> list[str]:
    told = [f"{peering.name} ({peering.state.lower() or 'connected'})" for peering in network.peerings]
    routes = sum(len(table.routes) for table in tables.values() if table is not None)
    return [
        f"region: {network.location}",
        f"subnets: {', '.join(each.name for each in network.subnets) or 'none'}",
        f"peerings: {', '.join(told) or 'none'}",
        f"gateways: {', '.join(each.name for each in network.subnets if each.name.lower() in _GATEWAYS) or 'none'}",
        f"NAT gateways: {sum(each.nat_gateway_id is not None for each in network.subnets) or 'none'}",
        f"routes of its own: {routes or 'none'}",
    ]
