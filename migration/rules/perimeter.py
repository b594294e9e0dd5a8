"""Where a machine is not asked from inside: do the network's own rules let it out to what Site Recovery needs?

`Networking in Azure VM disaster recovery
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-about-networking#outbound-connectivity-using-service-tags>`_.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration import ids
from migration.facts import UnaskedError
from migration.guests import Endpoint, endpoints
from migration.ids import describe, id_key
from migration.inventory import Nic, Subnet
from migration.models import VmSpec
from migration.perimeter import SecurityGroup, SecurityRule
from migration.rules.access import allows, denies
from migration.rules.case import Case, Hit, VmCheck, source_group

RUN_COMMAND = "Microsoft.Compute/virtualMachines/runCommand/action"
CODES = {"entra": "151196", "site-recovery": "151197", "event-hub": "151197", "storage": "151037"}
_ALL = {"*", "internet", "0.0.0.0/0", "any"}
_PORT = 443


def silence(case: Case, vm: VmSpec) -> str:
    """Return why the machine is not asked from inside, nothing where it is, or needs not be.

    Raises:
        UnaskedError: What decides it could not be read.
    """
    machine = case.machine(vm) if case.asks_guests is not None else None
    if machine is None or case.inventory.item_of(vm.source_id) is not None:
        return ""
    if not case.asks_guests:
        return "the plan has guest_probes switched off"
    if machine.power_state != "PowerState/running":
        return "it does not run"
    if not machine.agent_ready:
        return "its guest agent is not ready"
    group = ids.resource_group_id(*source_group(vm))
    granted = case.inventory.permissions.about(group) or ()
    denied = case.inventory.deny_assignments.about(group) or ()
    if not allows(granted, RUN_COMMAND) or any(denial.applies and denies(denial, RUN_COMMAND) for denial in denied):
        return f"the identity may not {RUN_COMMAND} there"
    return ""


def asks_guest(case: Case, vm: VmSpec) -> bool:
    """Tell whether the machine is to be asked from inside."""
    try:
        is_new = case.machine(vm) is not None and case.inventory.item_of(vm.source_id) is None
        return bool(case.asks_guests) and is_new and not silence(case, vm)
    except UnaskedError:
        return False


def needs_reading(case: Case, vm: VmSpec) -> bool:
    """Tell whether the network's rules have to speak for the machine."""
    try:
        return bool(silence(case, vm))
    except UnaskedError:
        return True


def guest_asked(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Tell where the machine is not asked from inside, so that certificates and the way out are not seen there."""
    why = silence(case, vm)
    if why:
        by_choice = case.asks_guests is False
        told = f"it is not asked from inside: {why}; the rules of its network are read instead"
        yield Hit(describe(vm.source_id), told, severity="note" if by_choice else None)


def outbound_rules(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object where security groups or routes keep the machine from what Site Recovery needs."""
    first = next(iter(case.nics(vm)), None)
    if first is None or not needs_reading(case, vm):
        return
    network = case.inventory.networks.about(first.network_id)
    subnet = network.subnet(first.subnet) if network else None
    if subnet is None:
        return
    yield from _path(case, vm, first, subnet)
    known = [each for each in (first.security_group_id, subnet.security_group_id) if each]
    groups = [group for each in known if (group := case.inventory.security_groups.about(each)) is not None]
    closed: set[str] = set()
    for endpoint in _wanted(case, vm):
        for group in groups:
            rule = _decides(group, endpoint.tag)
            if rule and not rule.allows and endpoint.tag not in closed:
                closed.add(endpoint.tag)
                yield _denied(vm, group, rule, endpoint)


def _path(case: Case, vm: VmSpec, nic: Nic, subnet: Subnet) -> Iterator[Hit]:
    table = case.inventory.route_tables.about(subnet.route_table_id) if subnet.route_table_id else None
    hop = (table.default_hop or "") if table else ""
    if hop.lower() == "none" and table:
        yield Hit(describe(vm.source_id), f"{describe(table.id)} drops all that leaves the network", prevents="151192")
    elif table and hop.lower() in {"virtualappliance", "virtualnetworkgateway"}:
        told = f"{describe(table.id)} sends what leaves the network to a {hop}; what that lets through is not seen here"
        yield Hit(describe(vm.source_id), told, severity="warning", prevents="151192")
    elif not (subnet.default_outbound or subnet.nat_gateway_id or nic.public_address_ids or nic.pool_ids):
        told = f'subnet "{subnet.name}" is private, with no NAT gateway, and the machine has no public address'
        remedy = "give the subnet a NAT gateway: az network nat gateway create, then az network vnet subnet update"
        yield Hit(describe(vm.source_id), told, remedy, prevents="151192")


def _wanted(case: Case, vm: VmSpec) -> list[Endpoint]:
    account = case.cache_account_of(vm)
    name = account.rsplit("/", 1)[-1]
    return endpoints(vm.source_region, vm.target_region, name, cache_is_there=_is_there(case, account))


def _is_there(case: Case, account: str) -> bool:
    fact = case.inventory.accounts.get(id_key(account))
    return fact is not None and fact.value is not None


def _decides(group: SecurityGroup, tag: str) -> SecurityRule | None:
    """Return the first rule that speaks about the tag; None: Azure's own, which lets it out to the internet."""
    return next((rule for rule in group.rules if _is_about(rule, tag)), None)


def _is_about(rule: SecurityRule, tag: str) -> bool:
    if rule.protocol.lower() not in {"*", "tcp"} or not any(_covers(port) for port in rule.ports):
        return False
    service, _, region = tag.lower().partition(".")
    tags = {service, "azurecloud", *({f"{service}.{region}", f"azurecloud.{region}"} if region else ())}
    return any(destination.lower() in _ALL | tags for destination in rule.destinations)


def _covers(port: str) -> bool:
    first, _, last = port.partition("-")
    return port == "*" or (first.isdigit() and int(first) <= _PORT <= int(last if last.isdigit() else first))


def _denied(vm: VmSpec, group: SecurityGroup, rule: SecurityRule, endpoint: Endpoint) -> Hit:
    return Hit(
        describe(vm.source_id),
        f'rule "{rule.name}" of {describe(group.id)} keeps it from {endpoint.host}',
        f"allow outbound TCP 443 to the service tag {endpoint.tag} with a smaller priority than {rule.priority}",
        prevents=CODES[endpoint.service],
    )


CHECKS: dict[str, VmCheck] = {"guest-asked": guest_asked, "outbound-rules": outbound_rules}
