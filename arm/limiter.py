"""Keeps this process within Azure's limits, quiet for as long as Azure asks, and serves the most urgent first.

Resource Manager counts by subscription, principal and kind of request: a bucket of 250 reads, refilled by 25 a second,
and of 200 writes and of 200 deletes, each refilled by 10 a second (`Understand how Azure Resource Manager throttles
requests <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>`_). We take
a little less. Providers count as well, by subscription and by resource: these buckets we know by their answers only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arm import callers
from arm.bucket import Bucket
from arm.throttling import Kind, Place, place_of
from migration.urgency import Urgency

if TYPE_CHECKING:
    from arm.throttling import Budgets, Refusal

Waited = Callable[[Kind, Urgency, float], None]

_ARM_BURST: Mapping[Kind, float] = {"reads": 250.0, "writes": 200.0, "deletes": 200.0}
_OUR_BURST: Mapping[Kind, float] = {"reads": 225.0, "writes": 100.0, "deletes": 100.0}
"""What may go out at once: most of Resource Manager's reads, for a check; half of its writes, for the providers'."""
RESERVE = 0.1
"""How much of Resource Manager's buckets is left to others."""
_PROVIDER_RESERVE = 10
"""Below so many requests that a provider says are left for a subscription, its requests slow down."""
_OF_RESOURCE: Mapping[Kind, tuple[int, float]] = {"reads": (6, 5.0), "writes": (2, 15.0), "deletes": (2, 15.0)}
"""Below how many requests that are left of one resource it is asked at Compute's pace, and the seconds between two."""
_MOST_RESOURCES = 5_000


@dataclass(frozen=True)
class Budget:
    """How much of Resource Manager's limits this process takes, where it shares them with *shared_by* in all."""

    reads_per_second: float = 24.0
    writes_per_second: float = 9.5
    deletes_per_second: float = 9.5
    shared_by: int = 1

    def per_second(self, kind: Kind) -> float:
        """Return the rate of one process."""
        wanted = {"reads": self.reads_per_second, "writes": self.writes_per_second, "deletes": self.deletes_per_second}
        return wanted[kind] / self.shared_by

    def burst(self, kind: Kind) -> float:
        """Return what one process may send at once; two seconds' worth where more is allowed than Azure allows."""
        return max(_OUR_BURST[kind] / self.shared_by, 2 * self.per_second(kind))


class Limiter:
    """The buckets of every subscription that this process works in, and what is known of providers and resources."""

    def __init__(self, budget: Budget | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = budget or Budget()
        self.waited: Waited = lambda _kind, _urgency, _seconds: None
        self._clock = clock
        self._buckets: dict[tuple[str, Kind], Bucket] = {}
        self._providers: dict[tuple[str, str, Kind], Bucket] = {}
        self._resources: dict[tuple[str, Kind], float] = {}

    @property
    def reads_per_second(self) -> float:
        """How many reads of a subscription this process may send a second."""
        return self.budget.per_second("reads")

    def reads(self, subscription: str) -> Bucket:
        """Return the bucket of reads of a subscription."""
        return self.bucket(subscription, "reads")

    def writes(self, subscription: str) -> Bucket:
        """Return the bucket of writes of a subscription."""
        return self.bucket(subscription, "writes")

    def bucket(self, subscription: str, kind: Kind) -> Bucket:
        """Return a bucket of a subscription."""
        key = (subscription.lower(), kind)
        if key not in self._buckets:
            self._buckets[key] = self._make(kind, RESERVE * _ARM_BURST[kind])
        return self._buckets[key]

    async def admit(self, kind: Kind, path: str) -> None:
        """Wait until a request about the resource at *path* may go out, and take its tokens."""
        began, place = self._clock(), place_of(path)
        bucket = self.bucket(place.subscription, kind)
        while True:
            await self._until_resource_is_open(kind, place)
            own = self._providers.get((place.subscription, place.provider, kind))
            if own is not None:
                await own.take()
            await bucket.take()
            if self._closed_seconds(kind, place) <= 0 and (own is None or not own.is_closed):
                break
            # Azure refused others meanwhile: what was taken is for whoever may go.
            bucket.give_back()
        self.waited(kind, callers.current().urgency, self._clock() - began)

    def sent(self, kind: Kind, path: str) -> None:
        """Count a request that goes out."""
        self.bucket(place_of(path).subscription, kind).sent()

    def answered(self, kind: Kind, path: str) -> None:
        """Count a request that has ended, with or without an answer."""
        self.bucket(place_of(path).subscription, kind).answered()

    def learn(self, kind: Kind, path: str, budgets: Budgets, refusal: Refusal | None) -> None:
        """Take in what an answer tells about budgets, for the whole process."""
        place = place_of(path)
        for told, left in budgets.subscription.items():
            self.bucket(place.subscription, told).told(left)
        if budgets.provider is not None and budgets.provider < _PROVIDER_RESERVE:
            self._of_provider(kind, place).told(budgets.provider)
        least, seconds = _OF_RESOURCE[kind]
        if budgets.resource is not None and budgets.resource < least:
            self._close(kind, place, seconds)
        if refusal is None:
            return
        if refusal.scope == "resource":
            self._close(kind, place, refusal.seconds)
        elif refusal.scope == "provider":
            self._of_provider(kind, place).refused(refusal.seconds)
        else:
            self.bucket(place.subscription, kind).refused(refusal.seconds)

    def left(self) -> dict[tuple[str, str], float]:
        """Return how many requests may pass at once, by subscription and kind."""
        return {(subscription, kind): bucket.left for (subscription, kind), bucket in self._buckets.items()}

    def _make(self, kind: Kind, reserve: float) -> Bucket:
        return Bucket(self.budget.per_second(kind), self.budget.burst(kind), reserve, clock=self._clock)

    def _of_provider(self, kind: Kind, place: Place) -> Bucket:
        key = (place.subscription, place.provider, kind)
        if key not in self._providers:
            self._providers[key] = self._make(kind, _PROVIDER_RESERVE)
        return self._providers[key]

    async def _until_resource_is_open(self, kind: Kind, place: Place) -> None:
        while (seconds := self._closed_seconds(kind, place)) > 0:
            await asyncio.sleep(seconds)

    def _closed_seconds(self, kind: Kind, place: Place) -> float:
        return self._resources.get((place.resource, kind), 0.0) - self._clock()

    def _close(self, kind: Kind, place: Place, seconds: float) -> None:
        """Let nothing to one resource pass for so long."""
        now = self._clock()
        if len(self._resources) >= _MOST_RESOURCES:
            self._resources = {key: until for key, until in self._resources.items() if until > now}
        key = (place.resource, kind)
        self._resources[key] = max(self._resources.get(key, 0.0), now + seconds)
