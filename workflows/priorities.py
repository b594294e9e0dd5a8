"""Gives every activity that a workflow schedules its priority, and its subscription as the key of fairness.

Each child gets that of one among many, where it would inherit that of its plan's own tasks.

Tasks that wait in a queue are then handed out by urgency, and among equals by subscription in turn, whichever worker
takes them. No command depends on it, so that histories from before replay as they are.
"""

import re
from typing import Any

from temporalio import workflow
from temporalio.common import Priority
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

with workflow.unsafe.imports_passed_through():
    from activities.failures import subject_of
    from migration.phases import Phase
    from migration.plan import Plan
    from migration.urgency import Urgency, urgency_of
from workflows.board import Board

_SUBSCRIPTION = re.compile(r"(?i)^/subscriptions/([^/]+)")
_WEIGHT = 1.0
"""Every subscription has as large a budget as any other."""
_LONGEST_KEY = 64
"""Bytes that Temporal takes of a key; subscriptions are shorter."""


class Priorities(Interceptor):
    """Gives activities their priority."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - Temporal's
    ) -> type[WorkflowInboundInterceptor]:
        """Stand between every workflow and what it schedules."""
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Put the priorities on the way out."""
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002 - Temporal's name
        """Schedule an activity with its priority."""
        instance: Any = workflow.instance()
        input.priority = priority_of(input.activity, input.args[0] if input.args else None, instance)
        return super().start_activity(input)

    async def start_child_workflow(
        self,
        input: StartChildWorkflowInput,  # noqa: A002 - Temporal's name
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        """Start a child as one of many, which would else have the priority of its plan's own tasks."""
        input.priority = Priority(priority_key=Urgency.MOVING.priority_key)
        return await super().start_child_workflow(input)


def priority_of(activity: str, request: object, instance: object) -> Priority:
    """Return the priority of an activity with this input, scheduled by this workflow where it stands now."""
    phase, has_turn = None, False
    board = getattr(instance, "board", None)
    if isinstance(board, Board):
        phase = board.phase
        has_turn = phase is Phase.CHECKING and any(span.name == Phase.WAITING_FOR_TURN for span in board.spans)
    key = urgency_of(activity, workflow.info().workflow_type, phase, has_turn=has_turn).priority_key
    about = (request, getattr(instance, "task", None), getattr(instance, "plan", None))
    return Priority(priority_key=key, fairness_key=_subscription_of(about) or None, fairness_weight=_WEIGHT)


def _subscription_of(about: tuple[object, ...]) -> str:
    """Return the first subscription that one of these is about."""
    for one in about:
        if isinstance(one, Plan):
            found = one.subscription
        else:
            match = _SUBSCRIPTION.match(subject_of(one))
            found = match[1] if match else ""
        if found:
            return found.lower()[:_LONGEST_KEY]
    return ""
