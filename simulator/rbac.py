"""Azure's role-based access: which action a request is, and whether the caller's roles allow it.

A deny assignment (of the seed: nobody makes one by hand in Azure either) takes away what roles allow. A management
group's scope covers the subscriptions that name it in the seed (``managementGroups``), and where none does, all; the
root group, which is called like the tenant, always does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.errors import ArmError
from simulator.roles import ROLES, role_by_definition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.identity import Identity
    from simulator.store import Resource
    from simulator.world import World

VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
DENIALS = "Microsoft.Authorization/denyAssignments"
EVERYONE = "00000000-0000-0000-0000-000000000000"
_MANAGEMENT_GROUP = "/providers/microsoft.management/managementgroups/"
MOST_REMEMBERED = 10_000


Refusal = tuple[str, str]
"""Code and message."""


@dataclass
class Decisions:
    """What was found allowed or not, as long as no role or assignment changes."""

    version: int = -1
    refusals: dict[tuple[str, str, str], Refusal | None] = field(default_factory=dict)


def action_of(method: str, path: str) -> str:
    """The RBAC action of a request (``Microsoft.Compute/virtualMachines/start/action``)."""
    if method == "POST":
        parent, _, verb = path.rpartition("/")
        return f"{paths.parse(parent).type}/{verb}/action"
    return f"{paths.parse(path).type}/{VERBS.get(method, 'write')}"


def scope_of(method: str, path: str) -> str:
    """What the permission is asked over: the resource, or what a collection or action hangs on."""
    segments = paths.split(path)
    lowered = [segment.lower() for segment in segments]
    if method == "POST":
        segments = segments[:-1]
    elif "providers" in lowered:
        start = len(lowered) - 1 - lowered[::-1].index("providers")
        tail = len(segments) - start - 2
        if tail % 2:
            segments = segments[: start if tail == 1 else -1]
    elif len(segments) % 2:
        segments = segments[:-1]
    return "/" + "/".join(segments)


def effective_permissions(world: World, identity: Identity, scope: str) -> list[dict[str, list[str]]]:
    """The caller's permissions at *scope*, one object per assignment that covers it.

    Each has ``actions``, ``notActions``, ``dataActions`` and ``notDataActions``, as the permissions API lists them.
    """
    return [_permission(block) for role in _roles_at(world, identity, scope) for block in blocks_of(role)]


def is_allowed(world: World, identity: Identity, action: str, scope: str) -> bool:
    """Tell whether *identity* may do *action* over *scope*."""
    return _refusal(world, identity, action, scope) is None


def check(world: World, identity: Identity, action: str, scope: str) -> None:
    """Raise Azure's 403 unless *identity* may do *action* over *scope*."""
    refusal = _refusal(world, identity, action, scope)
    if refusal is not None:
        raise ArmError(403, *refusal, headers={"x-ms-failure-cause": "gateway"})


def _refusal(world: World, identity: Identity, action: str, scope: str) -> Refusal | None:
    """Why *identity* may not do *action* over *scope*, or None; remembered until something about access changes."""
    remembered = world.decisions
    if remembered.version != world.store.access_version or len(remembered.refusals) >= MOST_REMEMBERED:
        remembered.refusals.clear()
        remembered.version = world.store.access_version
    key = (identity.object_id, action, scope)
    if key not in remembered.refusals:
        remembered.refusals[key] = _decide(world, identity, action, scope)
    return remembered.refusals[key]


def _decide(world: World, identity: Identity, action: str, scope: str) -> Refusal | None:
    client = f"The client '{identity.name}' with object id '{identity.object_id}'"
    if not any(_grants(role, action) for role in _roles_at(world, identity, scope)):
        return "AuthorizationFailed", (
            f"{client} does not have authorization to perform action '{action}' over scope '{scope}' or the scope is "
            "invalid. If access was recently granted, please refresh your credentials."
        )
    denial = next((one for one in world.store.list(DENIALS) if _denies(world, one, identity, action, scope)), None)
    if denial is None:
        return None
    name = denial.properties.get("denyAssignmentName") or denial.name
    return "DenyAssignmentAuthorizationFailed", (
        f"{client} has permission to perform action '{action}' on scope '{scope}'; however, the access is denied "
        f"because of the deny assignment with name '{name}' and Id '{denial.name.replace('-', '')}' at scope "
        f"'{scope_assigned(denial)}'."
    )


def _denies(world: World, denial: Resource, identity: Identity, action: str, scope: str) -> bool:
    given, assigned = denial.properties, scope_assigned(denial)
    reaches = paths.same(scope, assigned) if given.get("doNotApplyToChildScopes") else covers(world, assigned, scope)
    ours = _principals(identity)
    meant = {str(one.get("id", "")).lower() for one in given.get("principals") or []} & {EVERYONE, *ours}
    spared = {str(one.get("id", "")).lower() for one in given.get("excludePrincipals") or []} & ours
    return reaches and bool(meant) and not spared and _grants({"permissions": given.get("permissions") or []}, action)


def scope_assigned(assignment: Resource) -> str:
    """The scope of an assignment that is a resource."""
    return str(assignment.properties.get("scope") or paths.scope_of(assignment.id))


def covers(world: World, assigned: str, scope: str) -> bool:
    """Tell whether what is assigned at one scope holds at *scope*."""
    assigned = assigned.rstrip("/").lower()
    if assigned == "" or paths.within(scope, assigned):
        return True
    if not assigned.startswith(_MANAGEMENT_GROUP):
        return False
    group, subscription = assigned.removeprefix(_MANAGEMENT_GROUP), paths.parse(scope).subscription.lower()
    if not subscription or group == world.tenant_id.lower():
        return bool(subscription)
    members = [s for s in world.subscriptions if group in {str(g).lower() for g in s.get("managementGroups") or []}]
    return not members or subscription in {str(member["subscriptionId"]).lower() for member in members}


def seen(world: World, identity: Identity, action: str, scope: str, entries: Iterable[tuple[str, str]]) -> list[str]:
    """Those of the *entries*, types and ids, that the caller sees in a list at *scope*.

    All where it may list there; else, as in Resource Manager's own lists, those on which it has a role that reads. A
    caller without any role in the subscription gets the 403.
    """
    if is_allowed(world, identity, action, scope):
        return [id_ for _, id_ in entries]
    if not sees_subscription(world, identity, paths.parse(scope).subscription):
        check(world, identity, action, scope)
    return [id_ for type_, id_ in entries if is_allowed(world, identity, f"{type_}/read", id_)]


def sees_subscription(world: World, identity: Identity, subscription: str) -> bool:
    """Tell whether the caller has any role in the subscription (it is listed then)."""
    id_ = f"/subscriptions/{subscription}"
    return any(paths.within(scope, id_) or covers(world, scope, id_) for scope, _ in _assignments(world, identity))


def _roles_at(world: World, identity: Identity, scope: str) -> list[dict[str, Any]]:
    return [role for assigned, role in _assignments(world, identity) if covers(world, assigned, scope)]


def _principals(identity: Identity) -> set[str]:
    """The ids by which the caller may be meant: its own and those of its groups."""
    return {identity.object_id.lower(), *(group.lower() for group in identity.groups)}


def _assignments(world: World, identity: Identity) -> list[tuple[str, dict[str, Any]]]:
    found = [(str(one["scope"]), _role(one["role"])) for one in identity.roles]
    principals = _principals(identity)
    for resource in world.store.list(ASSIGNMENTS):
        if str(resource.properties.get("principalId", "")).lower() in principals:
            definition = _definition(world, str(resource.properties.get("roleDefinitionId", "")))
            found.append((scope_assigned(resource), definition))
    return found


def _role(role: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(role, dict):
        return role
    return next((known for name, known in ROLES.items() if name.lower() == role.lower()), {"actions": []})


def _definition(world: World, definition_id: str) -> dict[str, Any]:
    guid = definition_id.rpartition("/")[2]
    known = role_by_definition(guid)
    if known is not None:
        return known
    for resource in world.store.list("Microsoft.Authorization/roleDefinitions"):
        if resource.name.lower() == guid.lower():
            return {"permissions": resource.properties.get("permissions") or []}
    return {"actions": []}


def blocks_of(role: dict[str, Any]) -> list[dict[str, Any]]:
    """A role's permissions: what one block takes away by ``notActions`` another may give."""
    blocks = role.get("permissions")
    return [role] if blocks is None else list(blocks)


def _permission(role: dict[str, Any]) -> dict[str, list[str]]:
    return {name: list(role.get(name) or ()) for name in ("actions", "notActions", "dataActions", "notDataActions")}


def _grants(role: dict[str, Any], action: str) -> bool:
    return any(
        _any(block.get("actions") or (), action) and not _any(block.get("notActions") or (), action)
        for block in blocks_of(role)
    )


def _any(patterns: list[str] | tuple[str, ...], action: str) -> bool:
    return any(_pattern(pattern).fullmatch(action) for pattern in patterns)


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.IGNORECASE)
