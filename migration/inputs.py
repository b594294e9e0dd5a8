"""The inputs of the workflows."""

from migration.base import Value
from migration.plan import Plan


class MigratePlanInput(Value):
    """The input of `MigratePlan`."""

    plan: Plan
    requester: str
