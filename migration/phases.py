"""The words in which status, search attributes and the report tell where a virtual machine stands."""

from enum import StrEnum


class Phase(StrEnum):
    """What a virtual machine's migration is doing now."""

    CHECKING = "checking"
    ENABLING = "enabling"
    REPLICATING = "replicating"
    CONFIGURING = "configuring"
    TESTING = "testing"
    WAITING_FOR_TURN = "waiting_for_turn"
    FAILING_OVER = "failing_over"
    VERIFYING = "verifying"
    AWAITING_APPROVAL = "awaiting_approval"
    COMMITTING = "committing"
    DISABLING = "disabling"
    REPROTECTING = "reprotecting"
    """Only of plans that replicate back after the commit."""
    ROLLING_BACK = "rolling_back"
    NEEDS_ACTION = "needs_action"
    DONE = "done"


class Outcome(StrEnum):
    """How the migration of a virtual machine, or of a plan, ended."""

    MIGRATED = "migrated"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    NEEDS_OPERATOR = "needs_operator"
    MIXED = "mixed"
    """Only of a plan: its virtual machines ended differently."""


def common_outcome(outcomes: list[Outcome]) -> Outcome:
    """Return the outcome that all share, else `mixed`; a plan without virtual machines has nothing to move."""
    distinct = set(outcomes)
    return distinct.pop() if len(distinct) == 1 else Outcome.MIXED
