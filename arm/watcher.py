"""One watcher per vault and process reads its jobs and items on behalf of every wait.

It reads as often as the youngest wait needs: 2 % of that wait's age, never below the floor nor Azure's Retry-After, and
listings take at most a tenth of the process's time and of ARM's reads. Where few wait, single reads are cheaper than a
listing. A wait sees only what was read by a request that began after it, so that a step never sees the state from
before its own write.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import structlog
from azure.core.exceptions import AzureError

from arm import reads
from arm.errors import classify
from arm.reads import SITE_RECOVERY_API, Json
from migration.ids import ResourceId, id_key, vault_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from arm.clients import AzureClients

JOBS, ITEMS = "replicationJobs", "replicationProtectedItems"

POLL_FLOOR_SECONDS = 2.0
SHARE_OF_AGE = 0.02
LISTING_SHARE = 0.1
PAGE_SECONDS = 0.3
"""The most that a page of a listing is taken to cost the process."""
FEW = 4
"""Up to so many waits are read one by one."""
LONGEST_BACK_OFF_SECONDS = 60.0
OUTAGE_SECONDS = 120.0
"""How long reads may fail before the waits are told: then a person should know."""
_log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Subscription:
    """One wait's share of a watcher: the id it waits for, and what was last read of it."""

    id: str
    began: float = field(default_factory=time.monotonic)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _document: Json | None = None
    _error: AzureError | None = None
    is_whole: bool = False
    """Whether the last reading was of it alone: a listing leaves out the tasks of jobs."""

    async def next(self) -> Json | None:
        """Return the next reading; None: it is not there.

        Raises:
            AzureError: reads have been failing for two minutes.
        """
        await self._news.wait()
        self._news.clear()
        if self._error is not None:
            raise self._error
        return self._document

    def tell(self, document: Json | None, *, is_whole: bool) -> None:
        """Hand over a reading."""
        self._document, self._error, self.is_whole = document, None, is_whole
        self._news.set()

    def fail(self, error: AzureError) -> None:
        """Hand over that nothing can be read."""
        self._error = error
        self._news.set()


class Watchers:
    """The watchers of this process, each of which lives while somebody waits."""

    def __init__(self, azure: AzureClients, floor_seconds: float = POLL_FLOOR_SECONDS) -> None:
        self.azure = azure
        self.floor_seconds = floor_seconds
        self._running: dict[tuple[str, str], _Watcher] = {}

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
    def following(self, resource_id: str) -> Iterator[Subscription]:
        """Follow a job or a protected item of a vault."""
        kind = JOBS if "/replicationjobs/" in resource_id.lower() else ITEMS
        vault = vault_of(resource_id)
        watcher = self._watcher(vault, kind)
        subscription = Subscription(resource_id)
        watcher.add(subscription)
        try:
            yield subscription
        finally:
            watcher.remove(subscription)

    def pause_seconds(self, age_seconds: float) -> float:
        """Return how long a wait of this age can do without a new reading."""
        return max(self.floor_seconds, SHARE_OF_AGE * age_seconds)

    def _watcher(self, vault: str, kind: str) -> _Watcher:
        key = (id_key(vault), kind)
        if key not in self._running:
            self._running[key] = _Watcher(self, vault, kind)
        return self._running[key]


class _Watcher:
    def __init__(self, watchers: Watchers, vault: str, kind: str) -> None:
        self._watchers = watchers
        self._vault = vault
        self._kind = kind
        self._subscriptions: set[Subscription] = set()
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._failing_since: float | None = None

    def add(self, subscription: Subscription) -> None:
        """Read for one more wait, from the next reading on."""
        self._subscriptions.add(subscription)
        self._wanted.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"watch {self._kind}")

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
            began, waiting = time.monotonic(), list(self._subscriptions)
            self._wanted.clear()
            try:
                least, pause = await self._read(waiting)
            except AzureError as error:
                least = pause = self._back_off(error, began)
            except Exception as error:  # noqa: BLE001 - whatever it is, the waits must hear of it
                _log.exception("reading the vault", vault=self._vault, kind=self._kind)
                least = pause = self._back_off(AzureError(f"reading the vault: {type(error).__name__}"), began)
            else:
                self._failing_since = None
            await self._rest(least, pause)

    async def _rest(self, least: float, pause: float) -> None:
        """Pause, but no longer than *least* once a new wait wants its first reading."""
        await asyncio.sleep(least)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), max(pause - least, 0))

    async def _read(self, waiting: list[Subscription]) -> tuple[float, float]:
        """Read once for all that wait; return how long to pause at least, and how long where nobody new comes."""
        began = time.monotonic()
        floor = self._watchers.floor_seconds
        pause = self._watchers.pause_seconds(min(began - subscription.began for subscription in waiting))
        if len(waiting) <= FEW:
            await asyncio.gather(*(self._read_one(subscription) for subscription in waiting))
            return floor, pause
        pages = await self._read_all(waiting)
        # What waited for the limiter took nobody's time, and must not keep the waits from their news for long.
        spent = min(time.monotonic() - began, pages * PAGE_SECONDS)
        rest = max(spent, pages / self._reads_per_second) / LISTING_SHARE - spent
        return max(floor, rest), max(pause, rest)

    @property
    def _reads_per_second(self) -> float:
        return self._watchers.azure.limiter.reads_per_second

    async def _read_one(self, subscription: Subscription) -> None:
        subscription.tell(await reads.read(self._watchers.azure, subscription.id), is_whole=True)

    async def _read_all(self, waiting: list[Subscription]) -> int:
        """Read the listing until all that wait are found, and return how many pages that took."""
        missing: dict[str, list[Subscription]] = {}
        for subscription in waiting:
            missing.setdefault(_key(subscription.id), []).append(subscription)
        subscription_id, count = ResourceId.parse(self._vault).subscription, 0
        listing = f"{self._vault}/{self._kind}"
        async for page in reads.pages(self._watchers.azure, listing, subscription_id, SITE_RECOVERY_API):
            count += 1
            for document in page:
                for subscription in missing.pop(_key(str(document["id"])), []):
                    subscription.tell(document, is_whole=False)
            if not missing:
                break
        # What the listing lacks may only be missing from it: it is asked for by name before it counts as gone.
        lost = [subscription for group in missing.values() for subscription in group]
        await asyncio.gather(*(self._read_one(subscription) for subscription in lost))
        return count

    def _back_off(self, error: AzureError, began: float) -> float:
        self._failing_since = self._failing_since or began
        failing = time.monotonic() - self._failing_since
        failure = classify(error)
        _log.warning(
            "reading the vault", vault=self._vault, kind=self._kind, cause=failure.code, seconds=round(failing)
        )
        if failing >= OUTAGE_SECONDS:
            for subscription in self._subscriptions:
                subscription.fail(error)
        floor = self._watchers.floor_seconds
        return failure.retry_after_seconds or min(max(floor, failing), LONGEST_BACK_OFF_SECONDS)


def _key(resource_id: str) -> str:
    """Return the key of a job or item: Azure spells the ids of one thing in several ways, its vault is given."""
    return id_key(resource_id).partition("/vaults/")[2]
