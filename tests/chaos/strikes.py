"""A strike of the exhaustive matrix: one run of one machine, one fault at its kth request, and what came of it."""

from __future__ import annotations

import uuid
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

    @property
    def key(self) -> str:
        """Its name in the file of results."""
        return f"{self.run} {self.fault} {self.nth}"

    @property
    def is_green(self) -> bool:
        """Whether the outcome is that of the clean run, and every invariant holds."""
        return not self.error and self.outcome == OUTCOMES[self.run] and not self.broken

    def actor(self, number: int) -> Actor:
        """Return the plan that is struck."""
        case = Case(f"s{number:04}", subscription=str(uuid.uuid4()))
        actor = Actor(case, decisions={"vm": APPROVE if self.run == APPROVED else REJECT})
        if self.fault in MOMENTS:
            actor.deaths.append((self.nth, MOMENTS[self.fault]))
        elif self.fault in EFFECTS:
            match = {"path": actor.path, "nth": self.nth, "times": 1}
            actor.faults.append({"effect": EFFECTS[self.fault], "match": match, "vm": None})
        return actor

    def take(self, actor: Actor) -> None:
        """Take over what came of it."""
        self.requests, self.asked, self.seconds = len(actor.log), actor.asked, actor.seconds
        self.broken, self.error = actor.broken, actor.error
        self.outcome = actor.outcomes.get("vm", "")
        at, self.met = _met(self, actor)
        self.phase = phase_at(actor.report, at) if at and actor.report else ""


def phase_at(report: dict[str, Any], at: str) -> str:
    """Return the phase of the one machine of a report at a moment, which is the plan's before and after it."""
    told = report["vms"][0]["phases"]
    phases = [each for each in told if each["started"][:19] <= at[:19]]
    if not phases:
        return "preparing the plan"
    closed = phases[-1]["name"] == "done" or (phases[-1] is told[-1] and (phases[-1]["ended"] or "9")[:19] < at[:19])
    return "ending the plan" if closed else str(phases[-1]["name"])


def _met(strike: Strike, actor: Actor) -> tuple[str, str]:
    """Return when a request was struck, and what it was; both empty where none was."""
    if actor.struck:
        struck: Line = actor.struck[0]
        at = datetime.fromtimestamp(struck["wall"], UTC).isoformat()
        return at, f"{struck['method']} {struck['url'].partition(actor.case.subscription)[2]}"
    if actor.faults and 0 < strike.nth <= len(actor.log):
        line = actor.log[strike.nth - 1]
        return str(line["wall"]), f"{line['method']} {line['path'].partition(actor.case.subscription)[2]}"
    return "", ""
