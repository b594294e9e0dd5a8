"""Permissions, role assignments and role definitions: the seed's identities seen through Azure's API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.authorization.names import ASSIGNMENT, DEFINITION, concerns, scope_of
from simulator.clock import rfc7
from simulator.compute.names import stable_guid
from simulator.provider import ArmError, Call, Reply
from simulator.rbac import effective_permissions
from simulator.roles import ROLES

if TYPE_CHECKING:
    from simulator.world import World


def permissions_list(call: Call) -> Reply:
    """List what the caller may do at the scope, an object per assignment."""
    return Reply(200, {"value": effective_permissions(call.world, call.identity, scope_of(call) or "/")})


def _definition_id(subscription: str, guid: str) -> str:
    prefix = f"/subscriptions/{subscription}" if subscription else ""
    return f"{prefix}/providers/{DEFINITION}/{guid}"


def _custom_guid(role: dict[str, Any]) -> str:
    return stable_guid("role", repr(sorted(role.items())))


def _assignment(principal: dict[str, Any], role: str | dict[str, Any], scope: str, world: World) -> dict[str, Any]:
    built_in = {name.lower(): one["id"] for name, one in ROLES.items()}
    guid = built_in.get(role.lower(), "") if isinstance(role, str) else _custom_guid(role)
    scope = scope.rstrip("/")
    name = stable_guid(str(principal["object_id"]), guid, scope)
    kind = "User" if principal.get("kind") == "user" else "ServicePrincipal"
    created = rfc7(world.now)
    return {
        "properties": {
            "roleDefinitionId": _definition_id(paths.parse(scope).subscription if scope else "", guid),
            "principalId": principal["object_id"],
            "principalType": kind,
            "scope": scope or "/",
            "condition": None,
            "conditionVersion": None,
            "createdOn": created,
            "updatedOn": created,
            "createdBy": None,
            "updatedBy": None,
            "delegatedManagedIdentityResourceId": None,
            "description": None,
        },
        "id": f"{scope}/providers/{ASSIGNMENT}/{name}",
        "type": ASSIGNMENT,
        "name": name,
    }


def _assignments(world: World) -> list[dict[str, Any]]:
    """Every assignment: those of the seed's identities, and those that are resources."""
    seeded = [
        _assignment(principal, one["role"], str(one["scope"]), world)
        for principal in world.identities.raw()
        for one in principal.get("roles") or ()
    ]
    stored = []
    for resource in world.store.list(ASSIGNMENT):
        resource.properties.setdefault("scope", paths.scope_of(resource.id))
        stored.append(resource.doc)
    return [*seeded, *stored]


def role_assignments_list(call: Call) -> Reply:
    """List the assignments that bear on a scope (`atScope()`, `principalId eq`, `assignedTo()` narrow it)."""
    scope, wanted = scope_of(call), call.query.get("$filter", "")
    below = "atscope()" not in wanted.lower()
    principal = re.search(r"(?:principalId\s+eq\s+|assignedTo\()'([^']+)'", wanted, re.IGNORECASE)
    found = [
        one
        for one in _assignments(call.world)
        if concerns(one["properties"]["scope"], scope, below=below)
        and (principal is None or str(one["properties"].get("principalId", "")).lower() == principal[1].lower())
    ]
    return Reply(200, {"value": found})


def role_assignments_get(call: Call) -> Reply:
    """Answer with an assignment, or 404 `RoleAssignmentNotFound`."""
    for one in _assignments(call.world):
        if paths.same(one["id"], call.resource_id):
            return Reply(200, one)
    raise ArmError(404, "RoleAssignmentNotFound", f"The role assignment '{call.params['assignment']}' is not found.")


def role_assignments_create(call: Call) -> Reply:
    """Create an assignment (201); the front door honours it from now on."""
    properties = call.body_object().get("properties") or {}
    if not properties.get("roleDefinitionId") or not properties.get("principalId"):
        raise ArmError(400, "InvalidRequestContent", "roleDefinitionId and principalId are required.")
    if call.world.store.exists(call.resource_id):
        raise ArmError(409, "RoleAssignmentExists", "The role assignment already exists.")
    document = {
        "properties": {**properties, "scope": scope_of(call) or "/", "createdOn": rfc7(call.world.now)},
        "id": call.resource_id,
        "type": ASSIGNMENT,
        "name": call.params["assignment"],
    }
    return Reply(201, call.world.store.put(document).doc)


def role_assignments_delete(call: Call) -> Reply:
    """Delete an assignment that is a resource: 200, or 204 where it is absent."""
    return Reply(200 if call.world.store.delete(call.resource_id) else 204)


def _definitions(call: Call) -> list[dict[str, Any]]:
    subscription = paths.parse(scope_of(call)).subscription if scope_of(call) else ""
    found = [_definition(subscription, role["id"], name, "BuiltInRole", role) for name, role in ROLES.items()]
    for principal in call.world.identities.raw():
        for one in principal.get("roles") or ():
            if isinstance(one["role"], dict):
                guid = _custom_guid(one["role"])
                found.append(_definition(subscription, guid, f"Custom role {guid[:8]}", "CustomRole", one["role"]))
    return [*found, *(resource.doc for resource in call.world.store.list(DEFINITION))]


def _definition(subscription: str, guid: str, name: str, kind: str, role: dict[str, Any]) -> dict[str, Any]:
    permission = {key: list(role.get(key, ())) for key in ("actions", "notActions", "dataActions", "notDataActions")}
    return {
        "properties": {
            "roleName": name,
            "type": kind,
            "description": name,
            "assignableScopes": ["/"],
            "permissions": [permission],
        },
        "id": _definition_id(subscription, guid),
        "type": DEFINITION,
        "name": guid,
    }


def role_definitions_list(call: Call) -> Reply:
    """List the role definitions (`roleName eq` narrows it)."""
    wanted = re.search(r"roleName\s+eq\s+'([^']+)'", call.query.get("$filter", ""), re.IGNORECASE)
    found = [
        one
        for one in _definitions(call)
        if wanted is None or str(one["properties"].get("roleName", "")).lower() == wanted[1].lower()
    ]
    return Reply(200, {"value": found})


def role_definitions_get(call: Call) -> Reply:
    """Answer with a role definition, or 404."""
    wanted = call.params["definition"].lower()
    for one in _definitions(call):
        if str(one["name"]).lower() == wanted:
            return Reply(200, one)
    message = f"The specified role definition with ID '{wanted}' does not exist."
    raise ArmError(404, "RoleDefinitionDoesNotExist", message)


def role_definitions_create_or_update(call: Call) -> Reply:
    """Create (201) or change (201, as Azure) a custom role; a built-in one cannot be changed."""
    given = call.body_object().get("properties") or {}
    name, permissions = given.get("roleName"), given.get("permissions") or []
    if not name or not permissions or not given.get("assignableScopes"):
        raise ArmError(
            400,
            "RoleDefinitionInvalid",
            "roleName, permissions and assignableScopes of the role definition are required.",
        )
    for one in _definitions(call):
        same_id = str(one["name"]).lower() == call.params["definition"].lower()
        if same_id and one["properties"]["type"] == "BuiltInRole":
            raise ArmError(400, "RoleDefinitionIsBuiltIn", f"The built-in role '{name}' cannot be changed.")
        if not same_id and str(one["properties"].get("roleName", "")).lower() == str(name).lower():
            raise ArmError(
                409, "RoleDefinitionWithSameNameExists", f"A custom role with the same name '{name}' already exists."
            )
    keys = ("actions", "notActions", "dataActions", "notDataActions")
    document = {
        "properties": {
            "roleName": name,
            "type": "CustomRole",
            "description": given.get("description") or "",
            "assignableScopes": given["assignableScopes"],
            "permissions": [{key: list(block.get(key) or ()) for key in keys} for block in permissions],
            "createdOn": rfc7(call.world.now),
            "updatedOn": rfc7(call.world.now),
        },
        "id": call.resource_id,
        "type": DEFINITION,
        "name": call.params["definition"],
    }
    return Reply(201, call.world.store.put(document).doc)


def role_definitions_delete(call: Call) -> Reply:
    """Delete a custom role that nobody is assigned: 200, or 204 where it is absent."""
    guid = call.params["definition"].lower()
    for one in _assignments(call.world):
        if str(one["properties"].get("roleDefinitionId", "")).lower().endswith(guid):
            raise ArmError(
                400, "RoleDefinitionHasAssignments", f"There are existing role assignments referencing role '{guid}'."
            )
    return Reply(200 if call.world.store.delete(call.resource_id) else 204)


def nothing_list(_: Call) -> Reply:
    """Answer a listing of what this cloud never has (policy and deny assignments)."""
    return Reply(200, {"value": []})
