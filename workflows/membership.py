"""A virtual machine talks with its consistency group: it says where it stands, and hears what holds of all."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.consistency import ConsistencyGroup
    from migration.groups import ON_THE_WAY, GroupState, MemberWord, Stage
    from migration.models import VmTask
from workflows import policies
from workflows.courier import tell
from workflows.engine import Engine, shielded
from workflows.failures import vm_failure
from workflows.messages import Inbox
from workflows.move_group import MoveGroup, MoveGroupInput

Holds = Callable[[GroupState], bool]


async def _nothing() -> None:
    return None


class Membership:
    """A member of *group*. `state` is what the group last said."""

    def __init__(self, task: VmTask, group: ConsistencyGroup, engine: Engine) -> None:
        self.group = group
        self.state = GroupState()
        self.inbox = Inbox({names.SIGNAL_GROUP_STANDS: (GroupState, self._hear)})
        self.approved_in: int | None = None
        """In which of the group's rounds of approval this one was approved."""
        self.asks_anew = False
        """Whether it is this one that asks for approvals anew."""
        self.on_asked_anew: Callable[[str], None] = lambda _why: None
        self._plan, self._name, self._engine = task.plan, task.vm.name, engine
        self._story: asyncio.Future[None] | None = None
        engine.called_back = self.called_back

    @property
    def leads(self) -> bool:
        """Whether it writes for all."""
        return self.group.leader == self._name

    def called_back(self) -> str:
        """Return why the group goes back; empty where it does not."""
        if self.state.decision != "back":
            return ""
        return f"its consistency group {self.group.name} goes back: {self.state.why}"

    async def unless_called_back(self, story: Coroutine[Any, Any, None]) -> None:
        """Tell the story to its end, or until the group goes back: that comes as a cancel does.

        Raises:
            ApplicationError: of type `VmFailure`: the group goes back.
        """
        self._story = asyncio.ensure_future(story)
        try:
            await self._story
        except (FailureError, asyncio.CancelledError) as error:
            is_cancel = is_cancelled_exception(error) or isinstance(error, asyncio.CancelledError)
            if is_cancel and workflow.cancellation_reason() is None and (why := self.called_back()):
                raise vm_failure(why) from None
            raise

    async def until(
        self, said: Stage, holds: Holds, told: str, *, meanwhile: Callable[[], Awaitable[None]] = _nothing, **more: Any
    ) -> GroupState:
        """Say where this one stands, again now and then, until something holds of the group; a person may go on.

        *meanwhile* is done each time that it takes longer.
        """
        for pause in chain(policies.TURN_REPEATS, repeat(policies.TURN_REPEATS[-1])):
            await self.say(said, **more)
            self._engine.stop_if_cancelled()
            if await self._held(said, holds, told, workflow.now() + pause) == "skip" or holds(self.state):
                break
            await meanwhile()
        return self.state

    async def _held(self, said: Stage, holds: Holds, told: str, ends: datetime) -> str:
        """Hold until something holds of the group, a time, or a person's choice, which it returns; tell who is late."""
        choices = ("skip", "give_up") if self._engine.shielded else ("give_up",)
        while not holds(self.state) and (left := ends - workflow.now()) > timedelta():
            late = self._late(said)
            text = f"{late or 'the others'} of its consistency group {self.group.name} to be {told}"
            news = self._until_news(said, holds, late)
            choice = await self._engine.hold(text, choices, left, needs_action=False, until=news)
            if choice:
                return choice
        return ""

    def _until_news(self, said: Stage, holds: Holds, late: str) -> Callable[[], bool]:
        return lambda: holds(self.state) or self._late(said) != late

    def _late(self, said: Stage) -> str:
        """Return who has not come as far as this one says that it has."""
        behind = self.state.behind(said) if said in ON_THE_WAY else []
        return ", ".join(name for name in behind if name != self._name)

    async def say(self, stage: Stage, **more: Any) -> None:
        """Tell the group, which is started where it does not run."""
        group, state = self.group, self.state
        known = {"looks": state.looks, "asked": state.asked, "decided": state.decision}
        word = MemberWord.model_validate({"vm": self._name, "stage": stage, **known, **more})
        while not await tell(group.id, names.SIGNAL_MEMBER_SAID, word):
            with suppress(WorkflowAlreadyStartedError):
                await workflow.start_child_workflow(
                    MoveGroup.run,
                    MoveGroupInput(plan=self._plan, **group.model_dump()),
                    id=group.id,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    static_summary=f"Consistency group {group.name}: {', '.join(group.names)}",
                )

    async def agree(self) -> bool:
        """Consent to the commit and wait for the group's word; return False where all have to look again.

        From its consent on this one goes back only if the group says so: another may have heard that all commit.

        Raises:
            ApplicationError: of type `VmFailure`: the group goes back.
        """
        return await shielded(self._agree())

    async def _agree(self) -> bool:
        if self.approved_in != self.state.asked:
            return False
        looks = self.state.looks
        pauses = chain(policies.TURN_REPEATS, repeat(policies.TURN_REPEATS[-1]))
        while True:
            cancelled = workflow.cancellation_reason() is not None
            await self.say("wants_back" if cancelled else "prepared", why="it was cancelled" if cancelled else "")
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    self._until_word(looks, cancelled=cancelled),
                    timeout=next(pauses),
                    timeout_summary="Until the group is asked again",
                )
            if self.state.decision == "commit":
                return True
            if self.state.decision == "back":
                self._engine.stop_if_cancelled()
            if self.state.looks > looks and workflow.cancellation_reason() is None:
                return False

    def _until_word(self, looks: int, *, cancelled: bool) -> Callable[[], bool]:
        """Return what tells whether the group has spoken, or something has to be said to it."""
        return lambda: (
            bool(self.state.decision)
            or (not cancelled and (self.state.looks > looks or workflow.cancellation_reason() is not None))
        )

    def _hear(self, state: GroupState) -> None:
        """Take what holds of the group. A commit is passed at once: no cancel may come in between."""
        before, self.state = self.state, state
        if state.decision == "commit":
            self._engine.shielded = True
            return
        if state.asked > before.asked and not self.asks_anew:
            self.on_asked_anew(f"its consistency group asks anew: {state.why}")
        if self.called_back() and self._story is not None and not self._engine.shielded:
            self._story.cancel()
