"""Identifiers that look random and are the same in every run with the same seed number and requests.

While a request, an event or a seed is handled, each new identifier follows from the seed number, from what is being
handled (the request's line in the log, the event's number) and from how many identifiers it has taken already. So
nothing has to be kept, and a restart repeats none.
"""

from __future__ import annotations

import hashlib
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Source:
    __slots__ = ("count", "origin")

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.count = 0


_current: ContextVar[_Source | None] = ContextVar("guids", default=None)


@contextmanager
def drawn_from(number: int, *origin: str | int) -> Iterator[None]:
    """Let the identifiers made inside the block follow from the seed *number* and from *origin* alone."""
    token = _current.set(_Source("|".join(str(part) for part in (number, *origin))))
    try:
        yield
    finally:
        _current.reset(token)


def new_guid() -> str:
    """A fresh GUID in lower case (a random one where nothing is being handled)."""
    source = _current.get()
    if source is None:
        return str(uuid.uuid4())
    source.count += 1
    hexed = hashlib.sha256(f"{source.origin}|{source.count}".encode()).hexdigest()
    return f"{hexed[:8]}-{hexed[8:12]}-4{hexed[13:16]}-{'89ab'[int(hexed[16], 16) % 4]}{hexed[17:20]}-{hexed[20:32]}"
