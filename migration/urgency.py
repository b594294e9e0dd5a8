"""How urgent work is: by Temporal's priorities from 1 (first) to 5, and alike in the worker's budget of requests.

What shortens a downtime, or ends two running copies, goes before what proves a move, that before what prepares one, and
questions and messages come last. Where an activity does not say it by its name, the phase of its machine does.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from migration import names
from migration.phases import Phase


class Urgency(IntEnum):
    """Who goes first where not all can; the numbers are Temporal's `priority_key`."""

    CUTOVER = 1
    """Failing over, going back, and keeping one of two copies off: a machine is down meanwhile, or two run."""
    PROVING = 2
    """Verifying, approving, committing, and the last check before a failover: a machine stands between two regions."""
    MOVING = 3
    """Enabling, replicating, configuring, testing; Temporal's own default."""
    CHECKING = 4
    """Questions before anything is written, listings, messages."""
    BACKGROUND = 5
    """Figures for dashboards, and what may wait for hours."""


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
        Phase.AWAITING_APPROVAL: Urgency.PROVING,
        Phase.COMMITTING: Urgency.PROVING,
        Phase.DISABLING: Urgency.PROVING,
        Phase.REPROTECTING: Urgency.MOVING,
        Phase.ROLLING_BACK: Urgency.CUTOVER,
        Phase.NEEDS_ACTION: Urgency.PROVING,
        Phase.DONE: Urgency.MOVING,
    }
)
OF_ACTIVITIES: Mapping[str, Urgency] = MappingProxyType(
    {
        "deallocate_vm": Urgency.CUTOVER,
        "start_failover": Urgency.CUTOVER,
        "start_group_failover": Urgency.CUTOVER,
        "start_vm": Urgency.CUTOVER,
        "cancel_vms": Urgency.PROVING,
        "commit_failover": Urgency.PROVING,
        "commit_group": Urgency.PROVING,
        "deliver_message": Urgency.PROVING,
        "open_desk": Urgency.PROVING,
        "verify_approval": Urgency.PROVING,
        "verify_target": Urgency.PROVING,
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
