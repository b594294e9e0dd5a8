"""What a virtual machine's workflow knows of when it is done: its steps so far, its disks, and what its wait told."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.eta.expected import steps_of
    from migration.eta.outlook import outlook
    from migration.eta.values import Outlook, Stuck
    from migration.models import Progress, VmTask
    from migration.phases import Phase
from workflows.board import Board
from workflows.messages import Inbox
from workflows.replication import Replication

_BY_ITSELF = "trying again by itself)"
"""How a question ends that is asked again without a person."""
_KINDS: dict[str, Stuck] = {"recovery-point-fresh": "rpo_rising", "replication-sound": "health_error"}
"""Rules of the check before the failover that say why replication stands still."""


class Forecast:
    """The estimate of one virtual machine; its board shows it."""

    def __init__(self, task: VmTask, board: Board, replication: Replication) -> None:
        self._task = task
        self._board = board
        self._replication = replication
        self._seen: tuple[Phase, Progress] | None = None
        self.inbox = Inbox({names.SIGNAL_PROGRESSED: (Progress, self.take)})
        board.outlook = self.outlook
        replication.worst_copy_seconds = self.worst_copy_seconds

    def take(self, progress: Progress) -> None:
        """Take what the wait that runs has seen; it may come late, or from a stranger."""
        self._seen = (self._board.phase, progress)
        self._board.draw()

    def outlook(self) -> Outlook | None:
        """What lies ahead; None once it is over."""
        board = self._board
        if board.outcome is not None:
            return None
        seen = self._seen[1] if self._seen and self._seen[0] is board.phase else None
        stuck, reason = self._stands()
        return outlook(
            steps_of(self._task, self._replication.source), board.spans, seen=seen, stuck=stuck, reason=reason
        )

    def worst_copy_seconds(self) -> float | None:
        """How long the copy takes at worst; None while that cannot be told."""
        ahead = self.outlook()
        return ahead.now.high if ahead and ahead.phase is Phase.REPLICATING else None

    def _stands(self) -> tuple[Stuck | None, str]:
        board = self._board
        if board.needs_action:
            if board.waiting_for.endswith(_BY_ITSELF):
                return "environment", board.waiting_for
            return self._held() or "person", board.waiting_for
        if board.phase is Phase.WAITING_FOR_TURN:
            return ("window", board.waiting_for) if board.choices else ("queue", "")
        return None, ""

    def _held(self) -> Stuck | None:
        """Return what keeps the failover from beginning, where the copy itself is why."""
        if self._board.phase is not Phase.NEEDS_ACTION:
            return None
        rules = {finding.rule for finding in self._board.findings if finding.blocks}
        return next((stuck for rule, stuck in _KINDS.items() if rule in rules), None)
