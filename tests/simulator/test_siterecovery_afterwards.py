"""Beside and after a failover: points, tests, commit, the way back, removal, and what holds what."""

from collections.abc import Iterator
from datetime import datetime

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
    protected,
    vm_id,
)

SHUTDOWN, SYNCHRONISE = "Shut down the virtual machine", "Synchronizing the latest changes"
NAMES = ("points", "returned", "purged", "removed", "tested", "moved", "locked")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A vault with every machine protected, and its networks mapped back."""
    with protected(*NAMES) as lab:
        lab.network_mapping(TARGET_NETWORK, SOURCE_NETWORK, back=True)
        yield lab


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


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
