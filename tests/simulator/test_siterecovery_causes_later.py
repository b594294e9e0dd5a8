"""The causes that stop a failover or a removal: met at their moment with their code, and mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from simulator.siterecovery.causes import CAUSES
from tests.simulator.mending import Act, deleted, lift, lock, met, policy, sound, unlock
from tests.simulator.siterecovery_estate import (
    TARGET,
    Lab,
    disk_id,
    item_id,
    machine,
    network,
    nic_id,
    seed,
    vm_id,
)
from tests.simulator.test_siterecovery_causes import ELSEWHERE_TESTED, ENABLING
from tests.support.sim import Simulator

BY_NAME = {cause.name: cause for cause in CAUSES}
LOCKED, NO_VMS = f"{TARGET}-locked", f"{TARGET}-no-vms"
TINY = f"{TARGET}/providers/Microsoft.Network/virtualNetworks/tiny-vnet"
GROUPS = {"failover-group-locked": LOCKED, "policy-denies-vm": NO_VMS}


@dataclass(frozen=True)
class Case:
    """How a cause comes about for a protected machine, what then is asked for, and what mends it."""

    before: Act
    mend: Act | None
    point: str | None = None
    action: str = "unplannedFailover"
    ends: str = "Failed"
    changes: dict[str, Any] = field(default_factory=dict)


def _seeded(*resources: dict[str, Any]) -> Act:
    return lambda lab, _: lab.sim.seed({"resources": list(resources)})


def _quota(limit: int) -> Act:
    return lambda lab, _: lab.sim.seed({"resources": [], "quotas": {"northeurope": {"standardESv3Family": limit}}})


def _power(action: str) -> Act:
    def act(lab: Lab, name: str) -> None:
        lab.sim.follow(lab.sim.arm("POST", f"{vm_id(name)}/{action}"))
        lab.sim.advance(60)

    return act


def _holder(number: int) -> dict[str, Any]:
    properties = {"privateIPAddress": f"10.8.0.{number}", "subnet": {"id": f"{TINY}/subnets/front"}}
    configurations = [{"name": "ipconfig1", "properties": properties}]
    return {
        "id": nic_id(f"holder-{number}", TARGET),
        "location": "northeurope",
        "properties": {"ipConfigurations": configurations},
    }


def _foreign(id_: str, **properties: Any) -> dict[str, Any]:
    return {"id": id_, "location": "northeurope", "properties": properties}


FOREIGN_VM = _foreign(vm_id("name-taken", TARGET), hardwareProfile={"vmSize": "Standard_D2s_v3"})
FOREIGN_DISK = _foreign(disk_id("disk-name-taken_os", TARGET), diskSizeGB=4)
FOREIGN_NIC = _holder(99) | {"id": nic_id("nic-name-taken-nic", TARGET), "properties": {}}
REPLICA = disk_id("replica-locked_os-ASRReplica", TARGET)
FAILING_OVER: dict[str, Case] = {
    "point-gone": Case(lambda *_: None, None, point="00000000-0000-4000-8000-000000000000"),
    "name-taken": Case(_seeded(FOREIGN_VM), lambda lab, _: deleted(lab, FOREIGN_VM["id"])),
    "failover-group-locked": Case(_seeded(lock(LOCKED)), unlock(LOCKED)),
    "shutdown-fails": Case(
        lambda lab, name: sound(lab, name, shutdown_fails=True), None, ends="CompletedWithInformation"
    ),
    "shutdown-locked": Case(_seeded(lock(vm_id("shutdown-locked"))), None, ends="CompletedWithInformation"),
    "synchronise-fails": Case(
        lambda lab, name: sound(lab, name, synchronise_fails=True), None, ends="CompletedWithInformation"
    ),
    "failover-quota-exceeded": Case(_quota(2), _quota(20)),
    "disk-name-taken": Case(_seeded(FOREIGN_DISK), lambda lab, _: deleted(lab, FOREIGN_DISK["id"])),
    "nic-name-taken": Case(_seeded(FOREIGN_NIC), lambda lab, _: deleted(lab, FOREIGN_NIC["id"])),
    "subnet-full": Case(
        _seeded(*map(_holder, (4, 5, 6))), lambda lab, _: deleted(lab, _holder(5)["id"]),
        changes={"recoveryAzureNetworkId": TINY},
    ),
    "policy-denies-vm": Case(_seeded(policy(NO_VMS, "Microsoft.Compute/virtualMachines")), lift(NO_VMS)),
}  # fmt: skip
DISABLING: dict[str, Case] = {
    "disable-while-off": Case(_power("deallocate"), _power("start"), action="remove"),
    "disable-locked": Case(
        _seeded(lock(vm_id("disable-locked"), "CanNotDelete")), unlock(vm_id("disable-locked")), action="remove"
    ),
    "replica-locked": Case(_seeded(lock(REPLICA, "CanNotDelete")), unlock(REPLICA), action="remove"),
}
CASES = FAILING_OVER | DISABLING


@dataclass
class Outcome:
    """What became of the first attempt, and of the failed job's restart."""

    first: dict[str, Any]
    state: str
    power: tuple[str | None, str | None]
    restarted: int | None = None
    after: int = 0
    final: str | None = None


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, Outcome]]:
    """Every machine protected, its cause brought about, the action tried, the cause mended, the job restarted."""
    special: list[dict[str, Any]] = [{"id": group, "location": "northeurope"} for group in GROUPS.values()]
    special.append(network(TINY, "northeurope", "10.8.0.0/16", "10.8.0.0/29"))
    special.append(machine("failover-quota-exceeded", size="Standard_E4s_v3"))
    known: dict[str, Any] = {name: {} for name in CASES}
    given = seed(*CASES, resources=special, behaviour=known, quotas={"northeurope": {"standardESv3Family": 20}})
    with Simulator(seed=given) as sim:
        lab = Lab(sim)
        lab.set_up()
        _protect(lab)
        answers = {name: _ask(lab, name, case) for name, case in CASES.items()}
        sim.advance(900)
        found = {name: _first(lab, name, answers[name].headers["x-ms-request-id"]) for name in CASES}
        mended = {name: case.mend for name, case in CASES.items() if case.mend is not None}
        for name, mend in mended.items():
            mend(lab, name)
            restart = sim.arm("POST", f"{answers[name].headers['x-ms-request-id']}/restart")
            found[name].restarted = restart.status_code
        sim.advance(900)
        for name in mended:
            found[name].after = sim.arm("GET", item_id(name)).status_code
            found[name].final = lab.item(name)["protectionState"] if found[name].after == 200 else None
        yield found


def _protect(lab: Lab) -> None:
    for name, case in CASES.items():
        changes = {**case.changes, "recoveryResourceGroupId": GROUPS.get(name, TARGET)}
        lab.accepted("PUT", item_id(name), lab.enable_body(name, **changes))
    lab.sim.advance(3600)
    assert {"Protected"} == {lab.item(name)["protectionState"] for name in CASES}


def _ask(lab: Lab, name: str, case: Case) -> Any:
    case.before(lab, name)
    failover = lab.failover_body(point=f"{item_id(name)}/recoveryPoints/{case.point}" if case.point else None)
    return lab.accepted(
        "POST", f"{item_id(name)}/{case.action}", failover if case in FAILING_OVER.values() else {"properties": {}}
    )


def _first(lab: Lab, name: str, job_id: str) -> Outcome:
    target = vm_id(name, GROUPS.get(name, TARGET))
    power = (lab.power(vm_id(name)), lab.power(target))
    return Outcome(dict(lab.get(job_id)["properties"]), lab.item(name)["protectionState"], power)


def test_every_cause_is_tested() -> None:
    """No cause of the list is without a case, and no case without a cause."""
    assert {*BY_NAME} == {*ENABLING, *CASES, *ELSEWHERE_TESTED}


@pytest.mark.parametrize("name", CASES)
def test_fails_by_cause(outcomes: dict[str, Outcome], name: str) -> None:
    """The job meets the cause at its task with its code; a shutdown that fails does not stop the failover."""
    cause, outcome = BY_NAME[name], outcomes[name]

    assert (cause.scenario, cause.task, cause.code, True) == met(cause, outcome.first)
    assert CASES[name].ends == outcome.first["state"]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.mend is not None])
def test_mended_cause_lets_the_restarted_job_through(outcomes: dict[str, Outcome], name: str) -> None:
    """Once the cause is gone, restarting the failed job does the work: the failover, or the removal."""
    outcome = outcomes[name]
    expected = (202, 404, None) if name in DISABLING else (202, 200, "UnplannedFailoverCommitPendingStatesBegin")

    assert expected == (outcome.restarted, outcome.after, outcome.final)


def test_source_is_untouched_where_the_check_fails(outcomes: dict[str, Outcome]) -> None:
    """What the prerequisites check sees leaves the item protected and the source running."""
    for name in ("point-gone", "name-taken", "failover-group-locked"):
        assert ("Protected", "PowerState/running") == (outcomes[name].state, outcomes[name].power[0]), name


def test_two_run_where_the_shutdown_fails(outcomes: dict[str, Outcome]) -> None:
    """A source that cannot be shut down runs on beside the new machine, and nothing was synchronised."""
    for name in ("shutdown-fails", "shutdown-locked"):
        tasks = {task["friendlyName"]: task["state"] for task in outcomes[name].first["tasks"]}
        assert ("PowerState/running", "PowerState/running") == outcomes[name].power, name
        assert "Other" == tasks["Synchronizing the latest changes"], name


def test_source_stays_off_where_the_failover_breaks(outcomes: dict[str, Outcome]) -> None:
    """What is met after the shutdown leaves the source off and the item failed."""
    for name in ("failover-quota-exceeded", "disk-name-taken", "nic-name-taken", "subnet-full", "policy-denies-vm"):
        expected = ("UnplannedFailoverFailed", "PowerState/deallocated")
        assert expected == (outcomes[name].state, outcomes[name].power[0]), name
