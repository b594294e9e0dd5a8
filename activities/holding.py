"""How a long poll is held: under heartbeats that tell how far things are, until it ends or gives itself back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.heartbeats import beating
from migration.models import Progress

Answer = TypeVar("Answer")
MISSING_SECONDS = 60.0
"""How long a read may say "not there" of what was there a moment ago before it is believed: reads can be stale."""


class Told:
    """What the heartbeats of a wait tell."""

    def __init__(self) -> None:
        self.now = Progress()

    def details(self) -> list[Any]:
        """Return it as heartbeat details."""
        return [self.now]


class Missing:
    """Notices that something has been missing for longer than a stale read explains."""

    def __init__(self) -> None:
        self._since: float | None = None

    def for_long(self, *, missing: bool) -> bool:
        """Tell whether it is missing now and was all the time for a minute."""
        if not missing:
            self._since = None
            return False
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since >= MISSING_SECONDS


def waited_seconds(before: float) -> float:
    """Return how long this activity has been waited for in all its attempts, and *before* it."""
    info = activity.info()
    return before + max(0.0, (info.started_time - info.scheduled_time).total_seconds())


async def hold(
    work: Callable[[], Awaitable[Answer]], told: Told, give_back_after_seconds: int | None, running: Answer
) -> Answer:
    """Do *work* under heartbeats; return *running* after that time, and hand over when the worker stops."""
    task = asyncio.ensure_future(work())
    leaving = asyncio.ensure_future(activity.wait_for_worker_shutdown())
    try:
        async with beating(told.details):
            await asyncio.wait({task, leaving}, timeout=give_back_after_seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if leaving.done():
            raise _handed_over()
        return running
    finally:
        task.cancel()
        leaving.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)


def _handed_over() -> ApplicationError:
    return ApplicationError(
        "waiting: this worker stops, another one goes on",
        type="WorkerStops",
        next_retry_delay=timedelta(seconds=1),
        category=ApplicationErrorCategory.BENIGN,
    )
