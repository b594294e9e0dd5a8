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
_TYPES = {"assignment": ASSIGNMENT, "definition": DEFINITION, "set": SET_DEFINITION}


def refusal(world: World, document: dict[str, Any]) -> ArmError | None:
    """The 403 for writing the resource *document* (id, type, location, tags, properties), or None."""
    if str(document.get("type", "")).lower().startswith(PREFIX):
        return None
    for assignment in world.store.list(ASSIGNMENT):
        if not _applies(assignment, str(document["id"])):
            continue
        for definition, values in _rules(world, assignment):
            if _denies(definition, document, values):
                return _refused(document, assignment, definition)
    return None


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


def _find(world: World, id_: str) -> tuple[str, dict[str, Any]] | None:
    found = world.store.get(id_)
    if found is not None:
        return found.id, found.properties
    built_in = BUILT_IN.get(id_.rstrip("/").rpartition("/")[2].lower())
    return None if built_in is None else (id_, built_in)


def _rules(world: World, assignment: Resource) -> Iterator[tuple[tuple[str, dict[str, Any]], dict[str, Any]]]:
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


def _denies(definition: tuple[str, dict[str, Any]], document: dict[str, Any], values: dict[str, Any]) -> bool:
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


def _refused(document: dict[str, Any], assignment: Resource, definition: tuple[str, dict[str, Any]]) -> ArmError:
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


def policy_get(call: Call) -> Reply:
    """Show a policy assignment, definition or initiative."""
    found = call.world.store.get(call.path)
    if found is not None:
        return Reply(200, found.doc)
    name = call.params["policy"]
    if "policydefinitions" in call.path.lower() and name.lower() in BUILT_IN:
        return Reply(200, _built_in(name.lower()))
    kind = paths.parse(call.path).type.rpartition("/")[2]
    code = {"policyassignments": "PolicyAssignmentNotFound"}.get(kind.lower(), "PolicyDefinitionNotFound")
    raise ArmError(404, code, f"The {kind} '{name}' could not be found.")


def policy_create(call: Call) -> Reply:
    """Create (201) or replace a policy assignment, definition or initiative."""
    given = call.body_object()
    type_ = next(type_ for type_ in _TYPES.values() if type_.lower() == paths.parse(call.path).type.lower())
    properties = dict(given.get("properties") or {})
    if type_ == ASSIGNMENT:
        _require_definition(call, properties)
        properties = {"scope": scope_of(call), "notScopes": [], "enforcementMode": "Default", **properties}
    else:
        properties = {"policyType": "Custom", "mode": "All", **properties}
    document = {"properties": properties, "id": call.path, "type": type_, "name": call.params["policy"]}
    return Reply(201, call.world.store.put(document).doc)


def _require_definition(call: Call, properties: dict[str, Any]) -> None:
    wanted = str(properties.get("policyDefinitionId") or "")
    if _find(call.world, wanted) is None:
        raise ArmError(
            404, "PolicyDefinitionNotFound", f"The policy definition specified in policy assignment is out of scope. "
            f"The policy definition '{wanted}' could not be found.",
        )  # fmt: skip


def policy_delete(call: Call) -> Reply:
    """Delete a policy assignment, definition or initiative: 200, or 204 where it is absent."""
    return Reply(200 if call.world.store.delete(call.path) else 204)
