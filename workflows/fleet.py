"""A plan's virtual machines as workflows: started or adopted, watched to their end, cancelled together.

Those that this run of the plan began are its children, whose end it hears of. Those of its earlier runs (a plan goes on
in a new run before its history grows too long) tell their end by a signal; one that was terminated tells nothing, and
is found by a look at all of them together.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import chain, repeat

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from activities.fleet import FleetActivities
    from migration import names
    from migration.fleet_looks import CancelVms, FindEnded, TurnAnswer, TurnAnswers
    from migration.models import VmTask
    from migration.phases import Outcome, Phase
    from migration.plan_state import FleetState
    from migration.report import MemoKeys
from workflows import policies
from workflows.attributes import vm_attributes
from workflows.courier import tell
from workflows.dispatch import Dispatcher
from workflows.engine import reason_of, shielded
from workflows.migrate_vm import MigrateVm

ChildHandle = workflow.ChildWorkflowHandle[MigrateVm, object]
_TOGETHER, _A_FEW, _ANSWERS = "starts-together", "starts-a-few-together", "answers-together"


class Fleet:
    """The migrations of one plan. `changed` tells that a virtual machine has said or done something."""

    def __init__(self, plan: str, dispatcher: Dispatcher) -> None:
        self.changed = False
        self.runs: dict[str, str] = {}
        """The runs that this plan started, by the virtual machine's name."""
        self.begun = 0
        """How many this run of the plan has started or adopted."""
        self._plan = plan
        self._dispatcher = dispatcher
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._children: set[str] = set()
        self._followed: set[str] = set()
        self._adopted: set[str] = set()
        self._lookout: asyncio.Task[None] | None = None
        self._under_way = 0
        self._winding_up = False

    @property
    def is_quiet(self) -> bool:
        """Whether no signal and no start is under way."""
        return self._under_way == 0

    def state(self) -> FleetState:
        """Return what a run that goes on for this one has to know besides the dispatcher's book."""
        running = set(self._dispatcher.running)
        return FleetState(runs=self.runs, adopted=sorted(self._adopted & running))

    def go_on(self, state: FleetState) -> None:
        """Follow the virtual machines of earlier runs, which are nobody's children any more."""
        self.runs, self._adopted = dict(state.runs), set(state.adopted)
        self._followed = set(self._dispatcher.running)

    def resume(self) -> None:
        """Begin to look at them."""
        if self._followed:
            self._lookout = asyncio.create_task(self._look_out())

    async def start_all(self, names_of: list[str], task: Callable[[str], VmTask]) -> None:
        """Start virtual machines, in their order."""

        async def start(name: str) -> None:
            if self._dispatcher.may_start(name):  # a person may have paused it while others were started
                await self.start(task(name))

        await self._each(names_of, start)

    async def answer_all(self, answers: list[tuple[str, TurnAnswer]]) -> None:
        """Tell virtual machines what becomes of their turns, in order; many by an activity.

        Each signal of a workflow's own is told back to it: hundreds at a time keep those from it that want to be heard.
        """
        told = dict(answers)
        if len(told) > policies.A_FEW and workflow.patched(_ANSWERS):
            told = await self._answer_together(told)

        async def answer(name: str) -> None:
            await self.signal(name, names.SIGNAL_TURN_GRANTED, told[name])

        await self._each(list(told), answer)

    async def _answer_together(self, answers: dict[str, TurnAnswer]) -> dict[str, TurnAnswer]:
        """Tell many; return those who have to be told one by one, as a machine that was flooded with signals has."""
        self._under_way += 1
        try:
            untold = await shielded(
                workflow.execute_activity_method(
                    FleetActivities.answer_turns,
                    TurnAnswers(plan=self._plan, answers=answers),
                    summary=f"Answer {len(answers)} virtual machines that want their turn",
                    **policies.FLEET,
                )
            )
        except ActivityError as error:
            workflow.logger.warning("Virtual machines were not told together", extra={"why": reason_of(error)})
            return answers
        finally:
            self._under_way -= 1
        return {name: answers[name] for name in untold.vms}

    async def _each(self, whom: list[str], do: Callable[[str], Awaitable[None]]) -> None:
        """Do something for each, some in one workflow task: alone each costs a history its own, three events more."""
        if len(whom) < 2 or not workflow.patched(_TOGETHER):
            for name in whom:
                await do(name)
            return
        few = len(whom) > policies.A_FEW and workflow.patched(_A_FEW)
        lot = policies.A_FEW if few else policies.TOGETHER
        for begin in range(0, len(whom), lot):
            await asyncio.gather(*(do(name) for name in whom[begin : begin + lot]))
            if workflow.cancellation_reason() is not None:
                return

    async def start(self, task: VmTask) -> None:
        """Start the migration of a virtual machine, or adopt it where an earlier run of the plan has started it."""
        name = task.vm.name
        self._dispatcher.started(name)
        self.begun += 1
        self._under_way += 1
        try:
            handle = await workflow.start_child_workflow(
                MigrateVm.run,
                task,
                id=names.migrate_vm_id(self._plan, name),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                search_attributes=vm_attributes(task.plan, task.vm, Phase.CHECKING),
                memo={MemoKeys.VM_NAME: name, MemoKeys.WAVE: task.vm.wave},
                static_summary=f"Move {name}: {task.vm.source_region} to {task.vm.target_region}",
            )
        except WorkflowAlreadyStartedError:
            self._adopted.add(name)
            self._watchers[name] = asyncio.create_task(self._watch_adopted(task))
        else:
            self._children.add(name)
            self._adopted.discard(name)
            self._followed.discard(name)
            self.runs[name] = handle.first_execution_run_id or ""
            self._watchers[name] = asyncio.create_task(self._watch(name, handle))
        finally:
            self._under_way -= 1

    async def _watch(self, name: str, handle: ChildHandle) -> None:
        """Note the end of a child, also of one that was terminated and said nothing."""
        try:
            ending = await handle
        except ChildWorkflowError as error:
            cancelled = is_cancelled_exception(error)
            outcome = Outcome.ROLLED_BACK if cancelled else Outcome.NEEDS_OPERATOR
            self._dispatcher.end(name, outcome, reason_of(error))
        else:
            outcome = getattr(ending, "outcome", None) or Outcome.NEEDS_OPERATOR
            self._dispatcher.end(name, outcome, getattr(ending, "reason", ""))
        self.changed = True

    async def _watch_adopted(self, task: VmTask) -> None:
        """Ask a virtual machine of an earlier run where it stands; when it is gone without a word, start it anew."""
        name = task.vm.name
        for pause in chain(policies.TURN_REPEATS, repeat(policies.TURN_REPEATS[-1])):
            if self._dispatcher.vms[name].state == "ended":
                return
            if not await self.signal(name, names.SIGNAL_ADOPT):
                break
            await workflow.sleep(pause, summary=f"Until {name} is asked again")
        if self._winding_up:
            self._note_absence(name)
            self.changed = True
        elif self._dispatcher.vms[name].state != "ended":
            self._dispatcher.lost(name)
            if self._dispatcher.may_start(name):  # else the plan starts it once it may
                await self.start(task)
            self.changed = True

    async def _look_out(self) -> None:
        """Find those of earlier runs that have ended without a word, by one look at all, ever more rarely."""
        for pause in chain(policies.FLEET_LOOKS, repeat(policies.FLEET_LOOKS[-1])):
            await workflow.sleep(pause, summary="Until ended virtual machines are looked for")
            running = self._dispatcher.running
            asked = [name for name in running if name in self._followed]
            if not asked:
                return
            try:
                found = await workflow.execute_activity_method(
                    FleetActivities.find_ended,
                    FindEnded(plan=self._plan, vms=asked, running=len(running)),
                    summary=f"Look whether {len(asked)} virtual machines still run",
                    **policies.FLEET,
                )
            except ActivityError as error:
                workflow.logger.warning("Virtual machines were not looked at", extra={"why": reason_of(error)})
                continue
            for ended in found.vms:
                self._note_end(ended.name, ended.outcome, ended.why)
            await self._ask_silent(asked)

    def _note_end(self, name: str, outcome: Outcome, why: str) -> None:
        """Note that one of an earlier run has ended; one that was adopted begins anew, as its own plan would see to."""
        if name not in self._followed:
            return  # started anew meanwhile
        if name in self._adopted and outcome is Outcome.NEEDS_OPERATOR and not self._winding_up:
            self._adopted.discard(name)
            self._followed.discard(name)
            self._dispatcher.lost(name)
        else:
            self._dispatcher.end(name, outcome, why)
        self.changed = True

    async def _ask_silent(self, asked: list[str]) -> None:
        """Ask those adopted that have not said yet where they stand, a few at a time."""
        silent = [name for name in asked if name in self._adopted and not self._dispatcher.vms[name].heard]
        for name in silent[: policies.TOGETHER]:
            await self.signal(name, names.SIGNAL_ADOPT)

    async def signal(self, name: str, signal: str, content: BaseModel | None = None) -> bool:
        """Signal a virtual machine; return False when it does not run."""
        self._under_way += 1
        try:
            return await tell(names.migrate_vm_id(self._plan, name), signal, content)
        finally:
            self._under_way -= 1

    async def cancel(self) -> None:
        """Cancel every migration that runs, and start none any more."""
        self._winding_up = True
        running = self._dispatcher.running
        if len(running) > policies.TOGETHER and workflow.patched("cancels-together"):
            await self._cancel_together(running)
            return
        for name in running:
            handle = workflow.get_external_workflow_handle(names.migrate_vm_id(self._plan, name))
            try:
                await handle.cancel(reason=workflow.cancellation_reason() or "")
            except ApplicationError:
                self._note_absence(name)
            # Temporal takes a cancel of what has ended, but no signal.
            if name not in self._children and not await self.signal(name, names.SIGNAL_ADOPT):
                self._note_absence(name)

    def wind_up(self) -> None:
        """Start none any more: those that run were cancelled by an earlier run."""
        self._winding_up = True

    async def _cancel_together(self, running: list[str]) -> None:
        """Cancel them by an activity: as events of the plan's own history, thousands would be too many."""
        request = CancelVms(plan=self._plan, vms=running, reason=workflow.cancellation_reason() or "")
        while True:
            try:
                absent = await workflow.execute_activity_method(
                    FleetActivities.cancel_vms,
                    request,
                    summary=f"Cancel {len(running)} virtual machines",
                    **policies.FLEET,
                )
            except ActivityError as error:
                workflow.logger.warning("Virtual machines were not cancelled", extra={"why": reason_of(error)})
            else:
                break
        for name in absent.vms:
            self._note_absence(name)

    def _note_absence(self, name: str) -> None:
        """Note the end of one that is gone; a child's own end is about to be told by its handle."""
        if name in self._children:
            return
        known = name in self._watchers or name in self._followed
        if known or self._dispatcher.vms[name].heard:
            self._dispatcher.end(name, Outcome.NEEDS_OPERATOR, "it ended without a word")
        else:
            self._dispatcher.end(name, Outcome.ROLLED_BACK, "it never began")
