"""What the running request or event carries along: who acts, at which virtual time, and what became of it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


@dataclass
class Request:
    """The trace of one request: who asked, and ``accepted``, which turns true at the first change of state."""

    accepted: bool = False
    identity: str | None = None
    api_version: str = ""


SEED = "seed"
SITE_RECOVERY = "site-recovery"

current_request: ContextVar[Request | None] = ContextVar("current_request", default=None)
current_actor: ContextVar[str] = ContextVar("current_actor", default=SEED)
frozen_now: ContextVar[datetime | None] = ContextVar("frozen_now", default=None)
as_of: ContextVar[datetime | None] = ContextVar("as_of", default=None)
hidden: ContextVar[frozenset[str]] = ContextVar("hidden", default=frozenset())
seeding: ContextVar[bool] = ContextVar("seeding", default=False)


def mark_accepted() -> None:
    """Note that the current request, if there is one, changed the cloud."""
    request = current_request.get()
    if request is not None:
        request.accepted = True


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Let what is created inside the block belong to *actor* (``world.created_by``)."""
    token = current_actor.set(actor)
    try:
        yield
    finally:
        current_actor.reset(token)


@contextmanager
def at_time(moment: datetime) -> Iterator[None]:
    """Let ``world.now`` be *moment* inside the block."""
    token = frozen_now.set(moment)
    try:
        yield
    finally:
        frozen_now.reset(token)


@contextmanager
def seen_as_of(moment: datetime) -> Iterator[None]:
    """Let reads inside the block see the state, and the time, of *moment*."""
    token = as_of.set(moment)
    try:
        yield
    finally:
        as_of.reset(token)


@contextmanager
def without(keys: frozenset[str]) -> Iterator[None]:
    """Let reads inside the block not find the resources of these lower-cased ids: they are too new."""
    token = hidden.set(keys)
    try:
        yield
    finally:
        hidden.reset(token)


@contextmanager
def loading_seed() -> Iterator[None]:
    """Let what is written inside the block count as having been there for ever."""
    token = seeding.set(True)
    try:
        yield
    finally:
        seeding.reset(token)
