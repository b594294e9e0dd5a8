"""The inputs of the workflows."""

from migration.base import Value
from migration.plan import Plan
from migration.plan_state import PlanState


class MigratePlanInput(Value):
    """The input of `MigratePlan`."""

    plan: Plan
    requester: str
    state: PlanState | None = None
    """Where an earlier run of the same plan stood, which this one goes on for."""
