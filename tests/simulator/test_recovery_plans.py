"""Recovery plans: several machines tested, failed over and committed by one call, their jobs inside the plan's."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.siterecovery_estate import (
    A2A,
    PRIMARY,
    RECOVERY,
    SOURCE,
    TARGET,
    TEST_NETWORK,
    VAULT,
    Lab,
    item_id,
    seed,
    vm_id,
)
from tests.support.cloud import Cloud

PLAN = f"{VAULT}/replicationRecoveryPlans/shop"
NAMES = ("db", "web")


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Two protected machines in two groups of a plan."""
    with Cloud(seed(*NAMES, behaviour={name: {} for name in NAMES})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        answers = [lab.accepted("PUT", item_id(name), lab.enable_body(name)) for name in NAMES]
        cloud.advance(3600)
        assert {"Succeeded"} == {lab.finish(answer)["status"] for answer in answers}
        groups = [{"groupType": "Boot", "replicationProtectedItems": [{"id": item_id(name)}]} for name in NAMES]
        body = {"primaryFabricId": PRIMARY, "recoveryFabricId": RECOVERY, "groups": groups}
        lab.run("PUT", PLAN, {"properties": body})
        yield lab


def _plan(lab: Lab) -> dict[str, Any]:
    return dict(lab.get(PLAN)["properties"])


def _test_body(network: str | None = TEST_NETWORK) -> dict[str, Any]:
    body = {"failoverDirection": "PrimaryToRecovery", "networkType": "VmNetworkAsInput", "networkId": network}
    return {"properties": {**body, "providerSpecificDetails": [A2A]}}


def test_a_plan_tests_fails_over_and_commits(lab: Lab) -> None:
    """Each step is one job; what the plan allows next is what all its machines allow."""
    allowed = [_plan(lab)["allowedOperations"]]
    lab.run("POST", f"{PLAN}/testFailover", _test_body())
    tested = _plan(lab)
    copies = [lab.power(vm_id(f"{name}-test", TARGET)) for name in NAMES]
    lab.run("POST", f"{PLAN}/testFailoverCleanup", {"properties": {"comments": "seen"}})
    allowed.append(_plan(lab)["allowedOperations"])
    job = lab.run("POST", f"{PLAN}/unplannedFailover", lab.failover_body(several=True))
    allowed.append(_plan(lab)["allowedOperations"])
    powers = {lab.power(vm_id(name, group)) for name in NAMES for group in (SOURCE, TARGET)}
    lab.run("POST", f"{PLAN}/failoverCommit")

    assert [["UnplannedFailover", "TestFailover"], ["UnplannedFailover", "TestFailover"], ["Commit"]] == allowed
    assert ["TestFailoverCleanup"] == tested["allowedOperations"]
    assert ("Suspended", "TestFailover") == (
        tested["currentScenarioStatus"],
        tested["currentScenario"]["scenarioName"],
    )
    assert {"lastTestFailoverTime", "lastUnplannedFailoverTime"} < set(_plan(lab))
    assert ["PowerState/running"] * 2 == copies
    assert {"PowerState/running", "PowerState/deallocated"} == powers
    assert {"UnplannedFailoverCommitted"} == {lab.item(name)["protectionState"] for name in NAMES}
    assert ["Group 1: Start (1)", "Group 2: Start (1)"] == [t["friendlyName"] for t in job["tasks"][3:5]]
    machines = job["tasks"][2]["groupTaskCustomDetails"]["childTasks"]
    assert [*NAMES] == [machine["friendlyName"] for machine in machines]
    child = lab.get(machines[0]["customDetails"]["jobTask"]["jobId"])["properties"]
    assert ("UnplannedFailover", "db") == (child["scenarioName"], child["targetObjectName"])


def test_a_plan_without_shutdown_skips_it(lab: Lab) -> None:
    """Sources that are not to be shut down stay on, and the plan's job says that it left them."""
    job = lab.run("POST", f"{PLAN}/unplannedFailover", lab.failover_body(several=True, shut_down=False))

    assert ("Other", "Skipped") == (job["tasks"][1]["state"], job["tasks"][1]["stateDescription"])
    assert {"PowerState/running"} == {lab.power(vm_id(name)) for name in NAMES}


def test_one_failed_machine_fails_the_plan(lab: Lab) -> None:
    """The others go on; a restart takes only the machine that failed, once its cause is mended."""
    lab.sim.world.set_behaviour(vm_id("web"), {"target": {"start_fails": True}})  # type: ignore[attr-defined]
    answer = lab.accepted("POST", f"{PLAN}/unplannedFailover", lab.failover_body(several=True))
    status, job = lab.finish(answer), lab.job(answer)
    states = [lab.item(name)["protectionState"] for name in NAMES]
    busy = lab.sim.arm("POST", f"{PLAN}/failoverCommit")

    assert ("Failed", "RecoveryPlanOperationFailed") == (status["status"], status["error"]["code"])
    assert status["error"]["message"].endswith(": web.")
    assert ["Succeeded", "Failed"] == [
        machine["state"] for machine in job["tasks"][2]["groupTaskCustomDetails"]["childTasks"]
    ]
    assert ["UnplannedFailoverCommitPendingStatesBegin", "UnplannedFailoverFailed"] == states
    assert (400, ["Restart"]) == (busy.status_code, job["allowedActions"])

    lab.sim.world.set_behaviour(vm_id("web"), {})  # type: ignore[attr-defined]
    lab.run("POST", f"{answer.headers['x-ms-request-id']}/restart")
    lab.sim.advance(900)
    assert ["UnplannedFailoverCommitPendingStatesBegin"] * 2 == [lab.item(name)["protectionState"] for name in NAMES]


def test_what_a_plan_cannot_do_is_refused(lab: Lab) -> None:
    """Operations of other kinds, missing input, and a machine that another job works on."""
    planned = lab.sim.arm("POST", f"{PLAN}/plannedFailover", lab.failover_body(several=True))
    no_network = lab.sim.arm("POST", f"{PLAN}/testFailover", _test_body(None))
    odd = lab.failover_body(several=True)
    odd["properties"]["providerSpecificDetails"] = [{**A2A, "recoveryPointType": "Oldest"}]
    point = lab.sim.arm("POST", f"{PLAN}/unplannedFailover", odd)
    lab.accepted("POST", f"{item_id('web')}/testFailover", _one(_test_body()))
    busy = lab.sim.arm("POST", f"{PLAN}/testFailover", _test_body())

    assert [400, 400, 400, 409] == [answer.status_code for answer in (planned, no_network, point, busy)]
    assert "'Oldest'" in point.json()["error"]["message"]


def test_cancelling_a_plan_cancels_its_machines(lab: Lab) -> None:
    """A cancelled plan's job leaves no machine's job running."""
    answer = lab.accepted("POST", f"{PLAN}/testFailover", _test_body())
    lab.sim.advance(20)
    lab.run("POST", f"{answer.headers['x-ms-request-id']}/cancel")
    lab.sim.advance(60)

    assert "Cancelled" == lab.job(answer)["state"]
    running = [
        job for job in lab.get(f"{VAULT}/replicationJobs")["value"] if job["properties"]["state"] == "InProgress"
    ]
    assert [] == running


def _one(body: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {**body["properties"], "providerSpecificDetails": A2A}}
