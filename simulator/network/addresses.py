"""Private addresses: which are taken in a subnet, and which comes next.

The NICs' own documents say which address is theirs. Finding a free one by reading them all would cost a large estate
seconds, so an index is kept beside them, built anew when the number of NICs shows that somebody else added or
removed one.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from simulator.network.names import NIC
from simulator.network.subnets import find_subnet, is_usable, prefixes, require_subnet, usable_numbers
from simulator.provider import ArmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.store import Area
    from simulator.world import World

_COUNT_KEY = "#nics"


def addresses_of(nic: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The pairs of subnet id and private address that a NIC's document has."""
    for configuration in nic.get("properties", {}).get("ipConfigurations") or []:
        properties = configuration.get("properties", {})
        subnet, address = (properties.get("subnet") or {}).get("id"), properties.get("privateIPAddress")
        if subnet and address:
            yield subnet, address


def holder_of(world: World, subnet_id: str, address: str) -> str | None:
    """The id of the NIC that has the address in the subnet, or None."""
    for nic in world.store.list(NIC):
        for subnet, taken in addresses_of(nic.doc):
            if taken == address and subnet.lower() == subnet_id.lower():
                return nic.id
    return None


def free_address(world: World, subnet_id: str) -> str:
    """The lowest address that is free in the subnet; 400 `SubnetIsFull` where there is none."""
    return next_address(world, subnet_id, [])


def next_address(world: World, subnet_id: str, made: list[dict[str, Any]]) -> str:
    """The lowest free address that none of *made*, IP configurations still to be written, has; 400 `SubnetIsFull`."""
    subnet = require_subnet(world, subnet_id)
    mine = {configuration["properties"]["privateIPAddress"] for configuration in made}
    address = next((free for free in free_addresses(world, subnet_id) if free not in mine), None)
    if address is None:
        raise ArmError(
            400,
            "SubnetIsFull",
            f"Subnet {subnet['name']} with address prefix {subnet['properties'].get('addressPrefix')} does not have "
            "enough capacity for 1 IP addresses.",
            details=[],
        )
    return address


def free_addresses(world: World, subnet_id: str, start: str | None = None) -> Iterator[str]:
    """The free addresses of the subnet in rising order, from *start* on where given."""
    subnet = find_subnet(world, subnet_id)
    taken = _taken(world, subnet_id)
    lowest = int(ipaddress.IPv4Address(start)) if start else 0
    for network in prefixes(subnet) if subnet else []:
        usable = usable_numbers(network)
        for number in range(max(usable.start, lowest), usable.stop):
            if number not in taken:
                yield str(ipaddress.IPv4Address(number))


def check_address(world: World, subnet_id: str, address: str, nic_id: str) -> None:
    """Refuse (400) an address that another NIC has or that the subnet does not offer."""
    subnet = require_subnet(world, subnet_id)
    wanted = ipaddress.IPv4Address(address)
    if not any(is_usable(wanted, network) for network in prefixes(subnet)):
        inside = any(wanted in network for network in prefixes(subnet))
        raise ArmError(
            400,
            "PrivateIPAddressInReservedRange" if inside else "PrivateIPAddressNotInSubnet",
            f"Private static IP address {address} "
            + ("falls within reserved IP range of subnet" if inside else "does not belong to the range of subnet")
            + f" prefix {subnet['properties'].get('addressPrefix')}.",
            details=[],
        )
    if int(wanted) not in _taken(world, subnet_id):
        return
    holder = holder_of(world, subnet_id, address)
    if holder is not None and holder.lower() != nic_id.lower():
        raise ArmError(
            400,
            "PrivateIPAddressInUse",
            f"IP configuration of {nic_id} is using the private IP address {address} which is already allocated to "
            f"resource {holder}.",
            details=[],
        )


def note_nic(world: World, nic: dict[str, Any], *, old: dict[str, Any] | None) -> None:
    """Keep the index right after a NIC was written in place of *old*."""
    area = _index(world, ahead=0 if old is not None else 1)
    for subnet, address in addresses_of(old) if old else ():
        area.delete(_key(subnet, address), quiet=True)
    for subnet, address in addresses_of(nic):
        area.put(_key(subnet, address), {"nic": nic["id"]}, quiet=True)
    area.put(_COUNT_KEY, {"count": world.store.count(NIC)}, quiet=True)


def forget_nic(world: World, nic: dict[str, Any]) -> None:
    """Keep the index right after a NIC was deleted."""
    area = _index(world, ahead=-1)
    for subnet, address in addresses_of(nic):
        area.delete(_key(subnet, address), quiet=True)
    area.put(_COUNT_KEY, {"count": world.store.count(NIC)}, quiet=True)


def taken_addresses(world: World, subnet_id: str) -> set[str]:
    """The addresses that NICs have in the subnet, read from the NICs themselves."""
    wanted = subnet_id.lower()
    pairs = (pair for nic in world.store.list(NIC) for pair in addresses_of(nic.doc))
    return {address for subnet, address in pairs if subnet.lower() == wanted}


def _key(subnet_id: str, address: str) -> str:
    return f"{_prefix(subnet_id)}{int(ipaddress.IPv4Address(address))}"


def _prefix(subnet_id: str) -> str:
    return f"{subnet_id.lower().rstrip('/')}|"


def _taken(world: World, subnet_id: str) -> set[int]:
    prefix = _prefix(subnet_id)
    return {int(key[len(prefix) :]) for key in _index(world).keys(prefix)}


def _index(world: World, ahead: int = 0) -> Area:
    """The index; *ahead*: how many NICs more than it knows there may be by the caller's own doing."""
    area = world.store.area("private-addresses")
    known = (area.get(_COUNT_KEY) or {"count": -1})["count"]
    if known + ahead == world.store.count(NIC):
        return area
    for key in area.keys():  # noqa: SIM118 - an Area is no mapping
        area.delete(key, quiet=True)
    for nic in world.store.list(NIC):
        for subnet, address in addresses_of(nic.doc):
            area.put(_key(subnet, address), {"nic": nic.id}, quiet=True)
    area.put(_COUNT_KEY, {"count": world.store.count(NIC)}, quiet=True)
    return area
