"""The chapters of a virtual machine in a consistency group: nobody fails over, commits or goes back alone.

The members meet in `MoveGroup`. The first of them leads: it writes for all. A virtual machine that moves alone does
nothing here, and has none of it in its history.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.groups import GroupActivities
    from migration import names
    from migration.groups import GroupState, Stage
    from migration.ids import type_of
    from migration.ledger import LedgerEntry
    from migration.models import Started
    from migration.phases import Outcome, Phase
    from migration.requests import FailoverStarted, OfGroup
from workflows.failures import vm_failure
from workflows.kit import Kit
from workflows.membership import Membership
from workflows.turns import Turns

_PARTING_ROUNDS = 5
"""A running job of the recovery plan to end, its removal, the reading that proves it, and two more."""


class Together:
    """What one virtual machine does with its group; nothing where it moves alone."""

    def __init__(self, kit: Kit, turns: Turns) -> None:
        self._task, self._board, self._engine, self._belongings = kit.task, kit.board, kit.engine, kit.belongings
        self._turns = turns
        self._member = Membership(kit.task, kit.task.group, kit.engine) if kit.task.group else None
        self._stood_ready = self._tried = False
        if self._member is not None and not self._member.leads:
            turns.follow = self._until_led

    @property
    def any(self) -> bool:
        """Whether it is in a group."""
        return self._member is not None

    @property
    def state(self) -> GroupState:
        """Where the group stands, as it last said."""
        return self._member.state if self._member else _ALONE

    @property
    def objection(self) -> str | None:
        """Why an approval may not count yet: it is for all, and others are not verified."""
        if self._member is None or self.state.verified:
            return None
        late = ", ".join(one for one in self.state.behind("verified") if one != self._task.vm.name) or "the others"
        return f"its consistency group {self._member.group.name} is approved as one, and {late} waits to be verified"

    @property
    def approved_by(self) -> str:
        """Who approved another member, and with it the group."""
        state = self.state
        if self._member is None or not state.approved or state.approved_on == self._task.vm.name:
            return ""
        return f"{state.approved} (on {state.approved_on}, for the consistency group {self._member.group.name})"

    async def hear(self, message: RawValue) -> None:
        """Take where the group stands."""
        if self._member is not None:
            await self._member.inbox.take(names.SIGNAL_GROUP_STANDS, message)

    def on_asked_anew(self, void: Callable[[str], None]) -> None:
        """Let *void* take this one's approvals back when another of the group is not as it was approved."""
        if self._member is not None:
            self._member.on_asked_anew = void

    async def unless_called_back(self, story: Coroutine[Any, Any, None]) -> None:
        """Tell the story to its end, or until the group goes back."""
        await (story if self._member is None else self._member.unless_called_back(story))

    async def join(self) -> None:
        """Say that this one has begun, and hear whether the group still moves: one that begins late may be too late."""
        await self._found.until("joined", lambda state: bool(state.stages), "heard of")

    async def gather(self) -> None:
        """Wait until all are protected and set up; the leader then asks for the turn of all."""
        await self._turns.stand_back()
        await self._found.until("protected", lambda state: state.protected, "protected")

    async def form(self, check_again: Callable[[], Awaitable[None]]) -> None:
        """Wait until all have checked again, each within the same quarter of an hour; the leader then plans for all."""
        while not await self._all_checked():
            self._board.enter(Phase.CHECKING)
            await check_again()
            self._board.enter(Phase.FAILING_OVER)
        if not self._found.leads:
            return
        why = f"fails the consistency group {self._found.group.name} over"
        kind = type_of(self._plan_id)
        entry = LedgerEntry(id=self._plan_id, type=kind, created_by="plan", state="predicted", why=why)
        await self._belongings.predict([entry], "Read whether the recovery plan is there")
        started = await self._engine.call(
            GroupActivities.ensure_recovery_plan, self._request, "Make the recovery plan of the consistency group"
        )
        await self._engine.wait_for_job(started.job, "Until the recovery plan is made")
        await self._belongings.look("See the recovery plan")

    async def fail_over(self) -> FailoverStarted:
        """Begin the failover of all at once, or learn of it; return the recovery plan's job."""
        member, self._stood_ready = self._found, True
        if not member.leads:
            if self._turns.lost:
                await self._turns.take_over()  # it gave the turn back while it waited for the others
            state = await member.until("ready", lambda now: now.failing_over, "ready")
            return FailoverStarted(started=Started(resource_id=self._task.item_id, job=state.failover))
        await member.until("ready", lambda state: state.ready, "ready")
        while self._turns.lost:
            self._board.enter(Phase.WAITING_FOR_TURN)
            await self._turns.wait_for_turn()
            self._board.enter(Phase.FAILING_OVER)
        begun = await self._engine.call(
            GroupActivities.start_group_failover, self._request, "Start the failover of the group: latest point"
        )
        await member.say("failing_over", job=begun.started.job)
        return begun

    async def verified(self) -> None:
        """Say that this one is verified."""
        if self._member is None:
            return
        await self._member.say("verified")
        try:
            self._engine.stop_if_cancelled()  # Temporal lets a signal under way end, and the cancel with it
        except (FailureError, asyncio.CancelledError):
            if workflow.patched("called-back-while-speaking"):
                raise

    async def approved(self, by: str) -> None:
        """Say that this one was approved, which counts for all."""
        if self._member is not None:
            self._member.approved_in = self.state.asked
            await self._member.say("approved", by=by)

    async def ask_anew(self, why: str) -> None:
        """Say that what was approved is not so any more: all ask again."""
        if self._member is not None:
            asked, self._member.asks_anew = self.state.asked, True
            await self._member.until(
                "verified", lambda state: state.asked > asked, "asked for their approval anew", why=why, anew=True
            )
            self._member.asks_anew = False

    async def agree(self) -> bool:
        """Consent to the commit, and wait for the group's word; return False where all have to look again."""
        return True if self._member is None else await self._member.agree()

    async def commit_failover(self) -> bool:
        """Commit all at once, or wait until the leader has; return False where each has to commit by itself."""
        if self._member is None or self._tried:
            return False
        self._tried = True
        if self._member.leads:
            job = await self._commit_all()
        else:
            state = await self._member.until("prepared", lambda now: now.committing, "committed by its leader")
            job = state.commit
        await self._engine.wait_for_job(job, "Until the group is committed", accept_failure=True)
        return True

    async def part(self) -> None:
        """After the commit: wait until all are committed, then let go of the recovery plan.

        Raises:
            ApplicationError: of type `VmFailure`: one ended without its commit. A person decides.
        """
        member = self._found
        state = await member.until("committed", lambda now: now.committed or bool(now.uncommitted), "committed")
        if state.uncommitted:
            raise vm_failure(
                f"parting from the consistency group {member.group.name}: this virtual machine is committed, and "
                f"{'; '.join(state.uncommitted)} did not commit, so the group is split. See to it that the application "
                "serves from one side; skip ends this one's replication all the same"
            )
        await self._let_go("apart" if member.leads else "committed")

    async def call_off(self, why: str) -> None:
        """On the way back: take the group along. What the leader may have begun is known before anything is read."""
        if self._member is None:
            return
        await self._member.say("back", why=why)
        if self._stood_ready and not self._member.leads:
            await self._member.until(
                "back", lambda state: state.called_off or state.failing_over, "called off by its leader", why=why
            )

    async def part_from_group(self) -> None:
        """Undo: let go of the recovery plan before anybody's replication ends."""
        await self._let_go("back_apart" if self._found.leads else "back")

    async def tell_end(self, outcome: Outcome, why: str) -> None:
        """Say how this one ended."""
        if self._member is not None:
            await self._member.say("ended", outcome=outcome, why=why)

    async def _all_checked(self) -> bool:
        """Say that this one has checked again, and wait for the others; return False where all check once more."""
        looks = self.state.looks
        if self._found.leads:
            await self._found.say("granted")
        state = await self._found.until(
            "checked",
            lambda now: now.checked or now.looks > looks,
            "checked again",
            meanwhile=self._turns.give_back,
        )
        return state.looks == looks

    async def _until_led(self) -> None:
        """Wait until the leader has its turn, which is the turn of all."""
        await self._found.until("protected", lambda state: state.granted, "granted its turn")

    async def _commit_all(self) -> Any:
        try:
            started = await self._engine.call(
                GroupActivities.commit_group, self._request, "Commit the failover of the group"
            )
        except FailureError:
            await self._found.say("committing")  # each then looks at its own item, and asks a person
            raise
        await self._found.say("committing", job=started.job)
        return started.job

    async def _let_go(self, said: Stage) -> None:
        if self._found.leads:
            await self._remove_plan()
            await self._found.say(said)
        else:
            await self._found.until(said, lambda state: state.apart, "let go of the recovery plan")

    async def _remove_plan(self) -> None:
        """Remove the recovery plan, unless it was there before; what it still works on is waited for."""
        if not self._belongings.may_have_made(self._plan_id):
            return
        for _ in range(_PARTING_ROUNDS):
            started = await self._engine.call(
                GroupActivities.remove_recovery_plan, self._request, "Remove the recovery plan of the group"
            )
            if started.job is None:
                await self._belongings.look("See the recovery plan gone")
                return
            await self._engine.wait_for_job(started.job, "Until the recovery plan is removed", accept_failure=True)
        raise vm_failure("removing the recovery plan: it is still there after its removal was reported done")

    @property
    def _found(self) -> Membership:
        if self._member is None:
            raise vm_failure("moving with a consistency group: this virtual machine is in none")
        return self._member

    @property
    def _plan_id(self) -> str:
        return self._found.group.recovery_plan_id(self._task.shared.vault_id)

    @property
    def _request(self) -> OfGroup:
        return OfGroup(task=self._task)


_ALONE = GroupState()
