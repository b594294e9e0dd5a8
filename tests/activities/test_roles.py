"""The roles that `roles` prints, defined and assigned in the simulator, and a deny assignment against them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.preflight import check
from arm.clients import AzureClients
from migration.calls.roles import custom_roles
from migration.findings import PlanCheck
from migration.plan_file import load_plan
from tests.activities.stage import access_to
from tests.support.sim import Simulator

PLANS = Path(__file__).parents[2] / "plans"
WORKER = {"kind": "service_principal", "client_id": str(uuid.UUID(int=71)), "object_id": str(uuid.UUID(int=72))}
ESTATES = ("contoso", "fabrikam", "wingtip")


@pytest.fixture(scope="module")
def estates() -> Iterator[Simulator]:
    """Return a simulator with the estates of all examples, and an identity without any role."""
    seeds = [yaml.safe_load((PLANS / f"{name}.estate.yaml").read_text(encoding="utf-8")) for name in ESTATES]
    worker: dict[str, Any] = {**WORKER, "secret": "worker", "roles": []}
    identities = [{"kind": "service_principal"}, worker]
    with Simulator(seed={**seeds[0], "identities": identities}, speed=60) as sim:
        for seed in seeds[1:]:
            sim.seed(seed)
        yield sim


def grant(sim: Simulator, roles: list[dict[str, Any]], principal: str = str(WORKER["object_id"])) -> None:
    """Define roles as `az role definition create` does, and assign each on its assignable scopes."""
    for role in roles:
        definition, scopes = str(uuid.uuid5(uuid.NAMESPACE_URL, role["Name"])), role["AssignableScopes"]
        permission = {key[0].lower() + key[1:]: role[key] for key in ("Actions", "NotActions")}
        properties = {"roleName": role["Name"], "assignableScopes": scopes, "permissions": [permission]}
        home = "/".join(scopes[0].split("/")[:3])
        role_id = f"{home}/providers/Microsoft.Authorization/roleDefinitions/{definition}"
        assert sim.arm("PUT", role_id, {"properties": properties}).status_code == 201
        for scope in scopes:
            name = uuid.uuid5(uuid.NAMESPACE_URL, role["Name"] + scope + principal)
            body = {"properties": {"roleDefinitionId": role_id, "principalId": principal}}
            answer = sim.arm("PUT", f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}", body)
            assert answer.status_code in {200, 201}


async def checked(sim: Simulator, name: str) -> PlanCheck:
    """Return what the worker's identity is told about a plan."""
    access = access_to(sim)
    changes = {"client_id": WORKER["client_id"], "client_secret": "worker"}
    async with AzureClients(type(access)(**{**vars(access), **changes})) as azure:
        return await check(azure, load_plan(PLANS / f"{name}.yaml"))


@pytest.mark.parametrize("name", ESTATES)
async def test_the_roles_suffice_for_the_check(estates: Simulator, name: str) -> None:
    """An identity with the printed roles alone gets an answer to every question, and lacks nothing."""
    grant(estates, custom_roles(load_plan(PLANS / f"{name}.yaml")))
    begun = len(estates.requests())

    answer = await checked(estates, name)

    assert [] == [(finding.rule, finding.evidence) for finding in answer.blocking]
    refused = [line["path"] for line in estates.requests(begun) if line["status"] in {401, 403}]
    assert [] == refused


async def test_a_deny_assignment_is_found_and_obeyed(estates: Simulator) -> None:
    """What a deny assignment forbids to everybody but another is told before, and refused by the cloud."""
    plan = load_plan(PLANS / "contoso.yaml")
    grant(estates, custom_roles(plan))
    group = f"/subscriptions/{plan.subscription}/resourceGroups/{plan.source.resource_group}"
    estates.seed({"resources": [denial(group)]})
    source = plan.source_id(plan.vms[0])
    token = estates.token(str(WORKER["client_id"]), "worker")

    answer = await checked(estates, "contoso")
    refused = estates.arm("POST", f"{source}/start", token=token)

    told = [finding for finding in answer.findings if finding.rule == "permissions-source"]
    assert ["blocking"] == [finding.severity for finding in told]
    assert 'deny assignment "Keep running"' in told[0].evidence
    assert "Microsoft.Compute/virtualMachines/start/action" in told[0].evidence
    assert 403 == refused.status_code


def denial(scope: str) -> dict[str, Any]:
    """Return a deny assignment that keeps everybody from starting and stopping machines."""
    who = {"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}
    forbidden = {"actions": ["Microsoft.Compute/virtualMachines/*/action"], "notActions": []}
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/denyAssignments/keep",
        "type": "Microsoft.Authorization/denyAssignments",
        "name": "keep",
        "properties": {"denyAssignmentName": "Keep running", "permissions": [forbidden], "principals": [who]},
    }
