"""Permissions, role and deny assignments: the seed's identities seen through Azure's API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator import context, paths
from simulator.authorization import definitions
from simulator.authorization.names import ASSIGNMENT, concerns, scope_of
from simulator.clock import rfc7
from simulator.compute.names import stable_guid
from simulator.provider import ArmError, Call, Reply
from simulator.rbac import DENIALS, EVERYONE, covers, effective_permissions, scope_assigned
from simulator.roles import ROLES

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World


def permissions_list(call: Call) -> Reply:
    """List what the caller may do at the scope, an object per assignment."""
    return Reply(200, {"value": effective_permissions(call.world, call.identity, scope_of(call) or "/")})


def _assignment(principal: dict[str, Any], role: str | dict[str, Any], scope: str, world: World) -> dict[str, Any]:
    built_in = {name.lower(): one["id"] for name, one in ROLES.items()}
    guid = built_in.get(role.lower(), "") if isinstance(role, str) else definitions.custom_guid(role)
    scope = scope.rstrip("/")
    name = stable_guid(str(principal["object_id"]), guid, scope)
    kind = "User" if principal.get("kind") == "user" else "ServicePrincipal"
    created = rfc7(world.now)
    return {
        "properties": {
            "roleDefinitionId": definitions.definition_id(paths.parse(scope).subscription if scope else "", guid),
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
    meant = _principals_meant(call.world, wanted)
    found = [
        one
        for one in _assignments(call.world)
        if concerns(one["properties"]["scope"], scope, below=below)
        and (meant is None or str(one["properties"].get("principalId", "")).lower() in meant)
    ]
    return Reply(200, {"value": found})


def _principals_meant(world: World, wanted: str) -> set[str] | None:
    """The ids that a filter asks for, with `assignedTo()` also a principal's groups; None where it asks for nobody."""
    asked = re.search(r"(principalId\s+eq\s+|assignedTo\()'([^']+)'", wanted, re.IGNORECASE)
    if asked is None:
        return None
    object_id = asked[2].lower()
    if not asked[1].lower().startswith("assignedto"):
        return {object_id}
    known = [one for one in world.identities.raw() if str(one.get("object_id", "")).lower() == object_id]
    return {object_id, *(str(group).lower() for one in known for group in one.get("groups") or ())}


def role_assignments_get(call: Call) -> Reply:
    """Answer with an assignment, or 404 `RoleAssignmentNotFound`."""
    for one in _assignments(call.world):
        if paths.same(one["id"], call.resource_id):
            return Reply(200, one)
    raise ArmError(404, "RoleAssignmentNotFound", f"The role assignment '{call.params['assignment']}' is not found.")


def role_assignments_create(call: Call) -> Reply:
    """Create an assignment (201), or answer with the same one again (200); the front door honours it from now on."""
    properties = call.body_object().get("properties") or {}
    if not properties.get("roleDefinitionId") or not properties.get("principalId"):
        raise ArmError(400, "InvalidRequestContent", "roleDefinitionId and principalId are required.")
    scope = scope_of(call) or "/"
    wanted = _meaning({**properties, "scope": scope})
    known = _assignments(call.world)
    same = next((one for one in known if paths.same(one["id"], call.resource_id)), None)
    if same is not None:
        return _again(same, wanted)
    for one in known:
        if _meaning(one["properties"]) == wanted:
            message = f"The role assignment already exists. The ID of the existing role assignment is {one['name']}."
            raise ArmError(409, "RoleAssignmentExists", message)
    _check_principal(call, properties)
    _check_definition(call, str(properties["roleDefinitionId"]), scope)
    created = rfc7(call.world.now)
    document = {
        "properties": {
            "principalType": _kind_of(call.world, str(properties["principalId"])),
            **properties,
            "scope": scope,
            "createdOn": created,
            "updatedOn": created,
            "createdBy": call.identity.object_id,
            "updatedBy": call.identity.object_id,
        },
        "id": call.resource_id,
        "type": ASSIGNMENT,
        "name": call.params["assignment"],
    }
    return Reply(201, call.world.store.put(document).doc)


def _meaning(properties: dict[str, Any]) -> tuple[str, ...]:
    """What an assignment says: who, which role, where."""
    role = str(properties.get("roleDefinitionId", "")).rpartition("/")[2]
    return tuple(
        text.lower().rstrip("/") for text in (str(properties.get("principalId")), role, str(properties["scope"]))
    )


def _again(one: dict[str, Any], wanted: tuple[str, ...]) -> Reply:
    if _meaning(one["properties"]) == wanted:
        return Reply(200, one)
    message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
    raise ArmError(400, "RoleAssignmentUpdateNotPermitted", message)


def _kind_of(world: World, principal: str) -> str:
    kinds = {str(one["object_id"]).lower(): one.get("kind") for one in world.identities.raw()}
    if principal.lower() not in kinds:
        return "Group"
    return "User" if kinds[principal.lower()] == "user" else "ServicePrincipal"


def _check_principal(call: Call, properties: dict[str, Any]) -> None:
    """Refuse a principal that the tenant does not have; who says its type is believed, as by Azure."""
    principal = str(properties["principalId"])
    known = {str(one["object_id"]).lower() for one in call.world.identities.raw()}
    known |= {str(group).lower() for one in call.world.identities.raw() for group in one.get("groups") or ()}
    if properties.get("principalType") or principal.lower() in known:
        return
    raise ArmError(
        400,
        "PrincipalNotFound",
        f"Principal {principal.replace('-', '')} does not exist in the directory {call.world.tenant_id}. Check that "
        "you have the correct principal ID. If you are creating this principal and then immediately assigning a role, "
        "this error might be related to a replication delay. In this case, set the role assignment principalType "
        "property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
    )


def _check_definition(call: Call, definition_id: str, scope: str) -> None:
    """Refuse a role that there is not, or that may not be assigned at *scope*."""
    guid = definition_id.rpartition("/")[2]
    found = definitions.find(call.world, guid)
    if found is None:
        message = f"The specified role definition with ID '{guid}' does not exist."
        raise ArmError(400, "RoleDefinitionDoesNotExist", message)
    if not any(covers(call.world, str(one), scope) for one in found["properties"]["assignableScopes"]):
        raise ArmError(
            400,
            "RoleAssignmentScopeNotAssignableToRoleDefinition",
            f"The role assignment scope '{scope}' is not within the assignable scopes of the role definition '{guid}'.",
        )


def role_assignments_delete(call: Call) -> Reply:
    """Delete an assignment, also one of the seed: 200 with what it was, or 204 where it is absent."""
    found = next((one for one in _assignments(call.world) if paths.same(one["id"], call.resource_id)), None)
    if found is None:
        return Reply(204)
    if not call.world.store.delete(call.resource_id):
        _take_from_principal(call.world, found)
    return Reply(200, found)


def _take_from_principal(world: World, assignment: dict[str, Any]) -> None:
    for principal in world.identities.raw():
        kept = [
            one
            for one in principal.get("roles") or ()
            if _assignment(principal, one["role"], str(one["scope"]), world)["id"] != assignment["id"]
        ]
        if len(kept) != len(principal.get("roles") or ()):
            context.mark_accepted()
            world.identities.put({**principal, "roles": kept})


def deny_assignments_list(call: Call) -> Reply:
    """List the deny assignments that bear on a scope, filtered as role assignments are; none but the seed's exist."""
    scope, wanted = scope_of(call), call.query.get("$filter", "")
    below, meant = "atscope()" not in wanted.lower(), _principals_meant(call.world, wanted)
    found = [
        _denial(one)
        for one in call.world.store.list(DENIALS)
        if concerns(scope_assigned(one), scope, below=below) and (meant is None or _names(one, meant))
    ]
    return Reply(200, {"value": found})


def _names(denial: Resource, meant: set[str]) -> bool:
    """Tell whether a deny assignment names one of the principals, or everybody."""
    named = {str(one.get("id", "")).lower() for one in denial.properties.get("principals") or ()}
    return bool(named & {EVERYONE, *meant})


def deny_assignments_get(call: Call) -> Reply:
    """Answer with a deny assignment, or 404."""
    found = call.world.store.get(call.resource_id)
    if found is None:
        message = f"The deny assignment '{call.params['assignment']}' is not found."
        raise ArmError(404, "DenyAssignmentNotFound", message)
    return Reply(200, _denial(found))


def _denial(resource: Resource) -> dict[str, Any]:
    resource.properties.setdefault("scope", scope_assigned(resource))
    return resource.doc
