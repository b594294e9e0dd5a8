"""A replicated item in each of its states: what it allows, what it refuses, and that it can be purged from any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.siterecovery_estate import (
    A2A,
    CACHE,
    PRIMARY_CONTAINER,
    TARGET,
    TEST_NETWORK,
    Lab,
    disk_id,
    item_id,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

STATES: dict[str, tuple[str, set[str]]] = {
    "unable": ("EnablingFailed", {"DisableProtection"}),
    "copying": ("InitialReplicationInProgress", {"DisableProtection"}),
    "waiting": ("InitialReplicationRecoveryCompletionPending", {"DisableProtection"}),
    "ready": ("Protected", {"UnplannedFailover", "DisableProtection", "TestFailover"}),
    "tested": ("Protected", {"TestFailoverCleanup"}),
    "broken": ("UnplannedFailoverFailed", {"UnplannedFailover", "DisableProtection"}),
    "over": ("UnplannedFailoverCommitPendingStatesBegin", {"Commit", "ChangePit", "DisableProtection"}),
    "final": ("UnplannedFailoverCommitted", {"ReverseReplicate", "DisableProtection"}),
    "held": ("DisablingFailed", {"DisableProtection"}),
}
BEHAVIOUR: dict[str, dict[str, Any]] = {
    "unable": {"dns": "broken"},
    "copying": {"initial_replication_minutes": 100_000},
    "waiting": {"churn_mb_per_second": 99},
}
DISK = {
    "diskId": disk_id("other"),
    "primaryStagingAzureStorageAccountId": CACHE,
    "recoveryResourceGroupId": TARGET,
}
HELD = f"{disk_id('held_os-ASRReplica', TARGET)}/providers/Microsoft.Authorization/locks/keep"
CALLS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "testFailover": ({"networkId": TEST_NETWORK, "providerSpecificDetails": A2A}, {"ready"}),
    "testFailoverCleanup": ({}, {"tested"}),
    "unplannedFailover": ({"providerSpecificDetails": A2A}, {"ready", "broken"}),
    "failoverCommit": ({}, {"over"}),
    "applyRecoveryPoint": ({"recoveryPointId": "x", "providerSpecificDetails": A2A}, {"over"}),
    "addDisks": ({"providerSpecificDetails": {**A2A, "vmManagedDisks": [DISK]}}, {"ready"}),
    "removeDisks": ({"providerSpecificDetails": {**A2A, "vmManagedDisksIds": ["x"]}}, {"ready"}),
    "repairReplication": ({}, {"ready"}),
    "updateMobilityService": ({}, {"ready"}),
    "remove": ({}, set(STATES) - {"tested"}),
    "plannedFailover": ({}, set()),
    "failoverCancel": ({}, set()),
    "switchProvider": ({}, set()),
}
"""Each action with a sound input, and the machines whose state allows it."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A vault with a machine in every state."""
    known = {name: BEHAVIOUR.get(name, {}) for name in STATES}
    with Simulator(seed=seed(*STATES, behaviour=known)) as sim:
        lab = Lab(sim)
        lab.set_up()
        for name in STATES:
            lab.accepted("PUT", item_id(name), lab.enable_body(name))
        sim.advance(3600)
        body = {"properties": {"networkId": TEST_NETWORK, "providerSpecificDetails": A2A}}
        lab.accepted("POST", f"{item_id('tested')}/testFailover", body)
        sim.fault({"kind": "operation_fails", "code": "28031", "message": "No."}, path="broken/unplannedFailover")
        for name in ("broken", "over", "final"):
            lab.accepted("POST", f"{item_id(name)}/unplannedFailover", lab.failover_body())
        sim.seed({"resources": [{"id": HELD, "properties": {"level": "CanNotDelete"}}]})
        lab.accepted("POST", f"{item_id('held')}/remove", {"properties": {}})
        sim.advance(600)
        lab.run("POST", f"{item_id('final')}/failoverCommit")
        sim.arm("DELETE", HELD)
        yield lab


@pytest.mark.parametrize("name", STATES)
def test_state_and_what_it_allows(lab: Lab, name: str) -> None:
    """Every state has the operations that it allows."""
    item = lab.item(name)

    assert STATES[name] == (item["protectionState"], set(item["allowedOperations"]))
    assert item["protectionStateDescription"]
    assert ("Recovery" if name in {"over", "final"} else "Primary") == item["activeLocation"]


@pytest.mark.parametrize("action", CALLS)
def test_other_calls_are_refused(lab: Lab, action: str) -> None:
    """What a state does not allow is a 400 with Site Recovery's details, and starts nothing."""
    body, allowed = CALLS[action]
    for name in set(STATES) - allowed:
        before = lab.item(name)
        answer = lab.sim.arm("POST", f"{item_id(name)}/{action}", {"properties": body})
        error = answer.json()["error"]

        assert (400, "BadRequest") == (answer.status_code, error["code"]), (name, answer.text)
        detail = error["details"][0]
        assert "OperationNotAllowedInCurrentState" == detail["code"], name
        assert {"message", "possibleCauses", "recommendedAction", "clientRequestId", "activityId"} <= detail.keys()
        assert before["allowedOperations"] == lab.item(name)["allowedOperations"]


def test_settings_change_only_once_protected(lab: Lab) -> None:
    """PATCH is refused in every state but the protected one."""
    body = {"properties": {"recoveryAzureVMName": "other"}}
    codes = {name: lab.sim.arm("PATCH", item_id(name), body).status_code for name in set(STATES) - {"ready"}}

    assert {400} == set(codes.values())


def test_only_failed_over_machines_are_reprotected(lab: Lab) -> None:
    """Switching protection is refused before a failover, and as such for what is not in the container."""
    details = {**A2A, "recoveryContainerId": PRIMARY_CONTAINER, "vmManagedDisks": [DISK]}
    codes = {}
    for name in (*STATES, "nobody"):
        body = {"properties": {"replicationProtectedItemName": name, "providerSpecificDetails": details}}
        if name not in {"over", "final"}:
            codes[name] = lab.sim.arm("POST", f"{PRIMARY_CONTAINER}/switchprotection", body).status_code

    assert 404 == codes.pop("nobody")
    assert {400} == set(codes.values())


def test_purge_at_each_state(lab: Lab) -> None:
    """DELETE forgets the item from any state; the source is as before, and what a failover made stays."""
    power = {name: lab.power(vm_id(name)) for name in STATES}
    answers = [lab.accepted("DELETE", item_id(name)) for name in STATES]
    lab.sim.advance(300)
    ids = lab.sim.resource_ids()

    assert {"Succeeded"} == {lab.finish(answer)["status"] for answer in answers}
    assert {404} == {lab.sim.arm("GET", item_id(name)).status_code for name in STATES}
    assert power == {name: lab.power(vm_id(name)) for name in STATES}
    assert not [id_ for id_ in ids if id_.endswith("-asrreplica")]
    for name in ("over", "final", "broken"):
        assert {vm_id(name, TARGET).lower(), disk_id(f"{name}_os", TARGET).lower()} <= ids, name
    assert lab.sim.arm("DELETE", item_id("ready")).status_code == 404
