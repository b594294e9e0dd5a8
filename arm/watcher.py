"""One watcher per vault and process reads its jobs and items on behalf of every wait, one per subscription machines.

It reads when a wait needs it: by the wait's pace (`arm.pace`), never below the floor nor Azure's Retry-After, and takes
at most a tenth of the process's time and of ARM's reads, however many wait. Where few are due, single reads are cheaper
than a listing, which is for all. A wait sees only what was read by a request that began after it, so that a step never
sees the state from before its own write. The reads are as urgent as the most urgent wait, and a listing, whose share of
the reads is bounded and which tells many, as what a person has decided.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import structlog
from azure.core.exceptions import AzureError

from arm import callers, reads
from arm.callers import Caller, calling
from arm.errors import classify
from arm.pace import FLOOR_SECONDS, Pace, steady
from arm.watched import Source, Subscription, key_in_listing
from migration.ids import id_key
from migration.urgency import Urgency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from arm.clients import AzureClients
    from arm.reads import Json

LISTING_SHARE = 0.1
URGENT_SHARE = 0.5
"""How much of the reads those may take who wait while a machine is down, or between two regions."""
PAGE_SECONDS = 0.3
"""The most that a page of a listing is taken to cost the process."""
FEW = 4
"""Up to so many waits are read one by one, and more where their listing has more pages."""
LONGEST_BACK_OFF_SECONDS = 60.0
OUTAGE_SECONDS = 120.0
"""How long reads may fail before the waits are told: then a person should know."""
_LEAST_FLOOR_SECONDS = 0.001
_log = structlog.get_logger(__name__)


class Watchers:
    """The watchers of this process, each of which lives while somebody waits."""

    def __init__(self, azure: AzureClients, floor_seconds: float = FLOOR_SECONDS) -> None:
        self.azure = azure
        self.floor_seconds = floor_seconds
        self._scale = max(floor_seconds, _LEAST_FLOOR_SECONDS) / FLOOR_SECONDS
        self._running: dict[str, _Watcher] = {}
        self._alone = 0

    async def __aenter__(self) -> Self:
        """Return the watchers; they begin with the first wait."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop every watcher."""
        for watcher in self._running.values():
            await watcher.stop()

    @contextmanager
    def following(
        self,
        resource_id: str,
        suffices: Callable[[Json], bool] = lambda _entry: True,
        *,
        pace: Pace = steady,
        age_seconds: float = 0.0,
    ) -> Iterator[Subscription]:
        """Follow a job or a protected item of a vault, or a virtual machine, which has been waited for so long.

        What is read of it alone is told whole; an entry of a listing only where that *suffices*.
        """
        watcher = self._watcher(Source.of(resource_id))
        subscription = Subscription(resource_id, suffices=suffices, pace=pace, scale=self._scale)
        subscription.began -= age_seconds
        watcher.add(subscription)
        try:
            yield subscription
        finally:
            watcher.remove(subscription)

    @contextmanager
    def reading_alone(self) -> Iterator[None]:
        """Count a wait that reads by itself: the more there are, the more rarely each of them reads."""
        self._alone += 1
        try:
            yield
        finally:
            self._alone -= 1

    def pause_seconds(self, age_seconds: float, reads_each: int = 1) -> float:
        """Return how long a wait of this age can do without a new reading, which costs it so many reads."""
        crowded = self.least_seconds(self._alone * reads_each, callers.current()) if self._alone > FEW else 0.0
        return max(steady(None, age_seconds / self._scale) * self._scale, crowded)

    def least_seconds(self, requests: int, caller: Caller) -> float:
        """Return how long so many requests must suffice, for waiting to take its share of the reads and no more."""
        share = URGENT_SHARE if caller.urgency <= Urgency.PROVING else LISTING_SHARE
        return requests / self.azure.limiter.reads_per_second / share

    def _watcher(self, source: Source) -> _Watcher:
        key = id_key(source.listing)
        if key not in self._running:
            self._running[key] = _Watcher(self, source)
        return self._running[key]


class _Watcher:
    def __init__(self, watchers: Watchers, source: Source) -> None:
        self._watchers = watchers
        self._source = source
        self._listed = True
        self._pages = self._requests = 1
        self._subscriptions: set[Subscription] = set()
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._failing_since: float | None = None

    def add(self, subscription: Subscription) -> None:
        """Read for one more wait, from the next reading on."""
        self._subscriptions.add(subscription)
        self._wanted.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"watch {self._source.listing}")

    def remove(self, subscription: Subscription) -> None:
        """Read for one wait less; with the last one the watcher ends."""
        self._subscriptions.discard(subscription)
        if not self._subscriptions and self._task is not None:
            self._task.cancel()
            self._task = None

    async def stop(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._subscriptions:
            began = time.monotonic()
            self._wanted.clear()
            due = [one for one in self._subscriptions if one.due <= began]
            try:
                with calling(min((one.caller for one in self._subscriptions), key=lambda caller: caller.urgency)):
                    least = await self._read(due) if due else 0.0
            except AzureError as error:
                least = self._back_off(error, began)
            except Exception as error:  # noqa: BLE001 - whatever it is, the waits must hear of it
                _log.exception("reading for those who wait", listing=self._source.listing)
                told = f"reading {self._source.listing}: {type(error).__name__}"
                least = self._back_off(AzureError(told), began)
            else:
                self._failing_since = None
            await asyncio.sleep(least)
            await self._rest()

    async def _rest(self) -> None:
        """Pause until a reading is due, or a new wait wants its first one."""
        pause = min((one.due for one in self._subscriptions), default=0.0) - time.monotonic()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), max(pause, 0))

    async def _read(self, due: list[Subscription]) -> float:
        """Read once for all that are due; return how long to pause at least."""
        began = time.monotonic()
        floor, few = self._watchers.floor_seconds, len(self._subscriptions) <= FEW
        near = [one for one in self._subscriptions if one.is_nearly_due(began)]
        if few or not self._listed or len(near) <= max(self._pages, FEW) or not await self._could_list(near):
            await asyncio.gather(*(self._read_one(subscription) for subscription in due))
            return 0.0 if few else max(floor, self._watchers.least_seconds(len(due), callers.current()))
        # What waited for the limiter took nobody's time, and must not keep the waits from their news for long.
        spent = min(time.monotonic() - began, self._pages * PAGE_SECONDS)
        rest = max(spent / LISTING_SHARE, self._watchers.least_seconds(self._requests, callers.current())) - spent
        return max(floor, rest)

    async def _read_one(self, subscription: Subscription) -> None:
        document = await reads.read(self._watchers.azure, subscription.id, **self._source.query)
        subscription.tell(document, is_whole=True)

    async def _could_list(self, wanted: list[Subscription]) -> bool:
        """Read the listing, and tell whether that was possible: who may read a group need not see a subscription."""
        caller = callers.current()
        try:
            with calling(replace(caller, urgency=min(caller.urgency, Urgency.DECIDED))):
                self._pages, self._requests = await self._read_all(wanted)
        except AzureError as error:
            if not self._source.may_be_denied or classify(error).kind != "denied":
                raise
            _log.info("reading one by one what may not be listed", listing=self._source.listing)
            self._listed = False
        return self._listed

    async def _read_all(self, wanted: list[Subscription]) -> tuple[int, int]:
        """Read the listing until all that is *wanted* is found, and return how many pages and requests that took.

        Whatever else it tells on the way, those hear who wait for it.
        """
        missing, others = _by_key(wanted), _by_key(self._subscriptions.difference(wanted))
        source, count, alone = self._source, 0, list[Subscription]()
        async for page in reads.pages(self._watchers.azure, source.listing, source.subscription, source.version):
            count += 1
            for document in page:
                key = key_in_listing(str(document["id"]))
                for subscription in missing.pop(key, []):
                    if subscription.suffices(document):
                        subscription.tell(document, is_whole=False)
                    else:
                        alone.append(subscription)
                for subscription in others.pop(key, []):
                    if subscription.suffices(document):
                        subscription.tell(document, is_whole=False)
            if not missing:
                break
        # What the listing lacks may only be missing from it: it is asked for by name before it counts as gone.
        alone += [subscription for group in missing.values() for subscription in group]
        await asyncio.gather(*(self._read_one(subscription) for subscription in alone))
        return count, count + len(alone)

    def _back_off(self, error: AzureError, began: float) -> float:
        self._failing_since = self._failing_since or began
        failing = time.monotonic() - self._failing_since
        failure = classify(error)
        _log.warning(
            "reading for those who wait", listing=self._source.listing, cause=failure.code, seconds=round(failing)
        )
        if failing >= OUTAGE_SECONDS:
            for subscription in self._subscriptions:
                subscription.fail(error)
        floor = self._watchers.floor_seconds
        return failure.retry_after_seconds or min(max(floor, failing), LONGEST_BACK_OFF_SECONDS)


def _by_key(subscriptions: Iterable[Subscription]) -> dict[str, list[Subscription]]:
    found: dict[str, list[Subscription]] = {}
    for subscription in subscriptions:
        found.setdefault(subscription.key, []).append(subscription)
    return found
