"""A strike of the exhaustive matrix: a fault at the kth request of a run of one machine, and what came of it.

Several strikes by one fault may share a run, far apart from each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.chaos.actors import APPROVE, REJECT, Actor, Line
from tests.chaos.arming import after, status
from tests.e2e.estates import Case

APPROVED, REJECTED = "approved", "rejected"
OUTCOMES = {APPROVED: "migrated", REJECTED: "rolled_back"}
CLEAN = "none"
MOMENTS = {"worker killed before": "before", "worker killed after": "after"}
"""Before the request leaves; as its answer arrives, and nobody has seen it."""
EFFECTS: dict[str, dict[str, Any]] = {
    "500 before it took effect": status(500, "InternalServerError"),
    "500 after it took effect": after(500),
    "connection reset before": {"kind": "reset_before"},
    "connection reset after": {"kind": "reset_after"},
    "body cut short": {"kind": "truncate"},
    # Longer than the 60 s for which a client of ours waits for an answer.
    "answer that hangs for 70 s": {"kind": "hang", "seconds": 70},
}
FAULTS = (*MOMENTS, *EFFECTS)
_SECONDS_EACH = 120.0
"""What each further strike may add to a run."""


@dataclass
class Strike:
    """One cell's trial, and what came of it. *nth* 0: the clean run."""

    run: str
    fault: str
    nth: int = 0
    met: str = ""
    """What was asked by the request that was struck."""
    phase: str = ""
    outcome: str = ""
    asked: int = 0
    """How often a person had to move it on."""
    requests: int = 0
    broken: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0
    together: int = 1
    """How many strikes its run had."""

    @property
    def key(self) -> str:
        """Its name in the file of results."""
        return f"{self.run} {self.fault} {self.nth}"

    @property
    def is_green(self) -> bool:
        """Whether the outcome is that of the clean run, and every invariant holds."""
        return not self.error and self.outcome == OUTCOMES[self.run] and not self.broken

    def take(self, actor: Actor, place: int, together: int) -> None:
        """Take over what came of the run in which it was the strike at a *place*, counted from 0."""
        self.together = together
        self.requests, self.asked, self.seconds = len(actor.log), actor.asked, actor.seconds
        self.broken, self.error = actor.broken, actor.error
        self.outcome = actor.outcomes.get("vm", "")
        at, self.met = _met(self, actor, place)
        self.phase = phase_at(actor.report, at) if at and actor.report else ""


def actor_of(strikes: Sequence[Strike], number: int) -> Actor:
    """Return the plan that *strikes* by one fault meet, in the order of their requests."""
    run, fault = strikes[0].run, strikes[0].fault
    case = Case(f"s{number:04}", subscription=str(uuid.uuid4()))
    actor = Actor(case, decisions={"vm": APPROVE if run == APPROVED else REJECT})
    actor.seconds_allowed += _SECONDS_EACH * (len(strikes) - 1)
    actor.retries *= len(strikes)
    before = 0
    for strike in strikes:
        if fault in MOMENTS:
            actor.deaths.append((strike.nth - before, MOMENTS[fault]))
        elif fault in EFFECTS:
            match = {"path": actor.path, "nth": strike.nth, "times": 1}
            # The last is armed first: a fault counts no request that one before it has struck.
            actor.faults.insert(0, {"effect": EFFECTS[fault], "match": match, "vm": None})
        before = strike.nth
    return actor


def phase_at(report: dict[str, Any], at: str) -> str:
    """Return the phase of the one machine of a report at a moment, which is the plan's before and after it."""
    told = report["vms"][0]["phases"]
    phases = [each for each in told if each["started"][:19] <= at[:19]]
    if not phases:
        return "preparing the plan"
    closed = phases[-1]["name"] == "done" or (phases[-1] is told[-1] and (phases[-1]["ended"] or "9")[:19] < at[:19])
    return "ending the plan" if closed else str(phases[-1]["name"])


def _met(strike: Strike, actor: Actor, place: int) -> tuple[str, str]:
    """Return when a request was struck, and what it was; both empty where none was."""
    if place < len(actor.struck):
        struck: Line = actor.struck[place]
        at = datetime.fromtimestamp(struck["wall"], UTC).isoformat()
        return at, f"{struck['method']} {struck['url'].partition(actor.case.subscription)[2]}"
    if actor.faults and 0 < strike.nth <= len(actor.log):
        line = actor.log[strike.nth - 1]
        return str(line["wall"]), f"{line['method']} {line['path'].partition(actor.case.subscription)[2]}"
    return "", ""
