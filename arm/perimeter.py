"""Reads what lets a machine's traffic out, where the machine itself may not be asked: security groups and routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arm import inventory_documents as documents
from arm.asking import distinct
from arm.reads import Json
from migration.ids import id_key
from migration.isolation import tables_of
from migration.perimeter import RouteTable, SecurityGroup, SecurityRule
from migration.rules.perimeter import needs_reading

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from arm.asking import Asker
    from migration.inventory import Nic
    from migration.rules.case import Case

_EVERYWHERE = {"0.0.0.0/0", "::/0"}


def questions(ask: Asker, case: Case) -> Iterable[Coroutine[Any, Any, None]]:
    """Ask about the surroundings of each machine of a case that is not asked from inside, once for each network."""
    networks: dict[str, list[Nic]] = {}
    for vm in case.vms:
        machine = case.inventory.machines[id_key(vm.source_id)].value
        if machine is not None and needs_reading(case, vm):
            for nic_id in machine.nic_ids[:1]:
                fact = case.inventory.nics.get(id_key(nic_id))
                if fact is not None and fact.value is not None:
                    networks.setdefault(id_key(fact.value.network_id), []).append(fact.value)
    for nics in networks.values():
        yield _around(ask, case, nics)


def of_test_networks(ask: Asker, case: Case) -> Iterable[Coroutine[Any, Any, None]]:
    """Ask about the routes of the networks of test failovers."""
    for network_id in distinct(vm.test_network_id for vm in case.vms):
        network = case.inventory.networks[id_key(network_id)].value
        for table_id in tables_of(network) if network else ():
            yield ask.note_shared(case.inventory.route_tables, table_id, route_table)


async def _around(ask: Asker, case: Case, nics: list[Nic]) -> None:
    """Ask about a network, then about what its subnets, and the interfaces in them, are under."""
    found, network_id = case.inventory, nics[0].network_id
    await ask.note_shared(found.networks, network_id, documents.network)
    network = found.networks[id_key(network_id)].value
    subnets = {nic.subnet: network.subnet(nic.subnet) if network else None for nic in nics}
    groups = [nic.security_group_id for nic in nics] + [each.security_group_id for each in subnets.values() if each]
    for group_id in distinct(groups):
        await ask.note_shared(found.security_groups, group_id, security_group)
    for table_id in distinct(each.route_table_id for each in subnets.values() if each):
        await ask.note_shared(found.route_tables, table_id, route_table)


def security_group(document: Json) -> SecurityGroup:
    """Return a network security group by its outbound rules; Azure's own last ones are the same everywhere."""
    rules = (document.get("properties") or {}).get("securityRules") or []
    bodies = [(rule.get("name") or "", rule.get("properties") or {}) for rule in rules]
    outbound = [_rule(name, body) for name, body in bodies if str(body.get("direction", "")).lower() == "outbound"]
    return SecurityGroup(document["id"], tuple(sorted(outbound, key=lambda rule: rule.priority)))


def route_table(document: Json) -> RouteTable:
    """Return a route table by its default route, and by all its routes."""
    routes = [entry.get("properties") or {} for entry in (document.get("properties") or {}).get("routes") or []]
    hops = [route.get("nextHopType") for route in routes if route.get("addressPrefix") in _EVERYWHERE]
    told = tuple((str(route.get("addressPrefix") or ""), str(route.get("nextHopType") or "")) for route in routes)
    return RouteTable(document["id"], next(iter(hops), None), told)


def _rule(name: str, body: Json) -> SecurityRule:
    return SecurityRule(
        name=name,
        priority=int(body.get("priority") or 0),
        allows=str(body.get("access", "")).lower() == "allow",
        protocol=str(body.get("protocol") or "*"),
        destinations=_both(body, "destinationAddressPrefix", "destinationAddressPrefixes"),
        ports=_both(body, "destinationPortRange", "destinationPortRanges"),
    )


def _both(body: Json, one: str, many: str) -> tuple[str, ...]:
    return tuple(filter(None, (body.get(one), *(body.get(many) or []))))
