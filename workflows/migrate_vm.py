"""The story of one virtual machine: Microsoft's tutorial, step by step, and how each step is undone.

`Migrate Azure VMs to another region
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-tutorial-migrate>`_.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.preflight import PreflightActivities
    from migration import names
    from migration.adoption import Adoption
    from migration.chain import evidence
    from migration.earlier import Books
    from migration.evidence import changes, summary
    from migration.findings import CheckVm
    from migration.fingerprint import Fingerprint
    from migration.hooks import Hooks
    from migration.ids import ResourceId
    from migration.models import PowerStates, VmTask
    from migration.phases import Outcome, Phase
    from migration.plan_verification import Verifying
    from migration.report import DecisionAnswer, MemoKeys, VmEnding, VmReport, VmStatus, as_json
    from migration.severities import Moment
from workflows import policies
from workflows.adopting import Adopting
from workflows.approval_desk import ApprovalDesk
from workflows.belongings import Belongings, failover_entries
from workflows.board import Board
from workflows.cutover import Cutover
from workflows.decisions import Decisions
from workflows.dossier import Dossier
from workflows.engine import Engine, reason_of, shielded, type_of
from workflows.failures import GAVE_UP, MOVED_BEFORE, REFUSED, moved_before, refusal, rejected
from workflows.hooks import HookRunner
from workflows.messages import NOTHING
from workflows.news import News
from workflows.parity import Parity
from workflows.probes import Probes
from workflows.rehearsal import Rehearsal
from workflows.replication import Replication
from workflows.reprotection import Reprotection
from workflows.resolutions import read_resolution
from workflows.turns import TurnAnswer, Turns
from workflows.undo import Undo, UndoStack
from workflows.vm_claim import Claim
from workflows.watch import CopyWatch
from workflows.window import CutoverWindow

Step = Callable[[], Awaitable[None]]
_TOLD_FINDINGS = 20
"""How many findings a virtual machine's result holds; its report has all."""


@workflow.defn(name=names.MIGRATE_VM)
class MigrateVm:
    """Moves one virtual machine. Until the commit every failure, refusal and cancel leads back to the source."""

    @workflow.init
    def __init__(self, wanted: VmTask) -> None:
        # What activities are handed lies in the history each time: scripts and the like are not for all of them.
        spared = {"verifying": Verifying(), "hooks": Hooks(), "notifications": []}
        task = self.task = wanted.model_copy(update=spared)
        self.board = Board(task)
        self.engine = Engine(self.board)
        self.belongings = Belongings(self.engine)
        self.replication = Replication(task, self.engine, self.belongings)
        self.hooks = HookRunner(task, wanted.hooks, self.board, self.engine, self.replication)
        self.news = News(wanted, self.board)
        self.parity = Parity(task, self.board, self.engine, self.belongings)
        chapters = (task, self.board, self.engine, self.belongings, self.replication, Probes(wanted, self.engine))
        self.rehearsal = Rehearsal(*chapters)
        self.cutover = Cutover(*chapters)
        self.dossier = Dossier(task, self.board, self.cutover)
        self.reprotection = Reprotection(task, self.engine, self.belongings, self.replication)
        self.decisions = Decisions(task)
        self.decisions.objection = lambda: self.parity.objection
        self.desk = ApprovalDesk(task, self.decisions)
        self.turns = Turns(task, self.engine, CutoverWindow(task, self.board, self.engine))
        self.adopting = Adopting(task, self.board, self.engine, self.belongings, self.replication, self.turns)
        self.claim = Claim(task)
        self.undo = UndoStack()
        self.moved_before = False
        self.adoption = Adoption()
        self.committed = False
        self.reminders = 0
        self.fingerprint: Fingerprint | None = None
        self.engine.before_hold = self.turns.give_back

    async def migrate(self) -> None:
        """Move the virtual machine; what leads back stands on each step's own line."""
        replication, rehearsal, cutover, parity = self.replication, self.rehearsal, self.cutover, self.parity
        await self.step(Phase.CHECKING, self.claim_vm)
        await self.step(Phase.CHECKING, self.check_prerequisites)
        await self.step(Phase.ENABLING, replication.enable, undo=replication.disable_and_remove)
        await self.step(Phase.REPLICATING, replication.wait_until_protected)
        await self.step(Phase.CONFIGURING, replication.configure_target)
        if self.task.failover.test_first:
            await self.step(Phase.TESTING, rehearsal.test_failover, undo=rehearsal.clean_up_test_failover)
        await self.step(Phase.WAITING_FOR_TURN, self.turns.wait_for_turn)
        await self.step(Phase.CHECKING, self.check_prerequisites_again)
        await self.step(Phase.CHECKING, cutover.ask_source_before)
        if self.hooks.any:
            await self.step(Phase.FAILING_OVER, self.run_hooks_before, undo=self.hooks.undo_hooks)
        await self.step(Phase.FAILING_OVER, cutover.fail_over, undo=cutover.way_back.return_to_source)
        await self.step(Phase.VERIFYING, cutover.verify_target)
        await self.step(Phase.VERIFYING, parity.restore_parity, undo=parity.take_back_restored)
        if self.hooks.after:
            await self.step(Phase.VERIFYING, self.hooks.run_after, undo=self.hooks.undo_hooks_after)
        await self.step(Phase.AWAITING_APPROVAL, self.wait_for_approval)
        self.pass_the_point_of_no_return()
        await self.finish(Phase.COMMITTING, cutover.commit_failover)
        await self.finish(Phase.COMMITTING, parity.restore_after_commit)
        if self.task.reprotect is None or not await self.finish(Phase.REPROTECTING, self.reprotection.reprotect):
            end = replication.disable_replication if self.task.reprotect is None else self.reprotection.give_it_up
            await self.finish(Phase.DISABLING, end)
        await self.finish(self.board.phase, cutover.see_one_copy)

    @workflow.run
    async def run(self, task: VmTask) -> VmEnding:
        """Move the virtual machine or bring it back; the whole story is in the query `report`."""
        try:
            await self.migrate()
        except (FailureError, asyncio.CancelledError) as error:
            await shielded(self.roll_back(error))
            if is_cancelled_exception(error) or isinstance(error, asyncio.CancelledError):
                raise
        else:
            await shielded(self.end(Outcome.MIGRATED, ""))
        blocking = [finding for finding in self.board.findings if finding.blocks]
        return VmEnding(
            name=task.vm.name, outcome=self.board.outcome, reason=self.board.reason, findings=blocking[:_TOLD_FINDINGS]
        )

    async def step(self, phase: Phase, do: Step, *, undo: Undo | None = None) -> None:
        """Do one step; its undo is registered first, since a step that fails may have happened.

        What an earlier run has passed is not done again.
        """
        self.engine.stop_if_cancelled()
        if phase in self.adopting.passed:
            return
        self.board.enter(phase)
        if undo is not None:
            self.undo.register(undo)
        await do()

    async def finish(self, phase: Phase, do: Step) -> bool:
        """Do one step beyond the point of no return: no cancel stops it, and a failure waits for a person.

        Return whether it was done; a person may have skipped it.
        """
        return await shielded(self._finish(phase, do))

    async def claim_vm(self) -> None:
        """Keep every other plan from moving this virtual machine."""
        try:
            await self.claim.take()
        except WorkflowAlreadyStartedError:
            raise refusal(f"claiming {ResourceId.parse(self.task.vm.source_id)}: another plan moves it now") from None

    async def check_prerequisites(self) -> None:
        """Ask all that can be known before anything is written."""
        findings = await self._check("start")
        if self.moved_before:
            raise moved_before("moved by an earlier run")
        if findings:
            raise refusal("; ".join(findings))
        await self.adopting.take_up(self.adoption)

    async def check_prerequisites_again(self) -> None:
        """Ask again right before the failover. A finding holds the virtual machine; the copy is not thrown away.

        It is asked again by itself until it is mended, a person gives up, or the plan's deadline rolls it back. Who
        waited gave the turn back, and waits for it once more.
        """
        deadline = workflow.now() + timedelta(seconds=self.task.approval.deadline)
        pauses = iter(policies.RECHECK_DELAYS)
        while (findings := await self._check("cutover")) or self.turns.lost:
            if findings:
                what = f"before the failover: {'; '.join(findings)}"
                if workflow.now() >= deadline and self.task.approval.at_deadline == "roll_back":
                    raise rejected(f"{what}; nobody mended it before the deadline, and the plan says roll_back")
                await self.engine.ask(what, ("retry", "give_up"), next(pauses, policies.RECHECK_DELAYS[-1]))
            elif self.turns.lost:
                self.board.enter(Phase.WAITING_FOR_TURN)
                await self.turns.wait_for_turn()
                deadline = workflow.now() + timedelta(seconds=self.task.approval.deadline)
                self.board.enter(Phase.CHECKING)

    async def run_hooks_before(self) -> None:
        """Run the user's hooks before the cutover; who lost the turn meanwhile takes them back and waits anew."""
        await self.hooks.run_before(lambda: not self.turns.lost, self.check_prerequisites_again)

    async def wait_for_approval(self) -> None:
        """Wait for a person; a rejection, or the deadline where the plan says so, leads back.

        What was approved is looked at again: where it changed, the approval is void, and a new one is waited for.
        """
        self.news.deadline = deadline = workflow.now() + timedelta(seconds=self.task.approval.deadline)
        # Whoever reads the phase may decide at once, so the gate opens before anything is awaited.
        self.decisions.open_gate(self.dossier.gather().digest)
        self._show_what_is_awaited()
        await self.turns.verified()
        await self.desk.open()
        while True:
            await self._until_decided(deadline)
            decision = self.decisions.counted
            if decision is not None and decision.decision != "approve":
                raise rejected(f"{decision.approver} rejected the move: {decision.comment or 'no comment'}")
            changed = await self.dossier.changes()
            if not changed:
                return
            self.decisions.void(f"the evidence changed: {summary(changed)}", self.dossier.gather().digest)

    def pass_the_point_of_no_return(self) -> None:
        """Forget the undo: a committed failover cannot be rolled back."""
        self.engine.stop_if_cancelled()
        self.engine.shielded = self.committed = True
        self.undo.forget()

    async def roll_back(self, error: BaseException) -> None:
        """Undo what was done. A migration beyond the commit stays as it is."""
        if type_of(error) == MOVED_BEFORE:
            await self.end(Outcome.MIGRATED, reason_of(error))
            return
        if self.engine.shielded:
            await self.end(Outcome.NEEDS_OPERATOR, reason_of(error))
            return
        self.engine.shielded = True
        self.decisions.close_gate()
        self.board.go_back(reason_of(error))
        nothing_written = not self.undo.names
        if not nothing_written:
            self.board.enter(Phase.ROLLING_BACK)
        undone = await self.undo.run(self.engine, self.board)
        refused = nothing_written and type_of(error) == REFUSED
        outcome = Outcome.REFUSED if refused else Outcome.ROLLED_BACK if undone else Outcome.NEEDS_OPERATOR
        await self.end(outcome, self.board.reason)

    async def end(self, outcome: Outcome, reason: str) -> None:
        """Close the books, tell the plan, and give the claim back."""
        try:
            await self.belongings.prove(self._made_to_stay(outcome))
        except FailureError as error:
            self.board.record_incident(f"what is left was not read: {reason_of(error)}")
        self.board.tell_proof(self.belongings.proof)
        self.adopting.tell_end(outcome)
        if outcome is not Outcome.MIGRATED:
            self.belongings.leave()
        self.board.end(outcome, reason)
        await self.news.end(outcome, reason)
        await self.turns.tell_end(outcome, reason)
        await self.claim.release()
        await workflow.wait_condition(workflow.all_handlers_finished)
        vouched = {MemoKeys.EVIDENCE: evidence(as_json(self.report())), MemoKeys.MOVED: self.moved()}
        workflow.upsert_memo(vouched)

    @workflow.signal(name=names.SIGNAL_APPROVE_COMMIT, description='Approve the commit: {"approver": "..."}')
    async def approve_commit(self, message: RawValue = NOTHING) -> None:
        """Take an approval."""
        await self.desk.take_signal(message, "approve")

    @workflow.signal(name=names.SIGNAL_REJECT_COMMIT, description='Reject the commit: {"approver": "..."}')
    async def reject_commit(self, message: RawValue = NOTHING) -> None:
        """Take a rejection, which leads back to the source."""
        await self.desk.take_signal(message, "reject")

    @workflow.update(name=names.UPDATE_DECIDE_COMMIT, description="Approve or reject, and learn whether it counted")
    async def decide_commit(self, message: RawValue) -> DecisionAnswer:
        """Take a decision and answer whether it counted."""
        return await self.desk.take_update(message)

    @decide_commit.validator
    def _validate_decision(self, message: RawValue) -> None:
        self.desk.validate_update(message)

    @workflow.update(name=names.UPDATE_RESOLVE, description="Move on what waits for a person: retry, skip or give_up")
    def resolve(self, message: RawValue) -> DecisionAnswer:
        """Take a person's word on what holds."""
        return self.engine.resolve(read_resolution(message))

    @resolve.validator
    def _validate_resolution(self, message: RawValue) -> None:
        read_resolution(message)

    @workflow.signal(name=names.SIGNAL_TURN_GRANTED)
    def turn_granted(self, answer: TurnAnswer) -> None:
        """Take the plan's answer."""
        self.turns.take_answer(answer)

    @workflow.signal(name=names.SIGNAL_ADOPT)
    async def adopt(self) -> None:
        """Tell a new run of the plan where this virtual machine stands."""
        await self.turns.repeat()

    @workflow.query(name=names.QUERY_STATUS)
    def status(self) -> VmStatus:
        """Tell where the virtual machine stands."""
        return self.board.status(self.decisions.last_refusal, self.undo.names, self.desk.state(self.board.evidence))

    @workflow.query(name=names.QUERY_REPORT)
    def report(self) -> VmReport:
        """Tell what has happened so far."""
        report = self.board.report(self.belongings.entries, self.decisions.counted, self.decisions.recorded)
        told: dict[str, object] = {"resolutions": self.engine.resolutions, "notes": self.news.own.notes}
        if (source := self.replication.source) is not None:
            told |= {
                "source_disks": source.disks,
                "moved_ids": [entry.id for entry in failover_entries(self.task, source)],
            }
        return report.model_copy(update=told)

    @workflow.query(name=names.QUERY_LEDGER)
    def ledger(self) -> Books:
        """Tell all that was written down, for a later run that goes on where this one ended."""
        return Books(
            entries=self.belongings.entries,
            source=self.replication.source,
            outcome=self.board.outcome,
            committed=self.committed,
        )

    def _made_to_stay(self, outcome: Outcome) -> list[str]:
        """Return what the failover made, of a machine that has moved."""
        if outcome is not Outcome.MIGRATED or self.replication.source is None:
            return []
        return [entry.id for entry in failover_entries(self.task, self.replication.found)]

    def moved(self) -> dict[str, Any]:
        """Tell what was moved from where to where, by which `finalise` knows what it may delete."""
        source, outcome = self.replication.source, self.board.outcome
        return {
            "outcome": outcome.value if outcome else None,
            "source_id": self.task.vm.source_id,
            "target_id": self.task.vm.target_id,
            "vm_unique_id": source.vm_unique_id if source else "",
            "agent_ready": bool(source and source.agent_ready),
            "part_ids": [*(nic.id for nic in source.nics), *(disk.id for disk in source.disks)] if source else [],
            "run_id": workflow.info().run_id,
        }

    async def _finish(self, phase: Phase, do: Step) -> bool:
        self.board.enter(phase)
        while True:
            try:
                await do()
            except FailureError as error:
                if type_of(error) == GAVE_UP:
                    raise
                choice = await self.engine.ask(f"after the approval: {reason_of(error)}", ("retry", "skip", "give_up"))
                if choice == "skip":
                    told = f"{phase.value} was skipped by {self.engine.last_word}: {reason_of(error)}"
                    self.board.record_incident(told)
                    return False
            else:
                return True

    async def _check(self, moment: Moment) -> list[str]:
        """Ask the rules; return the blocking answers in words."""
        known = None if moment == "start" else self.replication.source
        request = CheckVm(
            task=self.task,
            moment=moment,
            own_ids=[entry.id for entry in self.belongings.entries if entry.ours],
            recorded=known,
            fingerprint=None if moment == "start" else self.fingerprint,
        )
        answer = await self.engine.call(PreflightActivities.check_vm, request, f"Check {self.task.vm.name}: {moment}")
        self.board.findings = answer.findings
        self.moved_before, self.adoption = answer.already_migrated, answer.adoption
        if answer.source is not None:
            self.replication.source = answer.source
        self.parity.source = answer.side or self.parity.source
        self.replication.size = self.replication.size or answer.size
        self.fingerprint = answer.fingerprint
        self.board.fingerprint = answer.fingerprint.digest if answer.fingerprint else None
        return [f"{finding.subject}: {finding.evidence}" for finding in answer.blocking]

    async def _until_decided(self, deadline: datetime) -> None:
        """Wait until a decision counts, and look at both copies meanwhile."""
        async with self.cutover.watch_copies() as watch:
            while self.decisions.counted is None:
                self._show_what_is_awaited()
                await self._wait_for_decision(deadline, watch)
                if watch.found:
                    await self._settle_two_copies(watch.found)
                    watch.look_again()
        self.board.show()

    async def _settle_two_copies(self, power: PowerStates) -> None:
        """Decide nothing while two copies are in question; what was approved before them is asked for again."""
        before = self.dossier.gather()
        self.decisions.hold_gate()
        self.board.enter(Phase.VERIFYING)
        await self.cutover.settle_two_copies(power)
        changed = changes(before, self.dossier.gather())
        if changed:
            self.decisions.void(f"two copies ran: {summary(changed)}", self.dossier.gather().digest)
        self.decisions.open_gate(self.dossier.gather().digest)
        self.board.enter(Phase.AWAITING_APPROVAL)
        self._show_what_is_awaited()

    def _show_what_is_awaited(self) -> None:
        """Show it with the evidence as it is now: a person may have settled rows of parity meanwhile."""
        known = self.board.evidence or self.dossier.gather()
        changed = changes(known, self.dossier.gather())
        if changed:
            self.decisions.void(f"the evidence changed: {summary(changed)}", self.dossier.gather().digest)
        given = [one.approver for one in self.decisions.approvals]
        self.board.show(waiting_for=self.dossier.awaited(given), needs_action=True)

    def _until_reminder(self) -> timedelta:
        """Return how long nobody is reminded: each reminder costs the history, so they come ever more rarely."""
        self.reminders += 1
        rarely: int = 2 ** ((self.reminders - 1) // policies.REMINDERS_IN_STEP)
        return timedelta(seconds=self.task.approval.reminder) * rarely

    async def _wait_for_decision(self, deadline: datetime, watch: CopyWatch) -> None:
        """Wait for a decision until the deadline, the next reminder, or two running copies."""
        left = deadline - workflow.now()
        if left <= timedelta():
            if self.task.approval.at_deadline == "roll_back":
                raise rejected("nobody decided before the deadline, and the plan says roll_back")
            if self.task.approval.at_deadline == "commit" and not self.parity.open_rows:
                self.decisions.decide_by_policy()
                return
            # Each is a handful of events, and a history bears 50,000: whoever does not hear is told ever more rarely.
            left = self._until_reminder()
            workflow.logger.warning("Nobody has decided before the deadline; waiting on")
        elif self.news.wants("reminder"):
            left = min(left, self._until_reminder())
        told = self.decisions.until_more(lambda: watch.found is not None)
        if self.parity.open_rows:
            await self.parity.hold(left, told)
            return
        try:
            await workflow.wait_condition(
                told,
                timeout=left,
                timeout_summary="The approval's deadline or the next reminder",
            )
        except TimeoutError:
            late = workflow.now() >= deadline
            if not late or self.task.approval.at_deadline == "keep_waiting":
                self.news.tell("reminder", f"nobody has decided {'before the deadline' if late else 'yet'}")
