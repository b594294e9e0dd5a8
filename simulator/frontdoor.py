"""What Azure Resource Manager checks before a provider sees a request.

In Azure's order: token, throttling, subscription, permission, the subscription's state, registration of the provider,
locks, resource group.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator import paths, rbac, throttling
from simulator.errors import from_gateway, group_not_found

if TYPE_CHECKING:
    from simulator.errors import ArmError
    from simulator.identity import Identity
    from simulator.provider import Route
    from simulator.store import Resource
    from simulator.world import World

LOCKS = "Microsoft.Authorization/locks"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
API_VERSION = re.compile(r"\d{4}-\d\d-\d\d(-\w+)*")
ALWAYS_REGISTERED = frozenset({"microsoft.resources", "microsoft.authorization", ""})


def meter(world: World, identity: Identity, method: str, path: str) -> dict[str, str]:
    """Take a token from the buckets of the subscription, or of the tenant; the headers that say so. Raises 429."""
    subscription = paths.parse(path).subscription
    kind = throttling.kind_of(method)
    remaining, everyone = world.throttle.take((subscription or throttling.TENANT).lower(), identity.object_id, method)
    if not subscription:
        return {f"x-ms-ratelimit-remaining-tenant-{kind}": str(remaining)}
    return {
        f"x-ms-ratelimit-remaining-subscription-{kind}": str(remaining),
        f"x-ms-ratelimit-remaining-subscription-global-{kind}": str(everyone),
    }


def check_api_version(version: str) -> None:
    """Raise 400 unless the request names an api-version: any date, with or without ``-preview``."""
    if not version:
        raise from_gateway(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    if API_VERSION.fullmatch(version) is None:
        message = (
            f"The api-version '{version}' is invalid. The supported versions are of the form 'yyyy-MM-dd' or "
            "'yyyy-MM-dd-preview'."
        )
        raise from_gateway(400, "InvalidApiVersionParameter", message)


def admit(world: World, identity: Identity, method: str, path: str, route: Route) -> None:
    """Let a request through to its provider or raise the front door's refusal."""
    parsed = paths.parse(path)
    if parsed.subscription:
        _check_subscription(world, parsed.subscription)
    if route.action != "":
        action = route.action or rbac.action_of(method, path)
        rbac.check(world, identity, action, rbac.scope_of(method, path))
    if parsed.subscription and route.writes:
        _check_state(world, method, parsed.subscription)
        _check_registration(world, parsed)
    if route.writes or method == "POST":
        _check_locks(world, method, path)


def _check_subscription(world: World, subscription: str) -> None:
    if world.store.area("subscriptions").get(subscription) is None:
        if GUID.fullmatch(subscription) is None:
            message = f"The provided subscription identifier '{subscription}' is malformed or invalid."
            raise from_gateway(400, "InvalidSubscriptionId", message)
        raise from_gateway(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")


def _check_state(world: World, method: str, subscription: str) -> None:
    """Raise 409 for a write in a subscription that is not active; what it has may be read and deleted."""
    if method != "DELETE" and not is_active(world, subscription):
        raise read_only(subscription)


def read_only(subscription: str) -> ArmError:
    """Azure's 409 for a write in a subscription that is not active."""
    return from_gateway(
        409,
        "ReadOnlyDisabledSubscription",
        f"The subscription '{subscription}' is disabled and therefore marked as read only. You cannot perform any "
        "write actions on this subscription until it is re-enabled.",
    )


def is_active(world: World, subscription: str) -> bool:
    """Whether the subscription takes writes, as `Enabled` and `PastDue` do.

    `Azure subscription states
    <https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states>`_.
    """
    kept = world.store.area("subscriptions").get(subscription) or {}
    return str(kept.get("state") or "Enabled").lower() in {"enabled", "active", "pastdue"}


def _check_registration(world: World, parsed: paths.ResourceId) -> None:
    if parsed.namespace.lower() in ALWAYS_REGISTERED or not parsed.names:
        return
    if world.is_registered(parsed.subscription, parsed.namespace):
        return
    message = (
        f"The subscription is not registered to use namespace '{parsed.namespace}'. See "
        "https://aka.ms/rps-not-found for how to register subscriptions."
    )
    detail = {"code": "MissingSubscriptionRegistration", "target": parsed.namespace, "message": message}
    raise from_gateway(409, "MissingSubscriptionRegistration", message, details=[detail])


def check_group(world: World, path: str, route: Route) -> None:
    """Raise 404 where the path's resource group is absent; a stale read asks this of the past, as the rest of it."""
    parsed = paths.parse(path)
    if not parsed.group or route.on_absent_group:
        return
    if not world.store.exists(f"/subscriptions/{parsed.subscription}/resourceGroups/{parsed.group}"):
        raise group_not_found(parsed.group)


def _check_locks(world: World, method: str, path: str) -> None:
    """Raise 409 where a lock forbids it; a ReadOnly lock forbids every POST of a resource, also ``listKeys``."""
    scope = path.rpartition("/")[0] if method == "POST" else path
    parsed = paths.parse(scope)
    if parsed.type.lower() == LOCKS.lower() or (method == "POST" and not parsed.names):
        return
    locked = locks_against(world, scope, deletes=method == "DELETE")
    if locked:
        raise scope_locked(scope, locked, "delete" if method == "DELETE" else "write")


def locks_against(world: World, scope: str, *, deletes: bool) -> list[str]:
    """The locked scopes that forbid writing to *scope*, or deleting it with all that lies under it."""
    return [paths.scope_of(lock.id) for lock in world.store.list(LOCKS) if _forbids(lock, scope, deletes=deletes)]


def _forbids(lock: Resource, scope: str, *, deletes: bool) -> bool:
    locked = paths.scope_of(lock.id)
    if deletes:
        return paths.within(scope, locked) or paths.within(locked, scope)
    return lock.properties.get("level") == "ReadOnly" and paths.within(scope, locked)


def scope_locked(scope: str, locked: list[str], verb: str) -> ArmError:
    """Azure's 409 for a locked scope; *verb* is ``delete`` or ``write``."""
    listed = ",".join(locked)
    return from_gateway(
        409,
        "ScopeLocked",
        f"The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: '{listed}'. "
        "Please remove the lock and try again.",
    )
