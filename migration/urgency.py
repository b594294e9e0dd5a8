"""How urgent work is: by Temporal's priorities from 1 (first) to 5, and alike in the worker's budget of requests.

What shortens a downtime, or ends two running copies, goes before what a person has just decided, that before what
proves a move, then what prepares one; questions and messages come last. Where an activity does not say it by its name,
the phase of its machine does.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from migration import names
from migration.phases import Phase


class Urgency(IntEnum):
    """Who goes first where not all can; the numbers are Temporal's `priority_key`, whose last two share one."""

    CUTOVER = 1
    """Failing over, going back, and keeping one of two copies off: a machine is down meanwhile, or two run."""
    DECIDED = 2
    """Looking again at what was approved, and committing: a person waits to see it. And what one read tells many."""
    PROVING = 3
    """Verifying, forgetting the item, and the last check before a failover: a machine stands between two regions."""
    MOVING = 4
    """Enabling, replicating, configuring, testing."""
    CHECKING = 5
    """Questions before anything is written, listings, messages."""
    BACKGROUND = 6
    """Figures for dashboards, and what may wait for hours."""

    @property
    def priority_key(self) -> int:
        """The key of Temporal's priorities, of which a server has five."""
        return min(self.value, Urgency.CHECKING.value)


OF_PHASES: Mapping[Phase, Urgency] = MappingProxyType(
    {
        Phase.CHECKING: Urgency.CHECKING,
        Phase.ENABLING: Urgency.MOVING,
        Phase.REPLICATING: Urgency.MOVING,
        Phase.CONFIGURING: Urgency.MOVING,
        Phase.TESTING: Urgency.MOVING,
        Phase.WAITING_FOR_TURN: Urgency.MOVING,
        Phase.FAILING_OVER: Urgency.CUTOVER,
        Phase.VERIFYING: Urgency.PROVING,
        Phase.AWAITING_APPROVAL: Urgency.DECIDED,
        Phase.COMMITTING: Urgency.DECIDED,
        Phase.DISABLING: Urgency.PROVING,
        Phase.REPROTECTING: Urgency.MOVING,
        Phase.ROLLING_BACK: Urgency.CUTOVER,
        Phase.NEEDS_ACTION: Urgency.PROVING,
        Phase.DONE: Urgency.MOVING,
    }
)
OF_ACTIVITIES: Mapping[str, Urgency] = MappingProxyType(
    {
        "answer_turns": Urgency.CUTOVER,
        "deallocate_vm": Urgency.CUTOVER,
        "start_failover": Urgency.CUTOVER,
        "start_group_failover": Urgency.CUTOVER,
        "start_vm": Urgency.CUTOVER,
        "commit_failover": Urgency.DECIDED,
        "commit_group": Urgency.DECIDED,
        "open_desk": Urgency.DECIDED,
        "verify_approval": Urgency.DECIDED,
        "cancel_vms": Urgency.PROVING,
        "deliver_message": Urgency.PROVING,
        "watch_copies": Urgency.PROVING,
        "check_plan": Urgency.CHECKING,
        "find_leftovers": Urgency.CHECKING,
        "list_plan": Urgency.CHECKING,
        "prove_plan": Urgency.CHECKING,
        "send_notification": Urgency.CHECKING,
        "survey_plan": Urgency.CHECKING,
    }
)
"""Of those that are as urgent wherever they are called. A person waits for the answer of a desk."""
OF_WORKFLOWS: Mapping[str, Urgency] = MappingProxyType(
    {
        names.MOVE_GROUP: Urgency.CUTOVER,
        names.ASK_GUESTS: Urgency.CHECKING,
        names.CHECK_PLAN: Urgency.CHECKING,
        names.SURVEY_PLAN: Urgency.CHECKING,
        names.CLEAN_PLAN: Urgency.CHECKING,
        names.KEPT_WRITES: Urgency.BACKGROUND,
    }
)


def urgency_of(activity: str, workflow: str, phase: Phase | None = None, *, has_turn: bool = False) -> Urgency:
    """Return how urgent an activity is in a workflow of this type, whose machine is in this phase.

    A machine that *has_turn* is about to fail over: its last check holds a permit that others wait for.
    """
    if activity in OF_ACTIVITIES:
        return OF_ACTIVITIES[activity]
    if phase is None:
        return OF_WORKFLOWS.get(workflow, Urgency.MOVING)
    return min(OF_PHASES[phase], Urgency.PROVING) if has_turn else OF_PHASES[phase]
