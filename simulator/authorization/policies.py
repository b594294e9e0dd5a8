"""Azure Policy: assignments and definitions, of a seed or made by requests, and what they deny.

A write that an assignment with the effect `deny` speaks of is refused with 403 `RequestDisallowedByPolicy`, whoever
sends it: a caller, or Site Recovery for one. Other effects (audit, modify, deployIfNotExists) do nothing here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.authorization.builtin_policies import BUILT_IN
from simulator.authorization.names import concerns, scope_of
from simulator.authorization.policy_rules import NotUnderstoodError, resolved, speaks_of
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.store import Resource
    from simulator.world import World

ASSIGNMENT = "Microsoft.Authorization/policyAssignments"
DEFINITION = "Microsoft.Authorization/policyDefinitions"
SET_DEFINITION = "Microsoft.Authorization/policySetDefinitions"
PREFIX = "microsoft.authorization/"


Definition = tuple[str, dict[str, Any]]
"""A definition's id and properties."""


def denials(world: World, document: dict[str, Any]) -> Iterator[tuple[Resource, Definition]]:
    """The assignments and definitions that deny writing the resource *document* (id, type, location, tags, ...)."""
    if str(document.get("type", "")).lower().startswith(PREFIX):
        return
    for assignment in world.store.list(ASSIGNMENT):
        if _applies(assignment, str(document["id"])):
            for definition, values in _rules(world, assignment):
                if _denies(definition, document, values):
                    yield assignment, definition


def refusal(world: World, document: dict[str, Any]) -> ArmError | None:
    """The 403 for writing the resource *document*, or None."""
    denial = next(denials(world, document), None)
    return None if denial is None else _refused(document, *denial)


def check(world: World, document: dict[str, Any]) -> None:
    """Raise the 403 where a policy denies the write."""
    refused = refusal(world, document)
    if refused is not None:
        raise refused


def check_request(call: Call) -> None:
    """Raise the 403 where a policy denies what a PUT or PATCH would make of a resource."""
    parsed = paths.parse(call.path)
    is_group = parsed.type == "Microsoft.Resources/subscriptions/resourceGroups"
    if call.method not in {"PUT", "PATCH"} or not isinstance(call.body, dict) or not parsed.names:
        return
    if not is_group and "/providers/" not in call.path.lower():
        return
    if not call.world.store.count(ASSIGNMENT):
        return
    old = call.world.store.get(call.path)
    document = {**(old.doc if old else {}), **{key: value for key, value in call.body.items() if value is not None}}
    if old is not None and isinstance(call.body.get("properties"), dict):
        document["properties"] = {**old.properties, **call.body["properties"]}
    type_ = "Microsoft.Resources/subscriptions/resourceGroups" if is_group else parsed.type
    check(call.world, {**document, "id": call.path, "name": parsed.name, "type": type_})


def _applies(assignment: Resource, id_: str) -> bool:
    properties = assignment.properties
    if str(properties.get("enforcementMode") or "Default").lower() == "donotenforce":
        return False
    scope = str(properties.get("scope") or paths.scope_of(assignment.id))
    scope = "" if "/managementgroups/" in scope.lower() else scope
    inside = scope == "" or paths.within(id_, scope)
    return inside and not any(paths.within(id_, outside) for outside in properties.get("notScopes") or [])


def _values(given: Any, definition: dict[str, Any]) -> dict[str, Any]:
    """Parameter values: the defaults of the definition under those that are given."""
    defaults = {name: (it or {}).get("defaultValue") for name, it in (definition.get("parameters") or {}).items()}
    assigned = {
        name: it.get("value") if isinstance(it, dict) and "value" in it else it for name, it in (given or {}).items()
    }
    return {**defaults, **assigned}


def _find(world: World, id_: str) -> Definition | None:
    found = world.store.get(id_)
    if found is not None:
        return found.id, found.properties
    built_in = BUILT_IN.get(id_.rstrip("/").rpartition("/")[2].lower())
    return None if built_in is None else (id_, built_in)


def _rules(world: World, assignment: Resource) -> Iterator[tuple[Definition, dict[str, Any]]]:
    """The definitions that an assignment brings to bear, those of an initiative one by one, with their values."""
    found = _find(world, str(assignment.properties.get("policyDefinitionId", "")))
    if found is None:
        return
    values = _values(assignment.properties.get("parameters"), found[1])
    members = found[1].get("policyDefinitions")
    if members is None:
        yield found, values
        return
    for member in members:
        inner = _find(world, str(member.get("policyDefinitionId", "")))
        if inner is None:
            continue
        handed = {
            name: resolved(it.get("value") if isinstance(it, dict) else it, {}, values)
            for name, it in (member.get("parameters") or {}).items()
        }
        yield inner, _values(handed, inner[1])


def _denies(definition: Definition, document: dict[str, Any], values: dict[str, Any]) -> bool:
    rule = definition[1].get("policyRule") or {}
    effect = _effect((rule.get("then") or {}).get("effect"), values)
    if str(effect).lower() != "deny":
        return False
    indexed = str(definition[1].get("mode") or "All").lower() == "indexed"
    if indexed and not document.get("location"):
        return False
    try:
        return speaks_of(rule.get("if"), document, values)
    except NotUnderstoodError:
        return False


def _effect(given: Any, values: dict[str, Any]) -> Any:
    try:
        return resolved(given, {}, values)
    except NotUnderstoodError:
        return None


def _refused(document: dict[str, Any], assignment: Resource, definition: Definition) -> ArmError:
    name = paths.parse(definition[0]).name
    identifiers = {
        "policyAssignment": {"name": _title(assignment), "id": assignment.id},
        "policyDefinition": {"name": str(definition[1].get("displayName") or name), "id": definition[0]},
    }
    message = (
        f"Resource '{document.get('name') or paths.parse(document['id']).name}' was disallowed by policy. "
        f"Policy identifiers: '{json.dumps([identifiers], separators=(',', ':'))}'."
    )
    info = {
        "policyDefinitionId": definition[0],
        "policyDefinitionName": name,
        "policyDefinitionDisplayName": identifiers["policyDefinition"]["name"],
        "policyDefinitionEffect": "deny",
        "policyAssignmentId": assignment.id,
        "policyAssignmentName": assignment.name,
        "policyAssignmentDisplayName": identifiers["policyAssignment"]["name"],
        "policyAssignmentScope": str(assignment.properties.get("scope") or paths.scope_of(assignment.id)),
        "policyAssignmentParameters": assignment.properties.get("parameters") or {},
    }
    error = {
        "code": "RequestDisallowedByPolicy",
        "target": document.get("name") or paths.parse(document["id"]).name,
        "message": message,
        "additionalInfo": [{"type": "PolicyViolation", "info": info}],
    }
    return ArmError(403, "RequestDisallowedByPolicy", message, body={"error": error})


def _title(assignment: Resource) -> str:
    return str(assignment.properties.get("displayName") or assignment.name)


def policy_assignments_list(call: Call) -> Reply:
    """List the policy assignments that bear on a scope."""
    scope = scope_of(call)
    below = "atscope()" not in call.query.get("$filter", "").lower()
    found = [one for one in call.world.store.list(ASSIGNMENT) if concerns(_scope(one), scope, below=below)]
    return Reply(200, {"value": [one.doc for one in found]})


def _scope(assignment: Resource) -> str:
    return paths.scope_of(assignment.id)


def policy_definitions_list(call: Call) -> Reply:
    """List the policy definitions of a scope, the built-in ones last."""
    found = [one.doc for one in call.world.store.list(DEFINITION, scope_of(call))]
    return Reply(200, {"value": [*found, *(_built_in(name) for name in BUILT_IN)]})


def policy_set_definitions_list(call: Call) -> Reply:
    """List the initiatives of a scope."""
    return Reply(200, {"value": [one.doc for one in call.world.store.list(SET_DEFINITION, scope_of(call))]})


def _built_in(name: str) -> dict[str, Any]:
    id_ = f"/providers/{DEFINITION}/{name}"
    return {"properties": {**BUILT_IN[name], "policyType": "BuiltIn"}, "id": id_, "type": DEFINITION, "name": name}


def policy_assignments_get(call: Call) -> Reply:
    """Show a policy assignment."""
    return _get(call, "PolicyAssignmentNotFound")


def policy_definitions_get(call: Call) -> Reply:
    """Show a policy definition, built in or not."""
    name = call.params["policy"].lower()
    if call.world.store.get(call.path) is None and name in BUILT_IN:
        return Reply(200, _built_in(name))
    return _get(call, "PolicyDefinitionNotFound")


def policy_set_definitions_get(call: Call) -> Reply:
    """Show an initiative."""
    return _get(call, "PolicySetDefinitionNotFound")


def _get(call: Call, code: str) -> Reply:
    found = call.world.store.get(call.path)
    if found is None:
        kind = paths.parse(call.path).type.rpartition("/")[2]
        raise ArmError(404, code, f"The {kind} '{call.params['policy']}' could not be found.")
    return Reply(200, found.doc)


def policy_assignments_create(call: Call) -> Reply:
    """Create or replace a policy assignment (201); 404 where its definition is absent."""
    given = dict(call.body_object().get("properties") or {})
    wanted = str(given.get("policyDefinitionId") or "")
    if _find(call.world, wanted) is None:
        message = f"The policy definition '{wanted}' that the policy assignment names could not be found."
        raise ArmError(404, "PolicyDefinitionNotFound", message)
    defaults = {"scope": scope_of(call), "notScopes": [], "enforcementMode": "Default"}
    return _put(call, ASSIGNMENT, {**defaults, **given})


def policy_definitions_create_or_update(call: Call) -> Reply:
    """Create or replace a policy definition (201)."""
    given = dict(call.body_object().get("properties") or {})
    return _put(call, DEFINITION, {"policyType": "Custom", "mode": "All", **given})


def policy_set_definitions_create_or_update(call: Call) -> Reply:
    """Create or replace an initiative (201)."""
    return _put(call, SET_DEFINITION, {"policyType": "Custom", **dict(call.body_object().get("properties") or {})})


def _put(call: Call, type_: str, properties: dict[str, Any]) -> Reply:
    document = {"properties": properties, "id": call.path, "type": type_, "name": call.params["policy"]}
    return Reply(201, call.world.store.put(document).doc)


def policy_assignments_delete(call: Call) -> Reply:
    """Delete a policy assignment: 200, or 204 where it is absent."""
    return Reply(200 if call.world.store.delete(call.path) else 204)


def policy_definitions_delete(call: Call) -> Reply:
    """Delete a policy definition: 200, or 204 where it is absent."""
    return Reply(200 if call.world.store.delete(call.path) else 204)


def policy_set_definitions_delete(call: Call) -> Reply:
    """Delete an initiative: 200, or 204 where it is absent."""
    return Reply(200 if call.world.store.delete(call.path) else 204)
