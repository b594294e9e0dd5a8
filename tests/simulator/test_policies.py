"""Azure Policy: what assignments deny, to whom, where, and how the refusal reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.sim import Simulator

SUBSCRIPTION = "/subscriptions/33333333-4444-4555-8666-777777777777"
GROUP = f"{SUBSCRIPTION}/resourceGroups/apps"
AUTHORIZATION = "providers/Microsoft.Authorization"
BUILT_IN = f"/{AUTHORIZATION}/policyDefinitions"
LOCATIONS = f"{BUILT_IN}/e56962a6-4747-49cd-b67b-bf8b01975c4c"
TAG = f"{BUILT_IN}/871b6d14-10aa-478d-b590-94f262ecfa99"
OWN = f"{SUBSCRIPTION}/{AUTHORIZATION}/policyDefinitions/no-premium"
INITIATIVE = f"{SUBSCRIPTION}/{AUTHORIZATION}/policySetDefinitions/landing-zone"
NO_PREMIUM = {
    "displayName": "No premium disks named prod",
    "mode": "All",
    "parameters": {"effect": {"type": "String", "defaultValue": "Audit"}, "skus": {"type": "Array"}},
    "policyRule": {
        "if": {
            "allOf": [
                {"field": "type", "equals": "Microsoft.Compute/disks"},
                {"field": "Microsoft.Compute/disks/sku.name", "in": "[parameters('skus')]"},
                {"anyOf": [{"field": "name", "like": "prod*"}, {"field": "tags['tier']", "equals": "gold"}]},
            ]
        },
        "then": {"effect": "[parameters('effect')]"},
    },
}


def _disk(location: str = "westeurope", sku: str = "Standard_LRS", **tags: str) -> dict[str, Any]:
    properties = {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4}
    return {"location": location, "sku": {"name": sku}, "tags": tags, "properties": properties}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """A subscription with a group, and no policy yet."""
    seed = {"resources": [{"id": GROUP, "location": "westeurope"}]}
    with Simulator(seed=seed) as simulator:
        yield simulator


def _put_disk(sim: Simulator, name: str, **disk: Any) -> Any:
    return sim.arm("PUT", f"{GROUP}/providers/Microsoft.Compute/disks/{name}", _disk(**disk))


def _assign(sim: Simulator, name: str, definition: str, scope: str = GROUP, **rest: Any) -> str:
    given = {"policyDefinitionId": definition, **rest}
    id_ = f"{scope}/{AUTHORIZATION}/policyAssignments/{name}"
    answer = sim.arm("PUT", id_, {"properties": given})
    assert 201 == answer.status_code, answer.text
    return id_


def _values(**values: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in values.items()}


def test_allowed_locations(sim: Simulator) -> None:
    """A built-in policy denies with 403 and names itself and its assignment; without the assignment it does not."""
    before = _put_disk(sim, "one", location="northeurope").status_code
    parameters = _values(listOfAllowedLocations=["westeurope"])
    id_ = _assign(sim, "places", LOCATIONS, SUBSCRIPTION, displayName="Only west", parameters=parameters)
    listed = [found["id"] for found in sim.arm("GET", f"{GROUP}/{AUTHORIZATION}/policyAssignments").json()["value"]]
    denied, allowed = _put_disk(sim, "two", location="northeurope"), _put_disk(sim, "two")
    patched = sim.arm("PATCH", f"{GROUP}/providers/Microsoft.Compute/disks/one", {"tags": {"a": "b"}})
    group = sim.arm("PUT", f"{SUBSCRIPTION}/resourceGroups/north", {"location": "northeurope"})
    removed = sim.arm("DELETE", id_).status_code
    error = denied.json()["error"]

    assert (202, 403, 202, 403) == (before, denied.status_code, allowed.status_code, patched.status_code)
    assert ("RequestDisallowedByPolicy", "two") == (error["code"], error["target"])
    assert '"name":"Only west"' in error["message"]
    info = error["additionalInfo"][0]
    assert ("PolicyViolation", "Allowed locations", id_) == (
        info["type"],
        info["info"]["policyDefinitionDisplayName"],
        info["info"]["policyAssignmentId"],
    )
    assert [id_] == listed
    assert (403, 200) == (group.status_code, removed)
    assert 202 == _put_disk(sim, "three", location="northeurope").status_code


def test_own_definition_in_an_initiative(sim: Simulator) -> None:
    """Conditions, aliases and parameters are understood, also through an initiative; audit does nothing."""
    sim.arm("PUT", OWN, {"properties": NO_PREMIUM})
    member = {"policyDefinitionId": OWN, "parameters": _values(effect="[parameters('how')]", skus=["Premium_LRS"])}
    initiative = {"parameters": {"how": {"type": "String", "defaultValue": "deny"}}, "policyDefinitions": [member]}
    sim.arm("PUT", INITIATIVE, {"properties": initiative})
    id_ = _assign(sim, "zone", INITIATIVE)
    codes = [
        _put_disk(sim, "prod-1", sku="Premium_LRS").status_code,
        _put_disk(sim, "dev-1", sku="Premium_LRS", tier="Gold").status_code,
        _put_disk(sim, "dev-2", sku="Premium_LRS").status_code,
        _put_disk(sim, "prod-2").status_code,
    ]
    _assign(sim, "zone", INITIATIVE, parameters=_values(how="Audit"))
    audited = _put_disk(sim, "prod-3", sku="Premium_LRS").status_code
    sim.arm("DELETE", id_)

    assert [403, 403, 202, 202] == codes
    assert 202 == audited


def test_where_an_assignment_applies(sim: Simulator) -> None:
    """Excluded scopes and assignments that are not enforced let through; another group is not concerned."""
    parameters = _values(tagName="owner")
    id_ = _assign(sim, "tags", TAG, parameters=parameters)
    codes = [_put_disk(sim, "untagged").status_code, _put_disk(sim, "tagged", owner="ada").status_code]
    _assign(sim, "tags", TAG, parameters=parameters, enforcementMode="DoNotEnforce")
    codes.append(_put_disk(sim, "untagged-2").status_code)
    _assign(sim, "tags", TAG, parameters=parameters, notScopes=[f"{GROUP}/providers/Microsoft.Compute/disks/free"])
    codes += [_put_disk(sim, "free").status_code, _put_disk(sim, "bound").status_code]
    sim.arm("DELETE", id_)

    assert [403, 202, 202, 202, 403] == codes


def test_unknown_definition_and_rule(sim: Simulator) -> None:
    """An assignment needs a definition that is there; a rule that is not understood denies nothing."""
    absent = sim.arm(
        "PUT",
        f"{GROUP}/{AUTHORIZATION}/policyAssignments/none",
        {"properties": {"policyDefinitionId": f"{OWN}-absent"}},
    )
    odd = {"if": {"not": {"value": "[utcNow()]", "equals": "x"}}, "then": {"effect": "deny"}}
    sim.arm("PUT", f"{OWN}-odd", {"properties": {"policyRule": odd}})
    id_ = _assign(sim, "odd", f"{OWN}-odd")
    let_through = _put_disk(sim, "odd").status_code
    sim.arm("DELETE", id_)

    assert (404, "PolicyDefinitionNotFound") == (absent.status_code, absent.json()["error"]["code"])
    assert 202 == let_through
    shown = sim.arm("GET", LOCATIONS)
    assert ("BuiltIn", "Allowed locations") == tuple(
        shown.json()["properties"][key] for key in ("policyType", "displayName")
    )
