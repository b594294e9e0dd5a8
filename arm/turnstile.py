"""Questions that many ask at once, each answered by one reading that is no older than it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class Turnstile:
    """Who asks for a reading while one is under way shares the next: none is older than its question."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[object]] = {}
        self._next: dict[str, asyncio.Task[object]] = {}

    async def read(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """Return what *make* reads, begun after this call."""
        following = self._next.get(key)
        if following is None:
            following = self._next[key] = asyncio.create_task(self._after(key, make))
        return cast("T", await asyncio.shield(following))  # of the same key, so of the same kind

    async def _after(self, key: str, make: Callable[[], Awaitable[T]]) -> object:
        before = self._running.get(key)
        if before is not None:
            await asyncio.wait({before})
        self._running[key] = self._next.pop(key)
        try:
            return await make()
        finally:
            self._running.pop(key, None)
