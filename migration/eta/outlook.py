"""From a virtual machine's steps so far to what lies ahead of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from migration.eta.expected import step_of
from migration.eta.values import Outlook, Step, Stuck
from migration.phases import Phase
from migration.times import seconds_between

if TYPE_CHECKING:
    from migration.models import Progress
    from migration.report import PhaseSpan

_MEASURES = (Phase.ENABLING, Phase.REPLICATING, Phase.TESTING, Phase.FAILING_OVER)
"""Steps that are Azure's alone: nobody waits in them for a person or a queue."""
_FAR = 3.0
"""So many times quicker or slower than expected, and the steps before say more than the plan's estimate."""
_SLACK_SECONDS = 5.0
"""What each step takes besides Azure's time: a read, a workflow task."""
_OVER = (Phase.DONE, Phase.NEEDS_ACTION)


def outlook(
    expected: Sequence[Step],
    spans: Sequence[PhaseSpan],
    *,
    seen: Progress | None = None,
    stuck: Stuck | None = None,
    reason: str = "",
) -> Outlook | None:
    """Return what lies ahead of a virtual machine that is in the last of these *spans*; None once it is over."""
    if not spans or spans[-1].name is Phase.DONE:
        return None
    current = spans[-1]
    low, high = pace(expected, spans)
    phases = [step.phase for step in expected]
    follows = phases.index(current.name) + 1 if current.name in phases else len(phases)
    if current.name is Phase.CHECKING and any(span.name is Phase.WAITING_FOR_TURN for span in spans):
        follows = phases.index(Phase.WAITING_FOR_TURN) + 1
    if current.name is Phase.NEEDS_ACTION:
        before = next((span.name for span in reversed(spans) if span.name not in _OVER), Phase.CHECKING)
        follows = phases.index(before) + 1 if before in phases else len(phases)
    return Outlook(
        phase=current.name,
        since=current.started,
        now=paced(step_of(expected, current.name), low, high),
        ahead=[paced(step, low, high) for step in expected[follows:]],
        pace=(low, high),
        seen=seen,
        stuck=stuck,
        reason=reason,
    )


def pace(expected: Sequence[Step], spans: Sequence[PhaseSpan]) -> tuple[float, float]:
    """Return by what to multiply the plan's estimate, best case and worst: 1 unless the steps before were far from it.

    If they took S seconds of an expected L to H, the world is between S / H and S / L times as slow as reckoned.
    """
    took = low = high = 0.0
    for span in spans:
        seconds = seconds_between(span.started, span.ended)
        step = step_of(expected, span.name)
        if span.name in _MEASURES and seconds is not None and step.high is not None:
            took, low, high = took + max(seconds, 1), low + step.low, high + step.high
    if not took or low / _FAR <= took <= high * _FAR:
        return 1.0, 1.0
    return took / high, took / low


def paced(step: Step, low: float, high: float) -> Step:
    """Return a step at another pace than the plan's estimate."""
    longest = None if step.high is None else step.high * high + (_SLACK_SECONDS if step.high else 0)
    return step.model_copy(update={"low": step.low * low, "high": longest})
