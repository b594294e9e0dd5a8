"""What a virtual machine has to tell people goes to its plan, which gathers it; without a plan it goes by itself."""

import asyncio
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.models import VmTask
    from migration.notices import EventName, Happening
    from migration.phases import Outcome
    from migration.times import utc_text
from workflows import policies
from workflows.board import Board, now_text
from workflows.courier import tell
from workflows.postbox import Postbox


class News:
    """The events of one virtual machine. None of them holds it up."""

    def __init__(self, task: VmTask, board: Board) -> None:
        self._task = task
        self._board = board
        self._queue: list[Happening] = []
        self._messenger: asyncio.Task[None] | None = None
        self.own = Postbox(task.plan, task.notifications)
        self.deadline: datetime | None = None
        board.tell = self.tell

    def wants(self, event: EventName) -> bool:
        """Whether somebody wants to hear of an event."""
        return any(event in one.events for one in self._task.notifications)

    def tell(self, event: EventName, text: str) -> None:
        """Tell of an event, if somebody wants to hear of it."""
        if not self.wants(event):
            return
        self._queue.append(self._happening(event, text))
        if self._messenger is None:
            self._messenger = asyncio.create_task(self._deliver())

    async def end(self, outcome: Outcome, reason: str) -> None:
        """Tell how it ended, and let what is under way be delivered: the plan may end with its last machine."""
        event: dict[Outcome, EventName] = {
            Outcome.MIGRATED: "migrated",
            Outcome.ROLLED_BACK: "rolled_back",
            Outcome.NEEDS_OPERATOR: "needs_action",
        }
        if outcome in event:
            self.tell(event[outcome], reason or outcome.value.replace("_", " "))
        if self._messenger is not None:
            try:
                await workflow.wait_condition(lambda: self._messenger is None, timeout=policies.NOTIFICATION_LAST)
            except TimeoutError:
                self.own.notes.append(f"{now_text()} the plan did not take what was to be told")
        await self.own.close()

    async def _deliver(self) -> None:
        plan = names.migrate_plan_id(self._task.plan)
        while self._queue:
            happening = self._queue.pop(0)
            if not self._task.gated or not await tell(plan, names.SIGNAL_HAPPENED, happening):
                self.own.take(happening)
        self._messenger = None

    def _happening(self, event: EventName, text: str) -> Happening:
        plan, vm = self._task.plan, self._task.vm
        approval = self._task.approval
        waits = event in {"approval_wanted", "reminder"}
        return Happening(
            event=event,
            plan=plan,
            vm=vm.name,
            wave=vm.wave,
            at=now_text(),
            text=text,
            who=list(approval.approvers) if waits else [],
            until=utc_text(self.deadline) if waits and self.deadline else None,
            at_deadline=approval.at_deadline if waits else None,
            commands=self._commands(event),
            evidence=self._board.evidence.digest if waits and self._board.evidence else None,
            workflow_id=names.migrate_vm_id(plan, vm.name),
        )

    def _commands(self, event: EventName) -> list[str]:
        plan, vm = self._task.plan, self._task.vm.name
        if event in {"approval_wanted", "reminder"}:
            return [f"starter.py {verb} {plan} --vm {vm}" for verb in ("approve", "reject")]
        if event == "needs_action":
            verbs = [choice.replace("_", "-") for choice in self._board.choices]
            if verbs:
                return [f"starter.py {verb} {plan} --vm {vm} --reason TEXT" for verb in verbs]
        return [] if event == "migrated" else [f"starter.py report {plan}"]
