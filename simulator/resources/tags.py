"""Tags by themselves: those of a resource or group, and all that a subscription has."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.errors import ArmError
from simulator.provider import Reply

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.store import Resource

TYPE = "Microsoft.Resources/tags"


def _tagged(call: Call) -> Resource:
    return call.world.store.require(paths.scope_of(call.path))


def _reply(call: Call, tags: dict[str, str]) -> Reply:
    id_ = f"{paths.scope_of(call.path)}/providers/{TYPE}/default"
    return Reply(200, {"id": id_, "name": "default", "type": TYPE, "properties": {"tags": tags}})


def _keep(call: Call, resource: Resource, tags: dict[str, str]) -> Reply:
    resource.doc["tags"] = tags
    call.world.store.save(resource)
    return _reply(call, tags)


def _given(call: Call) -> dict[str, str]:
    tags = (call.body_object().get("properties") or {}).get("tags") or {}
    if not isinstance(tags, dict):
        raise ArmError(400, "InvalidRequestContent", "properties.tags of the request has to be an object.")
    return {str(name): str(value) for name, value in tags.items()}


def tags_get_at_scope(call: Call) -> Reply:
    """Show the tags of a resource or group."""
    return _reply(call, _tagged(call).doc.get("tags") or {})


def tags_create_or_update_at_scope(call: Call) -> Reply:
    """Replace the tags of a resource or group."""
    return _keep(call, _tagged(call), _given(call))


def tags_update_at_scope(call: Call) -> Reply:
    """Merge, replace or delete tags of a resource or group."""
    resource, given = _tagged(call), _given(call)
    kept: dict[str, str] = resource.doc.get("tags") or {}
    operation = str(call.body_object().get("operation") or "").lower()
    if operation == "replace":
        return _keep(call, resource, given)
    if operation == "merge":
        changed = {name.lower() for name in given}
        return _keep(call, resource, {**{k: v for k, v in kept.items() if k.lower() not in changed}, **given})
    if operation == "delete":
        gone = {(name.lower(), value) for name, value in given.items()}
        return _keep(call, resource, {k: v for k, v in kept.items() if (k.lower(), v) not in gone})
    raise ArmError(400, "InvalidRequestContent", "operation of the request has to be Merge, Replace or Delete.")


def tags_delete_at_scope(call: Call) -> Reply:
    """Delete all tags of a resource or group."""
    _keep(call, _tagged(call), {})
    return Reply(200)


def tags_list(call: Call) -> Reply:
    """List the names and values of tags in the subscription, and how often each is used."""
    scope = f"/subscriptions/{call.subscription}"
    store = call.world.store
    used: dict[str, Counter[str]] = {}
    for _, key in store.located_keys(scope):
        for name, value in (store.require(key).doc.get("tags") or {}).items():
            used.setdefault(str(name), Counter())[str(value)] += 1
    return Reply(200, {"value": [_name(scope, name, values) for name, values in sorted(used.items())]})


def _name(scope: str, name: str, values: Counter[str]) -> dict[str, Any]:
    id_ = f"{scope}/tagNames/{name}"
    return {
        "id": id_,
        "tagName": name,
        "count": {"type": "Total", "value": values.total()},
        "values": [
            {"id": f"{id_}/tagValues/{value}", "tagValue": value, "count": {"type": "Total", "value": number}}
            for value, number in sorted(values.items())
        ],
    }
