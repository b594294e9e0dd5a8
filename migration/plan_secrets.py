"""Secrets in a plan: it becomes the input of workflows, whose histories others read, so that none may stand there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migration.errors import InvalidPlanError, PathStep
from migration.redaction import holds_secret

_FIX = (
    "a plan is kept where others read it: let a script fetch it on the machine ($(...), $NAME), and give a channel's "
    "to the worker, as MIGRATION_WEBHOOK_<NAME>"
)


def secrets_in(document: Any) -> list[InvalidPlanError]:
    """Return where what looks like a secret stands in the values of a plan file; none is repeated."""
    return [
        InvalidPlanError("what looks like a secret stands here", _FIX, path)
        for path, key, text in _texts(document, (), "")
        if holds_secret(text, key)
    ]


def _texts(value: Any, path: tuple[PathStep, ...], key: str) -> Iterator[tuple[tuple[PathStep, ...], str, str]]:
    if isinstance(value, str):
        yield path, key, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(one, (*path, str(name)), str(name))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _texts(one, (*path, index), key)
