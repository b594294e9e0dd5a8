"""Is there a network for the target, with room and the addresses wanted, and does Site Recovery map to it?"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator

from migration import ids
from migration.ids import describe, id_key, same_id
from migration.inventory import Subnet
from migration.isolation import judge, reached, tables_of
from migration.models import VmSpec
from migration.rules.case import Case, Hit, SharedCheck, VmCheck

_RESERVED_SUBNETS = {"gatewaysubnet", "azurefirewallsubnet", "azurebastionsubnet", "routeserversubnet"}
_RESERVED_AT_START = 4
"""Azure keeps the first four addresses of a subnet, and its last."""


def network(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a target network that is not there, or elsewhere."""
    found = case.inventory.networks.about(vm.network_id)
    subject = describe(vm.network_id)
    if found is None:
        yield Hit(subject, "Azure knows no such virtual network")
        return
    if found.location != vm.target_region:
        yield Hit(subject, f"it lies in {found.location}, the target region is {vm.target_region}")
    subscription = ids.ResourceId.parse(vm.network_id).subscription
    if subscription.lower() != vm.target_subscription.lower():
        yield Hit(subject, f"it lies in subscription {subscription}, the target in {vm.target_subscription}")


def subnet(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a subnet that is not there, or reserved for a service."""
    found = case.inventory.networks.about(vm.network_id)
    if found is None:
        return
    wanted = found.subnet(vm.subnet)
    if wanted is None:
        names = ", ".join(each.name for each in found.subnets) or "none"
        yield Hit(describe(vm.network_id), f'it has no subnet "{vm.subnet}"; it has {names}')
    elif wanted.name.lower() in _RESERVED_SUBNETS:
        yield Hit(describe(vm.network_id), f'its subnet "{vm.subnet}" is kept for a service of Azure by its name')
    elif wanted.delegated_to:
        yield Hit(describe(vm.network_id), f'its subnet "{vm.subnet}" is delegated to {", ".join(wanted.delegated_to)}')


def subnet_space(case: Case) -> Iterator[Hit]:
    """Object to a subnet with fewer free addresses than interfaces will come."""
    wanted: Counter[tuple[str, str]] = Counter()
    for vm in case.vms:
        wanted[(vm.network_id.lower(), vm.subnet.lower())] += len(case.nics(vm))
        test = case.inventory.networks.about(vm.test_network_id) if vm.test_network_id else None
        if vm.test_network_id and test and test.subnets:
            chosen = test.subnet(vm.subnet) or test.subnets[0]
            wanted[(vm.test_network_id.lower(), chosen.name.lower())] += len(case.nics(vm))
    for (network_id, name), nics in wanted.items():
        free = (case.inventory.network_usage.about(network_id) or {}).get(name)
        if free is not None and free < nics:
            yield Hit(f'subnet "{name}" of {describe(network_id)}', f"{free} addresses are free, {nics} are needed")


def address(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to an address outside the subnet, reserved, in use, or wanted twice."""
    found = _subnet(case, vm)
    if vm.address is None or found is None:
        return
    subject = f"address {vm.address} of {describe(vm.target_id)}"
    why = _unusable(vm.address, found)
    if why:
        yield Hit(subject, why)
        return
    answer = case.inventory.addresses.about(f"{vm.network_id}/{vm.address}")
    if answer is not None and not answer.available:
        hint = f"; free are {', '.join(answer.others_free[:3])}" if answer.others_free else ""
        yield Hit(subject, f"it is in use{hint}")
    first = case.addressed[(ids.id_key(vm.network_id), vm.address)]
    if first != vm.name:
        yield Hit(subject, f'virtual machine "{first}" of the plan wants it too')


def static_address(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Note an address that is static at home and for which the plan names none in the target."""
    first = next(iter(case.nics(vm)), None)
    if first and first.is_static and vm.address is None:
        yield Hit(describe(first.id), f"its address {first.address} is static, and the plan names none for the target")


def test_network(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a test network in which the test would meet production."""
    if vm.test_network_id is None:
        return
    subject = describe(vm.test_network_id)
    found = case.inventory.networks.about(vm.test_network_id)
    if found is None:
        yield Hit(subject, "Azure knows no such virtual network")
    elif same_id(vm.test_network_id, vm.network_id):
        yield Hit(subject, "it is the network of the target itself: the test would meet production")
    elif found.location != vm.target_region:
        yield Hit(subject, f"it lies in {found.location}, the target region is {vm.target_region}")
    elif (home := ids.ResourceId.parse(vm.test_network_id).subscription.lower()) != vm.target_subscription.lower():
        told = f"it lies in subscription {home}, the target in {vm.target_subscription}"
        yield Hit(subject, told, "name one of the target's subscription as the machine's target.test_network")
    elif not found.subnets:
        yield Hit(subject, "it has no subnet")


def isolation(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a test network from which something leads to production, or out; warn of what may be reached."""
    found = case.inventory.networks.about(vm.test_network_id) if vm.test_network_id else None
    if found is None or vm.test_network_id is None or same_id(vm.test_network_id, vm.network_id):
        return  # the rule above says so
    tables = {id_key(table): case.inventory.route_tables.about(table) for table in tables_of(found)}
    production = [vm.network_id, *(nic.network_id for nic in case.nics(vm)), *(one.network_id for one in case.vms)]
    judged = judge(vm.test_network_id, found, tables, production, found.location)
    for reason in judged.reasons if found.subnets else ():
        yield Hit(describe(vm.test_network_id), reason)
    for remark, remedy in reached(found):
        yield Hit(describe(vm.test_network_id), remark, remedy, severity="warning")


def mapping(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object where Site Recovery maps, or would have to map, the source network to two target networks."""
    homes = {nic.network_id.lower() for nic in case.nics(vm)}
    vault = case.vault_of(vm)
    for existing in case.inventory.mappings.about(vault.id) or ():
        if existing.network_id.lower() in homes and not same_id(existing.target_network_id, vm.network_id):
            yield Hit(describe(existing.network_id), f"the vault maps it to {describe(existing.target_network_id)}")
    for home in sorted(homes):
        other = case.departures[vault.id, ids.id_key(home)]
        if not same_id(other.network_id, vm.network_id):
            yield Hit(
                describe(home),
                f'virtual machine "{other.name}" of the plan goes from it to {describe(other.network_id)}, this one to '
                f"{describe(vm.network_id)}",
            )


def _subnet(case: Case, vm: VmSpec) -> Subnet | None:
    found = case.inventory.networks.about(vm.network_id)
    return found.subnet(vm.subnet) if found else None


def _unusable(text: str, subnet: Subnet) -> str:
    wanted = ipaddress.ip_address(text)
    ranges = [ipaddress.ip_network(prefix, strict=False) for prefix in subnet.prefixes]
    home = next((each for each in ranges if wanted in each), None)
    if home is None:
        return f'it lies outside subnet "{subnet.name}" ({", ".join(subnet.prefixes)})'
    position = int(wanted) - int(home.network_address)
    if position < _RESERVED_AT_START or wanted == home.broadcast_address:
        first = home.network_address + _RESERVED_AT_START
        return f"Azure keeps it for itself; the first usable address of {home} is {first}"
    return ""


CHECKS: dict[str, VmCheck] = {
    "target-network": network,
    "target-subnet": subnet,
    "target-address": address,
    "static-address": static_address,
    "test-network": test_network,
    "test-network-isolated": isolation,
    "network-mapping": mapping,
}
SHARED_CHECKS: dict[str, SharedCheck] = {"subnet-space": subnet_space}
