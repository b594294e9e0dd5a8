"""The turn to fail over: in its window a virtual machine asks its plan, which answers by wave, permits and health.

Both sides address the other by workflow id, without a run id: either may be started again meanwhile.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Literal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.base import Value
    from migration.fleet_looks import TurnAnswer
    from migration.models import VmTask
    from migration.phases import Outcome
from workflows import policies
from workflows.courier import tell
from workflows.engine import Engine
from workflows.failures import plan_stopped
from workflows.messages import Inbox, Take
from workflows.window import CutoverWindow

Reason = Literal["protected", "cutting_over", "verified", "waits_for_a_person", "outside_window", "ended"]


class VmNotice(Value):
    """What a virtual machine tells its plan in `turn_wanted`, `turn_done` and `ended`."""

    vm: str
    reason: Reason
    outcome: Outcome | None = None
    why: str = ""


class Turns:
    """One virtual machine's side of the protocol."""

    def __init__(self, task: VmTask, engine: Engine, window: CutoverWindow) -> None:
        self._task = task
        self._engine = engine
        self._window = window
        self._answer: TurnAnswer | None = None
        self._unread = False
        self._wanting = False
        self._outside = False
        self._cutting_over = False
        self._released: Reason | None = None
        self._heard = 0
        takers: dict[str, tuple[type[TurnAnswer] | None, Take]] = {
            names.SIGNAL_TURN_GRANTED: (TurnAnswer, self.take_answer),
            names.SIGNAL_ADOPT: (None, lambda _: self.repeat()),
        }
        self.inbox = Inbox(takers)
        self.follow: Callable[[], Awaitable[None]] | None = None
        """What waits for the turn of another, which is the turn of this one too; None: it has one of its own."""
        self._repeated: deque[datetime] = deque(maxlen=policies.MOST_REPEATS)

    @property
    def lost(self) -> bool:
        """Whether it may not fail over any more: it gave the turn back to wait for a person, or its window is shut."""
        return (self._task.gated and not self._cutting_over) or not self._window.is_open

    async def wait_for_turn(self) -> None:
        """Wait for the cutover window, and in it for the wave, a permit and the plan's consent.

        Raises:
            ApplicationError: the plan stops, or a person gave up; nothing has failed over.
        """
        self._answer = None
        while self.lost:
            await self._window.wait(self._stay_outside, lambda: self._answer is not None and self._answer.stop)
            self._outside = False
            self._stop_with_plan()
            if self.follow is not None:
                await self.follow()
                await self.take_over()
                if not self._task.gated:
                    return
            elif self._task.gated:
                await self._ask_for_turn()

    async def stand_back(self) -> None:
        """Tell the plan that this one wants no turn yet, and holds no place of those that replicate."""
        if self._released is None and not self._cutting_over:
            self._outside, self._released = True, "outside_window"
            await self._tell(names.SIGNAL_TURN_DONE, self._notice("outside_window"))
            self._engine.stop_if_cancelled()

    async def _stay_outside(self) -> None:
        """Tell the plan that the window is shut: it waits for this one's wave, and gives its permit to others."""
        self._wanting, self._outside, self._cutting_over, self._answer = False, True, False, None
        if self._released != "outside_window":
            self._released = "outside_window"
            await self._tell(names.SIGNAL_TURN_DONE, self._notice("outside_window"))
            self._engine.stop_if_cancelled()

    async def _ask_for_turn(self) -> None:
        """Ask the plan until it grants the turn, or the window shuts meanwhile."""
        self._wanting, self._released, self._answer = True, None, None
        for pause in chain(policies.TURN_REPEATS, repeat(policies.TURN_REPEATS[-1])):
            heard = await self._tell(names.SIGNAL_TURN_WANTED, self._notice("protected"))
            self._engine.stop_if_cancelled()  # Temporal lets a signal under way end, and the cancel with it
            choice = await self._wait(pause, heard=heard)
            if self._granted or choice == "skip":
                self._cutting_over = True
                break
            if not self._window.is_open:
                break
        self._wanting = False

    async def take_over(self) -> None:
        """Tell the plan that an earlier run has begun the failover: it counts, and waits for no turn."""
        if self._task.gated:
            self._cutting_over = True
            await self._tell(names.SIGNAL_TURN_WANTED, self._notice("cutting_over"))

    def take_answer(self, answer: TurnAnswer) -> None:
        """Note what the plan said; a refusal shows why the plan holds, for as often as a plan may have to say so."""
        if self._wanting or (self._outside and answer.stop):
            self._heard += 1
            if answer.granted or answer.stop or self._heard <= policies.MOST_ANSWERS:
                self._answer, self._unread = answer, True

    async def give_back(self) -> None:
        """Give the permit back, and let the next wave pass: a person is waited for."""
        await self._release("waits_for_a_person")

    async def verified(self) -> None:
        """Give the permit back, and let the next wave pass: the target is verified."""
        await self._release("verified")

    async def tell_end(self, outcome: Outcome, why: str) -> None:
        """Tell the plan how it ended."""
        if self._task.gated:
            await self._tell(names.SIGNAL_ENDED, self._notice("ended", outcome, why))

    async def repeat(self) -> None:
        """Tell a plan that has just adopted this virtual machine where it stands; not as often as a flood asks."""
        now = workflow.now()
        if len(self._repeated) == policies.MOST_REPEATS and now - self._repeated[0] < policies.REPEATS_WITHIN:
            return
        self._repeated.append(now)
        if self._wanting:
            await self._tell(names.SIGNAL_TURN_WANTED, self._notice("protected"))
        elif self._cutting_over:
            await self._tell(names.SIGNAL_TURN_WANTED, self._notice("cutting_over"))
        elif self._released is not None:
            await self._tell(names.SIGNAL_TURN_DONE, self._notice(self._released))

    @property
    def _granted(self) -> bool:
        self._stop_with_plan()
        return self._answer is not None and self._answer.granted

    def _stop_with_plan(self) -> None:
        if self._answer is not None and self._answer.stop:
            raise plan_stopped(self._answer.why)

    async def _wait(self, pause: timedelta, *, heard: bool) -> str:
        """Wait for an answer, a person, *pause*, or the window's end; return the person's choice, else nothing."""
        left = self._window.left
        ends = workflow.now() + (pause if left is None else min(pause, left))
        while True:
            if self._granted:
                return ""
            self._unread = False
            held = "" if heard else f"the plan {self._task.plan} does not run, so nobody grants the turn"
            if self._answer is not None and not self._answer.granted:
                held = self._answer.why
            choices = ("retry", "skip", "give_up") if held else ()
            choice = await self._engine.hold(
                held or "its wave, and one of the plan's cutover permits",
                choices,
                max(ends - workflow.now(), timedelta()),
                needs_action=bool(held),
                until=lambda: self._unread,
            )
            if choice or not self._unread:
                return choice

    async def _release(self, reason: Reason) -> None:
        if self._released in {None, "outside_window"} or reason == "verified":
            self._released, self._cutting_over = reason, False
            await self._tell(names.SIGNAL_TURN_DONE, self._notice(reason))
            self._engine.stop_if_cancelled()

    async def _tell(self, signal: str, notice: VmNotice) -> bool:
        """Signal the plan; return False when no such plan runs."""
        if not self._task.gated:
            return True
        return await tell(names.migrate_plan_id(self._task.plan), signal, notice)

    def _notice(self, reason: Reason, outcome: Outcome | None = None, why: str = "") -> VmNotice:
        return VmNotice(vm=self._task.vm.name, reason=reason, outcome=outcome, why=why)
