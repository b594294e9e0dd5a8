"""Consistency groups, and the order in which a recovery plan works on many machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.siterecovery_estate import A2A, POLICY, PRIMARY, RECOVERY, TARGET, VAULT, Lab, item_id, seed, vm_id
from tests.support.sim import Simulator

GROUPED = ("db", "app", "web")
NAMES = (*GROUPED, "left", "right", "stuck", "calm")
PLANS = {"shop": (("db",), ("app", "web")), "pair": (("left", "right"),), "halted": (("stuck", "calm"),)}
SHUTDOWN, FAILOVER, START = "Shut down the virtual machine", "Start failover", "Start the replica virtual machine"


def _plan(name: str) -> str:
    return f"{VAULT}/replicationRecoveryPlans/{name}"


def _groups(*groups: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {"groupType": "Boot", "replicationProtectedItems": [{"id": item_id(name)} for name in names]}
        for names in groups
    ]


def _body(groups: list[dict[str, Any]]) -> dict[str, Any]:
    fabrics = {"primaryFabricId": PRIMARY, "recoveryFabricId": RECOVERY}
    return {"properties": {**fabrics, "failoverDeploymentModel": "ResourceManager", "groups": groups}}


def _failover(point_type: str = "LatestProcessed", operations: str = "Required") -> dict[str, Any]:
    return {
        "properties": {
            "failoverDirection": "PrimaryToRecovery",
            "sourceSiteOperations": operations,
            "providerSpecificDetails": [{**A2A, "recoveryPointType": point_type}],
        }
    }


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Protected machines, three of them in a consistency group, and recovery plans of them."""
    known: dict[str, Any] = {name: {} for name in NAMES} | {"web": {"shutdown_minutes": 10}}
    with Simulator(seed=seed(*NAMES, behaviour=known)) as sim:
        lab = Lab(sim)
        lab.set_up()
        settings = {**A2A, "multiVmSyncStatus": "Enable", "appConsistentFrequencyInMinutes": 60}
        lab.run("PATCH", POLICY, {"properties": {"replicationProviderSettings": settings}})
        for name in NAMES:
            changes = {"multiVmGroupName": "shop"} if name in GROUPED else {}
            lab.accepted("PUT", item_id(name), lab.enable_body(name, **changes))
        sim.advance(3 * 3600)
        for plan, groups in PLANS.items():
            lab.run("PUT", _plan(plan), _body(_groups(*groups)))
        yield lab


def _states(lab: Lab, names: tuple[str, ...]) -> set[str]:
    return {lab.item(name)["protectionState"] for name in names}


def test_one_of_a_group_is_refused(lab: Lab) -> None:
    """A machine of a consistency group is not failed over alone; its points are the group's, at the same times."""
    refused = lab.sim.arm("POST", f"{item_id('web')}/unplannedFailover", lab.failover_body())
    listed = {name: lab.get(f"{item_id(name)}/recoveryPoints")["value"] for name in GROUPED}
    newest = {name: max(point["properties"]["recoveryPointTime"] for point in found) for name, found in listed.items()}
    kinds = {point["properties"]["providerSpecificDetails"]["recoveryPointSyncType"] for point in listed["db"]}

    assert (400, "SingleVmFailoverNotAllowed") == (refused.status_code, refused.json()["error"]["details"][0]["code"])
    assert "Protected" == lab.item("web")["protectionState"]
    assert 1 == len(set(newest.values()))
    assert {"MultiVmSyncRecoveryPoint"} == kinds


def _times(lab: Lab, job: dict[str, Any], task: str, edge: str) -> dict[str, str]:
    """When a task of each machine's job began or ended."""
    group = next(one for one in job["tasks"] if one["friendlyName"] == "Recovery plan failover")
    found = {}
    for machine in group["groupTaskCustomDetails"]["childTasks"]:
        child = lab.get(machine["customDetails"]["jobTask"]["jobId"])["properties"]
        found[machine["friendlyName"]] = next(it[edge] for it in child["tasks"] if it["friendlyName"] == task)
    return found


def test_group_by_group(lab: Lab) -> None:
    """A plan fails over a consistency group: all sources are shut down first, then the groups start in their order."""
    answer = lab.accepted("POST", f"{_plan('shop')}/unplannedFailover", _failover())
    lab.sim.advance(8 * 60)
    power = [lab.power(vm_id(name)) for name in GROUPED]
    early = [lab.power(vm_id(name, TARGET)) for name in GROUPED]
    lab.finish(answer)
    job = lab.job(answer)
    shut, work = _times(lab, job, SHUTDOWN, "endTime"), _times(lab, job, FAILOVER, "endTime")
    starts = _times(lab, job, START, "endTime")

    assert ["PowerState/deallocated", "PowerState/deallocated", "PowerState/deallocating"] == power
    assert [None] * 3 == early
    assert {"UnplannedFailoverCommitPendingStatesBegin"} == _states(lab, GROUPED)
    assert set(GROUPED) == set(shut)
    assert max(shut.values()) < min(work.values())
    assert starts["db"] <= min(starts["app"], starts["web"])
    assert {"PowerState/deallocated"} == {lab.power(vm_id(name)) for name in GROUPED}


def test_snapshot_without_shutdown(lab: Lab) -> None:
    """A plan may ask for the newest application-consistent point, and leave the sources running."""
    lab.run("POST", f"{_plan('pair')}/unplannedFailover", _failover("LatestApplicationConsistent", "NotRequired"))
    used = lab.item("left")["failoverRecoveryPointId"]

    assert "AppConsistent" == lab.get(used)["properties"]["recoveryPointType"]
    assert {"PowerState/running"} == {lab.power(vm_id(name)) for name in ("left", "right")}
    assert {"UnplannedFailoverCommitPendingStatesBegin"} == _states(lab, ("left", "right"))


def test_cancelled_plan(lab: Lab) -> None:
    """While a plan runs its machines are busy; cancelled, it leaves them as a failed failover does."""
    answer = lab.accepted("POST", f"{_plan('halted')}/unplannedFailover", _failover())
    lab.sim.advance(120)
    busy = lab.sim.arm("POST", f"{item_id('calm')}/unplannedFailover", lab.failover_body())
    running = lab.item("calm")
    lab.run("POST", f"{answer.headers['x-ms-request-id']}/cancel")
    lab.sim.advance(60)

    assert (409, [], "UnplannedFailover") == (
        busy.status_code,
        running["allowedOperations"],
        running["currentScenario"]["scenarioName"],
    )
    assert "Cancelled" == lab.job(answer)["state"]
    assert {"UnplannedFailoverFailed"} == _states(lab, ("stuck", "calm"))


def test_unsound_plans(lab: Lab) -> None:
    """A machine twice, one that is absent, and one of another fabric are refused."""
    bodies = [
        _body(_groups(("calm",), ("calm",))),
        _body(_groups(("nobody",))),
        {"properties": {**_body(_groups(("calm",)))["properties"], "primaryFabricId": RECOVERY}},
    ]
    codes = [lab.sim.arm("PUT", _plan("unsound"), body).status_code for body in bodies]

    assert [400, 404, 400] == codes
