"""Lists of resources of any type, and resources by their id whatever their type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator import rbac
from simulator.errors import ArmError
from simulator.paging import page
from simulator.paths import GROUP_TYPE
from simulator.resources.groups import page_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.provider import Call, Reply
    from simulator.store import Resource

DEEPEST = 2
_CLAUSE = re.compile(r"(resourceType|name|location|resourceGroup|tagName|tagValue) eq '((?:[^']|'')*)'", re.IGNORECASE)
_SHOWN = ("id", "name", "type", "location", "kind", "managedBy", "sku", "zones", "plan", "identity", "tags")


def resources_list(call: Call) -> Reply:
    """List the tracked resources of a subscription or group that the caller may read, filtered by ``$filter``."""
    wanted = _conditions(call.query.get("$filter", ""))
    scope = f"/subscriptions/{call.subscription}" + (f"/resourceGroups/{call.group}" if call.group else "")
    types = {value for name, value in wanted if name == "resourcetype"}
    rest = [(name, value) for name, value in wanted if name != "resourcetype"]
    tracked = ((type_, key) for type_, key in _tracked(call, scope) if not types or type_ in types)
    action = "Microsoft.Resources/subscriptions/" + ("resourceGroups/" if call.group else "") + "resources/read"
    store = call.world.store
    seen = rbac.seen(call.world, call.identity, action, scope, tracked)
    keys = [key for key in seen if not rest or _fits(store.require(key), rest)]
    return page(call, keys, lambda key: _shown(store.require(key)), size=page_size(call))


def _tracked(call: Call, scope: str) -> Iterator[tuple[str, str]]:
    """The types and ids of tracked resources: those in a region, but groups and what lies deep inside others."""
    for type_, key in call.world.store.located_keys(scope):
        if type_.count("/") <= DEEPEST and type_ != GROUP_TYPE.lower():
            yield type_, key


def _conditions(text: str) -> list[tuple[str, str]]:
    found = [(name.lower(), value.replace("''", "'").lower()) for name, value in _CLAUSE.findall(text)]
    rest = re.sub(r"\s+(and|or)\s+|[()\s]", "", _CLAUSE.sub("", text), flags=re.IGNORECASE)
    if rest.lower() not in {"", "and", "or"}:
        raise ArmError(400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string.")
    return found


def _fits(resource: Resource, wanted: list[tuple[str, str]]) -> bool:
    by_name: dict[str, set[str]] = {}
    for name, value in wanted:
        by_name.setdefault(name, set()).add(value)
    tags = {key.lower(): str(value).lower() for key, value in (resource.doc.get("tags") or {}).items()}
    actual: dict[str, set[str]] = {
        "name": {resource.name.lower()},
        "location": {resource.location.lower()},
        "resourcegroup": {resource.id.lower().split("/")[4]},
        "tagname": set(tags),
        "tagvalue": set(tags.values()),
    }
    return all(actual[name] & values for name, values in by_name.items())


def _shown(resource: Resource) -> dict[str, Any]:
    return {field: resource.doc[field] for field in _SHOWN if field in resource.doc}
