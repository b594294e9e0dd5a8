"""Heartbeats while an activity works: they tell Temporal that it lives, and bring it a cancel."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio import activity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DEFAULT_TIMEOUT = timedelta(seconds=30)
LONGEST_PAUSE_SECONDS = 60.0
LOOK_SECONDS = 1.0


def timeout_seconds() -> float:
    """Return the heartbeat timeout of this activity."""
    return (activity.info().heartbeat_timeout or DEFAULT_TIMEOUT).total_seconds()


@asynccontextmanager
async def beating(details: Callable[[], list[Any]]) -> AsyncIterator[None]:
    """Beat four times in each heartbeat timeout, and when what *details* returns has changed."""
    beats = asyncio.create_task(_beat(details, min(timeout_seconds() / 4, LONGEST_PAUSE_SECONDS)))
    try:
        yield
    finally:
        beats.cancel()
        with suppress(asyncio.CancelledError):
            await beats


async def _beat(details: Callable[[], list[Any]], pause_seconds: float) -> None:
    beaten = float("-inf")
    told: list[Any] = []
    while True:
        now, current = time.monotonic(), details()
        # The worker lets only one beat pass in each PROGRESS_SECONDS, the newest.
        if current != told or now - beaten >= pause_seconds:
            activity.heartbeat(*current)
            beaten, told = now, current
        await asyncio.sleep(min(pause_seconds, LOOK_SECONDS))
