"""The look at two copies while nothing happens: a held poll that returns once both run, and costs a read a minute."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import structlog
from azure.core.exceptions import AzureError
from temporalio import activity

from activities.holding import Told, hold
from arm import machines
from arm.clients import AzureClients
from arm.errors import classify
from arm.watcher import Watchers
from migration import power
from migration.ids import id_key
from migration.models import PowerStates, Progress
from migration.waiting import CopiesWatched, WatchCopies

LOOK_SECONDS = 60.0
"""The longest time between two looks, which bounds how long two copies run unnoticed."""
EACH_SECONDS = 0.5
"""What each look that a process holds adds, where it holds many: two reads a second for all of them together."""
_log = structlog.get_logger(__name__)


class CopyActivities:
    """The look at source and target beside each other."""

    def __init__(self, azure: AzureClients, watchers: Watchers) -> None:
        self._azure = azure
        self._watchers = watchers
        self._looking: dict[str, tuple[datetime, int]] = {}
        """When the look at a source that is heard was scheduled, and its attempt, by the source's key."""

    def stop_looking(self, source_id: str) -> None:
        """Look at a source no more: nobody listens any longer, though the look is held until its workflow has ended."""
        self._looking.pop(id_key(source_id), None)

    @activity.defn
    async def watch_copies(self, wait: WatchCopies) -> CopiesWatched:
        """Wait until source and target both run; what cannot be read is read again, for as long as it takes.

        Who asks has just read both, so that it begins with a pause.
        """
        progress, source, info = Told(), id_key(wait.source_id), activity.info()
        own = (info.scheduled_time, info.attempt)

        async def until_both_run() -> CopiesWatched:
            began = time.monotonic()
            while True:
                await asyncio.sleep(self._pause_seconds(time.monotonic() - began))
                if self._looking.get(source) != own:
                    await asyncio.Event().wait()  # Held, and quiet: an answer would cost the history an event.
                try:
                    both = await self._both_running(wait)
                except AzureError as error:
                    _log.warning("watching two copies", source=wait.source_id, cause=classify(error).code)
                    progress.now = Progress(detail="the source cannot be read")
                else:
                    progress.now = Progress(detail="one copy runs")
                    if both is not None:
                        return CopiesWatched(running=False, both_running=both)

        # Who asks anew has left the look before: an approval was taken back. Temporal knows which is the newer: after
        # a restart both begin again, in any order.
        self._looking[source] = max(own, self._looking.get(source, own))
        try:
            return await hold(until_both_run, progress, wait.give_back_after_seconds, CopiesWatched(running=True))
        finally:
            if self._looking.get(source) == own:
                self.stop_looking(source)

    async def _both_running(self, wait: WatchCopies) -> PowerStates | None:
        """Return both power states where both run; the target is read only where the source is not off."""
        source = await machines.read_machine(self._azure, wait.source_id)
        if source is None or not power.is_running(source.power_state):
            return None
        target = await machines.read_machine(self._azure, wait.target_id)
        if target is None or not power.is_running(target.power_state):
            return None
        return PowerStates(
            source=source.power_state,
            target=target.power_state,
            source_since=source.power_since,
            target_since=target.power_since,
        )

    def _pause_seconds(self, age_seconds: float) -> float:
        # A fleet that waits must not take the reads from those that move: also young looks keep to the common pace.
        shared = EACH_SECONDS * len(self._looking)
        return max(min(self._watchers.pause_seconds(age_seconds), LOOK_SECONDS), shared)
