"""How what a clean finds is told: what it is, since when it is there, and by what its cost is reckoned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration.cleaning import Leftover, Untouched, removal_command
from migration.ids import type_of

if TYPE_CHECKING:
    from arm.reads import Json


def leftover(resource_id: str, document: Json, why: str, vm: str) -> Leftover:
    """Return what a clean may remove."""
    properties = document.get("properties") or {}
    since = properties.get("timeCreated") or properties.get("creationTime")
    return Leftover(id=resource_id, vm=vm, why=why, since=since, **_measure(resource_id, document))


def untouched(resource_id: str, document: Json | None, why: str, *, by_hand: bool = True) -> Untouched:
    """Return what a clean does not remove; *by_hand*: a person might."""
    command = removal_command(resource_id) if by_hand else ""
    return Untouched(id=resource_id, why=why, command=command, **_measure(resource_id, document or {}))


def on_purpose(resource_id: str, document: Json | None, why: str) -> Untouched:
    """Return what is there because somebody needs it, or wanted it."""
    return untouched(resource_id, document, why, by_hand=False).model_copy(update={"on_purpose": True})


def _measure(resource_id: str, document: Json) -> dict[str, Any]:
    properties = document.get("properties") or {}
    sku = str((document.get("sku") or {}).get("name") or "")
    return {"type": type_of(resource_id), "size_gib": properties.get("diskSizeGB"), "sku": sku}
