"""Virtual networks, NICs and addresses through the real SDK."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.network.aio import NetworkManagementClient as AsyncNetworkManagementClient

from tests.simulator.compute_estate import GROUP, NETWORK, SUBSCRIPTION, fresh, machine, network, networks, seed
from tests.support.sim import Simulator

FRONT = f"{NETWORK}/virtualNetworks/shop-vnet/subnets/front"
TINY = f"{NETWORK}/virtualNetworks/tiny/subnets/front"


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """Two machines in a network, and a network that has room for three."""
    tiny = network("tiny", prefix="10.1.9.0/29")
    with Simulator(seed=seed(network(), tiny, machine("one"), machine("two"))) as simulator:
        yield simulator


@pytest.fixture
def estate(shared: Simulator) -> Simulator:
    """The same, as its seed made it."""
    return fresh(shared, speed=600)


def _nic(subnet: str, address: str | None = None, location: str = "westeurope") -> Any:
    properties: dict[str, Any] = {"subnet": {"id": subnet}}
    if address:
        properties |= {"privateIPAllocationMethod": "Static", "privateIPAddress": address}
    return {"location": location, "properties": {"ipConfigurations": [{"name": "main", "properties": properties}]}}


def _address(nic: Any) -> str:
    return str(nic.ip_configurations[0].private_ip_address)


async def test_async_sdk_creates_a_network(estate: Simulator) -> None:
    """The asynchronous SDK creates a network, and a second PUT with another subnet changes it."""
    body: Any = {
        "location": "northeurope",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.9.0.0/16"]},
            "subnets": [{"name": "a", "properties": {"addressPrefix": "10.9.0.0/24"}}],
        },
    }
    options = estate.client_options
    async with (
        estate.async_credential() as credential,
        AsyncNetworkManagementClient(credential, SUBSCRIPTION, **options) as client,
    ):
        made = await (await client.virtual_networks.begin_create_or_update(GROUP, "target", body)).result()
        body["properties"]["subnets"].append({"name": "b", "properties": {"addressPrefix": "10.9.1.0/24"}})
        changed = await (await client.virtual_networks.begin_create_or_update(GROUP, "target", body)).result()

    assert ("Succeeded", ["a"]) == (made.provisioning_state, [subnet.name for subnet in made.subnets or []])
    assert ["a", "b"] == [subnet.name for subnet in changed.subnets or []]


def test_network_has_the_recorded_shape(estate: Simulator, shared_dir: Path) -> None:
    """PUT and GET of a network answer with the recorded keys, the PUT with the status URL alone."""
    recorded = _recorded(shared_dir)
    path = f"{NETWORK}/virtualNetworks/cli-test-vnet-A2A-2"

    answer = estate.arm("PUT", path, recorded["put"]["requestBody"])
    status = estate.arm("GET", answer.headers["Azure-AsyncOperation"]).json()
    estate.advance(30)
    shown = estate.arm("GET", path).json()

    assert _keys(recorded["get"]["responseBody"]) == _keys(shown) == _keys(answer.json())
    assert "Location" not in answer.headers
    assert {"status"} == set(status)
    assert 200 == estate.arm("PUT", path, recorded["put"]["requestBody"]).status_code


def _recorded(shared_dir: Path) -> dict[str, Any]:
    file = shared_dir / "azure/recordings/cli/flow_A2A_scenarios.jsonl"
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    own = [entry for entry in entries if entry["url"].partition("?")[0].endswith("/cli-test-vnet-A2A-2")]
    return {
        "put": next(entry for entry in own if entry["method"] == "PUT"),
        "get": next(entry for entry in own if entry["method"] == "GET"),
    }


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _keys(inner) for key, inner in value.items()}
    return [_keys(inner) for inner in value] if isinstance(value, list) else None


def test_nic_has_the_recorded_keys(estate: Simulator, shared_dir: Path) -> None:
    """A NIC shows every key of the recorded one but those of a public address and a security group."""
    file = shared_dir / "azure/recordings/cli/flow_scenarios.jsonl"
    lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    recorded = next(entry for entry in lines if "/networkInterfaces/" in entry["url"])["responseBody"]

    shown = estate.arm("GET", f"{NETWORK}/networkInterfaces/one-nic").json()

    assert set() == set(recorded) - set(shown)
    assert {"networkSecurityGroup"} == set(recorded["properties"]) - set(shown["properties"])
    configuration = shown["properties"]["ipConfigurations"][0]["properties"]
    assert {"publicIPAddress"} == set(recorded["properties"]["ipConfigurations"][0]["properties"]) - set(configuration)


def test_addresses_are_given_out_from_the_fifth(estate: Simulator) -> None:
    """Azure keeps a subnet's first four addresses; seeded machines have .4 and .5, the next NIC gets .6."""
    client = networks(estate)

    seeded = [_address(client.network_interfaces.get(GROUP, f"{name}-nic")) for name in ("one", "two")]
    made = client.network_interfaces.begin_create_or_update(GROUP, "three-nic", _nic(FRONT)).result()

    assert ["10.1.0.4", "10.1.0.5"] == seeded
    assert "10.1.0.6" == _address(made)


def test_freed_address_is_given_out_again(estate: Simulator) -> None:
    """The address of a deleted NIC goes to the next one."""
    client = networks(estate)
    client.network_interfaces.begin_create_or_update(GROUP, "three-nic", _nic(FRONT)).result()
    client.network_interfaces.begin_create_or_update(GROUP, "four-nic", _nic(FRONT)).result()

    client.network_interfaces.begin_delete(GROUP, "three-nic").result()
    made = client.network_interfaces.begin_create_or_update(GROUP, "five-nic", _nic(FRONT)).result()

    assert "10.1.0.6" == _address(made)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("10.1.0.4", "PrivateIPAddressInUse"),
        ("10.1.0.3", "PrivateIPAddressInReservedRange"),
        ("10.1.0.255", "PrivateIPAddressInReservedRange"),
        ("10.7.0.9", "PrivateIPAddressNotInSubnet"),
    ],
)
def test_static_address_that_cannot_be_had(estate: Simulator, address: str, code: str) -> None:
    """A static address that is taken, reserved or elsewhere is refused by Azure's code."""
    with pytest.raises(HttpResponseError) as caught:
        networks(estate).network_interfaces.begin_create_or_update(GROUP, "x-nic", _nic(FRONT, address))

    assert caught.value.error is not None
    assert code == caught.value.error.code


def test_full_subnet(estate: Simulator) -> None:
    """A /29 has room for three; the fourth NIC gets SubnetIsFull."""
    client = networks(estate)
    for number in range(3):
        client.network_interfaces.begin_create_or_update(GROUP, f"tiny{number}", _nic(TINY)).result()

    with pytest.raises(HttpResponseError) as caught:
        client.network_interfaces.begin_create_or_update(GROUP, "tiny3", _nic(TINY))

    assert caught.value.error is not None
    assert "SubnetIsFull" == caught.value.error.code


def test_absent_subnet(estate: Simulator) -> None:
    """A NIC in a subnet that does not exist is refused with InvalidResourceReference."""
    with pytest.raises(HttpResponseError) as caught:
        networks(estate).network_interfaces.begin_create_or_update(GROUP, "x-nic", _nic(f"{FRONT}-not"))

    assert caught.value.error is not None
    assert "InvalidResourceReference" == caught.value.error.code


def test_address_availability(estate: Simulator) -> None:
    """A taken address is not available and five others are named; a free one is."""
    client = networks(estate)

    taken = client.virtual_networks.check_ip_address_availability(GROUP, "shop-vnet", ip_address="10.1.0.4")
    free = client.virtual_networks.check_ip_address_availability(GROUP, "shop-vnet", ip_address="10.1.0.77")

    assert (False, [f"10.1.0.{last}" for last in range(6, 11)]) == (taken.available, taken.available_ip_addresses)
    assert free.available


def test_nic_in_use_is_not_deleted(estate: Simulator) -> None:
    """Deleting a NIC that a machine has raises NicInUse."""
    with pytest.raises(HttpResponseError) as caught:
        networks(estate).network_interfaces.begin_delete(GROUP, "one-nic")

    assert caught.value.error is not None
    assert "NicInUse" == caught.value.error.code


def test_subnet_in_use_is_not_deleted(estate: Simulator) -> None:
    """Neither a subnet with NICs nor its network can be deleted; an empty one can."""
    client = networks(estate)

    with pytest.raises(HttpResponseError, match="InUseSubnetCannotBeDeleted"):
        client.subnets.begin_delete(GROUP, "shop-vnet", "front")
    with pytest.raises(HttpResponseError, match="InUseSubnetCannotBeDeleted"):
        client.virtual_networks.begin_delete(GROUP, "shop-vnet")
    client.virtual_networks.begin_delete(GROUP, "tiny").result()

    with pytest.raises(ResourceNotFoundError):
        client.virtual_networks.get(GROUP, "tiny")


def test_subnet_is_added_and_read(estate: Simulator) -> None:
    """A subnet of its own request appears in its network; overlapping and foreign ones are refused."""
    client = networks(estate)
    wanted: Any = {"properties": {"addressPrefix": "10.1.3.0/24"}}

    made = client.subnets.begin_create_or_update(GROUP, "shop-vnet", "back", wanted).result()
    listed = [subnet.name for subnet in client.subnets.list(GROUP, "shop-vnet")]

    assert ("10.1.3.0/24", "Succeeded") == (made.address_prefix, made.provisioning_state)
    assert ["front", "back"] == listed
    for prefix, code in (("10.1.3.128/25", "NetcfgSubnetRangesOverlap"), ("10.2.0.0/24", "NetcfgInvalidSubnet")):
        refused: Any = {"properties": {"addressPrefix": prefix}}
        with pytest.raises(HttpResponseError, match=code):
            client.subnets.begin_create_or_update(GROUP, "shop-vnet", "third", refused)


def test_absent_subnet_is_networks_404(estate: Simulator) -> None:
    """GET of an absent subnet of a network that exists answers NotFound, not ResourceNotFound."""
    with pytest.raises(ResourceNotFoundError) as caught:
        networks(estate).subnets.get(GROUP, "shop-vnet", "nothing")

    assert caught.value.error is not None
    assert "NotFound" == caught.value.error.code


def test_usages(estate: Simulator) -> None:
    """Network's usages count the region, those of a network its subnet."""
    client = networks(estate)

    usages = {usage.name.value: usage.current_value for usage in client.usages.list("westeurope")}
    space = next(iter(client.virtual_networks.list_usage(GROUP, "shop-vnet")))

    assert (2, 2) == (usages["VirtualNetworks"], usages["NetworkInterfaces"])
    assert (2.0, 251.0) == (space.current_value, space.limit)


def test_public_address_and_security_group(estate: Simulator) -> None:
    """Both are made, put on a NIC, not deleted while there, and listed."""
    client = networks(estate)
    static: Any = {"location": "westeurope", "properties": {"publicIPAllocationMethod": "Static"}}
    address = client.public_ip_addresses.begin_create_or_update(GROUP, "pip", static).result()
    rule = {"access": "Allow", "direction": "Inbound", "priority": 100, "protocol": "Tcp"}
    rules: Any = {"location": "westeurope", "properties": {"securityRules": [{"name": "ssh", "properties": rule}]}}
    group = client.network_security_groups.begin_create_or_update(GROUP, "nsg", rules).result()
    body = _nic(FRONT)
    body["properties"]["networkSecurityGroup"] = {"id": group.id}
    body["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"] = {"id": address.id}

    client.network_interfaces.begin_create_or_update(GROUP, "outer", body).result()

    assert ["pip"] == [found.name for found in client.public_ip_addresses.list(GROUP)]
    assert ["ssh"] == [found.name for found in client.network_security_groups.get(GROUP, "nsg").security_rules or []]
    with pytest.raises(HttpResponseError, match="PublicIPAddressCannotBeDeleted"):
        client.public_ip_addresses.begin_delete(GROUP, "pip")
    with pytest.raises(HttpResponseError, match="InUseNetworkSecurityGroupCannotBeDeleted"):
        client.network_security_groups.begin_delete(GROUP, "nsg")
