"""What a failover carries over and what it does not; zones, availability sets, and the way there and back twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.mending import sound
from tests.simulator.siterecovery_estate import (
    A2A,
    CACHE,
    PRIMARY,
    PRIMARY_CONTAINER,
    RECOVERY_CONTAINER,
    SOURCE,
    SOURCE_NETWORK,
    TARGET,
    TARGET_NETWORK,
    Lab,
    disk_id,
    item_id,
    machine,
    nic,
    nic_id,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

ZONAL = f"{PRIMARY}/replicationProtectionContainers/zonal"
SIDE = f"{SOURCE}-asr"
SET = f"{TARGET}/providers/Microsoft.Compute/availabilitySets/shop-set"
DIAGNOSTICS = f"{TARGET}/providers/Microsoft.Storage/storageAccounts/nediag"
BACK_CACHE = f"{TARGET}/providers/Microsoft.Storage/storageAccounts/neback"
PUBLIC = f"{SOURCE}/providers/Microsoft.Network/publicIPAddresses/full-ip"
SECURITY = f"{SOURCE}/providers/Microsoft.Network/networkSecurityGroups/full-nsg"
IDENTITY = f"{SOURCE}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/full"


def _full() -> list[dict[str, Any]]:
    """A machine with everything that Azure offers, and what it refers to."""
    vm = machine("full")
    vm["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
    vm["properties"] |= {
        "osProfile": {"computerName": "full", "adminUsername": "ada"},
        "licenseType": "RHEL_BYOS",
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
    }
    image = {"publisher": "Canonical", "offer": "ubuntu-22_04-lts", "sku": "server", "version": "latest"}
    vm["properties"]["storageProfile"]["imageReference"] = image
    vm["resources"] = [
        {
            "id": f"{vm['id']}/extensions/Monitor",
            "name": "Monitor",
            "type": "Microsoft.Compute/virtualMachines/extensions",
            "location": "westeurope",
            "properties": {"publisher": "Microsoft.Azure.Monitor", "type": "AzureMonitorLinuxAgent"},
        }
    ]
    card = nic("full-nic", "10.1.0.200")
    card["tags"] = {"card": "one"}
    card["properties"]["networkSecurityGroup"] = {"id": SECURITY}
    card["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"] = {"id": PUBLIC}
    rest: list[dict[str, Any]] = [{"id": id_, "location": "westeurope", "properties": {}} for id_ in (PUBLIC, SECURITY)]
    return [vm, card, *rest]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A vault with a pair of containers between two regions, and one between the zones of a region."""
    zonal = [machine(name) | {"zones": ["1"]} for name in ("zonal", "zoneless")]
    targets: list[dict[str, Any]] = [
        {"id": SET, "location": "northeurope", "sku": {"name": "Aligned"}, "properties": {}},
        *({"id": id_, "location": "northeurope", "properties": {}} for id_ in (DIAGNOSTICS, BACK_CACHE)),
        {"id": SIDE, "location": "westeurope"},
    ]
    names = ("zonal", "zoneless", "set", "bouncing", "deaf")
    known: dict[str, Any] = {name: {} for name in (*names, "full")} | {"deaf": {"target": {"dns": "broken"}}}
    with Simulator(seed=seed(*names, resources=[*_full(), *zonal, *targets], behaviour=known)) as sim:
        lab = Lab(sim)
        lab.set_up()
        lab.run("PUT", ZONAL, {"properties": {"providerSpecificInput": [A2A]}})
        id_, body = lab.mapping(PRIMARY_CONTAINER, ZONAL)
        lab.run("PUT", f"{id_}-zonal", body)
        lab.network_mapping(TARGET_NETWORK, SOURCE_NETWORK, back=True)
        for name in ("full", "set", "bouncing", "deaf"):
            changes = {"recoveryAvailabilitySetId": SET, "recoveryBootDiagStorageAccountId": DIAGNOSTICS}
            lab.accepted("PUT", item_id(name), lab.enable_body(name, **(changes if name == "set" else {})))
        sim.advance(3600)
        for name in ("full", "set", "bouncing", "deaf"):
            lab.accepted("POST", f"{item_id(name)}/unplannedFailover", lab.failover_body())
        sim.advance(600)
        yield lab


def test_what_is_carried(lab: Lab) -> None:
    """Size, disks, tags and NIC come along; osProfile, image, identity, extensions, NSG and public IP do not."""
    source, made = lab.get(vm_id("full")), lab.get(vm_id("full", TARGET))
    card = lab.get(nic_id("full-nic", TARGET))
    address = card["properties"]["ipConfigurations"][0]["properties"]

    assert {"osProfile", "diagnosticsProfile", "licenseType"} <= source["properties"].keys()
    assert "imageReference" in source["properties"]["storageProfile"]
    assert {"osProfile", "diagnosticsProfile", "licenseType"}.isdisjoint(made["properties"])
    assert "imageReference" not in made["properties"]["storageProfile"]
    assert ("identity" in source, "identity" in made) == (True, False)
    assert {"Monitor", "SiteRecovery-Linux"} == {extension["name"] for extension in source["resources"]}
    assert "resources" not in made
    assert (source["tags"], {"card": "one"}) == (made["tags"], card["tags"])
    assert "networkSecurityGroup" not in card["properties"]
    assert "publicIPAddress" not in address
    # A seeded public address says who has it, as one does that was given to an interface.
    assert lab.get(PUBLIC)["properties"]["ipConfiguration"]["id"].startswith(f"{nic_id('full-nic')}/ipConfigurations/")
    assert source["properties"]["hardwareProfile"] == made["properties"]["hardwareProfile"]


def test_availability_set_and_boot_diagnostics(lab: Lab) -> None:
    """The machine is made in the availability set and with the boot diagnostics account that were chosen."""
    made = lab.get(vm_id("set", TARGET))["properties"]

    assert SET == made["availabilitySet"]["id"]
    assert "https://nediag.blob.core.windows.net/" == made["diagnosticsProfile"]["bootDiagnostics"]["storageUri"]


def test_zone_to_zone(lab: Lab) -> None:
    """Within a region a machine is replicated to another zone, with its disks; without one it fails with 150018."""
    body = {"recoveryContainerId": ZONAL, "recoveryResourceGroupId": SIDE, "recoveryAzureNetworkId": SOURCE_NETWORK}
    refused = lab.status("PUT", item_id("zoneless"), lab.enable_body("zoneless", **body))
    same = lab.status("PUT", item_id("zoneless-2"), lab.enable_body("zoneless", **body, recoveryAvailabilityZone="1"))
    lab.enable("zonal", **body, recoveryAvailabilityZone="2")
    item = lab.until_protected("zonal")["providerSpecificDetails"]
    lab.fail_over("zonal")
    made = lab.get(vm_id("zonal", SIDE))

    assert ("150018", "150018") == (refused["error"]["code"], same["error"]["code"])
    assert ("1", "2") == (item["primaryAvailabilityZone"], item["recoveryAvailabilityZone"])
    assert ("westeurope", ["2"]) == (made["location"], made["zones"])
    assert ["2"] == lab.get(disk_id("zonal_os", TARGET))["zones"]
    assert "PowerState/deallocated" == lab.power(vm_id("zonal"))


def _switch(name: str, container: str, *, group: str, disks: str, cache: str) -> tuple[str, dict[str, Any]]:
    listed = [
        {
            "diskId": disk_id(f"{name}_{kind}", disks),
            "primaryStagingAzureStorageAccountId": cache,
            "recoveryResourceGroupId": group,
        }
        for kind in ("os", "data")
    ]
    details = {**A2A, "recoveryContainerId": container, "recoveryResourceGroupId": group, "vmManagedDisks": listed}
    body = {"properties": {"replicationProtectedItemName": name, "providerSpecificDetails": details}}
    return f"{container}/switchprotection", body


def test_there_and_back_again(lab: Lab) -> None:
    """A machine is failed back, protected again in the first direction, and failed over once more."""
    back, forth = item_id("bouncing", RECOVERY_CONTAINER), item_id("bouncing")
    lab.run("POST", *_switch("bouncing", PRIMARY_CONTAINER, group=SOURCE, disks=TARGET, cache=BACK_CACHE))
    moved = lab.sim.arm("GET", forth).status_code
    lab.until_protected("bouncing", RECOVERY_CONTAINER)
    lab.run("POST", f"{back}/unplannedFailover", lab.failover_body())
    lab.run("POST", f"{back}/failoverCommit")
    home = (lab.power(vm_id("bouncing")), lab.power(vm_id("bouncing", TARGET)))
    lab.sim.advance(120)
    lab.run("POST", *_switch("bouncing", RECOVERY_CONTAINER, group=TARGET, disks=SOURCE, cache=CACHE))
    gone = lab.sim.arm("GET", back).status_code
    lab.until_protected("bouncing")
    lab.fail_over("bouncing")

    assert (404, 404) == (moved, gone)
    assert ("PowerState/running", "PowerState/deallocated") == home
    assert ("PowerState/deallocated", "PowerState/running") == (
        lab.power(vm_id("bouncing")),
        lab.power(vm_id("bouncing", TARGET)),
    )
    assert "Recovery" == lab.item("bouncing")["activeLocation"]


def test_reprotection_that_fails_is_restarted(lab: Lab) -> None:
    """DNS that does not work on the new side fails the reprotection with 151195; the item stays where it was."""
    answer = lab.accepted("POST", *_switch("deaf", PRIMARY_CONTAINER, group=SOURCE, disks=TARGET, cache=BACK_CACHE))
    status = lab.finish(answer)
    item = lab.item("deaf")
    absent = lab.sim.arm("GET", item_id("deaf", RECOVERY_CONTAINER)).status_code
    sound(lab, "deaf")
    lab.run("POST", f"{answer.headers['x-ms-request-id']}/restart")
    lab.sim.advance(600)
    moved = lab.item("deaf", RECOVERY_CONTAINER)

    assert ("Failed", "151195") == (status["status"], status["error"]["code"])
    assert ("UnplannedFailoverCommitted", ["151195"]) == (
        item["protectionState"],
        [error["errorCode"] for error in item["healthErrors"]],
    )
    assert 404 == absent
    assert "InitialReplicationInProgress" == moved["protectionState"]
    assert 404 == lab.sim.arm("GET", item_id("deaf")).status_code
