"""Reading, creating, changing and deleting virtual machines through the real SDK."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.simulator.compute_estate import COMPUTE, GROUP, NETWORK, VM, compute, fresh, machine, network, power, seed
from tests.support.sim import Simulator

NIC_SUBNET = f"{NETWORK}/virtualNetworks/shop-vnet/subnets/front"


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """One network and two machines; `keeper` has disks and a NIC that go with it."""
    keeper = machine("keeper")
    storage = keeper["properties"]["storageProfile"]
    for part in (storage["osDisk"], *storage["dataDisks"]):
        part["deleteOption"] = "Delete"
    nic = keeper["properties"]["networkProfile"]["networkInterfaces"][0]
    nic["properties"] = {"primary": True, "deleteOption": "Delete"}
    with Simulator(seed=seed(network(), machine("web"), keeper)) as simulator:
        yield simulator


@pytest.fixture
def estate(shared: Simulator) -> Simulator:
    """The same, as its seed made it."""
    return fresh(shared, speed=600)


def test_absent_machine_is_azures_404(estate: Simulator) -> None:
    """GET of an absent machine raises ResourceNotFoundError with code ResourceNotFound."""
    with pytest.raises(ResourceNotFoundError) as caught:
        compute(estate).virtual_machines.get(GROUP, "nobody")

    assert caught.value.error is not None
    assert "ResourceNotFound" == caught.value.error.code


def test_listing_by_group_and_subscription(estate: Simulator) -> None:
    """Both listings have both machines, whatever the case of the group."""
    client = compute(estate)

    in_group = sorted(found.name or "" for found in client.virtual_machines.list(GROUP.upper()))
    everywhere = sorted(found.name or "" for found in client.virtual_machines.list_all())

    assert ["keeper", "web"] == in_group == everywhere


def test_delete_keeps_disks_and_nic(estate: Simulator) -> None:
    """Deleting a machine leaves its disks and NIC, attached to nothing."""
    compute(estate).virtual_machines.begin_delete(GROUP, "web").result()

    disk = estate.arm("GET", f"{COMPUTE}/disks/web_os").json()
    nic = estate.arm("GET", f"{NETWORK}/networkInterfaces/web-nic").json()

    assert 404 == estate.arm("GET", f"{VM}/web").status_code
    assert "Unattached" == disk["properties"]["diskState"]
    assert "managedBy" not in disk
    assert "virtualMachine" not in nic["properties"]


def test_delete_option_takes_disks_and_nic_along(estate: Simulator) -> None:
    """What says `deleteOption: Delete` goes with the machine."""
    compute(estate).virtual_machines.begin_delete(GROUP, "keeper").result()

    left = [name for name in ("keeper_os", "keeper_data") if estate.arm("GET", f"{COMPUTE}/disks/{name}").ok]

    assert [] == left
    assert 404 == estate.arm("GET", f"{NETWORK}/networkInterfaces/keeper-nic").status_code


def test_deleting_an_absent_machine_is_204(estate: Simulator) -> None:
    """DELETE of what is not there answers 204."""
    assert 204 == estate.arm("DELETE", f"{VM}/nobody").status_code


def test_nothing_begins_on_a_machine_that_is_being_deleted(estate: Simulator) -> None:
    """During a deletion the machine says so, and another operation is refused."""
    estate.clock(speed=1)
    estate.arm("DELETE", f"{VM}/web")

    shown = estate.arm("GET", f"{VM}/web").json()
    refused = estate.arm("POST", f"{VM}/web/start")

    assert "Deleting" == shown["properties"]["provisioningState"]
    assert (409, "OperationNotAllowed") == (refused.status_code, refused.json()["error"]["code"])


def _new_machine(nic: str, size: str = "Standard_D2s_v3") -> Any:
    return {
        "location": "westeurope",
        "tags": {"made": "here"},
        "properties": {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {
                "imageReference": {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
                "osDisk": {"createOption": "FromImage", "managedDisk": {"storageAccountType": "Premium_LRS"}},
            },
            "osProfile": {"computerName": "fresh", "adminUsername": "azureuser", "adminPassword": "not-kept"},
            "networkProfile": {"networkInterfaces": [{"id": nic}]},
        },
    }


def test_creating_a_machine(estate: Simulator) -> None:
    """The SDK creates a machine that runs, with a disk of its own, attached to the NIC, without its password."""
    body = {
        "location": "westeurope",
        "properties": {"ipConfigurations": [{"name": "one", "properties": {"subnet": {"id": NIC_SUBNET}}}]},
    }
    nic = estate.arm("PUT", f"{NETWORK}/networkInterfaces/fresh-nic", body).json()["id"]

    made = compute(estate).virtual_machines.begin_create_or_update(GROUP, "fresh", _new_machine(nic)).result()

    shown = estate.arm("GET", f"{VM}/fresh").json()
    disk_id = shown["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]
    assert "Succeeded" == made.provisioning_state
    assert "PowerState/running" == power(estate, "fresh")
    assert "Attached" == estate.arm("GET", disk_id).json()["properties"]["diskState"]
    assert "not-kept" not in str(shown)
    attached = estate.arm("GET", nic).json()["properties"]["virtualMachine"]["id"]
    assert f"{VM}/fresh".lower() == attached.lower()


def test_creating_on_a_nic_in_use_is_refused(estate: Simulator) -> None:
    """A NIC belongs to one machine."""
    with pytest.raises(HttpResponseError) as caught:
        compute(estate).virtual_machines.begin_create_or_update(
            GROUP,
            "fresh",
            _new_machine(f"{NETWORK}/networkInterfaces/web-nic"),
        )

    assert caught.value.error is not None
    assert "NicInUse" == caught.value.error.code


def test_tags_change_at_once(estate: Simulator) -> None:
    """PATCH of tags replaces them and keeps the machine running."""
    estate.arm("PATCH", f"{VM}/web", {"tags": {"größe": "groß"}})

    assert {"größe": "groß"} == estate.arm("GET", f"{VM}/web").json()["tags"]


def test_resizing_beyond_the_quota_is_refused(estate: Simulator) -> None:
    """A PATCH of the size obeys the quota of the region."""
    estate.seed({"resources": [], "quotas": {"*": {"westeurope": {"cores": 8}}}})
    bigger: Any = {"properties": {"hardwareProfile": {"vmSize": "Standard_D16s_v3"}}}

    with pytest.raises(ResourceExistsError) as caught:
        compute(estate).virtual_machines.begin_update(GROUP, "web", bigger)

    assert caught.value.error is not None
    assert "OperationNotAllowed" == caught.value.error.code
    assert "Current Limit: 8, Current Usage: 2, Additional Required: 16" in str(caught.value)
