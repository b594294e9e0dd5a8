"""Where the members of a consistency group meet: it takes what each says, and tells all what holds of the group.

It asks Azure nothing and writes nothing: the group's leader does, a member like the others. Whoever speaks first starts
it, so that one which somebody ended is there again with the next word, and learns from the members what it knew.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.consistency import ConsistencyGroup
    from migration.groups import GroupBook, GroupState, MemberWord
    from migration.phases import Outcome
    from migration.plan import Plan
from workflows.courier import tell
from workflows.dispatch import Dispatcher
from workflows.messages import NOTHING, Inbox

RETOLD = timedelta(days=1)
"""How often all are told anew where the group stands; one that is gone is noticed then."""
PROBED = timedelta(minutes=5)
"""Where a member asks again after so long, all are told: what it waits for may be gone."""
_QUIET_DAYS = 7
"""How long it waits for members that never spoke once all others have ended."""


class MoveGroupInput(ConsistencyGroup):
    """The input of `MoveGroup`."""

    plan: str


@workflow.defn(name=names.MOVE_GROUP)
class MoveGroup:
    """The book of one consistency group, in one run of its plan. It ends with the last of its members."""

    @workflow.init
    def __init__(self, group: MoveGroupInput) -> None:
        self._plan = group.plan
        self._book = GroupBook(group.names)
        self._words: list[MemberWord] = []
        self._told: GroupState | None = None
        self._told_at = workflow.now()
        takers = {names.SIGNAL_MEMBER_SAID: (MemberWord, self._words.append)}
        self._inbox = Inbox(takers)

    @workflow.run
    async def run(self, group: MoveGroupInput) -> GroupState:
        """Take words until all members have ended."""
        quiet = 0
        while not self._book.is_over and quiet < _QUIET_DAYS:
            try:
                await workflow.wait_condition(
                    lambda: bool(self._words), timeout=RETOLD, timeout_summary="Until all are told anew"
                )
            except TimeoutError:
                self._told = None
                # Who has not spoken may never have begun, where somebody ended the plan.
                quiet = quiet + 1 if not self._book.heard_living else 0
            await self._answer()
            workflow.set_current_details(_markdown(group, self._book.state()))
        return self._book.state()

    @workflow.signal(name=names.SIGNAL_MEMBER_SAID)
    async def member_said(self, message: RawValue = NOTHING) -> None:
        """Take what a member says."""
        await self._inbox.take(names.SIGNAL_MEMBER_SAID, message)

    @workflow.update(name=names.UPDATE_DELIVER, description="What a member says when no more signals go in")
    async def deliver(self, message: RawValue) -> None:
        """Take what a signal would have brought."""
        await self._inbox.deliver(message)

    @deliver.validator
    def _validate_delivery(self, message: RawValue) -> None:
        self._inbox.validate(message)

    @workflow.query(name=names.QUERY_STATUS)
    def status(self) -> GroupState:
        """Tell where the group stands."""
        return self._book.state()

    async def _answer(self) -> None:
        """Take the words that have come; tell who spoke, and where something new holds of the group, all."""
        words, self._words[:] = list(self._words), []
        for word in words:
            self._book.take(word, workflow.now())
        to_all = workflow.now() - self._told_at > PROBED
        while True:
            state = self._book.state()
            to_all = to_all or self._told is None or state.gist != self._told
            # Who has not spoken yet hears with the answer to its first word; but of the way back at once.
            known = self._book.living if state.decision == "back" else self._book.heard_living
            wanted = known if to_all else [name for name in known if any(word.vm == name for word in words)]
            if to_all:
                self._told, self._told_at = state.gist, workflow.now()
            gone = [name for name in wanted if not await self._tell(name, state)]
            if not self._note_gone(gone):
                return

    def _note_gone(self, gone: list[str]) -> bool:
        """Take that somebody ended members, which the others cannot count on; return whether there are such.

        One that has never spoken may not have begun; one whose word has just come tells itself how it ended.
        """
        speaking = {word.vm for word in self._words}
        ended = [name for name in gone if name in self._book.heard_living and name not in speaking]
        for name in ended:
            why = "somebody ended its migration, which had no time to say a word"
            self._book.take(MemberWord(vm=name, stage="ended", why=why), workflow.now())
        return bool(ended)

    async def _tell(self, name: str, state: GroupState) -> bool:
        return await tell(names.migrate_vm_id(self._plan, name), names.SIGNAL_GROUP_STANDS, state)


async def tell_of_those_that_never_began(plan: Plan, dispatcher: Dispatcher) -> None:
    """Tell the groups of a plan that has ended which of their members will never speak: they end then."""
    run_id = workflow.info().first_execution_run_id
    for name, members in plan.groups.items():
        vm = dispatcher.vms[name]
        if not vm.began and vm.outcome is not Outcome.MIGRATED:
            word = MemberWord(vm=name, stage="ended", outcome=vm.outcome, why="it never began")
            await tell(names.move_group_id(plan.name, members[0].group, run_id), names.SIGNAL_MEMBER_SAID, word)


def _markdown(group: MoveGroupInput, state: GroupState) -> str:
    """Return what the Temporal UI shows."""
    lines = [f"Consistency group **{group.name}** of {group.plan}", ""]
    lines += [f"- {name}: {stage}" for name, stage in state.stages.items()]
    if state.decision:
        lines.append(f"- The group's word: **{state.decision}**{f' ({state.why})' if state.why else ''}")
    return "\n".join(lines)
