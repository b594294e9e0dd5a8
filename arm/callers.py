"""On whose behalf a request goes to Azure: how urgent that is, and for which plan. The limiter serves by it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.urgency import Urgency

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Caller:
    """Who asks. Callers of one urgency take turns by *plan*."""

    urgency: Urgency = Urgency.MOVING
    plan: str = ""


NOBODY = Caller()
_current: ContextVar[Caller] = ContextVar("caller", default=NOBODY)


@contextmanager
def calling(caller: Caller) -> Iterator[None]:
    """Let the requests of this context go out on behalf of *caller*."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Caller:
    """Return on whose behalf this context asks."""
    return _current.get()
