"""The chapter of parity: what Site Recovery does not carry is compared, restored, or answered for before the commit."""

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.parity import ParityActivities
    from migration.ids import type_of
    from migration.ledger import LedgerEntry
    from migration.models import VmTask, Waived
    from migration.parity.compare import needed
    from migration.parity.making import is_seen_by_others, made_id
    from migration.parity.requests import CompareParity, RestoreParity, TakeBackRestored
    from migration.parity.values import ParityRow, Side, in_words, open_rows
from workflows.belongings import Belongings
from workflows.board import Board
from workflows.engine import Engine
from workflows.failures import vm_failure

_TOLD_ROWS = 5
_LONGEST_OBJECTION = 300
"""In characters: it is recorded with each approval that comes too early."""


class Parity:
    """The difference between source and target of one virtual machine. `source` is set by the check."""

    def __init__(self, task: VmTask, board: Board, engine: Engine, belongings: Belongings) -> None:
        self._task = task
        self._board = board
        self._engine = engine
        self._belongings = belongings
        self._attempted: list[ParityRow] = []
        self._restored: list[str] = []
        self._failures: dict[str, str] = {}
        self._accepted: dict[str, Waived] = {}
        self.source: Side | None = None

    @property
    def open_rows(self) -> list[ParityRow]:
        """The rows for which nobody answers yet; the commit waits for them."""
        return open_rows(self._board.parity)

    @property
    def objection(self) -> str | None:
        """Why the move may not be approved now, None where it may."""
        rows = self.open_rows
        if not rows:
            return None
        named = ", ".join(f"{row.aspect} of {row.subject}" for row in rows)
        short = named if len(named) <= _LONGEST_OBJECTION else f"{named[:_LONGEST_OBJECTION]}..."
        return f"{_number(rows)} open: {short}; mend them and retry, or skip to accept them, with the reason"

    async def restore_parity(self) -> None:
        """Compare the target with the source, and restore what may be restored; the rest waits for a person."""
        await self._compare()
        todo = [row for row in self.open_rows if row.restore == "now" and row.key not in self._failures]
        if todo and self.source is not None:
            self._attempted += todo
            entries = self._entries(todo)
            if entries:
                await self._belongings.predict(entries, "Read what restoring will make")
            request = RestoreParity(compare=self._request(self.source), rows=todo)
            answer = await self._engine.call(ParityActivities.restore_parity, request, f"Restore {_aspects(todo)}")
            self._restored += [row.key for row in todo if row.key not in answer.failures]
            self._failures |= answer.failures
            self._board.parity = answer.rows
            if entries:
                await self._belongings.look("See what restoring made")

    async def look_again(self) -> None:
        """Compare once more, right before the commit: what was carried may have been lost since it was approved."""
        await self._compare()

    async def hold(self, pause: timedelta, decided: Callable[[], bool]) -> None:
        """Hold while rows are open: until they are mended or accepted, *decided* otherwise, or for a *pause*."""
        rows = self.open_rows
        question = f"{_number(rows)} open, and the commit waits for them: {_told(rows)}. "
        choices = ("retry", "skip")
        what = "retry reads them again, skip accepts them; reject leads back to the source"
        choice = await self._engine.hold(question + what, choices, pause, until=decided)
        if choice == "retry":
            self._failures.clear()
            await self.restore_parity()
        elif choice == "skip" and self._engine.resolution is not None:
            said = self._engine.resolution
            self._accepted |= {row.key: Waived(by=said.by, reason=said.reason) for row in rows}
            waived = {"state": "waived", "by": said.by, "reason": said.reason, "remedy": ""}
            self._board.parity = [
                row.model_copy(update=waived) if row.key in self._accepted and row.state == "open" else row
                for row in self._board.parity
            ]

    async def take_back_restored(self) -> None:
        """Undo what restoring did outside the target, before the source serves again; the rest goes with the target."""
        made = [made_id(self._task.vm, row) for row in self._attempted]
        request = TakeBackRestored(
            vm=self._task.vm,
            refs=[row.ref for row in self._attempted if is_seen_by_others(row)],
            ids=[one for one in made if one is not None and self._belongings.may_have_made(one)],
        )
        if request.refs or request.ids:
            await self._engine.call(ParityActivities.take_back_restored, request, "Undo: take back what was restored")

    async def restore_after_commit(self) -> None:
        """Set what would have been in the way before the commit: locks, and the shutdown schedule."""
        later = [row for row in self._board.parity if row.restore == "after_commit" and row.state != "waived"]
        if not later or self.source is None:
            return
        await self._belongings.predict(self._entries(later), "Read what will be set after the commit")
        request = RestoreParity(compare=self._request(self.source), rows=later)
        answer = await self._engine.call(
            ParityActivities.restore_parity, request, f"After the commit: set {_aspects(later)}"
        )
        self._board.parity = answer.rows
        if answer.failures:
            raise vm_failure(f"restoring after the commit: {_told(open_rows(answer.rows))}")

    async def _compare(self) -> None:
        source = self.source
        if source is None or not needed(self._task.vm, source):
            return
        name = self._task.vm.target_name
        answer = await self._engine.call(
            ParityActivities.compare_parity, self._request(source), f"Compare {name} with what the source had"
        )
        self._board.parity = answer.rows

    def _request(self, source: Side) -> CompareParity:
        return CompareParity(
            plan=self._task.plan,
            vm=self._task.vm,
            source=source,
            restored=self._restored,
            failures=self._failures,
            accepted=self._accepted,
        )

    def _entries(self, rows: list[ParityRow]) -> list[LedgerEntry]:
        made = {made_id(self._task.vm, row): row for row in rows}
        return [
            LedgerEntry(
                id=one,
                type=type_of(one),
                created_by="plan",
                state="predicted",
                why=f"{row.aspect} restored, as {row.subject} at the source",
            )
            for one, row in made.items()
            if one is not None
        ]


def _number(rows: list[ParityRow]) -> str:
    return f"{len(rows)} rows of parity are" if len(rows) != 1 else "1 row of parity is"


def _told(rows: list[ParityRow]) -> str:
    more = f"; and {len(rows) - _TOLD_ROWS} more" if len(rows) > _TOLD_ROWS else ""
    return "; ".join(in_words(row) for row in rows[:_TOLD_ROWS]) + more


def _aspects(rows: list[ParityRow]) -> str:
    return ", ".join(dict.fromkeys(row.aspect for row in rows))
