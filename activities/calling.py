"""Tells the limiter on whose behalf an activity asks Azure: how urgent it is, and for which plan."""

from __future__ import annotations

from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from arm.callers import Caller, calling
from migration.urgency import Urgency, urgency_of


class Callers(Interceptor):
    """Names the caller of every activity of a worker."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's
        """Put the name around an activity."""
        return _Calling(next)


class _Calling(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        """Run the activity."""
        with calling(caller_of(activity.info())):
            return await super().execute_activity(input)


def caller_of(info: activity.Info) -> Caller:
    """Return who asks: as Temporal was told, or, of a run that an earlier build began, as its name tells."""
    key, urgency = info.priority.priority_key, urgency_of(info.activity_type, info.workflow_type or "")
    if key is not None and key in Urgency.__members__.values() and key != urgency.priority_key:
        urgency = Urgency(key)
    return Caller(urgency, _plan_of(info.workflow_id or ""))


def _plan_of(workflow_id: str) -> str:
    """Return the plan that a workflow belongs to: the second part of its id, or what it is called."""
    parts = workflow_id.split("/", 2)
    return parts[1] if len(parts) > 1 else workflow_id
