"""What the handlers of Site Recovery share: finding the object that a request names, and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.paging import page
from simulator.siterecovery import names, refusals
from simulator.siterecovery.views import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simulator.provider import Call, Reply
    from simulator.store import Resource


def require_vault(call: Call) -> Resource:
    """The vault of the request, or the front door's 404."""
    return call.world.store.require("/".join(call.path.split("/")[:9]))


def object_id(call: Call, *, action: bool = False) -> str:
    """The id of the object that the request names, as Site Recovery writes it (*action*: without its last segment)."""
    return names.asr_id(call.parent_id if action else call.path)


def require(call: Call, id_: str) -> Resource:
    """The object *id_*, or Site Recovery's 404 (the front door's for a missing vault, the parent's first)."""
    require_vault(call)
    found = call.world.store.get(id_)
    if found is not None:
        return found
    outer = names.parent(id_)
    if names.last(names.parent(outer)) and outer.lower() != names.vault_id(id_).lower():
        _require_parent(call, outer)
    raise refusals.missing(call, names.last(id_))


def _require_parent(call: Call, id_: str) -> None:
    if names.last(id_).lower() != "azurenetwork" and not call.world.store.exists(id_):
        raise refusals.missing(call, names.last(id_))


def listing(call: Call, values: list[dict[str, Any]]) -> Reply:
    """A page of *values*, objects with an id, with ``nextLink`` (null on the last page)."""
    by_id = {str(value.get("id") or number): value for number, value in enumerate(values)}
    return _page(call, list(by_id), by_id.__getitem__)


def listing_of(call: Call, type_: str, scope: str) -> Reply:
    """A page of the objects of *type_* under *scope*; only those in the page are looked at."""
    store = call.world.store

    def shown(key: str) -> dict[str, Any] | None:
        found = store.get(key)
        return None if found is None else show(call.world, found)

    return _page(call, store.keys(type_, scope), shown)


def _page(call: Call, keys: list[str], shown: Callable[[str], Any]) -> Reply:
    return page(call, keys, shown, size=call.world.setting("site_recovery_page_size"), null_link=True)


def properties(call: Call) -> dict[str, Any]:
    """The ``properties`` of the request's body, or a 400."""
    body = call.body_object().get("properties")
    if not isinstance(body, dict):
        raise refusals.bad_request(call, "InvalidInput", "The request body has no 'properties' object.")
    return body


def section(call: Call, key: str) -> dict[str, Any]:
    """The object at *key* of the body's properties, or a 400 that names it."""
    value = properties(call).get(key)
    if not isinstance(value, dict):
        raise missing_input(call, key)
    return value


def missing_input(call: Call, key: str) -> Exception:
    """The 400 for an input that is not there."""
    return refusals.bad_request(
        call,
        "InvalidInput",
        f"A required input parameter '{key}' is missing or has an invalid value.",
        f"The parameter '{key}' isn't specified in the request.",
        f"Specify '{key}' and retry the operation.",
    )


def require_instance_type(call: Call, value: dict[str, Any], expected: str) -> None:
    """Answer 400 unless the provider's ``instanceType`` is *expected*."""
    if str(value.get("instanceType", "")).lower() != expected.lower():
        raise unknown_instance_type(call, value, (expected,))


def unknown_instance_type(call: Call, value: dict[str, Any], expected: Iterable[str]) -> Exception:
    """The 400 for an ``instanceType`` that is not one of those *expected*."""
    known = " or ".join(f"'{name}'" for name in expected)
    return refusals.bad_request(
        call,
        "InvalidInstanceType",
        f"The instance type '{value.get('instanceType')}' isn't supported for this operation.",
        "The replication provider isn't valid for the fabric.",
        f"Use the instance type {known}.",
    )
