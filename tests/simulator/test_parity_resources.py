"""What stands around a machine and can be seeded, read, written and deleted: schedules, settings, identities, pools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.sim import Simulator

GROUP = "/subscriptions/aaaaaaaa-0000-4000-8000-000000000001/resourceGroups/shop"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web"
NIC = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/web-nic"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
SCHEDULES = f"{GROUP}/providers/Microsoft.DevTestLab/schedules"
SETTINGS = f"{VM}/providers/Microsoft.Insights/diagnosticSettings"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """A machine with an identity that the seed lacks, and a load balancer in each of two regions."""
    balancers = [
        {
            "id": f"{NETWORK}/loadBalancers/{name}",
            "location": where,
            "properties": {"backendAddressPools": [{"name": "p"}]},
        }
        for name, where in (("here", "westeurope"), ("there", "northeurope"))
    ]
    machine = {
        "id": VM,
        "location": "westeurope",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {f"{IDENTITY}/seeded": {}}},
        "properties": {"networkProfile": {"networkInterfaces": [{"id": NIC}]}},
    }
    setting = {"id": f"{SETTINGS}/seeded", "properties": {"workspaceId": WORKSPACE}}
    with Simulator(seed={"resources": [machine, setting, *balancers]}, speed=3600) as sim:
        yield sim


def put(sim: Simulator, path: str, body: dict[str, Any], method: str = "PUT") -> tuple[int, dict[str, Any]]:
    """Send a write; its status and body."""
    answer = sim.arm(method, path, body)
    return answer.status_code, answer.json()


def test_schedules(sim: Simulator) -> None:
    """The schedule of a machine is made once, changed, listed and deleted; a wrong target is refused."""
    body = {
        "location": "westeurope",
        "properties": {
            "taskType": "ComputeVmShutdownTask",
            "dailyRecurrence": {"time": "1930"},
            "targetResourceId": VM,
        },
    }
    path = f"{SCHEDULES}/shutdown-computevm-web"
    assert [201, 200] == [put(sim, path, body)[0] for _ in range(2)]
    assert "Disabled" == put(sim, path, {"properties": {"status": "Disabled"}}, "PATCH")[1]["properties"]["status"]
    assert [path] == [one["id"] for one in sim.arm("GET", SCHEDULES).json()["value"]]
    assert path.lower() in sim.resource_ids()
    lost = {**body, "properties": {**body["properties"], "targetResourceId": f"{VM}-2"}}  # type: ignore[dict-item]
    assert 400 == put(sim, path, lost)[0]
    assert 400 == put(sim, path, {**body, "location": "northeurope"})[0]
    assert [200, 204] == [sim.arm("DELETE", path).status_code for _ in range(2)]
    assert 404 == sim.arm("GET", path).status_code


def test_diagnostic_settings(sim: Simulator) -> None:
    """Settings of a resource are listed with those of the seed; one without a place to write to is refused."""
    path = f"{SETTINGS}/all"
    assert 200 == put(sim, path, {"properties": {"workspaceId": WORKSPACE}})[0]
    assert 400 == put(sim, f"{SETTINGS}/none", {"properties": {}})[0]
    listed = sim.arm("GET", SETTINGS).json()["value"]
    assert {"all", "seeded"} == {one["name"] for one in listed}
    assert {WORKSPACE} == {one["properties"]["workspaceId"] for one in listed}
    assert [200, 204] == [sim.arm("DELETE", path).status_code for _ in range(2)]


def test_identities_of_a_machine(sim: Simulator) -> None:
    """A machine shows the principals of its identities; its own keeps its principal; a lost one is refused."""
    seeded = sim.arm("GET", f"{IDENTITY}/seeded").json()
    shown = sim.arm("GET", VM).json()["identity"]["userAssignedIdentities"]
    assert {f"{IDENTITY}/seeded": seeded["properties"]["principalId"]} == {
        id_: one["principalId"] for id_, one in shown.items()
    }
    assert 201 == put(sim, f"{IDENTITY}/more", {"location": "northeurope"})[0]
    both = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {f"{IDENTITY}/more": {}}}
    status, machine = put(sim, VM, {"identity": both}, "PATCH")
    again = put(sim, VM, {"identity": both}, "PATCH")[1]
    assert (200, machine["identity"]["principalId"]) == (status, again["identity"]["principalId"])
    lost = {"type": "UserAssigned", "userAssignedIdentities": {f"{IDENTITY}/lost": {}}}
    status, refusal = put(sim, VM, {"identity": lost}, "PATCH")
    assert (400, "FailedIdentityOperation") == (status, refusal["error"]["code"])
    assert both["type"] == sim.arm("GET", VM).json()["identity"]["type"]


def test_pools_and_references_of_a_nic(sim: Simulator) -> None:
    """A pool names who is in it; what a NIC refers to has to be there, in its region, and free."""
    nic = sim.arm("GET", NIC).json()
    first = nic["properties"]["ipConfigurations"][0]["properties"]
    pool = f"{NETWORK}/loadBalancers/here/backendAddressPools/p"
    first["loadBalancerBackendAddressPools"] = [{"id": pool}]
    assert 200 == put(sim, NIC, nic)[0]
    members = sim.arm("GET", pool).json()["properties"]["backendIPConfigurations"]
    assert [nic["properties"]["ipConfigurations"][0]["id"]] == [one["id"] for one in members]
    for wrong in (
        {"loadBalancerBackendAddressPools": [{"id": f"{NETWORK}/loadBalancers/there/backendAddressPools/p"}]},
        {"loadBalancerBackendAddressPools": [{"id": f"{pool}-2"}]},
        {"publicIPAddress": {"id": f"{NETWORK}/publicIPAddresses/lost"}},
    ):
        changed = sim.arm("GET", NIC).json()
        changed["properties"]["ipConfigurations"][0]["properties"] |= wrong
        assert (400, "InvalidResourceReference") == refusal_of(put(sim, NIC, changed))
    balancer = {"location": "westeurope", "properties": {"backendAddressPools": [{"name": "p"}, {"name": "q"}]}}
    assert 200 == put(sim, f"{NETWORK}/loadBalancers/here", balancer)[0]
    kept = sim.arm("GET", pool).json()["properties"]["backendIPConfigurations"]
    assert members == kept
    left = sim.arm("GET", NIC).json()
    del left["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"]
    assert 200 == put(sim, NIC, left)[0]
    assert [] == sim.arm("GET", pool).json()["properties"]["backendIPConfigurations"]


def refusal_of(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer[0], str(answer[1]["error"]["code"])
