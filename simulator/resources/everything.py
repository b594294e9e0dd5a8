"""Lists of resources of any type, and resources by their id whatever their type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator.errors import ArmError
from simulator.paging import page
from simulator.resources.groups import page_size

if TYPE_CHECKING:
    from simulator.provider import Call, Reply
    from simulator.store import Resource

_CLAUSE = re.compile(r"(resourceType|name|location|resourceGroup|tagName|tagValue) eq '((?:[^']|'')*)'", re.IGNORECASE)
_SHOWN = ("id", "name", "type", "location", "kind", "managedBy", "sku", "zones", "plan", "identity", "tags")


def resources_list(call: Call) -> Reply:
    """List the tracked resources of a subscription or group, filtered by ``$filter``."""
    wanted = _conditions(call.query.get("$filter", ""))
    scope = f"/subscriptions/{call.subscription}" + (f"/resourceGroups/{call.group}" if call.group else "")
    tracked = (r for r in call.world.store.children(scope) if _is_tracked(r))
    found = {resource.id: resource for resource in tracked if _fits(resource, wanted)}
    return page(call, list(found), lambda id_: _shown(found[id_]), size=page_size(call))


def _is_tracked(resource: Resource) -> bool:
    groups = "microsoft.resources/resourcegroups"
    return bool(resource.location) and resource.type.count("/") <= 2 and resource.type.lower() != groups


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
        "resourcetype": {resource.type.lower()},
        "name": {resource.name.lower()},
        "location": {resource.location.lower()},
        "resourcegroup": {resource.id.lower().split("/")[4]},
        "tagname": set(tags),
        "tagvalue": set(tags.values()),
    }
    return all(actual[name] & values for name, values in by_name.items())


def _shown(resource: Resource) -> dict[str, Any]:
    return {field: resource.doc[field] for field in _SHOWN if field in resource.doc}
