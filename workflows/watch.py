"""The look at both copies while a person is waited for: somebody may start the source beside the target that serves.

One activity is held on the wait queue for as long as nothing happens, so that days of looking cost a history nothing.
"""

import asyncio
from datetime import timedelta
from types import TracebackType
from typing import Self

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.watching import CopyActivities
    from migration.models import PowerStates, VmTask
    from migration.waiting import WatchCopies
from workflows import policies


class CopyWatch:
    """A context manager: it looks until it is left, or has found two running copies."""

    def __init__(self, task: VmTask) -> None:
        self._vm = task.vm
        self._looking: asyncio.Task[None] | None = None
        self._found: PowerStates | None = None

    async def __aenter__(self) -> Self:
        """Begin to look."""
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()

    @property
    def found(self) -> PowerStates | None:
        """Both copies as they were seen running, None where they were not."""
        return self._found

    def look_again(self) -> None:
        """Forget what was found, once one copy was stopped, and look on."""
        self._found = None
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            began = workflow.now()
            try:
                seconds = await self._held()
            except ActivityError:  # whoever waited has left
                return
            if self.found is not None:
                return
            left = timedelta(seconds=seconds) - (workflow.now() - began)
            if left > timedelta():
                await workflow.sleep(left, summary="Until the copies are looked at again")

    async def _held(self) -> float:
        """Hold one look; return how long it should have lasted."""
        wanted = WatchCopies(
            source_id=self._vm.source_id,
            target_id=self._vm.target_id,
            give_back_after_seconds=int(policies.WATCH.total_seconds()),
        )
        try:
            seen = await workflow.execute_activity_method(
                CopyActivities.watch_copies, wanted, summary="Look whether the source is started", **policies.WATCHING
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.error("The copies cannot be watched", extra={"why": str(error.cause)})
            return policies.WATCH_AGAIN.total_seconds()
        self._found = seen.both_running
        return policies.WATCH.total_seconds()
