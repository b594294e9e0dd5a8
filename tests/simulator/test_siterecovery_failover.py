"""Failing over: the shutdown, the recovery point, the machine that is made, what a failure leaves, and the ends."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.simulator.siterecovery_estate import (
    A2A,
    CACHE,
    PRIMARY_CONTAINER,
    RECOVERY_CONTAINER,
    SOURCE,
    SOURCE_NETWORK,
    TARGET,
    TARGET_NETWORK,
    TEST_NETWORK,
    VAULT,
    Lab,
    disk_id,
    item_id,
    nic_id,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

SHUTDOWN, SYNCHRONISE = "Shut down the virtual machine", "Synchronizing the latest changes"
NAMES = (
    "whole", "loose", "stubborn", "broken", "taken", "big", "placed", "crowded", "points", "returned", "purged",
    "removed", "cancelled", "tested", "foreign", "moved", "frozen", "stopped", "locked", "half",
)  # fmt: skip


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
    behaviour: dict[str, Any] = {name: {} for name in NAMES} | {"stubborn": {"shutdown_fails": True}}
    quotas = {"northeurope": {"Standard_E4s_v3": 0}}
    with Simulator(seed=seed(*NAMES, resources=[small], behaviour=behaviour, quotas=quotas)) as sim:
        lab = Lab(sim)
        lab.set_up()
        lab.network_mapping(TARGET_NETWORK, SOURCE_NETWORK, back=True)
        answers = [lab.accepted("PUT", item_id(name), lab.enable_body(name)) for name in NAMES]
        sim.advance(3600)
        assert {"Succeeded"} == {lab.finish(answer)["status"] for answer in answers}
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


def test_commit_and_disable(lab: Lab) -> None:
    """Commit takes points and replicas; then remove fails since the source is off, and purge works."""
    lab.fail_over("purged")
    commit = lab.run("POST", f"{item_id('purged')}/failoverCommit")
    item, points = lab.item("purged"), lab.get(f"{item_id('purged')}/recoveryPoints")["value"]
    again = lab.sim.arm("POST", f"{item_id('purged')}/failoverCommit")
    removed = lab.status("POST", f"{item_id('purged')}/remove", {"properties": {}})
    kept = lab.item("purged")["protectionState"]
    lab.run("DELETE", item_id("purged"))

    assert ["Prerequisite check", "Commit"] == list(lab.tasks(commit))
    assert ("UnplannedFailoverCommitted", "Normal") == (item["protectionState"], item["failoverHealth"])
    assert [] == points
    assert (400, "OperationNotAllowedInCurrentState") == (
        again.status_code,
        again.json()["error"]["details"][0]["code"],
    )
    assert ("Failed", "150144", "UnplannedFailoverCommitted") == (removed["status"], removed["error"]["code"], kept)
    assert 404 == lab.sim.arm("GET", item_id("purged")).status_code
    ids = lab.sim.resource_ids()
    assert disk_id("purged_os-ASRReplica", TARGET).lower() not in ids
    assert {vm_id("purged", TARGET).lower(), disk_id("purged_os", TARGET).lower()} <= ids
    assert f"{vm_id('purged')}/extensions/SiteRecovery-Linux".lower() in ids


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


def test_recovery_points(lab: Lab) -> None:
    """A point comes every five minutes; the list is in no order; a failover may name one, and change it afterwards."""
    listed = lab.get(f"{item_id('points')}/recoveryPoints")["value"]
    times = [_time(point["properties"]["recoveryPointTime"]) for point in listed]
    by_time = sorted(listed, key=lambda point: point["properties"]["recoveryPointTime"])
    job = lab.fail_over("points", point=by_time[0]["id"])
    before = lab.get(vm_id("points", TARGET))["properties"]["vmId"]
    body = {"properties": {"recoveryPointId": by_time[1]["id"], "providerSpecificDetails": A2A}}
    lab.run("POST", f"{item_id('points')}/applyRecoveryPoint", body)

    assert len(times) > 4
    assert times != sorted(times)
    assert {300.0} == {(b - a).total_seconds() for a, b in zip(sorted(times), sorted(times)[1:], strict=False)}
    assert "PerVmRecoveryPoint" == listed[0]["properties"]["providerSpecificDetails"]["recoveryPointSyncType"]
    assert by_time[0]["id"] == job["customDetails"]["protectedItemDetails"][0]["recoveryPointId"]
    assert by_time[1]["id"] == lab.item("points")["failoverRecoveryPointId"]
    assert before != lab.get(vm_id("points", TARGET))["properties"]["vmId"]
    assert "PowerState/running" == lab.power(vm_id("points", TARGET))


def test_test_failover_and_clean_up(lab: Lab) -> None:
    """A copy runs in the test network beside the source, blocks all else, and goes with the clean-up."""
    body = {
        "properties": {
            "failoverDirection": "PrimaryToRecovery",
            "networkType": "VmNetworkAsInput",
            "networkId": TEST_NETWORK,
            "providerSpecificDetails": A2A,
        }
    }
    job = lab.run("POST", f"{item_id('tested')}/testFailover", body)
    item = lab.item("tested")
    nic = lab.get(nic_id("tested-nic-test", TARGET))["properties"]["ipConfigurations"][0]["properties"]
    refused = lab.sim.arm("POST", f"{item_id('tested')}/unplannedFailover", lab.failover_body())
    power = (lab.power(vm_id("tested")), lab.power(vm_id("tested-test", TARGET)))
    lab.run("POST", f"{item_id('tested')}/testFailoverCleanup", {"properties": {"comments": "done"}})
    after = lab.item("tested")

    assert "TestFailover" == job["scenarioName"]
    assert ("Protected", "Cleanup test failover pending", "WaitingForCompletion", ["TestFailoverCleanup"]) == (
        item["protectionState"],
        item["protectionStateDescription"],
        item["testFailoverState"],
        item["allowedOperations"],
    )
    assert "TestFailover" == item["currentScenario"]["scenarioName"]
    assert nic["subnet"]["id"].lower().startswith(TEST_NETWORK.lower())
    assert ("PowerState/running", "PowerState/running") == power
    assert 400 == refused.status_code
    assert not [id_ for id_ in lab.sim.resource_ids() if "tested" in id_ and ("-test" in id_ or "asrtest" in id_)]
    assert ("None", [], "Normal") == (after["testFailoverState"], after["healthErrors"], after["failoverHealth"])
    assert after["lastSuccessfulTestFailoverTime"]


def test_remove_undoes_enabling(lab: Lab) -> None:
    """Removing takes minutes, uninstalls the agent and deletes the replicas; its result is empty."""
    answer = lab.accepted("POST", f"{item_id('removed')}/remove", {"properties": {}})
    busy = lab.sim.arm("DELETE", item_id("removed"))
    lab.sim.advance(150)
    status = lab.sim.arm("GET", answer.headers["Azure-AsyncOperation"]).json()["status"]
    lab.finish(answer)

    assert (409, "InProgress") == (busy.status_code, status)
    assert 204 == lab.sim.arm("GET", answer.headers["Location"]).status_code
    assert 404 == lab.sim.arm("GET", item_id("removed")).status_code
    left = {id_ for id_ in lab.sim.resource_ids() if "removed" in id_}
    own = {disk_id("removed_os"), disk_id("removed_data"), nic_id("removed-nic"), vm_id("removed")}
    assert {id_.lower() for id_ in own} == left


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


def test_locked_target(lab: Lab) -> None:
    """A lock that appears on a replica stops its removal, and the item stays to be tried again."""
    lock = f"{disk_id('locked_os-ASRReplica', TARGET)}/providers/Microsoft.Authorization/locks/keep"
    lab.sim.seed({"resources": [{"id": lock, "properties": {"level": "CanNotDelete"}}]})
    status = lab.status("POST", f"{item_id('locked')}/remove", {"properties": {}})
    failed = lab.item("locked")
    lab.sim.arm("DELETE", lock)
    lab.run("POST", f"{item_id('locked')}/remove", {"properties": {}})

    assert ("150099", True) == (status["error"]["code"], "ScopeLocked" in status["error"]["message"])
    assert ("DisablingFailed", ["DisableProtection"]) == (failed["protectionState"], failed["allowedOperations"])
    assert 404 == lab.sim.arm("GET", item_id("locked")).status_code


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


def test_there_and_back(lab: Lab) -> None:
    """After a reprotection, which one of two doors refuses, the item lives in the other container and fails back."""
    lab.fail_over("returned")
    lab.run("POST", f"{item_id('returned')}/failoverCommit")
    refused = lab.sim.arm("POST", f"{item_id('returned')}/reProtect", {"properties": {"providerSpecificDetails": A2A}})
    cache = f"{TARGET}/providers/Microsoft.Storage/storageAccounts/necache"
    lab.sim.seed({"resources": [{"id": cache, "location": "northeurope", "properties": {}}]})
    disks = [
        {
            "diskId": disk_id(f"returned_{kind}", TARGET),
            "primaryStagingAzureStorageAccountId": cache,
            "recoveryResourceGroupId": SOURCE,
        }
        for kind in ("os", "data")
    ]
    details = {
        **A2A,
        "recoveryContainerId": PRIMARY_CONTAINER,
        "recoveryResourceGroupId": SOURCE,
        "vmManagedDisks": disks,
    }
    body = {"properties": {"replicationProtectedItemName": "returned", "providerSpecificDetails": details}}
    job = lab.run("POST", f"{PRIMARY_CONTAINER}/switchprotection", body)
    group = job["tasks"][-1]
    lab.until_protected("returned", RECOVERY_CONTAINER)
    back = item_id("returned", RECOVERY_CONTAINER)
    lab.run("POST", f"{back}/unplannedFailover", lab.failover_body())

    assert (400, "VMDisksMissing") == (refused.status_code, refused.json()["error"]["details"][0]["code"])
    assert "Other" == lab.tasks(job)["Committing failover"]
    assert ("GroupTaskDetails", "EnableDr") == (
        group["taskType"],
        group["groupTaskCustomDetails"]["childTasks"][0]["taskId"],
    )
    assert 404 == lab.sim.arm("GET", item_id("returned")).status_code
    assert "PowerState/running" == lab.power(vm_id("returned"))
    assert "PowerState/deallocated" == lab.power(vm_id("returned", TARGET))
    assert CACHE.lower() in lab.sim.resource_ids()


def test_vault_with_items_cannot_be_deleted(lab: Lab) -> None:
    """The vault, its containers, mappings and the policy are held by what uses them."""
    lab.item("moved")
    mapping = lab.mapping(PRIMARY_CONTAINER, RECOVERY_CONTAINER)[0]
    answers = [
        lab.sim.arm("DELETE", VAULT),
        lab.sim.arm("DELETE", mapping),
        lab.sim.arm("POST", f"{PRIMARY_CONTAINER}/remove"),
        lab.sim.arm("DELETE", f"{VAULT}/replicationPolicies/daily"),
        lab.sim.arm("DELETE", f"{VAULT}/replicationFabrics/westeurope"),
    ]

    assert [400] * 5 == [answer.status_code for answer in answers]
    assert "replicated items" in answers[0].json()["error"]["message"]
