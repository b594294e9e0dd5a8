"""A plan's virtual machines as workflows: started or adopted, watched to their end, cancelled one by one."""

import asyncio
from itertools import chain, repeat

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import (
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.models import VmTask
    from migration.phases import Outcome, Phase
    from migration.report import MemoKeys
from workflows import policies
from workflows.attributes import vm_attributes
from workflows.courier import tell
from workflows.dispatch import Dispatcher
from workflows.engine import reason_of
from workflows.migrate_vm import MigrateVm

ChildHandle = workflow.ChildWorkflowHandle[MigrateVm, object]


class Fleet:
    """The migrations of one plan. `changed` tells that a virtual machine has said or done something."""

    def __init__(self, plan: str, dispatcher: Dispatcher) -> None:
        self.changed = False
        self.runs: dict[str, str] = {}
        """The runs that this plan started, by the virtual machine's name."""
        self._plan = plan
        self._dispatcher = dispatcher
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._children: set[str] = set()
        self._winding_up = False

    async def start(self, task: VmTask) -> None:
        """Start the migration of a virtual machine, or adopt it where an earlier run of the plan has started it."""
        name = task.vm.name
        self._dispatcher.started(name)
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
            self._watchers[name] = asyncio.create_task(self._watch_adopted(task))
        else:
            self._children.add(name)
            self.runs[name] = handle.first_execution_run_id or ""
            self._watchers[name] = asyncio.create_task(self._watch(name, handle))

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

    async def signal(self, name: str, signal: str, content: BaseModel | None = None) -> bool:
        """Signal a virtual machine; return False when it does not run."""
        return await tell(names.migrate_vm_id(self._plan, name), signal, content)

    async def cancel(self) -> None:
        """Cancel every migration that runs, and start none any more."""
        self._winding_up = True
        for name in self._dispatcher.running:
            handle = workflow.get_external_workflow_handle(names.migrate_vm_id(self._plan, name))
            try:
                await handle.cancel(reason=workflow.cancellation_reason() or "")
            except ApplicationError:
                self._note_absence(name)
            # Temporal takes a cancel of what has ended, but no signal.
            if name not in self._children and not await self.signal(name, names.SIGNAL_ADOPT):
                self._note_absence(name)

    def _note_absence(self, name: str) -> None:
        """Note the end of one that is gone; a child's own end is about to be told by its handle."""
        if name in self._children:
            return
        if name in self._watchers or self._dispatcher.vms[name].heard:
            self._dispatcher.end(name, Outcome.NEEDS_OPERATOR, "it ended without a word")
        else:
            self._dispatcher.end(name, Outcome.ROLLED_BACK, "it never began")
