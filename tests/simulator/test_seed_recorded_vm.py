"""A recorded VM as a seed: the simulator shows it as Azure did, and makes what its JSON only names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.compute_estate import compute
from tests.support.sim import Simulator

RECORDED = "azure/recordings/cli/flow_A2A_scenarios.jsonl"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def recorded(shared_dir: Path) -> dict[str, Any]:
    """The JSON of CliVM2 before its move, as Azure answered it."""
    for line in (shared_dir / RECORDED).read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "/CliTerraformVMRG/providers/Microsoft.Compute/virtualMachines/CliVM2" in entry["url"]:
            return dict(entry["responseBody"])
    pytest.fail("the recording has no CliVM2")


@pytest.fixture(scope="module")
def seeded(recorded: dict[str, Any]) -> Iterator[Simulator]:
    """A simulator whose only seed is the recorded VM."""
    with Simulator(seed={"resources": [recorded]}) as simulator:
        yield simulator


def _shape(value: Any) -> Any:
    """The keys and types of a JSON value."""
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items()}
    return [_shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def test_recorded_vm_is_shown_as_azure_showed_it(seeded: Simulator, recorded: dict[str, Any]) -> None:
    """GET of the seeded VM has the recorded answer's body, key for key and value for value."""
    shown = seeded.arm("GET", recorded["id"]).json()

    assert _shape(recorded) == _shape(shown)
    assert {**recorded, "resources": None} == {**shown, "resources": None}


def test_recorded_vm_has_its_disk(seeded: Simulator, recorded: dict[str, Any]) -> None:
    """The OS disk that the VM names exists, with its size and kind, attached to it."""
    reference = recorded["properties"]["storageProfile"]["osDisk"]

    disk = seeded.arm("GET", reference["managedDisk"]["id"]).json()

    assert reference["diskSizeGB"] == disk["properties"]["diskSizeGB"]
    assert reference["managedDisk"]["storageAccountType"] == disk["sku"]["name"]
    assert "Windows" == disk["properties"]["osType"]
    assert recorded["id"].lower() == disk["managedBy"].lower()
    assert "Attached" == disk["properties"]["diskState"]


def test_recorded_vm_has_its_network(seeded: Simulator, recorded: dict[str, Any]) -> None:
    """The NIC that the VM names exists in a subnet that exists, with an address of it."""
    nic_id = recorded["properties"]["networkProfile"]["networkInterfaces"][0]["id"]

    nic = seeded.arm("GET", nic_id).json()
    configuration = nic["properties"]["ipConfigurations"][0]["properties"]
    subnet = seeded.arm("GET", configuration["subnet"]["id"])

    assert recorded["id"].lower() == nic["properties"]["virtualMachine"]["id"].lower()
    assert "10.0.0.4" == configuration["privateIPAddress"]
    assert 200 == subnet.status_code
    assert "eastus" == nic["location"]


def test_recorded_vm_has_its_extensions(seeded: Simulator, recorded: dict[str, Any]) -> None:
    """The five extensions of the recording are resources, the failed one of Site Recovery among them."""
    listed = seeded.arm("GET", recorded["id"] + "/extensions").json()["value"]
    states = {extension["name"]: extension["properties"]["provisioningState"] for extension in listed}

    assert {extension["name"] for extension in recorded["resources"]} == set(states)
    assert "Failed" == states["SiteRecovery-Windows"]


def test_recorded_vm_runs(seeded: Simulator) -> None:
    """The real SDK reads a running VM with a ready agent and the recorded system."""
    client = compute(seeded)
    client._config.subscription_id = SUBSCRIPTION

    view = client.virtual_machines.get("cliterraformvmrg", "clivm2", expand="instanceView").instance_view

    assert view is not None
    assert "PowerState/running" in [status.code for status in view.statuses or []]
    assert "Windows Server 2016 Datacenter" == view.os_name
    assert view.vm_agent is not None
    assert ["Ready"] == [status.display_status for status in view.vm_agent.statuses or []]


WEB = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/WEB/providers"
CLI_SHOWN: dict[str, Any] = {
    "additionalCapabilities": None,
    "hardwareProfile": {"vmSize": "Standard_B2ms", "vmSizeProperties": None},
    "id": f"{WEB}/Microsoft.Compute/virtualMachines/web01",
    "location": "westeurope",
    "name": "web01",
    "networkProfile": {
        "networkInterfaces": [
            {
                "deleteOption": "Detach",
                "id": f"{WEB}/Microsoft.Network/networkInterfaces/web01-nic",
                "primary": True,
                "resourceGroup": "web",
            }
        ]
    },
    "osProfile": {"adminUsername": "azureuser", "computerName": "web01", "secrets": []},
    "powerState": "VM deallocated",
    "privateIps": "172.16.5.9",
    "provisioningState": "Succeeded",
    "resourceGroup": "WEB",
    "resources": None,
    "storageProfile": {
        "dataDisks": [
            {
                "createOption": "Attach",
                "diskSizeGB": 512,
                "lun": 3,
                "managedDisk": {"id": "", "resourceGroup": "web"},
                "name": "web01-data",
            }
        ],
        "osDisk": {
            "createOption": "FromImage",
            "diskSizeGB": 30,
            "managedDisk": {"id": None, "storageAccountType": "StandardSSD_LRS"},
            "name": "web01-os",
            "osType": "Linux",
        },
    },
    "tags": {"größe": "klein", "resourceGroup": "a tag"},
    "type": "Microsoft.Compute/virtualMachines",
    "vmId": "0f47b100-583c-48e3-a4c0-aefc2c9bbcc1",
    "zones": ["2"],
}


def test_flattened_json_of_the_cli_is_brought_into_shape() -> None:
    """The flat JSON of `az vm show -d` becomes ARM's, with disks, address, zone and power state taken from it."""
    with Simulator(seed={"resources": [CLI_SHOWN]}) as simulator:
        shown = simulator.arm("GET", CLI_SHOWN["id"]).json()
        nic = simulator.arm("GET", f"{WEB}/Microsoft.Network/networkInterfaces/web01-nic").json()
        disk = simulator.arm("GET", f"{WEB}/Microsoft.Compute/disks/web01-data").json()
        view = simulator.arm("GET", CLI_SHOWN["id"] + "/instanceView").json()

    assert CLI_SHOWN["vmId"] == shown["properties"]["vmId"]
    assert "hardwareProfile" not in shown
    assert {"größe": "klein", "resourceGroup": "a tag"} == shown["tags"]
    assert {"primary": True, "deleteOption": "Detach"} == shown["properties"]["networkProfile"]["networkInterfaces"][0][
        "properties"
    ]
    assert "172.16.5.9" == nic["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]
    assert (512, "Reserved", ["2"]) == (
        disk["properties"]["diskSizeGB"],
        disk["properties"]["diskState"],
        disk["zones"],
    )
    assert "PowerState/deallocated" == view["statuses"][-1]["code"]
    assert "vmAgent" not in view


def test_short_disks_and_known_addresses_are_filled_in() -> None:
    """A seeded disk keeps what it says and gets the rest; each address gets a subnet that holds it."""
    compute_scope = f"{WEB}/Microsoft.Compute"
    disk: dict[str, Any] = {
        "id": f"{compute_scope}/disks/web01-os",
        "location": "westeurope",
        "properties": {"diskSizeGB": 77},
    }
    other = {**CLI_SHOWN, "id": f"{compute_scope}/virtualMachines/web02", "name": "web02", "privateIps": "172.16.9.4"}
    other["networkProfile"] = {"networkInterfaces": [{"id": f"{WEB}/Microsoft.Network/networkInterfaces/web02-nic"}]}
    other["storageProfile"] = {"osDisk": {"name": "web02-os", "osType": "Linux"}}
    with Simulator(seed={"resources": [disk, CLI_SHOWN, other]}) as simulator:
        shown = simulator.arm("GET", disk["id"]).json()
        networks = simulator.arm("GET", f"{WEB}/Microsoft.Network/virtualNetworks").json()["value"]

    assert (77, "Reserved") == (shown["properties"]["diskSizeGB"], shown["properties"]["diskState"])
    assert "Succeeded" == shown["properties"]["provisioningState"]
    prefixes = [subnet["properties"]["addressPrefix"] for vnet in networks for subnet in vnet["properties"]["subnets"]]
    assert (1, ["172.16.5.0/24", "172.16.9.0/24"]) == (len(networks), prefixes)
