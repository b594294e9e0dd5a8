"""Keeps this process within Azure Resource Manager's limits, and quiet for as long as a 429 asks.

The buckets of ARM are per subscription, principal and kind of request, and other tools share them: 25 reads and 10
writes a second are refilled (`Understand how Azure Resource Manager throttles requests
<https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>`_). We take less.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict

READS_PER_SECOND = 22.0
WRITES_PER_SECOND = 8.0
READS_AT_ONCE = 200.0
"""ARM's own bucket of reads holds 250: a check may take most of it in one go, and leaves some to others."""
LONGEST_PAUSE_SECONDS = 300.0


class Bucket:
    """Tokens that refill at a rate; one request takes one."""

    def __init__(self, per_second: float, burst: float | None = None) -> None:
        self._per_second = per_second
        self._capacity = per_second * 2 if burst is None else burst
        self._tokens = self._capacity
        self._filled = time.monotonic()
        self._closed_until = 0.0

    @property
    def left(self) -> float:
        """How many requests may pass at once now; none while it is closed."""
        now = time.monotonic()
        return 0.0 if self._closed_until > now else max(self._refilled(now), 0.0)

    def pause(self, seconds: float) -> None:
        """Let nothing pass for *seconds*."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)

    async def take(self) -> None:
        """Wait for a token and take it."""
        while (wait := self._wait_seconds()) > 0:
            await asyncio.sleep(wait)
        self._tokens -= 1

    def _refilled(self, now: float) -> float:
        return min(self._capacity, self._tokens + (now - self._filled) * self._per_second)

    def _wait_seconds(self) -> float:
        now = time.monotonic()
        self._tokens = self._refilled(now)
        self._filled = now
        return max(self._closed_until - now, (1 - self._tokens) / self._per_second)


class Limiter:
    """The buckets of every subscription that this process works in."""

    def __init__(
        self, reads_per_second: float = READS_PER_SECOND, writes_per_second: float = WRITES_PER_SECOND
    ) -> None:
        self.reads_per_second = reads_per_second
        self._reads: defaultdict[str, Bucket] = defaultdict(
            lambda: Bucket(reads_per_second, max(READS_AT_ONCE, reads_per_second * 2))
        )
        self._writes: defaultdict[str, Bucket] = defaultdict(lambda: Bucket(writes_per_second))

    def reads(self, subscription: str) -> Bucket:
        """Return the bucket of reads of a subscription."""
        return self._reads[subscription.lower()]

    def writes(self, subscription: str) -> Bucket:
        """Return the bucket of writes of a subscription."""
        return self._writes[subscription.lower()]

    def left(self) -> dict[tuple[str, str], float]:
        """Return how many requests may pass at once, by subscription and kind."""
        kinds = {"reads": self._reads, "writes": self._writes}
        return {(key, kind): bucket.left for kind, buckets in kinds.items() for key, bucket in buckets.items()}


def pause_seconds(retry_after: str | None, default: float) -> float:
    """Return the seconds that a `Retry-After` header asks for, between 1 and 300; *default* where it is unreadable."""
    try:
        seconds = float(retry_after or default)
    except ValueError:
        seconds = default
    if math.isnan(seconds):
        seconds = default
    return min(max(seconds, 1.0), LONGEST_PAUSE_SECONDS)
