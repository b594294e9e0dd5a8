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
LOOK_SECONDS = 1.0
_SHARE_OF_TIMEOUT = 0.4
PATIENT_SECONDS = 120.0
"""From which timeout on beats are rare: each that reaches the server is a billed action on Temporal Cloud, and what
lasts for hours is told of soon enough."""


def timeout_seconds() -> float:
    """Return the heartbeat timeout of this activity."""
    return (activity.info().heartbeat_timeout or DEFAULT_TIMEOUT).total_seconds()


@asynccontextmanager
async def beating(details: Callable[[], list[Any]]) -> AsyncIterator[None]:
    """Beat twice in each heartbeat timeout, and when what *details* returns has changed.

    Where the timeout is long, beat ever more rarely, at last once in it, and tell then what has changed. What has
    nothing to tell and ends soon does not beat at all.
    """
    beats = asyncio.create_task(_beat(details, timeout_seconds()))
    try:
        yield
    finally:
        beats.cancel()
        with suppress(asyncio.CancelledError):
            await beats


async def _beat(details: Callable[[], list[Any]], seconds: float) -> None:
    is_patient = seconds >= PATIENT_SECONDS
    pause = seconds * _SHARE_OF_TIMEOUT
    told: list[Any] = []
    began = time.monotonic()
    beaten = began if not details() else float("-inf")
    while True:
        now, current = time.monotonic(), details()
        if is_patient:  # a cancel comes with a beat: what has just begun is not to go on for minutes after it
            pause = min(max(seconds / 20, (now - began) / 4), seconds * 0.75)
        # The worker lets only one beat pass in each PROGRESS_SECONDS, the newest.
        if now - beaten >= pause or (current != told and not is_patient):
            activity.heartbeat(*current)
            beaten, told = now, current
        await asyncio.sleep(min(pause, LOOK_SECONDS))
