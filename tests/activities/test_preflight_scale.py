"""The check of a plan of 500 virtual machines: with shared reads, and no machine stops the others' checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from activities.preflight import _answer, case_of
from arm.clients import AzureClients
from arm.inventory import take_inventory
from migration import ids
from migration.findings import PlanCheck, VmFindings
from migration.plan import Plan
from tests.activities.stage import access_to
from tests.support.sim import Simulator

SUBSCRIPTION = "22222222-3333-4444-5555-666666666666"
GROUPS = [f"fleet-{letter}" for letter in "abcde"]
MACHINES = [(GROUPS[number % len(GROUPS)], f"vm-{number:03}") for number in range(500)]
NETWORK = ids.network_id(SUBSCRIPTION, "fleet-ne", "vnet-ne")
PLAN = Plan.model_validate(
    {
        "version": 1,
        "name": "fleet",
        "subscription": SUBSCRIPTION,
        "source": {"region": "westeurope", "resource_group": GROUPS[0]},
        "target": {"region": "northeurope", "resource_group": "fleet-ne", "network": NETWORK, "subnet": "servers"},
        "vault": {"name": "fleet-vault", "resource_group": "fleet-ne", "region": "northeurope"},
        "approval": {"approvers": ["anna@contoso.example"]},
        "guest_probes": {"enabled": False},
        "waves": [
            {"name": group, "vms": [{"name": name, "resource_group": home} for home, name in MACHINES if home == group]}
            for group in GROUPS
        ],
    }
)


def _network(network_id: str, region: str, prefix: str) -> dict[str, Any]:
    subnet = {"name": "servers", "properties": {"addressPrefix": f"{prefix}.0.0/16"}}
    properties = {"addressSpace": {"addressPrefixes": [f"{prefix}.0.0/16"]}, "subnets": [subnet]}
    kind = "Microsoft.Network/virtualNetworks"
    return {"id": network_id, "type": kind, "location": region, "properties": properties}


def _machine(group: str, name: str) -> dict[str, Any]:
    nic = ids.nic_id(SUBSCRIPTION, group, f"{name}-nic")
    return {
        "id": ids.vm_id(SUBSCRIPTION, group, name),
        "type": "Microsoft.Compute/virtualMachines",
        "location": "westeurope",
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
            "storageProfile": {
                "osDisk": {
                    "osType": "Linux",
                    "name": f"{name}-os",
                    "createOption": "FromImage",
                    "managedDisk": {"storageAccountType": "Premium_LRS"},
                },
                "imageReference": {"offer": "ubuntu-22_04-lts", "sku": "server"},
            },
            "networkProfile": {"networkInterfaces": [{"id": nic, "properties": {"primary": True}}]},
            "provisioningState": "Succeeded",
        },
    }


@pytest.fixture(scope="module")
def fleet() -> Iterator[Simulator]:
    """Return an estate of 500 machines in five groups."""
    home = ids.network_id(SUBSCRIPTION, GROUPS[0], "vnet")
    resources = [_network(home, "westeurope", "10.1"), _network(NETWORK, "northeurope", "10.2")]
    resources += [_machine(group, name) for group, name in MACHINES]
    with Simulator(seed={"resources": resources}, speed=1) as sim:
        yield sim


async def checked(sim: Simulator, plan: Plan = PLAN) -> PlanCheck:
    """Check the fleet, or part of it, by what Azure tells; asking machines from inside comes after it."""
    case = case_of(plan)
    async with AzureClients(access_to(sim)) as azure:
        await take_inventory(azure, case)
    return _answer(case)


def told_of(vm: VmFindings) -> set[tuple[str, str]]:
    """Return rule and severity of what was found, but that the plan lets nobody ask the machine itself."""
    return {(finding.rule, finding.severity) for finding in vm.findings if finding.rule != "guest-asked"}


async def test_500_machines_share_what_they_read(fleet: Simulator) -> None:
    """None of Azure's own limits is hit, and what 500 machines share is read once."""
    since = len(fleet.requests())
    answer = await checked(fleet)

    assert [] == answer.findings
    assert [{"guest-asked"}] * 500 == [{finding.rule for finding in vm.findings} for vm in answer.vms]
    lines = fleet.requests(since)
    assert [] == [line for line in lines if line["write"] or line["accepted"]]
    assert 429 not in {line["status"] for line in lines}
    assert len(lines) < 620
    kinds = Counter(line["path"].rsplit("/", 1)[-1] for line in lines)
    assert (1, 1, 1, 8) == tuple(kinds[kind] for kind in ("skus", "metrics", "roleAssignments", "virtualMachines"))


async def test_a_broken_machine_stops_no_other(fleet: Simulator) -> None:
    """A machine that is gone, one of which Azure tells nonsense and one that hangs up leave all others checked."""
    waves = [wave.model_copy(update={"vms": wave.vms[:12]}) for wave in PLAN.waves[:3]]
    gone, dumb, cut = (ids.vm_id(SUBSCRIPTION, *MACHINES[number]) for number in (0, 1, 2))
    assert 202 == fleet.arm("DELETE", gone).status_code
    fleet.advance(600)
    fleet.fault(
        {"kind": "status", "status": 200, "body": {"properties": {"errors": [7]}}},
        method="GET",
        path=f"{dumb}/providers",
        times=0,
    )
    fleet.fault({"kind": "reset_before"}, method="GET", path=f"{cut}/providers", times=0)
    try:
        answer = await checked(fleet, PLAN.model_copy(update={"waves": waves}))
    finally:
        fleet.clear_faults()

    told = {vm.name: told_of(vm) for vm in answer.vms if told_of(vm)}
    assert {MACHINES[0][1], MACHINES[1][1], MACHINES[2][1]} == set(told)
    assert ("source-exists", "blocking") in told[MACHINES[0][1]]
    assert {"unknown"} == {severity for name in (MACHINES[1][1], MACHINES[2][1]) for _, severity in told[name]}
