"""A plan: check all, prepare once what its virtual machines share, move them wave by wave, tidy up."""

import asyncio
from collections.abc import Callable

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.fleet import FleetActivities
    from activities.preflight import PreflightActivities
    from migration import names
    from migration.capping import capped
    from migration.consistency import ConsistencyGroup
    from migration.earlier import Books
    from migration.findings import PlanCheck
    from migration.fleet_looks import CancelAgain
    from migration.grouping import group_of
    from migration.inputs import MigratePlanInput
    from migration.large_plans import task_timeout
    from migration.notices import Happening
    from migration.phases import Outcome, common_outcome
    from migration.plan_state import Cancelled, PlanState
    from migration.report import DecisionAnswer, MemoKeys, PlanEnding, PlanReport, PlanStatus, plan_evidence
from workflows import policies
from workflows.continuing import Continuing
from workflows.dispatch import Dispatcher
from workflows.engine import Engine, reason_of, shielded
from workflows.fleet import Fleet
from workflows.guests import RECENTLY_SECONDS, ask_guests
from workflows.messages import NOTHING, Inbox
from workflows.move_group import tell_of_those_that_never_began
from workflows.plan_board import PlanBoard
from workflows.plan_tasks import tasks_of
from workflows.postbox import Postbox
from workflows.preparation import Preparation
from workflows.resolutions import read_resolution
from workflows.steering import Steering
from workflows.turns import VmNotice


@workflow.defn(name=names.MIGRATE_PLAN)
class MigratePlan:
    """Runs a plan's virtual machines, each a workflow of its own that outlives the plan's end."""

    @workflow.init
    def __init__(self, request: MigratePlanInput) -> None:
        self.plan = request.plan
        self.requester = request.requester
        self.carried = request.state
        self.dispatcher = Dispatcher(request.plan, request.state.dispatch if request.state else None)
        self.board = PlanBoard(request.plan, self.dispatcher)
        self.postbox = Postbox(request.plan.name, request.plan.notifications)
        self.board.tell = self.postbox.take
        self.engine = Engine(self.board)
        self.preparation = Preparation(request.plan, self.engine)
        self.fleet = Fleet(request.plan.name, self.dispatcher)
        self.steering = Steering(self.dispatcher, lambda: self.engine.shielded, self._steered)
        self.continuing = Continuing(self.fleet)
        notices = (names.SIGNAL_TURN_WANTED, names.SIGNAL_TURN_DONE, names.SIGNAL_ENDED)
        happened = {names.SIGNAL_HAPPENED: (Happening, self.postbox.take)}
        self.inbox = Inbox({**dict.fromkeys(notices, (VmNotice, self._note)), **happened})
        if request.state is not None:
            self._go_on(request.state)

    async def migrate(self) -> None:
        """Move the plan's virtual machines; a run that goes on for an earlier one has checked and prepared already."""
        if self.carried is None:
            check = await self.check_plan()
            self.recognise_migrated(check)
            vaults = self.plan.vault_ids
            self.dispatcher.settle({name: vaults[place.vault] for name, place in check.places.items()})
            if check.blocking:
                self.refuse(check)
                return
            networks = {vm.name: vm.network_ids for vm in check.vms}
            if self.dispatcher.all_ended:
                return
            self.board.enter("preparing")
            await self.preparation.ensure_all(networks, check.places)
        await self.move()

    @workflow.run
    async def run(self, request: MigratePlanInput) -> PlanEnding:
        """Move the plan's virtual machines, and tidy up whatever happened."""
        began = {MemoKeys.BEGAN: self.board.started} if self.carried else {}
        vaults = request.plan.vault_ids
        workflow.upsert_memo({MemoKeys.VAULT: vaults if len(vaults) > 1 else vaults[0], **began})
        self.fleet.resume()
        self.postbox.resume()
        cancelled: BaseException | None = None
        try:
            if self.carried and self.carried.cancelled:
                await self.be_cancelled(self.carried.cancelled.reason)
            await self.migrate()
        except (FailureError, asyncio.CancelledError) as error:
            self.board.reason = reason_of(error)
            cancelled = error if is_cancelled_exception(error) or isinstance(error, asyncio.CancelledError) else None
        await shielded(self.wind_up(is_cancelled=cancelled is not None))
        if cancelled is not None:
            raise cancelled
        outcomes = [vm.outcome for vm in self.dispatcher.vms.values() if vm.outcome]
        counts = {outcome.value: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
        blocking = self.board.check.blocking[:_TOLD_FINDINGS] if self.board.check else []
        outcome = common_outcome(outcomes)
        return PlanEnding(outcome=outcome, reason=self.board.reason, counts=counts, findings=blocking)

    async def check_plan(self) -> PlanCheck:
        """Ask all rules for all virtual machines; nothing is written."""
        self.board.enter("checking")
        check = await self.engine.call(PreflightActivities.check_plan, self.plan, f"Check {self.plan.name}")
        if not check.blocking:
            check = capped(await ask_guests(self.plan, check, RECENTLY_SECONDS))
            self.engine.stop_if_cancelled()
        self.board.check = check
        return check

    def refuse(self, check: PlanCheck) -> None:
        """End before anything is written: something blocks."""
        self.board.reason = _first([f"{found.subject}: {found.evidence}" for found in check.blocking], "; ")
        for vm in check.vms:
            blocked = any(found.blocks for found in vm.findings)
            why = "its check found what blocks" if blocked else "the plan's check found what blocks others"
            self.dispatcher.end(vm.name, Outcome.REFUSED, why)

    def recognise_migrated(self, check: PlanCheck) -> None:
        """Count those that an earlier run has moved."""
        for vm in check.vms:
            if vm.already_migrated:
                self.dispatcher.end(vm.name, Outcome.MIGRATED, "moved by an earlier run")

    async def move(self) -> None:
        """Start virtual machines and grant turns until all have ended."""
        self.board.enter("moving")
        task = tasks_of(self.plan, self.requester, self.preparation, self.board.check, self._group)
        while not self.dispatcher.all_ended:
            self.fleet.changed = False
            for name in self.dispatcher.stopped():
                self.dispatcher.end(name, Outcome.ROLLED_BACK, "the plan stopped before it began")
            await self.fleet.start_all(self.continuing.within(self.dispatcher.to_start()), task)
            await self.fleet.answer_all(self.dispatcher.answers())
            self.engine.stop_if_cancelled()  # a child or a signal under way ends first, and the cancel with it
            self.board.show_moving()
            await self.until(lambda: self.fleet.changed or self.dispatcher.all_ended)

    async def until(self, holds: Callable[[], bool], cancelled: Cancelled | None = None) -> None:
        """Wait until something *holds*; once the history has grown long, go on in a new run at a quiet moment.

        It may return before it holds.
        """
        if not self.continuing.is_due:
            await workflow.wait_condition(lambda: holds() or self.continuing.has_become_due)
            return
        self.postbox.rest()
        await workflow.wait_condition(lambda: holds() or self._is_quiet)
        self.engine.stop_if_cancelled()
        if not self._may_continue:
            return
        # A signal is taken before a cancel that comes with it in one task, a timer after it: no cancel stays behind.
        await workflow.sleep(policies.BEFORE_CONTINUING, summary="Before it goes on in a new run")
        self.engine.stop_if_cancelled()
        if holds() and self.continuing.can_wait:
            self.postbox.wake()
            return
        if self._may_continue:
            workflow.continue_as_new(
                MigratePlanInput(plan=self.plan, requester=self.requester, state=self._state(cancelled)),
                task_timeout=task_timeout(len(self.plan.vms)),
            )

    @property
    def _may_continue(self) -> bool:
        return self._is_quiet and not self.dispatcher.all_ended

    @property
    def _is_quiet(self) -> bool:
        """Whether nothing is under way that would be lost: no handler, start, signal, or message to people."""
        return workflow.all_handlers_finished() and self.fleet.is_quiet and not self.postbox.is_sending

    async def be_cancelled(self, reason: str) -> None:
        """Take the cancel that an earlier run was sent: Temporal hands it on to none, and this one is to end by it."""
        request = CancelAgain(plan=self.plan.name, reason=reason)
        await self.engine.call(FleetActivities.cancel_again, request, "Be cancelled as the run before was")
        await workflow.wait_condition(lambda: workflow.cancellation_reason() is not None)
        self.engine.stop_if_cancelled()

    async def wind_up(self, *, is_cancelled: bool) -> None:
        """End in order: cancelled virtual machines go back first, then what the plan made goes."""
        self.engine.shielded = True
        cancelled = Cancelled(reason=workflow.cancellation_reason() or "") if is_cancelled else None
        if self.carried and self.carried.cancelled:
            self.fleet.wind_up()
        else:
            await self.fleet.cancel()
        while self.dispatcher.any_running:
            if cancelled is None:
                await workflow.wait_condition(lambda: not self.dispatcher.any_running)
            else:
                await self.until(lambda: not self.dispatcher.any_running, cancelled)
        for vm in self.dispatcher.vms.values():
            self.dispatcher.end(vm.name, Outcome.ROLLED_BACK, "it never began")
        await tell_of_those_that_never_began(self.plan, self.dispatcher)
        self.board.enter("tidying_up")
        try:
            await self.preparation.tidy_up()
        except FailureError as error:
            self.board.reason = self.board.reason or f"tidying up: {reason_of(error)}"
        self.board.end(common_outcome([vm.outcome for vm in self.dispatcher.vms.values() if vm.outcome]))
        await self.postbox.close()
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.upsert_memo({MemoKeys.EVIDENCE: plan_evidence(self.report(), self.fleet.runs)})

    @workflow.signal(name=names.SIGNAL_HAPPENED)
    async def happened(self, message: RawValue = NOTHING) -> None:
        """Take what a virtual machine has to tell people."""
        await self.inbox.take(names.SIGNAL_HAPPENED, message)

    @workflow.signal(name=names.SIGNAL_TURN_WANTED)
    async def turn_wanted(self, message: RawValue = NOTHING) -> None:
        """Note that a virtual machine is ready to fail over."""
        await self.inbox.take(names.SIGNAL_TURN_WANTED, message)

    @workflow.signal(name=names.SIGNAL_TURN_DONE)
    async def turn_done(self, message: RawValue = NOTHING) -> None:
        """Note that a virtual machine is verified, or waits for a person."""
        await self.inbox.take(names.SIGNAL_TURN_DONE, message)

    @workflow.signal(name=names.SIGNAL_ENDED)
    async def ended(self, message: RawValue = NOTHING) -> None:
        """Note that a virtual machine has ended."""
        await self.inbox.take(names.SIGNAL_ENDED, message)

    @workflow.update(name=names.UPDATE_DELIVER, description="What a virtual machine tells when no more signals go in")
    async def deliver(self, message: RawValue) -> None:
        """Take what a signal would have brought."""
        await self.inbox.deliver(message)

    @deliver.validator
    def _validate_delivery(self, message: RawValue) -> None:
        self.inbox.validate(message)

    @workflow.update(name=names.UPDATE_RESOLVE, description="Move on a plan that waits for a person: retry or give_up")
    def resolve(self, message: RawValue) -> DecisionAnswer:
        """Take a person's word on what holds."""
        return self.engine.resolve(read_resolution(message))

    @resolve.validator
    def _validate_resolution(self, message: RawValue) -> None:
        self.engine.refuse_flood(read_resolution(message))

    @workflow.update(name=names.UPDATE_PAUSE, description="Begin nothing more of the plan, a wave or a VM")
    def pause(self, message: RawValue) -> DecisionAnswer:
        """Take a person's pause; what is in its cutover goes on to its safe end."""
        return self.steering.pause(message)

    @pause.validator
    def _validate_pause(self, message: RawValue) -> None:
        self.steering.validate_pause(message)

    @workflow.update(name=names.UPDATE_RESUME, description="Go on with what was paused, or open a wave's held gate")
    def resume(self, message: RawValue) -> DecisionAnswer:
        """Take a person's word to go on."""
        return self.steering.resume(message)

    @resume.validator
    def _validate_resume(self, message: RawValue) -> None:
        self.steering.validate_resume(message)

    @workflow.update(name=names.UPDATE_SET_CONCURRENCY, description="Change how many replicate and fail over at once")
    def set_concurrency(self, message: RawValue) -> DecisionAnswer:
        """Take new limits of the plan, a wave, a subscription or a vault."""
        return self.steering.set_concurrency(message)

    @set_concurrency.validator
    def _validate_limits(self, message: RawValue) -> None:
        self.steering.validate_limits(message)

    @workflow.query(name=names.QUERY_STATUS)
    def status(self) -> PlanStatus:
        """Tell where the plan stands."""
        return self.board.status()

    @workflow.query(name=names.QUERY_OVERVIEW)
    def overview(self) -> PlanStatus:
        """Tell where the plan stands without a word of each virtual machine: of thousands it would be too much."""
        return self.board.status(each=False)

    @workflow.query(name=names.QUERY_REPORT)
    def report(self) -> PlanReport:
        """Tell what has happened so far, but for what the virtual machines report themselves."""
        report = self.board.report(self.preparation.entries, self.requester, self.preparation.proof)
        return report.model_copy(update={"notes": self.postbox.notes, "resolutions": self.engine.resolutions})

    @workflow.query(name=names.QUERY_LEDGER)
    def ledger(self) -> Books:
        """Tell all that was written down, for a later run that goes on where this one ended."""
        return Books(entries=self.preparation.entries, outcome=self.board.outcome)

    def _state(self, cancelled: Cancelled | None) -> PlanState:
        return PlanState(
            parts=self.board.parts + 1,
            board=self.board.state(),
            dispatch=self.dispatcher.state(),
            prepared=self.preparation.state(),
            postbox=self.postbox.rest(),
            engine=self.engine.state(),
            fleet=self.fleet.state(),
            cancelled=cancelled,
        )

    def _go_on(self, state: PlanState) -> None:
        """Stand where the run before this one stood."""
        self.board.go_on(state.board, state.parts)
        self.preparation.go_on(state.prepared)
        self.postbox.go_on(state.postbox)
        self.engine.go_on(state.engine)
        self.fleet.go_on(state.fleet)

    def _note(self, notice: VmNotice) -> None:
        self.dispatcher.note(notice)
        self.fleet.changed = True

    def _steered(self) -> None:
        self.fleet.changed = True
        self.board.redraw()

    def _group(self, name: str) -> ConsistencyGroup | None:
        """Return the consistency group of a virtual machine, without those that an earlier run has moved."""
        vms = self.dispatcher.vms
        moved = [one.name for one in self.plan.groups.get(name, ()) if vms[one.name].outcome is Outcome.MIGRATED]
        return group_of(self.plan, name, workflow.info().first_execution_run_id, moved)


_TOLD_FINDINGS = 50
"""How many findings the plan's result holds; its report has all."""
_TOLD = 5
"""How many things a sentence names; the report lists all."""


def _some(things: list[str], of: int) -> str:
    return ", ".join([*things, *([f"and {of - len(things)} more"] if of > len(things) else [])])


def _first(things: list[str], separator: str = ", ") -> str:
    told = separator.join(things[:_TOLD])
    return f"{told}{separator}and {len(things) - _TOLD} more" if len(things) > _TOLD else told
