"""Management locks at any scope (the front door obeys them)."""

from __future__ import annotations

from simulator import paths
from simulator.authorization.names import LOCK, concerns, scope_of
from simulator.provider import ArmError, Call, Reply

LEVELS = {"cannotdelete": "CanNotDelete", "readonly": "ReadOnly"}


def management_locks_list(call: Call) -> Reply:
    """List the locks that bear on a scope: its own, those above and below it (`atScope()`: not those below)."""
    scope = scope_of(call)
    below = "atscope()" not in call.query.get("$filter", "").lower()
    found = [lock.doc for lock in call.world.store.list(LOCK) if concerns(paths.scope_of(lock.id), scope, below=below)]
    return Reply(200, {"value": found})


def management_locks_get(call: Call) -> Reply:
    """Answer with a lock, or 404 `LockNotFound`."""
    lock = call.world.store.get(call.resource_id)
    if lock is None:
        raise ArmError(404, "LockNotFound", f"The lock '{call.params['lock']}' could not be found.")
    return Reply(200, lock.doc)


def management_locks_create_or_update(call: Call) -> Reply:
    """Create (201) or change (200) a lock."""
    properties = call.body_object().get("properties") or {}
    level = LEVELS.get(str(properties.get("level", "")).lower())
    if level is None:
        raise ArmError(
            400, "InvalidLockLevel", f"The lock level '{properties.get('level')}' is not one of CanNotDelete, ReadOnly."
        )
    existed = call.world.store.exists(call.resource_id)
    kept = {key: properties[key] for key in ("notes", "owners") if properties.get(key)}
    lock = call.world.store.put(
        {"properties": {"level": level, **kept}, "id": call.resource_id, "type": LOCK, "name": call.params["lock"]}
    )
    return Reply(200 if existed else 201, lock.doc)


def management_locks_delete(call: Call) -> Reply:
    """Delete a lock: 200, or 204 where it is absent."""
    return Reply(200 if call.world.store.delete(call.resource_id) else 204)
