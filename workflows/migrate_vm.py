"""The story of one virtual machine: Microsoft's tutorial, step by step, and how each step is undone.

`Migrate Azure VMs to another region
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-tutorial-migrate>`_.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.chain import evidence
    from migration.earlier import Books
    from migration.hooks import Hooks
    from migration.ids import ResourceId
    from migration.ledger_proof import digest
    from migration.makings import failover_entries
    from migration.models import VmTask
    from migration.phases import Outcome, Phase
    from migration.plan_verification import Verifying
    from migration.report import DecisionAnswer, MemoKeys, VmEnding, VmReport, VmStatus, as_json
from workflows.adopting import Adopting
from workflows.belongings import Belongings
from workflows.board import Board
from workflows.cutover import Cutover
from workflows.engine import Engine, reason_of, shielded, type_of
from workflows.failures import MOVED_BEFORE, REFUSED, refusal
from workflows.forecast import Forecast
from workflows.gate import Gate
from workflows.holding import until_done
from workflows.hooks import HookRunner
from workflows.kit import Kit
from workflows.messages import NOTHING
from workflows.news import News
from workflows.parity import Parity
from workflows.prerequisites import Prerequisites
from workflows.probes import Probes
from workflows.rehearsal import Rehearsal
from workflows.replication import Replication
from workflows.reprotection import Reprotection
from workflows.resolutions import read_resolution
from workflows.together import Together
from workflows.turns import Turns
from workflows.undo import Undo, UndoStack
from workflows.vm_claim import Claim
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
        self.engine = Engine(self.board, plan_size=task.plan_size, joins_steps=task.joins_steps)
        self.belongings = Belongings(self.engine)
        self.replication = Replication(task, self.engine, self.belongings)
        self.hooks = HookRunner(task, wanted.hooks, self.board, self.engine, self.replication)
        self.news = News(wanted, self.board)
        self.parity = Parity(task, self.board, self.engine, self.belongings)
        probes = Probes(wanted, self.engine)
        kit = Kit(task, self.board, self.engine, self.belongings, self.replication, probes)
        self.rehearsal = Rehearsal(kit)
        self.cutover = Cutover(kit)
        self.reprotection = Reprotection(kit)
        self.turns = Turns(task, self.engine, CutoverWindow(task, self.board, self.engine))
        self.together = Together(kit, self.turns)
        self.adopting = Adopting(kit, self.turns)
        self.checks = Prerequisites(kit, self.parity, self.turns)
        self.cutover.together = self.together
        self.gate = Gate(task, self.board, self.cutover, self.parity, self.turns, self.news, self.together)
        self.forecast = Forecast(task, self.board, self.replication)
        self.claim = Claim(task)
        self.undo = UndoStack()
        self.committed = False
        self.engine.before_hold = self.turns.give_back

    async def migrate(self) -> None:
        """Move the virtual machine; what leads back stands on each step's own line."""
        checks, replication, rehearsal = self.checks, self.replication, self.rehearsal
        cutover, parity, together = self.cutover, self.parity, self.together
        await self.step(Phase.CHECKING, self.claim_vm)
        if together.any:
            await self.step(Phase.CHECKING, together.join)
        await self.step(Phase.CHECKING, checks.check_prerequisites)
        await self.step(Phase.CHECKING, self.take_up_earlier_run)
        await self.step(Phase.ENABLING, replication.enable, undo=replication.disable_and_remove)
        await self.step(Phase.REPLICATING, replication.wait_until_protected)
        await self.step(Phase.CONFIGURING, replication.configure_target)
        if self.task.failover.test_first:
            await self.step(Phase.TESTING, rehearsal.test_failover, undo=rehearsal.clean_up_test_failover)
        if together.any:
            await self.step(Phase.WAITING_FOR_TURN, together.gather)
        await self.step(Phase.WAITING_FOR_TURN, self.turns.wait_for_turn)
        await self.step(Phase.CHECKING, checks.check_prerequisites_again)
        await self.step(Phase.CHECKING, cutover.ask_source_before)
        if together.any:
            await self.step(Phase.FAILING_OVER, self.form_group, undo=together.part_from_group)
        if self.hooks.any:
            await self.step(Phase.FAILING_OVER, self.run_hooks_before, undo=self.hooks.undo_hooks)
        await self.step(Phase.FAILING_OVER, cutover.fail_over, undo=cutover.way_back.return_to_source)
        await self.step(Phase.VERIFYING, cutover.verify_target)
        await self.step(Phase.VERIFYING, parity.restore_parity, undo=parity.take_back_restored)
        if self.hooks.after:
            await self.step(Phase.VERIFYING, self.hooks.run_after, undo=self.hooks.undo_hooks_after)
        await self.step(Phase.AWAITING_APPROVAL, self.gate.wait_for_approval)
        self.pass_the_point_of_no_return()
        await self.finish(Phase.COMMITTING, cutover.commit_failover)
        await self.finish(Phase.COMMITTING, parity.restore_after_commit)
        if together.any:
            await self.finish(Phase.COMMITTING, together.part)
        if self.task.reprotect is None or not await self.finish(Phase.REPROTECTING, self.reprotection.reprotect):
            end = replication.disable_replication if self.task.reprotect is None else self.reprotection.give_it_up
            await self.finish(Phase.DISABLING, end)
        await self.finish(self.board.phase, cutover.see_one_copy)

    @workflow.run
    async def run(self, task: VmTask) -> VmEnding:
        """Move the virtual machine or bring it back; the whole story is in the query `report`."""
        try:
            await self.together.unless_called_back(self.migrate())
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

    async def take_up_earlier_run(self) -> None:
        """Go on with what a run before this one began, with its ledger."""
        await self.adopting.take_up(self.checks.adoption)

    async def run_hooks_before(self) -> None:
        """Run the user's hooks before the cutover; who lost the turn meanwhile takes them back and waits anew."""
        await self.hooks.run_before(lambda: not self.turns.lost, self.checks.check_prerequisites_again)

    async def form_group(self) -> None:
        """Wait for all of the consistency group; who waited for long checks again."""
        await self.together.form(self.checks.check_prerequisites_again)

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
        self.gate.decisions.close_gate()
        self.board.go_back(reason_of(error))
        await self.together.call_off(reason_of(error))
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
        await self.together.tell_end(outcome, reason)
        await self.turns.tell_end(outcome, reason)
        await self.claim.release()
        await workflow.wait_condition(workflow.all_handlers_finished)
        vouched = {MemoKeys.EVIDENCE: evidence(as_json(self.report())), MemoKeys.MOVED: self.moved()}
        workflow.upsert_memo({**vouched, MemoKeys.LEDGER: [digest(entry.id) for entry in self.belongings.entries]})

    @workflow.signal(name=names.SIGNAL_APPROVE_COMMIT, description='Approve the commit: {"approver": "..."}')
    async def approve_commit(self, message: RawValue = NOTHING) -> None:
        """Take an approval."""
        await self.gate.desk.take_signal(message, "approve")

    @workflow.signal(name=names.SIGNAL_REJECT_COMMIT, description='Reject the commit: {"approver": "..."}')
    async def reject_commit(self, message: RawValue = NOTHING) -> None:
        """Take a rejection, which leads back to the source."""
        await self.gate.desk.take_signal(message, "reject")

    @workflow.update(name=names.UPDATE_DECIDE_COMMIT, description="Approve or reject, and learn whether it counted")
    async def decide_commit(self, message: RawValue) -> DecisionAnswer:
        """Take a decision and answer whether it counted."""
        return await self.gate.desk.take_update(message)

    @decide_commit.validator
    def _validate_decision(self, message: RawValue) -> None:
        self.gate.desk.validate_update(message)

    @workflow.update(name=names.UPDATE_RESOLVE, description="Move on what waits for a person: retry, skip or give_up")
    def resolve(self, message: RawValue) -> DecisionAnswer:
        """Take a person's word on what holds."""
        return self.engine.resolve(read_resolution(message))

    @resolve.validator
    def _validate_resolution(self, message: RawValue) -> None:
        self.engine.refuse_flood(read_resolution(message))

    @workflow.signal(name=names.SIGNAL_TURN_GRANTED)
    async def turn_granted(self, message: RawValue = NOTHING) -> None:
        """Take the plan's answer."""
        await self.turns.inbox.take(names.SIGNAL_TURN_GRANTED, message)

    @workflow.signal(name=names.SIGNAL_GROUP_STANDS)
    async def group_stands(self, message: RawValue = NOTHING) -> None:
        """Take where the consistency group stands."""
        await self.together.hear(message)

    @workflow.signal(name=names.SIGNAL_PROGRESSED)
    async def progressed(self, message: RawValue = NOTHING) -> None:
        """Take how far the wait that runs is, and whether it stands still."""
        await self.forecast.inbox.take(names.SIGNAL_PROGRESSED, message)

    @workflow.signal(name=names.SIGNAL_ADOPT)
    async def adopt(self) -> None:
        """Tell a new run of the plan where this virtual machine stands."""
        await self.turns.repeat()

    @workflow.update(name=names.UPDATE_DELIVER, description="What the plan tells when no more signals go in")
    async def deliver(self, message: RawValue) -> None:
        """Take what a signal would have brought."""
        await self.turns.inbox.deliver(message)

    @deliver.validator
    def _validate_delivery(self, message: RawValue) -> None:
        self.turns.inbox.validate(message)

    @workflow.query(name=names.QUERY_STATUS)
    def status(self) -> VmStatus:
        """Tell where the virtual machine stands."""
        return self.board.status(
            self.gate.decisions.last_refusal, self.undo.names, self.gate.desk.state(self.board.evidence)
        )

    @workflow.query(name=names.QUERY_REPORT)
    def report(self) -> VmReport:
        """Tell what has happened so far."""
        report = self.board.report(self.belongings.entries, self.gate.decisions.counted, self.gate.decisions.recorded)
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
        skipped = await until_done(self.engine, do, lambda why: f"after the approval: {why}")
        if skipped is not None:
            self.board.record_incident(f"{phase.value} was skipped by {self.engine.last_word}: {skipped}")
        return skipped is None
