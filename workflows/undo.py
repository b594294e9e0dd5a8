"""The undo of a migration: a chain, last step first. A link that cannot be undone holds all before it."""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows.board import Board
from workflows.engine import Engine, reason_of, type_of
from workflows.failures import GAVE_UP, KEPT_TARGET

Undo = Callable[[], Awaitable[None]]


class UndoStack:
    """What would be undone now. An undo is registered before its step runs, and tolerates "nothing there"."""

    def __init__(self) -> None:
        self._undos: list[Undo] = []

    @property
    def names(self) -> list[str]:
        """The names of the undos, the next one first."""
        return [undo.__name__.strip("_") for undo in reversed(self._undos)]

    def register(self, undo: Undo) -> None:
        """Add *undo*; steps that share one register it once."""
        if undo not in self._undos:
            self._undos.append(undo)

    def forget(self) -> None:
        """Pass the point of no return: from here nothing is undone."""
        self._undos.clear()

    async def run(self, engine: Engine, board: Board) -> bool:
        """Undo all, last step first. Return False when a person stopped it, and what is left needs an operator."""
        while self._undos:
            undo = self._undos[-1]
            board.show(waiting_for=f"undoing: {self.names[0]}")
            try:
                await undo()
            except FailureError as error:
                if type_of(error) in {GAVE_UP, KEPT_TARGET}:
                    return self._stopped(board, error)
                if not await self._ask(engine, board, error):
                    return False
                continue
            self._undos.pop()
        return True

    async def _ask(self, engine: Engine, board: Board, error: FailureError) -> bool:
        name = self.names[0]
        question = f"undoing ({name}): {reason_of(error)}"
        if command := board.by_hand(name):
            question += f". By hand: {command}; then retry, or skip once it is done"
        try:
            choice = await engine.ask(question, ("retry", "skip", "give_up"))
        except FailureError as gave_up:
            return self._stopped(board, gave_up)
        if choice == "skip":
            board.record_incident(f"undo {name} was skipped by {engine.last_word}: {reason_of(error)}")
            self._undos.pop()
        return True

    def _stopped(self, board: Board, error: FailureError) -> bool:
        board.record_incident(f"the undo stopped at {self.names[0]}: {reason_of(error)}")
        workflow.logger.warning("Undo stopped", extra={"left": self.names})
        return False
