"""Failing over: the shutdown, the recovery point, the machine that is made, and what a failure leaves."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.simulator.siterecovery_estate import (
    A2A,
    TARGET,
    VAULT,
    Lab,
    disk_id,
    item_id,
    nic_id,
    protected,
    vm_id,
)

SHUTDOWN, SYNCHRONISE = "Shut down the virtual machine", "Synchronizing the latest changes"
NAMES = (
    "whole",
    "loose",
    "stubborn",
    "broken",
    "taken",
    "big",
    "placed",
    "crowded",
    "cancelled",
    "foreign",
    "frozen",
    "stopped",
    "half",
    "skipped",
    "unsynchronised",
    "pointless",
    "partial",
    "mute",
    "phantom",
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A vault with every machine protected."""
    small = {
        "id": f"{TARGET}/providers/Microsoft.Network/virtualNetworks/small-vnet",
        "location": "northeurope",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.8.0.0/16"]},
            "subnets": [{"name": "tiny", "properties": {"addressPrefix": "10.8.0.0/29"}}],
        },
    }
    behaviour: dict[str, Any] = {
        "stubborn": {"shutdown_fails": True},
        "skipped": {"shutdown_skipped": True},
        "unsynchronised": {"synchronise_fails": True},
        "pointless": {"synchronise_adds_no_point": True},
        "phantom": {"after_failover": {"absent": True}},
        "partial": {"failover_descriptions": {"job": "PartiallySucceeded", "shutdown": "CompletedWithInformation"}},
    }
    quotas = {"northeurope": {"Standard_E4s_v3": 0}}
    with protected(*NAMES, resources=[small], behaviour=behaviour, quotas=quotas) as lab:
        yield lab


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _task(job: dict[str, Any], name: str) -> dict[str, Any]:
    return next(task for task in job["tasks"] if task["friendlyName"] == name)


def test_failover_with_shutdown(lab: Lab) -> None:
    """The source is deallocated first, the point used is younger than the shutdown, the machine is made and runs."""
    source = lab.get(vm_id("whole"))
    job = lab.fail_over("whole")
    item, made = lab.item("whole"), lab.get(vm_id("whole", TARGET))
    point = job["customDetails"]["protectedItemDetails"][0]

    assert {"Succeeded"} == set(lab.tasks(job).values())
    assert "PowerState/deallocated" == lab.power(vm_id("whole"))
    assert "PowerState/running" == lab.power(vm_id("whole", TARGET))
    assert _time(point["recoveryPointTime"]) >= _time(_task(job, SHUTDOWN)["startTime"])
    assert item["failoverRecoveryPointId"] == point["recoveryPointId"]
    assert ("UnplannedFailoverCommitPendingStatesBegin", "Recovery") == (
        item["protectionState"],
        item["activeLocation"],
    )
    assert ["Commit", "ChangePit", "DisableProtection"] == item["allowedOperations"]
    assert vm_id("whole", TARGET) == item["providerSpecificDetails"]["recoveryFabricObjectId"]
    assert source["properties"]["vmId"] != made["properties"]["vmId"]
    assert {"osProfile", "imageReference", "identity"}.isdisjoint({*made, *made["properties"]})
    assert "Attach" == made["properties"]["storageProfile"]["osDisk"]["createOption"]
    assert [2] == [disk["lun"] for disk in made["properties"]["storageProfile"]["dataDisks"]]
    assert source["tags"] == made["tags"]
    for id_ in (disk_id("whole_os", TARGET), disk_id("whole_data", TARGET), nic_id("whole-nic", TARGET)):
        assert "northeurope" == lab.get(id_)["location"]
    assert disk_id("whole_os-ASRReplica", TARGET).lower() in lab.sim.resource_ids()


def test_failover_without_shutdown(lab: Lab) -> None:
    """Not asked to, it leaves the source running and uses the newest existing point, at most five minutes old."""
    job = lab.fail_over("loose", shut_down=False)
    point = _time(job["customDetails"]["protectedItemDetails"][0]["recoveryPointTime"])

    assert {"Other"} == {lab.tasks(job)[name] for name in (SHUTDOWN, SYNCHRONISE)}
    assert "Skipped" == _task(job, SHUTDOWN)["stateDescription"]
    assert "PowerState/running" == lab.power(vm_id("loose"))
    assert -10 <= (_time(job["startTime"]) - point).total_seconds() <= 300


def test_shutdown_that_fails(lab: Lab) -> None:
    """A guest that does not shut down fails its task, not the failover: two machines run, nothing was synchronised."""
    job = lab.fail_over("stubborn")
    tasks = lab.tasks(job)

    assert ("CompletedWithInformation", "Failed", "Other") == (job["state"], tasks[SHUTDOWN], tasks[SYNCHRONISE])
    assert "PowerState/running" == lab.power(vm_id("stubborn")) == lab.power(vm_id("stubborn", TARGET))
    point = _time(job["customDetails"]["protectedItemDetails"][0]["recoveryPointTime"])
    assert point <= _time(_task(job, "Start failover")["startTime"])


@pytest.mark.parametrize(
    ("name", "job", "shutdown", "synchronise", "fresh"),
    [
        ("skipped", ("Succeeded", "Completed"), ("Other", "Skipped"), ("Other", "Skipped"), None),
        (
            "unsynchronised",
            ("CompletedWithInformation", "CompletedWithInformation"),
            ("Succeeded", "Completed"),
            ("Failed", "Failed"),
            False,
        ),
        ("pointless", ("Succeeded", "Completed"), ("Succeeded", "Completed"), ("Succeeded", "Completed"), False),
        (
            "partial",
            ("Succeeded", "PartiallySucceeded"),
            ("Succeeded", "CompletedWithInformation"),
            ("Succeeded", "Completed"),
            True,
        ),
    ],
)
def test_failovers_that_end_well_without_a_proof(
    lab: Lab,
    name: str,
    job: tuple[str, str],
    shutdown: tuple[str, str],
    synchronise: tuple[str, str],
    fresh: bool | None,
) -> None:
    """Tasks left out, failed or told as partial, and a point from before the stop: the job succeeds all the same."""
    ended = lab.fail_over(name)
    tasks = {task["friendlyName"]: (task["state"], task["stateDescription"]) for task in ended["tasks"]}
    point = _time(ended["customDetails"]["protectedItemDetails"][0]["recoveryPointTime"])

    assert (job, shutdown, synchronise) == (
        (ended["state"], ended["stateDescription"]),
        tasks[SHUTDOWN],
        tasks[SYNCHRONISE],
    )
    assert ("PowerState/running" if fresh is None else "PowerState/deallocated") == lab.power(vm_id(name))
    if fresh is not None:
        assert fresh == (point >= _time(_task(ended, SHUTDOWN)["startTime"]))
    assert "PowerState/running" == lab.power(vm_id(name, TARGET))


def test_fault_leaves_what_was_made(lab: Lab) -> None:
    """A failover that fails at its last task leaves the source off and the machine made, but not running."""
    lab.sim.fault({"kind": "operation_fails", "code": "28031", "message": "No."}, path="broken/unplannedFailover")
    status = lab.status("POST", f"{item_id('broken')}/unplannedFailover", lab.failover_body())
    item = lab.item("broken")

    assert "28031" == status["error"]["code"]
    assert "PowerState/deallocated" == lab.power(vm_id("broken"))
    assert "PowerState/stopped" == lab.power(vm_id("broken", TARGET))
    assert ("UnplannedFailoverFailed", "Primary") == (item["protectionState"], item["activeLocation"])
    assert {disk_id("broken_os", TARGET).lower(), nic_id("broken-nic", TARGET).lower()} <= lab.sim.resource_ids()
    lab.fail_over("broken")
    assert "PowerState/running" == lab.power(vm_id("broken", TARGET))


def test_fault_without_a_word(lab: Lab) -> None:
    """A failover may fail without telling why, and may end with a word that nobody knows."""
    lab.sim.fault({"kind": "operation_fails", "code": ""}, path="mute/unplannedFailover")
    status = lab.status("POST", f"{item_id('mute')}/unplannedFailover", lab.failover_body())
    assert ("Failed", None) == (status["status"], status.get("error"))
    lab.sim.fault({"kind": "operation_ends_as", "word": "Bananas"}, path="mute/unplannedFailover")
    status = lab.status("POST", f"{item_id('mute')}/unplannedFailover", lab.failover_body())
    assert "Bananas" == status["status"]
    [job] = [job for job in lab.get(f"{VAULT}/replicationJobs")["value"] if job["name"] == status["name"]]
    assert ("Bananas", "Bananas") == (job["properties"]["state"], job["properties"]["stateDescription"])
    assert "PowerState/running" == lab.power(vm_id("mute", TARGET))


def test_failover_without_a_machine(lab: Lab) -> None:
    """A failover may say that it went well although it made no machine."""
    status = lab.status("POST", f"{item_id('phantom')}/unplannedFailover", lab.failover_body())
    assert "Succeeded" == status["status"]
    assert "PowerState/deallocated" == lab.power(vm_id("phantom"))
    assert vm_id("phantom", TARGET).lower() not in lab.sim.resource_ids()


def test_size_without_quota(lab: Lab) -> None:
    """A size that the target region does not give fails with 150097, after the source was shut down."""
    lab.run("PATCH", item_id("big"), {"properties": {"recoveryAzureVMSize": "Standard_E4s_v3"}})
    status = lab.status("POST", f"{item_id('big')}/unplannedFailover", lab.failover_body())

    assert "150097" == status["error"]["code"]
    assert "PowerState/deallocated" == lab.power(vm_id("big"))
    assert vm_id("big", TARGET).lower() not in lab.sim.resource_ids()


def test_name_that_is_taken(lab: Lab) -> None:
    """A machine of the same name that somebody else made stops the failover before anything is shut down."""
    body = lab.get(vm_id("placed")) | {"location": "northeurope", "id": vm_id("taken", TARGET), "name": "taken"}
    body["properties"] |= {"storageProfile": {}, "networkProfile": {}}
    lab.sim.seed({"resources": [body]})
    status = lab.status("POST", f"{item_id('taken')}/unplannedFailover", lab.failover_body())

    assert "150098" == status["error"]["code"]
    assert "PowerState/running" == lab.power(vm_id("taken"))
    assert "Protected" == lab.item("taken")["protectionState"]
    assert "seed" == next(r for r in lab.sim.resources() if r["id"] == vm_id("taken", TARGET))["created_by"]


def test_foreign_disk_is_not_overwritten(lab: Lab) -> None:
    """A disk of somebody else that has the name fails the job and survives it, too."""
    disk: dict[str, Any] = {
        "id": disk_id("foreign_os", TARGET),
        "location": "northeurope",
        "properties": {"diskSizeGB": 1},
    }
    lab.sim.seed({"resources": [disk]})
    status = lab.status("POST", f"{item_id('foreign')}/unplannedFailover", lab.failover_body())

    assert "150098" == status["error"]["code"]
    assert 1 == lab.get(disk["id"])["properties"]["diskSizeGB"]


def _nic_input(lab: Lab, name: str, **configuration: Any) -> dict[str, Any]:
    nic = lab.item(name)["providerSpecificDetails"]["vmNics"][0]
    return {"nicId": nic["nicId"], "ipConfigs": [{"ipConfigName": "ipconfig1", **configuration}]}


def test_settings_are_obeyed(lab: Lab) -> None:
    """Name, size, address, disks and NIC of the made machine are those that were set; the unknown is ignored."""
    disk = {
        "diskId": disk_id("placed_data").upper(),
        "recoveryTargetDiskAccountType": "Premium_LRS",
        "failoverDiskName": "placed-data-ne",
    }
    settings = {
        "recoveryAzureVMName": "placed-ne",
        "recoveryAzureVMSize": "Standard_D4s_v3",
        "vmNics": [
            _nic_input(lab, "placed", recoverySubnetName="front", recoveryStaticIPAddress="10.2.0.77")
            | {"enableAcceleratedNetworkingOnRecovery": True, "targetNicName": "placed-nic-ne"},
            {"nicId": "unknown", "ipConfigs": []},
        ],
        "providerSpecificDetails": {**A2A, "managedDiskUpdateDetails": [disk, {"diskId": "unknown"}]},
    }
    lab.run("PATCH", item_id("placed"), {"properties": settings})
    shown = lab.item("placed")["providerSpecificDetails"]["vmNics"][0]["ipConfigs"][0]
    lab.fail_over("placed")
    made = lab.get(vm_id("placed-ne", TARGET))["properties"]
    nic = lab.get(nic_id("placed-nic-ne", TARGET))["properties"]
    address = nic["ipConfigurations"][0]["properties"]

    assert ("10.2.0.77", "Static") == (shown["recoveryStaticIPAddress"], shown["recoveryIPAddressType"])
    assert "Standard_D4s_v3" == made["hardwareProfile"]["vmSize"]
    assert "placed-data-ne" == made["storageProfile"]["dataDisks"][0]["name"]
    assert "Premium_LRS" == lab.get(disk_id("placed-data-ne", TARGET))["sku"]["name"]
    assert ("10.2.0.77", "Static") == (address["privateIPAddress"], address["privateIPAllocationMethod"])
    assert nic["enableAcceleratedNetworking"]
    assert vm_id("placed", TARGET).lower() not in lab.sim.resource_ids()


def test_address_that_is_taken(lab: Lab) -> None:
    """A static address that somebody has is silently replaced by the next free one; a full subnet fails the job."""
    network = f"{TARGET}/providers/Microsoft.Network/virtualNetworks/small-vnet"
    holder = {
        "id": nic_id("holder", TARGET),
        "location": "northeurope",
        "properties": {
            "ipConfigurations": [
                {
                    "name": "a",
                    "properties": {"privateIPAddress": "10.8.0.4", "subnet": {"id": f"{network}/subnets/tiny"}},
                }
            ]
        },
    }
    lab.sim.seed({"resources": [holder]})
    settings = {
        "selectedRecoveryAzureNetworkId": network,
        "vmNics": [_nic_input(lab, "crowded", recoverySubnetName="tiny", recoveryStaticIPAddress="10.8.0.4")],
    }
    lab.run("PATCH", item_id("crowded"), {"properties": settings})
    lab.fail_over("crowded")
    settings["vmNics"] = [_nic_input(lab, "half", recoverySubnetName="tiny")]
    lab.run("PATCH", item_id("half"), {"properties": settings})
    more = [{**holder, "id": nic_id("holder-6", TARGET), "properties": _at(holder, "10.8.0.6")}]
    lab.sim.seed({"resources": more})
    status = lab.status("POST", f"{item_id('half')}/unplannedFailover", lab.failover_body())

    nic = lab.get(nic_id("crowded-nic", TARGET))["properties"]["ipConfigurations"][0]["properties"]
    assert "10.8.0.5" == nic["privateIPAddress"]
    assert ("150099", True) == (status["error"]["code"], "SubnetIsFull" in status["error"]["message"])
    assert {disk_id("half_os", TARGET).lower()} <= lab.sim.resource_ids()


def _at(holder: dict[str, Any], address: str) -> dict[str, Any]:
    configuration = holder["properties"]["ipConfigurations"][0]
    properties = {**configuration["properties"], "privateIPAddress": address}
    return {"ipConfigurations": [{**configuration, "properties": properties}]}


def test_cancelled_failover(lab: Lab) -> None:
    """Cancelling a failover ends it where it is: the source may be off, and replication does not come back."""
    answer = lab.accepted("POST", f"{item_id('cancelled')}/unplannedFailover", lab.failover_body())
    lab.sim.advance(100)
    lab.run("POST", f"{answer.headers['x-ms-request-id']}/cancel")
    lab.sim.advance(60)
    item = lab.item("cancelled")

    assert "Cancelled" == lab.job(answer)["state"]
    assert "UnplannedFailoverFailed" == item["protectionState"]
    assert "PowerState/deallocated" == lab.power(vm_id("cancelled"))
    assert None is item["providerSpecificDetails"]["rpoInSeconds"]


def test_source_that_is_off_already(lab: Lab) -> None:
    """A source that a person switched off is neither shut down nor synchronised."""
    lab.sim.follow(lab.sim.arm("POST", f"{vm_id('stopped')}/deallocate"))
    job = lab.fail_over("stopped")

    assert {"Other"} == {lab.tasks(job)[name] for name in (SHUTDOWN, SYNCHRONISE)}
    assert "PowerState/running" == lab.power(vm_id("stopped", TARGET))


def test_one_job_at_a_time(lab: Lab) -> None:
    """While a failover runs, everything else on the item is refused with 409 and its scenario shows the job."""
    answer = lab.accepted("POST", f"{item_id('frozen')}/unplannedFailover", lab.failover_body())
    item = lab.item("frozen")
    requests: list[tuple[str, str, Any]] = [
        ("POST", f"{item_id('frozen')}/failoverCommit", None),
        ("POST", f"{item_id('frozen')}/remove", {"properties": {}}),
        ("DELETE", item_id("frozen"), None),
        ("PATCH", item_id("frozen"), {"properties": {}}),
        ("POST", f"{item_id('frozen')}/unplannedFailover", lab.failover_body()),
    ]
    codes = [lab.sim.arm(*request).status_code for request in requests]
    lab.finish(answer)

    assert [409] * 5 == codes
    assert ([], "UnplannedFailover") == (item["allowedOperations"], item["currentScenario"]["scenarioName"])
    assert answer.headers["x-ms-request-id"] == item["currentScenario"]["jobId"]
    assert "None" == lab.item("frozen")["currentScenario"]["scenarioName"]
