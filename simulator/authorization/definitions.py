"""Role definitions: the built-in roles, those that the seed writes out, and custom ones made by a call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.authorization.names import ASSIGNMENT, DEFINITION, scope_of
from simulator.clock import rfc7
from simulator.compute.names import stable_guid
from simulator.provider import ArmError, Call, Reply
from simulator.roles import ROLES

if TYPE_CHECKING:
    from simulator.world import World


def definition_id(subscription: str, guid: str) -> str:
    """The id of a role definition as it is written in a subscription, or in the tenant."""
    prefix = f"/subscriptions/{subscription}" if subscription else ""
    return f"{prefix}/providers/{DEFINITION}/{guid}"


def custom_guid(role: dict[str, Any]) -> str:
    """The GUID of a role that the seed writes out where it assigns it."""
    return stable_guid("role", repr(sorted(role.items())))


def find(world: World, guid: str) -> dict[str, Any] | None:
    """The role definition of that GUID, or None."""
    return next((one for one in _all(world, "") if str(one["name"]).lower() == guid.lower()), None)


def _definitions(call: Call) -> list[dict[str, Any]]:
    return _all(call.world, paths.parse(scope_of(call)).subscription if scope_of(call) else "")


def _all(world: World, subscription: str) -> list[dict[str, Any]]:
    found = [_definition(subscription, role["id"], name, "BuiltInRole", role) for name, role in ROLES.items()]
    for principal in world.identities.raw():
        for one in principal.get("roles") or ():
            if isinstance(one["role"], dict):
                guid = custom_guid(one["role"])
                found.append(_definition(subscription, guid, f"Custom role {guid[:8]}", "CustomRole", one["role"]))
    return [*found, *(resource.doc for resource in world.store.list(DEFINITION))]


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
        "id": definition_id(subscription, guid),
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
    for one in call.world.store.list(ASSIGNMENT):
        if str(one.properties.get("roleDefinitionId", "")).lower().endswith(guid):
            raise ArmError(
                400, "RoleDefinitionHasAssignments", f"There are existing role assignments referencing role '{guid}'."
            )
    return Reply(200 if call.world.store.delete(call.resource_id) else 204)
