"""Locks, policies and guests that tests put in Site Recovery's way, and take out of it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.simulator.siterecovery_estate import Lab, vm_id

if TYPE_CHECKING:
    from simulator.siterecovery.causes import Cause

NOT_ALLOWED_TYPES = "/providers/Microsoft.Authorization/policyDefinitions/6c112d4e-5bc7-47ae-a041-ea2d9dccd749"
Act = Callable[[Lab, str], None]


def lock(scope: str, level: str = "ReadOnly") -> dict[str, Any]:
    """A lock over a scope, as a seed has it."""
    return {"id": f"{scope}/providers/Microsoft.Authorization/locks/keep", "properties": {"level": level}}


def unlock(scope: str) -> Act:
    """Delete the lock over a scope."""
    return lambda lab, _: deleted(lab, lock(scope)["id"])


def deleted(lab: Lab, id_: str) -> None:
    """Delete a resource and let its deletion end."""
    answer = lab.sim.arm("DELETE", id_)
    assert answer.status_code in {200, 202, 204}, answer.text
    lab.sim.advance(60)


def policy(scope: str, *types: str) -> dict[str, Any]:
    """A policy assignment that denies resources of some types in a scope."""
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/policyAssignments/deny",
        "properties": {
            "displayName": "Deny",
            "policyDefinitionId": NOT_ALLOWED_TYPES,
            "parameters": {"listOfResourceTypesNotAllowed": {"value": list(types)}},
        },
    }


def lift(scope: str) -> Act:
    """Delete the policy assignment of a scope."""
    return lambda lab, _: deleted(lab, policy(scope)["id"])


def sound(lab: Lab, name: str, **behaviour: Any) -> None:
    """Let a machine behave soundly, but for *behaviour*."""
    lab.sim.seed({"resources": [], "behaviour": {vm_id(name): {"initial_replication_minutes": 30, **behaviour}}})


def met(cause: Cause, job: dict[str, Any]) -> tuple[str, str, str, bool]:
    """Scenario, failed task, code of its error, and whether the message has Azure's own code."""
    failed = [task for task in job["tasks"] if task["state"] == "Failed"]
    assert failed, f"{cause.name}: {job['state']}"
    details = failed[0]["errors"][0]["serviceErrorDetails"]
    return job["scenarioName"], failed[0]["friendlyName"], details["code"], cause.inner in details["message"]
