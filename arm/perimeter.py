"""Reads what lets a machine's traffic out, where the machine itself may not be asked: security groups and routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arm import inventory_documents as documents
from arm.reads import Json
from migration.ids import id_key
from migration.perimeter import RouteTable, SecurityGroup, SecurityRule
from migration.rules.perimeter import needs_reading

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from arm.asking import Asker
    from migration.inventory import Nic, Subnet
    from migration.rules.case import Case

_EVERYWHERE = {"0.0.0.0/0", "::/0"}


def questions(ask: Asker, case: Case) -> Iterable[Coroutine[Any, Any, None]]:
    """Ask about the surroundings of each machine of a case that is not asked from inside."""
    for vm in case.vms:
        machine = case.inventory.machines[id_key(vm.source_id)].value
        if machine is not None and needs_reading(case, vm):
            for nic_id in machine.nic_ids[:1]:
                fact = case.inventory.nics.get(id_key(nic_id))
                if fact is not None and fact.value is not None:
                    yield _around(ask, case, fact.value)


async def _around(ask: Asker, case: Case, nic: Nic) -> None:
    found = case.inventory
    await ask.note_shared(found.networks, nic.network_id, documents.network)
    network = found.networks[id_key(nic.network_id)].value
    subnet: Subnet | None = network.subnet(nic.subnet) if network else None
    group_ids = (nic.security_group_id, subnet.security_group_id if subnet else None)
    for group_id in filter(None, group_ids):
        await ask.note_shared(found.security_groups, group_id, security_group)
    if subnet and subnet.route_table_id:
        await ask.note_shared(found.route_tables, subnet.route_table_id, route_table)


def security_group(document: Json) -> SecurityGroup:
    """Return a network security group by its outbound rules; Azure's own last ones are the same everywhere."""
    rules = (document.get("properties") or {}).get("securityRules") or []
    bodies = [(rule.get("name") or "", rule.get("properties") or {}) for rule in rules]
    outbound = [_rule(name, body) for name, body in bodies if str(body.get("direction", "")).lower() == "outbound"]
    return SecurityGroup(document["id"], tuple(sorted(outbound, key=lambda rule: rule.priority)))


def route_table(document: Json) -> RouteTable:
    """Return a route table by its default route."""
    routes = [entry.get("properties") or {} for entry in (document.get("properties") or {}).get("routes") or []]
    hops = [route.get("nextHopType") for route in routes if route.get("addressPrefix") in _EVERYWHERE]
    return RouteTable(document["id"], next(iter(hops), None))


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
