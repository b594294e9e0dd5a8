"""The cutover window: a virtual machine whose window is shut waits, without a permit, and holds no other one."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.windows import WindowActivities
    from migration.models import VmTask
    from migration.waiting import LookAtWindow
    from migration.windows import Standing
from workflows import policies
from workflows.board import Board
from workflows.engine import Engine


class CutoverWindow:
    """When one virtual machine may fail over. What was decided about its zone's clocks stands in the history."""

    def __init__(self, task: VmTask, board: Board, engine: Engine) -> None:
        self._task = task
        self._board = board
        self._engine = engine
        self._seen: Standing | None = None
        self._overruled = False

    @property
    def is_open(self) -> bool:
        """Whether a failover may begin now, by what was decided last."""
        if self._task.vm.cutover is None or self._overruled:
            return True
        left = self.left
        return self._seen is not None and self._seen.is_open and (left is None or left > timedelta())

    @property
    def left(self) -> timedelta | None:
        """How long the window stays open; None where nothing closes it."""
        closes = self._seen.closes if self._seen and not self._overruled else None
        return None if closes is None else closes - workflow.now()

    async def wait(self, outside: Callable[[], Awaitable[None]], stopped: Callable[[], bool]) -> None:
        """Wait until it is open, a person overrules it, or the plan has *stopped*; *outside* tells that it is shut.

        Raises:
            ApplicationError: a person gave up; nothing has failed over.
        """
        while not self.is_open and not stopped():
            seen = await self._look()
            if not seen.is_open:
                await outside()
                await self._wait_shut(seen, stopped)

    async def _look(self) -> Standing:
        assert self._task.vm.cutover is not None  # noqa: S101 - one without a schedule is open
        request = LookAtWindow(schedule=self._task.vm.cutover, at=workflow.now())
        summary = f"Look at the cutover window of {self._task.vm.name}"
        self._seen = await self._engine.call(WindowActivities.look_at_window, request, summary)
        return self._seen

    async def _wait_shut(self, seen: Standing, stopped: Callable[[], bool]) -> None:
        """Wait until the window opens, or is due to be looked at again: the rules of time zones may have changed."""
        again = workflow.now() + policies.WINDOW_LOOKS
        while not stopped() and (now := workflow.now()) < min(seen.opens or again, again):
            text = seen.in_words(now)
            if seen.opens is None:
                choice = await self._engine.ask(
                    f"{text}. skip fails over outside of it, give_up leads back", ("skip", "give_up")
                )
            else:
                left = seen.opens - now
                step = policies.WINDOW_TOLD if left > policies.WINDOW_NEAR else policies.WINDOW_TOLD_NEAR
                choice = await self._engine.hold(
                    text, ("skip", "give_up"), min(left, step), needs_action=False, until=stopped
                )
            if choice == "skip":
                self._overrule()
                return

    def _overrule(self) -> None:
        self._overruled = True
        self._board.record_incident(f"the cutover window was overruled: {self._engine.last_word}")
