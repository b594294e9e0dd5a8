"""What a watcher reads, and who waits for what of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arm import callers
from arm.pace import Pace, steady
from arm.reads import API_VERSIONS, SITE_RECOVERY_API, Json, api_version
from migration.ids import ResourceId, id_key, vault_of

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError

    from arm.callers import Caller

JOBS, ITEMS = "replicationJobs", "replicationProtectedItems"
_MACHINES = "microsoft.compute/virtualmachines"


@dataclass(frozen=True)
class Source:
    """What a watcher reads: a listing, and of each entry what a read of it alone has besides."""

    scope: str
    listing: str
    version: str
    query: dict[str, str] = field(default_factory=dict)
    may_be_denied: bool = False
    """Whether an identity that may read each entry may still not list them all."""

    @classmethod
    def of(cls, resource_id: str) -> Source:
        """Return what has the resource in its listing."""
        resource = ResourceId.parse(resource_id)
        if resource.type.lower() == _MACHINES:
            # How all machines of a subscription stand; a group's listing does not say it.
            listing = f"/subscriptions/{resource.subscription}/providers/Microsoft.Compute/virtualMachines"
            version = API_VERSIONS["microsoft.compute"]
            return cls(listing, f"{listing}?statusOnly=true", version, {"$expand": "instanceView"}, may_be_denied=True)
        vault = vault_of(resource_id)
        kind = JOBS if "/replicationjobs/" in resource_id.lower() else ITEMS
        return cls(vault, f"{vault}/{kind}", SITE_RECOVERY_API)

    @classmethod
    def of_group(cls, resource_id: str) -> Source:
        """Return what lists all of the resource's kind in its group, as a plain read shows each."""
        listing = resource_id.rpartition("/")[0]
        return cls(listing, listing, api_version(resource_id), may_be_denied=True)

    @property
    def subscription(self) -> str:
        """The subscription that it lies in."""
        return self.scope.split("/")[2]


@dataclass(eq=False)
class Subscription:
    """One wait's share of a watcher: the id it waits for, and what was last read of it."""

    id: str
    began: float = field(default_factory=time.monotonic)
    caller: Caller = field(default_factory=callers.current)
    key: str = field(init=False)
    suffices: Callable[[Json], bool] = lambda _entry: True
    """Whether an entry of a listing tells enough; else what it is about is read by itself."""
    pace: Pace = steady
    """How long it can do without the next reading."""
    scale: float = 1.0
    """How many seconds of ours a second of the pace is."""
    due: float = field(init=False)
    """From when on the next reading is worth while."""
    _pause: float = 0.0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _document: Json | None = None
    _error: AzureError | None = None
    is_whole: bool = False
    """Whether the last reading was of it alone: a listing leaves out the tasks of jobs."""

    def __post_init__(self) -> None:
        """Keep by what it is found in a listing: thousands are looked for in each."""
        self.key = key_in_listing(self.id)
        self.due = time.monotonic()

    def is_nearly_due(self, now: float) -> bool:
        """Tell whether it is so soon worth while that a reading for others should be for it as well."""
        return self.due - now <= self._pause / 2

    async def next(self) -> Json | None:
        """Return the next reading; None: it is not there.

        Raises:
            AzureError: reads have been failing for two minutes.
        """
        await self._news.wait()
        self._news.clear()
        if self._error is not None:
            raise self._error
        # Not kept: of what thousands have read, the garbage collector would look at every part, again and again.
        document, self._document = self._document, None
        return document

    def tell(self, document: Json | None, *, is_whole: bool) -> None:
        """Hand over a reading."""
        self._document, self._error, self.is_whole = document, None, is_whole
        now = time.monotonic()
        self._pause = self.pace(document, (now - self.began) / self.scale) * self.scale
        self.due = now + self._pause
        self._news.set()

    def fail(self, error: AzureError) -> None:
        """Hand over that nothing can be read."""
        self._error = error
        self._news.set()


def key_in_listing(resource_id: str) -> str:
    """Return the key of a job, item or machine: Azure spells ids of one thing in several ways, its vault is given."""
    key = id_key(resource_id)
    return key.partition("/vaults/")[2] or key
