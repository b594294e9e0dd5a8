"""The gate before the commit: what people decide on, and until when; what was approved has to be so right before."""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.evidence import changes, summary
    from migration.models import PowerStates, VmTask
    from migration.phases import Phase
from workflows import policies
from workflows.approval_desk import ApprovalDesk
from workflows.board import Board
from workflows.cutover import Cutover
from workflows.decisions import Decisions
from workflows.dossier import Dossier
from workflows.failures import rejected
from workflows.news import News
from workflows.parity import Parity
from workflows.together import Together
from workflows.turns import Turns
from workflows.watch import CopyWatch


class Gate:
    """The chapter of one virtual machine's approval. `decisions` and `desk` take what people send."""

    def __init__(
        self,
        task: VmTask,
        board: Board,
        cutover: Cutover,
        parity: Parity,
        turns: Turns,
        news: News,
        together: Together,
    ) -> None:
        self._task = task
        self._board = board
        self._cutover = cutover
        self._parity = parity
        self._turns = turns
        self._news = news
        self._together = together
        self._reminders = 0
        self._dossier = Dossier(task, board, cutover, parity)
        self._decisions = self.decisions = Decisions(task)
        self._decisions.objection = lambda: together.objection or parity.objection
        self._desk = self.desk = ApprovalDesk(task, self.decisions)
        together.on_asked_anew(self._void_with_group)

    async def wait_for_approval(self) -> None:
        """Wait for a person; a rejection, or the deadline where the plan says so, leads back.

        What was approved is looked at again: where it changed, the approval is void, and a new one is waited for.
        """
        self._news.deadline = deadline = workflow.now() + timedelta(seconds=self._task.approval.deadline)
        # Whoever reads the phase may decide at once, so the gate opens before anything is awaited.
        self._decisions.open_gate(self._dossier.gather().digest)
        self._show_what_is_awaited()
        await self._turns.verified()
        await self._together.verified()
        await self._desk.open()
        while True:
            await self._until_decided(deadline)
            decision = self._decisions.counted
            if decision is not None and decision.decision != "approve":
                raise rejected(f"{decision.approver} rejected the move: {decision.comment or 'no comment'}")
            if decision is not None:
                await self._together.approved(decision.approver)
            changed = await self._dossier.changes()
            if not changed and await self._together.agree():
                return
            if changed:
                await self._void_for_all(f"the evidence changed: {summary(changed)}")

    async def _void_for_all(self, why: str) -> None:
        """Take the approvals back, those of the consistency group too."""
        self._decisions.void(why, self._dossier.gather().digest)
        await self._together.ask_anew(why)

    def _void_with_group(self, why: str) -> None:
        """Take the approvals back, since another of the consistency group is not as it was approved."""
        if self._decisions.approvals or self._decisions.counted:
            self._decisions.void(why, self._decisions.evidence or "")

    async def _until_decided(self, deadline: datetime) -> None:
        """Wait until a decision counts, and look at both copies meanwhile."""
        async with self._cutover.watch_copies() as watch:
            while self._decisions.counted is None:
                self._show_what_is_awaited()
                if (by := self._together.approved_by) and self._decisions.objection() is None:
                    self._decisions.decide_with_group(by)
                    break
                await self._wait_for_decision(deadline, watch)
                if watch.found:
                    await self._settle_two_copies(watch.found)
                    watch.look_again()
        self._board.show()

    async def _settle_two_copies(self, power: PowerStates) -> None:
        """Decide nothing while two copies are in question; what was approved before them is asked for again."""
        before = self._dossier.gather()
        self._decisions.hold_gate()
        self._board.enter(Phase.VERIFYING)
        await self._cutover.settle_two_copies(power)
        changed = changes(before, self._dossier.gather())
        if changed:
            await self._void_for_all(f"two copies ran: {summary(changed)}")
        self._decisions.open_gate(self._dossier.gather().digest)
        self._board.enter(Phase.AWAITING_APPROVAL)
        self._show_what_is_awaited()

    def _show_what_is_awaited(self) -> None:
        """Show it with the evidence as it is now: a person may have settled rows of parity meanwhile."""
        known = self._board.evidence or self._dossier.gather()
        changed = changes(known, self._dossier.gather())
        if changed:
            self._decisions.void(f"the evidence changed: {summary(changed)}", self._dossier.gather().digest)
        if (late := self._together.objection) is not None:
            self._board.show(waiting_for=late)
            return
        given = [one.approver for one in self._decisions.approvals]
        self._board.show(waiting_for=self._dossier.awaited(given), needs_action=True)

    def _until_reminder(self) -> timedelta:
        """Return how long nobody is reminded: each reminder costs the history, so they come ever more rarely."""
        self._reminders += 1
        rarely: int = 2 ** ((self._reminders - 1) // policies.REMINDERS_IN_STEP)
        return timedelta(seconds=self._task.approval.reminder) * rarely

    async def _wait_for_decision(self, deadline: datetime, watch: CopyWatch) -> None:
        """Wait for a decision until the deadline, the next reminder, or two running copies."""
        left = deadline - workflow.now()
        if left <= timedelta():
            if self._task.approval.at_deadline == "roll_back":
                raise rejected("nobody decided before the deadline, and the plan says roll_back")
            unready = self._parity.open_rows or self._together.objection
            if self._task.approval.at_deadline == "commit" and not unready:
                self._decisions.decide_by_policy()
                return
            # Each is a handful of events, and a history bears 50,000: whoever does not hear is told ever more rarely.
            left = self._until_reminder()
            workflow.logger.warning("Nobody has decided before the deadline; waiting on")
        elif self._news.wants("reminder"):
            left = min(left, self._until_reminder())
        group = self._together.state
        told = self._decisions.until_more(lambda: watch.found is not None or self._together.state is not group)
        if self._parity.open_rows:
            await self._parity.hold(left, told)
            return
        try:
            await workflow.wait_condition(
                told,
                timeout=left,
                timeout_summary="The approval's deadline or the next reminder",
            )
        except TimeoutError:
            late = workflow.now() >= deadline
            if not late or self._task.approval.at_deadline == "keep_waiting":
                self._news.tell("reminder", f"nobody has decided {'before the deadline' if late else 'yet'}")
