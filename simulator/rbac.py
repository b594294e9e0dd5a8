"""Azure's role-based access: which action a request is, and whether the caller's roles allow it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.errors import ArmError
from simulator.roles import ROLES, role_by_definition

if TYPE_CHECKING:
    from simulator.identity import Identity
    from simulator.world import World

VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
MOST_REMEMBERED = 10_000


@dataclass
class Decisions:
    """What was found allowed or not, as long as no role or assignment changes."""

    version: int = -1
    allowed: dict[tuple[str, str, str], bool] = field(default_factory=dict)


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
    """Tell whether some role of *identity* at *scope* allows *action*; asked again, it is remembered."""
    remembered = world.decisions
    if remembered.version != world.store.access_version or len(remembered.allowed) >= MOST_REMEMBERED:
        remembered.allowed.clear()
        remembered.version = world.store.access_version
    key = (identity.object_id, action, scope)
    if key not in remembered.allowed:
        remembered.allowed[key] = _is_allowed(world, identity, action, scope)
    return remembered.allowed[key]


def _is_allowed(world: World, identity: Identity, action: str, scope: str) -> bool:
    return any(_grants(role, action) for role in _roles_at(world, identity, scope))


def check(world: World, identity: Identity, action: str, scope: str) -> None:
    """Raise Azure's 403 unless *identity* may do *action* over *scope*."""
    if is_allowed(world, identity, action, scope):
        return
    raise ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{identity.name}' with object id '{identity.object_id}' does not have authorization to perform "
        f"action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please "
        "refresh your credentials.",
        headers={"x-ms-failure-cause": "gateway"},
    )


def sees_subscription(world: World, identity: Identity, subscription: str) -> bool:
    """Tell whether the caller has any role in the subscription (it is listed then)."""
    id_ = f"/subscriptions/{subscription}"
    return any(
        paths.within(scope, id_) or scope.rstrip("/") == "" or paths.within(id_, scope)
        for scope, _ in _assignments(world, identity)
    )


def _roles_at(world: World, identity: Identity, scope: str) -> list[dict[str, Any]]:
    return [
        role
        for assigned, role in _assignments(world, identity)
        if assigned.rstrip("/") == "" or paths.within(scope, assigned)
    ]


def _assignments(world: World, identity: Identity) -> list[tuple[str, dict[str, Any]]]:
    found = [(str(one["scope"]), _role(one["role"])) for one in identity.roles]
    principals = {identity.object_id.lower(), *(group.lower() for group in identity.groups)}
    for resource in world.store.list(ASSIGNMENTS):
        if str(resource.properties.get("principalId", "")).lower() in principals:
            scope = resource.properties.get("scope") or paths.scope_of(resource.id)
            found.append((scope, _definition(world, str(resource.properties.get("roleDefinitionId", "")))))
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
