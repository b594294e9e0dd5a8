"""What is shown while the benchmarks run: what runs, how far it is, and about when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import TextIO

_LOOK_SECONDS = 1.0


class Progress:
    """Tells of parts that follow each other, a line each; at a terminal the last line moves."""

    def __init__(self, stream: TextIO, seconds_expected: float, parts: int) -> None:
        self._stream = stream
        self._expected = seconds_expected
        self._parts = parts
        self._done_seconds = 0.0
        self._done = 0
        self._began = time.monotonic()
        self._moves = stream.isatty()

    @contextlib.asynccontextmanager
    async def part(self, name: str, seconds: float) -> AsyncIterator[None]:
        """Tell of one part while it runs."""
        began = time.monotonic()
        self._done += 1
        self._say(self._line(name, 0, seconds))
        moving = asyncio.create_task(self._move(name, began, seconds), name="progress") if self._moves else None
        try:
            yield
        finally:
            if moving is not None:
                moving.cancel()
                await asyncio.gather(moving, return_exceptions=True)
                self._stream.write("\n")
            took = time.monotonic() - began
            self._done_seconds += seconds
            self._stream.write(f"    took {clock(took)}\n")
            self._stream.flush()

    def note(self, text: str) -> None:
        """Say something on a line of its own."""
        self._stream.write(f"    {text}\n")
        self._stream.flush()

    def _line(self, name: str, elapsed: float, seconds: float) -> str:
        left = max(self._expected - self._done_seconds - min(elapsed, seconds), 0.0)
        number = f"[{self._done}/{self._parts}]"
        return f"{number} {name}: {clock(elapsed)} of about {clock(seconds)}; in all about {clock(left)} to go"

    def _say(self, line: str) -> None:
        if self._moves:
            self._stream.write(f"\r\x1b[K{line}")
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    async def _move(self, name: str, began: float, seconds: float) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._say(self._line(name, time.monotonic() - began, seconds))


def clock(seconds: float) -> str:
    """Return a duration as a person says it: `45 s`, `3 min 05 s`, `1 h 20 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"
