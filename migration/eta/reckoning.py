"""From what lies ahead of a virtual machine to a range, and to words.

Site Recovery's percentage comes in plateaus, jumps, and freezes below 100 when the copy is done. So what was seen only
ever moves the worst case: a straight line through it, never less than a tenth of the time gone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from migration.eta.values import Basis, Estimate, Outlook, Stuck, Until
from migration.phases import Phase
from migration.times import parse_azure_time, utc_text

if TYPE_CHECKING:
    from migration.models import Progress

_FINE = ((120, 10), (600, 60), (3600, 300), (21_600, 900), (86_400, 3600), (math.inf, 21_600))
"""Up to how many seconds away an end is told to how many: farther ends are told more coarsely."""
_LATE = 2.0
"""So many times the worst case of a step, and its end cannot be told any more."""
_LEAST_SHARE = 0.1
_AFTER_APPROVAL = {Phase.AWAITING_APPROVAL, Phase.COMMITTING, Phase.DISABLING, Phase.REPROTECTING, Phase.ROLLING_BACK}
Remaining = tuple[float, float | None]


def estimate(outlook: Outlook, at: datetime, progress: Progress | None = None) -> Estimate:
    """Return when a virtual machine is done, seen *at* a moment; *progress* is what its wait tells by now."""
    until: Until = "end" if outlook.phase in _AFTER_APPROVAL else "approval"
    seen = progress or outlook.seen
    basis: Basis = "plan" if outlook.pace == (1.0, 1.0) else "pace"
    if seen is not None and seen.stuck:
        return Estimate(until=until, basis="progress", stuck=seen.stuck, reason=seen.reason)
    if outlook.stuck and outlook.stuck != "queue":
        return Estimate(until=until, basis=basis, stuck=outlook.stuck, reason=outlook.reason)
    low, high = total([remaining(outlook, at, seen), *ahead(outlook, until)])
    if outlook.phase is Phase.REPLICATING and seen is not None and seen.percent:
        basis = "progress"
    stuck: Stuck | None = outlook.stuck
    reason = outlook.reason
    if high is None:
        stuck, reason = stuck or _why_late(outlook, at), reason or _why_unknown(outlook, at)
    elif stuck == "queue":
        reason = reason or "it waits for its turn to fail over, which is in the range only as its wave stands"
    return ranged(until, low, high, at).model_copy(update={"basis": basis, "stuck": stuck, "reason": reason})


def remaining(outlook: Outlook, at: datetime, seen: Progress | None) -> Remaining:
    """Return the seconds that are left of the phase that runs."""
    gone = seconds_since(outlook.since, at)
    step = outlook.now
    if not step.high and step.high is not None:
        return 0.0, 0.0  # waiting takes no time of its own
    low = max(step.low - gone, 0.0)
    percent = seen.percent if seen is not None and outlook.phase is Phase.REPLICATING else None
    straight = gone * (100 - percent) / percent if percent and percent < 100 else None
    if straight is not None:
        least = max(straight, gone * _LEAST_SHARE)
        by_plan = math.inf if step.high is None or gone > step.high else step.high - gone
        return min(low, least), min(least, by_plan)
    if step.high is None or gone > step.high * _LATE:
        return low, None
    # One that is over its time takes the longer, the longer it has taken.
    return low, max(step.high - gone, gone * _LEAST_SHARE)


def ahead(outlook: Outlook, until: Until) -> list[Remaining]:
    """Return the best and the worst case of each step between the one that runs and what is waited *until*."""
    found: list[Remaining] = []
    for step in outlook.ahead:
        if until == "approval" and step.phase is Phase.AWAITING_APPROVAL:
            break
        found.append((step.low, step.high))
    return found


def total(parts: Sequence[Remaining]) -> Remaining:
    """Return the sum of spans; its worst case is known where each one's is."""
    highs = [high for _, high in parts if high is not None]
    return sum(low for low, _ in parts), sum(highs) if len(highs) == len(parts) else None


def ranged(until: Until, low: float | None, high: float | None, at: datetime) -> Estimate:
    """Return a range rounded outwards, with the moments that it tells."""
    shortest = None if low is None else _rounded(low, up=False)
    longest = None if high is None else _rounded(high, up=True)
    return Estimate(
        until=until,
        low_seconds=shortest,
        high_seconds=longest,
        earliest=None if shortest is None else utc_text(at + timedelta(seconds=shortest)),
        latest=None if longest is None else utc_text(at + timedelta(seconds=longest)),
    )


def goal(told: Estimate) -> str:
    """Return what is estimated, in words."""
    return "ready for approval" if told.until == "approval" else "done"


def in_words(told: Estimate) -> str:
    """Return an estimate as a person reads it: `25 min to 1 h 15 min`, `unknown: web-01 makes no progress`."""
    why = f": {told.reason}" if told.reason else ""
    if told.stuck == "person":
        return f"as long as a person takes{why}"
    if told.high_seconds is None:
        least = f", at least {_span(told.low_seconds)}" if told.low_seconds else ""
        return f"unknown{least}{why}"
    if told.low_seconds is None or told.low_seconds == 0:
        text = f"up to {_span(told.high_seconds)}"
    elif told.low_seconds == told.high_seconds:
        text = f"about {_span(told.high_seconds)}"
    else:
        text = f"{_span(told.low_seconds)} to {_span(told.high_seconds)}"
    return f"{text}{' and its turn' if told.stuck == 'queue' else ''}"


def in_moments(told: Estimate) -> str:
    """Return an estimate as text that stays right while it stands: moments in UTC instead of spans."""
    if told.high_seconds is None or told.latest is None:
        return f"{goal(told)}: {in_words(told)}"
    basis = {
        "plan": "by the plan's estimate",
        "pace": "by how long the steps before took",
        "progress": "by the progress seen",
    }[told.basis]
    turn = "; and its turn" if told.stuck == "queue" else ""
    return f"{goal(told)} between {told.earliest} and {told.latest} ({basis}{turn})"


def seconds_since(since: str, at: datetime) -> float:
    """Return the seconds from a moment of a status to *at*, none where the clocks disagree."""
    began = parse_azure_time(since)
    return 0.0 if began is None else max((at - began).total_seconds(), 0.0)


def _why_late(outlook: Outlook, at: datetime) -> Stuck | None:
    high = outlook.now.high
    return "late" if high and seconds_since(outlook.since, at) > high * _LATE else None


def _why_unknown(outlook: Outlook, at: datetime) -> str:
    if _why_late(outlook, at):
        gone, high = seconds_since(outlook.since, at), outlook.now.high or 0
        doing = outlook.phase.value.replace("_", " ")
        return f"{doing} has taken {_span(gone)}, where at most {_span(high)} were expected"
    return "the size of its disks is not read yet"


def _rounded(seconds: float, *, up: bool) -> int:
    grain = next(grain for limit, grain in _FINE if seconds < limit)
    return int((math.ceil if up else math.floor)(seconds / grain) * grain)


def _span(seconds: float | None) -> str:
    whole = round(seconds or 0)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes and not rest else f"{minutes} min {rest} s" if minutes else f"{rest} s"
