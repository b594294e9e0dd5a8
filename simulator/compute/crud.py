"""Reads, tags and deletion that are the same for every resource type; Network and Storage use them too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute.names import region
from simulator.paging import page_of_resources
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from collections.abc import Callable


def get_resource(call: Call) -> Reply:
    """Answer with the resource of the path, or 404."""
    return Reply(200, call.world.store.require(call.resource_id).doc)


def list_resources(type_: str) -> Callable[[Call], Reply]:
    """Make the handler that lists *type_* in the path's subscription or group."""

    def list_(call: Call) -> Reply:
        """List those of a group or subscription."""
        return page_of_resources(call, type_, paths.scope_of(call.path), lambda resource: resource.doc)

    return list_


def update_tags(call: Call) -> Reply:
    """Replace the tags of the resource of the path, where the body has any."""
    resource = call.world.store.require(call.resource_id)
    if "tags" in call.body_object():
        resource.doc["tags"] = call.body_object()["tags"] or {}
        call.world.store.save(resource)
    return Reply(200, resource.doc)


def delete_now(call: Call) -> Reply:
    """Delete the resource of the path at once: 200, or 204 where it is absent."""
    return Reply(200 if call.world.store.delete(call.resource_id) else 204)


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Lay *new* over *old*, objects inside objects, as a PATCH does; null removes."""
    merged = dict(old)
    for key, value in new.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def require_location(call: Call) -> str:
    """The body's location as a region name, or Azure's 400 `LocationRequired`."""
    location = call.body_object().get("location")
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    return region(str(location))
