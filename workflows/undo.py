"""The undo of a migration: a chain, last step first. A link that cannot be undone holds all before it."""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows.board import Board
from workflows.engine import Engine, reason_of
from workflows.failures import GAVE_UP, KEPT_TARGET
from workflows.holding import until_done
from workflows.remedies import in_words

Undo = Callable[[], Awaitable[None]]
_STOPPING = frozenset({GAVE_UP, KEPT_TARGET})
"""What ends the undo where it stands."""


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
            try:
                skipped = await until_done(engine, self._attempt(undo, board), self._question(board), let_go=_STOPPING)
            except FailureError as error:
                return self._stopped(board, error)
            if skipped is not None:
                board.record_incident(f"undo {self.names[0]} was skipped by {engine.last_word}: {skipped}")
            self._undos.pop()
        return True

    def _attempt(self, undo: Undo, board: Board) -> Undo:
        async def attempt() -> None:
            board.show(waiting_for=f"undoing: {in_words(self.names[0])}")
            await undo()

        return attempt

    def _question(self, board: Board) -> Callable[[str], str]:
        name = self.names[0]
        command = board.by_hand(name)
        more = f". By hand: {command}; then retry, or skip once it is done" if command else ""
        return lambda why: f"undoing ({name}): {why}{more}"

    def _stopped(self, board: Board, error: FailureError) -> bool:
        board.record_incident(f"the undo stopped at {self.names[0]}: {reason_of(error)}")
        workflow.logger.warning("Undo stopped", extra={"left": self.names})
        return False
