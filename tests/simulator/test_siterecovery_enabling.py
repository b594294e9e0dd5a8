"""Enabling replication: its tasks, its causes of failure, what a failure leaves, and how a crash does not matter."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.siterecovery_estate import (
    CACHE,
    PRIMARY_CONTAINER,
    SOURCE,
    TARGET,
    Lab,
    disk_id,
    item_id,
    machine,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

SOUND = ("sound", "twin", "steady", "again", "faulty", "stuck", "cancelled", "excluded", "stopping", "leftover")
CAUSES: dict[str, tuple[dict[str, Any], str]] = {
    "no-dns": ({"dns": "broken"}, "151195"),
    "proxied": ({"proxy": "authenticated"}, "151072"),
    "isolated": ({"outbound": "blocked"}, "151192"),
    "no-sign-in": ({"outbound": {"login.microsoftonline.com": "blocked"}}, "151196"),
    "no-service": ({"outbound": {"*.hypervrecoverymanager.windowsazure.com": "blocked"}}, "151197"),
    "no-storage": ({"outbound": {"*.blob.core.windows.net": "timeout"}}, "151037"),
    "no-roots": ({"certificates": "missing"}, "151066"),
    "old-roots": ({"certificates": {"DigiCert Global Root G2": "expired"}}, "151066"),
    "inspected": ({"outbound": {"login.microsoftonline.com": "tls"}}, "151066"),
    "new-kernel": ({"os": {"name": "ubuntu", "version": "22.04", "kernel": "6.17.0-1001-azure"}}, "151141"),
    "odd-os": ({"os": "plan9 4"}, "A2AOperatingSystemNotSupported"),
    "no-agent": ({"agent": "not_ready"}, "150023"),
    "stopped": ({"power_state": "deallocated"}, "150020"),
}
ULTRA = {"managedDisk": {"id": disk_id("ultra_os"), "storageAccountType": "UltraSSD_LRS"}}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A vault that is set up, with a machine for every test."""
    behaviour: dict[str, Any] = {name: cause for name, (cause, _) in CAUSES.items()}
    behaviour |= {name: {} for name in SOUND}
    special = [machine("ultra", os_disk=ULTRA), machine("huge", os_disk={"diskSizeGB": 8192})]
    special.append(machine("updating"))
    special[-1]["properties"]["provisioningState"] = "Updating"
    special.append({"id": disk_id("leftover_os-ASRReplica", TARGET), "location": "northeurope", "properties": {}})
    with Simulator(seed=seed(*SOUND, *CAUSES, resources=special, behaviour=behaviour)) as sim:
        lab = Lab(sim)
        lab.set_up()
        yield lab


def test_tasks_take_their_time(lab: Lab) -> None:
    """Enabling takes minutes, task by task; its operation ends when the copying only begins."""
    answer = lab.accepted("PUT", item_id("sound"), lab.enable_body("sound"))
    lab.sim.advance(60)
    running = lab.job(answer)
    status = lab.finish(answer)
    job = lab.job(answer)

    assert "EnableDr" == job["scenarioName"]
    assert ["Cancel"] == running["allowedActions"]
    assert "InProgress" == lab.tasks(running)["Installing Mobility Service and preparing target"]
    assert "0001-01-01T00:00:00" == running["tasks"][-1]["startTime"]
    assert "Succeeded" == status["status"]
    assert {"Succeeded"} == set(lab.tasks(job).values())
    assert "InitialReplicationInProgress" == lab.item("sound")["protectionState"]
    assert ["DisableProtection"] == lab.item("sound")["allowedOperations"]
    made = {r["id"].rpartition("/")[2] for r in lab.sim.resources() if r["created_by"] == "site-recovery"}
    assert {"sound_os-ASRReplica", "sound_data-ASRReplica", "SiteRecovery-Linux"} <= made


def test_ladder_to_protected(lab: Lab) -> None:
    """Copying goes from in progress over waiting for a point to protected, its percentage frozen below 100."""
    lab.enable("steady")
    seen: list[str] = []
    while not seen or seen[-1] != "Protected":
        lab.sim.advance(30)
        item = lab.item("steady")
        if not seen or seen[-1] != item["protectionState"]:
            seen.append(item["protectionState"])

    assert ["InitialReplicationInProgress", "InitialReplicationRecoveryCompletionPending", "Protected"] == seen
    assert item["providerSpecificDetails"]["monitoringPercentageCompletion"] < 100
    assert ["UnplannedFailover", "DisableProtection", "TestFailover"] == item["allowedOperations"]
    assert ["161011"] == [error["errorCode"] for error in item["healthErrors"]]
    jobs = lab.get(f"{PRIMARY_CONTAINER.split('/replicationFabrics')[0]}/replicationJobs")["value"]
    assert "PrimaryIrCompletion" == jobs[0]["properties"]["scenarioName"]
    assert ([], None) == (jobs[0]["properties"]["tasks"], jobs[0]["properties"]["customDetails"])


@pytest.mark.parametrize("name", CAUSES)
def test_cause_in_the_machine(lab: Lab, name: str) -> None:
    """What stands against replicating fails the job with its own code and leaves a failed item."""
    answer = lab.accepted("PUT", item_id(name), lab.enable_body(name))
    status = lab.finish(answer)
    job = lab.job(answer)

    assert ("Failed", CAUSES[name][1]) == (status["status"], status["error"]["code"])
    assert CAUSES[name][1] == job["errors"][0]["serviceErrorDetails"]["code"]
    assert job["errors"][0]["serviceErrorDetails"]["recommendedAction"]
    assert "EnablingFailed" == lab.item(name)["protectionState"]
    assert ["DisableProtection"] == lab.item(name)["allowedOperations"]


@pytest.mark.parametrize(("name", "code"), [("ultra", "150172"), ("huge", "150172"), ("updating", "150019")])
def test_cause_in_the_estate(lab: Lab, name: str, code: str) -> None:
    """Disks and states that Site Recovery does not take fail the job."""
    assert code == lab.status("PUT", item_id(name), lab.enable_body(name))["error"]["code"]


def test_cause_in_the_input(lab: Lab) -> None:
    """A machine, a disk or a cache account that is not there fails the job; a missing OS disk too."""
    body = lab.enable_body("excluded")
    disks = body["properties"]["providerSpecificDetails"]["vmManagedDisks"]
    cases = [
        ({"fabricObjectId": vm_id("nobody")}, "150016"),
        ({"vmManagedDisks": disks[1:]}, "150173"),
        ({"vmManagedDisks": [disks[0], {**disks[1], "diskId": disk_id("other")}]}, "150039"),
        ({"vmManagedDisks": [{**disks[0], "primaryStagingAzureStorageAccountId": f"{CACHE}x"}]}, "150075"),
        ({"recoveryResourceGroupId": f"{TARGET}-none"}, "150076"),
        ({"recoverySubnetName": "back"}, "150076"),
    ]
    for number, (change, code) in enumerate(cases):
        id_ = item_id(f"excluded-{number}")
        assert code == lab.status("PUT", id_, lab.enable_body("excluded", **change))["error"]["code"], change


def test_leftover_replica_blocks(lab: Lab) -> None:
    """A replica disk of an earlier protection fails the job with 150161 and survives it."""
    status = lab.status("PUT", item_id("leftover"), lab.enable_body("leftover"))

    assert "150161" == status["error"]["code"]
    assert disk_id("leftover_os-ASRReplica", TARGET).lower() in lab.sim.resource_ids()
    lab.run("POST", f"{item_id('leftover')}/remove", {"properties": {}})
    assert disk_id("leftover_os-ASRReplica", TARGET).lower() in lab.sim.resource_ids()


def test_failed_item_blocks_the_next_attempt(lab: Lab) -> None:
    """After a fault at the last task the item is in the way; removing it frees the name and takes the disks along."""
    lab.sim.fault({"kind": "operation_fails", "code": "95265", "message": "Broken."}, method="PUT", path="again$")
    status = lab.status("PUT", item_id("again"), lab.enable_body("again"))

    assert {"code": "95265", "message": "Broken."} == {key: status["error"][key] for key in ("code", "message")}
    assert disk_id("again_os-ASRReplica", TARGET).lower() in lab.sim.resource_ids()
    refused = lab.sim.arm("PUT", item_id("again"), lab.enable_body("again"))
    assert (409, "ProtectedItemAlreadyExists") == (refused.status_code, refused.json()["error"]["details"][0]["code"])
    lab.run("POST", f"{item_id('again')}/remove", {"properties": {}})
    assert 404 == lab.sim.arm("GET", item_id("again")).status_code
    assert disk_id("again_os-ASRReplica", TARGET).lower() not in lab.sim.resource_ids()
    lab.enable("again")


def test_second_item_for_a_machine_fails(lab: Lab) -> None:
    """A machine is replicated once: while it is being enabled 409, afterwards the job fails."""
    lab.accepted("PUT", item_id("twin"), lab.enable_body("twin"))
    busy = lab.sim.arm("PUT", item_id("twin-2"), lab.enable_body("twin"))
    again = lab.sim.arm("PUT", item_id("twin"), lab.enable_body("twin"))
    lab.sim.advance(600)

    assert [409, 409] == [busy.status_code, again.status_code]
    assert "AnotherOperationInProgress" == busy.json()["error"]["details"][0]["code"]
    assert "150024" == lab.status("PUT", item_id("twin-2"), lab.enable_body("twin"))["error"]["code"]


def test_stuck_job_can_be_cancelled(lab: Lab) -> None:
    """An operation that never ends stays in progress for ever, until its job is cancelled."""
    lab.sim.fault({"kind": "operation_never_ends"}, method="PUT", path="stuck$")
    answer = lab.accepted("PUT", item_id("stuck"), lab.enable_body("stuck"))
    lab.sim.advance(7200)
    running = lab.job(answer)
    cancel = lab.accepted("POST", f"{answer.headers['x-ms-request-id']}/cancel")

    assert "InProgress" == running["state"]
    assert "Succeeded" == lab.finish(cancel)["status"]
    lab.sim.advance(30)
    assert "Cancelled" == lab.job(answer)["state"]
    assert "Canceled" == lab.sim.arm("GET", answer.headers["Azure-AsyncOperation"]).json()["status"]
    assert "EnablingFailed" == lab.item("stuck")["protectionState"]


def test_failed_job_can_be_restarted(lab: Lab) -> None:
    """Restarting a failed job does its work again, and this time it may succeed."""
    lab.sim.fault({"kind": "operation_fails", "code": "1", "message": "Once."}, method="PUT", path="faulty$")
    answer = lab.accepted("PUT", item_id("faulty"), lab.enable_body("faulty"))
    lab.finish(answer)
    for disk in ("faulty_os", "faulty_data"):
        lab.sim.arm("DELETE", disk_id(f"{disk}-ASRReplica", TARGET))
    lab.sim.advance(120)
    lab.run("POST", f"{answer.headers['x-ms-request-id']}/restart")
    lab.sim.advance(600)

    assert "InitialReplicationInProgress" == lab.item("faulty")["protectionState"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"vmManagedDisks": []}, "VMDisksMissing"),
        ({"fabricObjectId": None}, "InvalidInput"),
        ({"instanceType": "HyperVReplicaAzure"}, "InvalidInstanceType"),
    ],
)
def test_unsound_input_is_refused_at_once(lab: Lab, change: dict[str, Any], code: str) -> None:
    """What the request itself lacks is a 400 with Site Recovery's details, and no job."""
    answer = lab.sim.arm("PUT", item_id("unsound"), lab.enable_body("excluded", **change))
    detail = answer.json()["error"]["details"][0]

    assert (400, code) == (answer.status_code, detail["code"])
    assert {"clientRequestId", "activityId", "possibleCauses", "recommendedAction"} <= detail.keys()
    assert 404 == lab.sim.arm("GET", item_id("unsound")).status_code


def test_source_that_stops_delays_protection(lab: Lab) -> None:
    """Copying does not finish while the machine is off."""
    lab.enable("stopping")
    lab.sim.follow(lab.sim.arm("POST", f"{vm_id('stopping')}/deallocate"))
    lab.sim.advance(2 * 3600)
    waiting = lab.item("stopping")["protectionState"]
    lab.sim.follow(lab.sim.arm("POST", f"{vm_id('stopping')}/start"))
    lab.sim.advance(900)

    assert "InitialReplicationRecoveryCompletionPending" == waiting
    assert "Protected" == lab.item("stopping")["protectionState"]


def test_crash_in_the_middle_does_not_matter() -> None:
    """Killed while a machine is being enabled and started again, the simulator goes on to the end."""
    with Simulator(seed=seed("crashed", behaviour={"crashed": {}})) as sim:
        lab = Lab(sim)
        lab.set_up()
        answer = lab.accepted("PUT", item_id("crashed"), lab.enable_body("crashed"))
        sim.advance(200)
        before = lab.job(answer)
        sim.kill()
        sim.restart()
        after = lab.job(answer)
        status = lab.finish(answer)

        assert before["tasks"][0] == after["tasks"][0]
        assert "InProgress" == after["state"]
        assert "Succeeded" == status["status"]
        assert "Protected" == lab.until_protected("crashed")["protectionState"]
        assert SOURCE.lower() in lab.item("crashed")["providerSpecificDetails"]["fabricObjectId"]
