"""Runs that take long can be stopped: SIGINT and SIGTERM end them, and every process that they started with them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

Answer = TypeVar("Answer")


def run(what: Coroutine[None, None, Answer]) -> Answer | None:
    """Run *what* to its end and return its answer, None where it was stopped."""
    try:
        return asyncio.run(_until_stopped(what))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return None


async def _until_stopped(what: Coroutine[None, None, Answer]) -> Answer:
    here = asyncio.current_task()
    assert here is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, here.cancel)
    return await what
