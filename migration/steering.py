"""How people steer a plan that runs: pauses, limits, gates that they open; and what the report keeps of it. Pure."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from migration.base import Value
from migration.phases import Outcome
from migration.plan_fleet import CutoverNumber, Replication

MOST_PAUSES = 100
"""Waves and virtual machines that may be paused one by one at a time; for more there is the pause of the plan."""
MOST_KEPT = 50
"""Words on steering that a report holds, the newest ones."""
_REASON = 500

VmStanding = Literal["new", "replicating", "outside", "wanting", "cutting_over", "passed", "ended"]
PartKind = Literal["plan", "wave", "vm", "subscription", "vault"]
SteerAction = Literal["pause", "resume", "open_gate", "set_concurrency"]


class Part(Value):
    """A part of a plan; the plan itself has no name here."""

    kind: PartKind
    name: str = ""

    @property
    def told(self) -> str:
        """What it is, for a sentence."""
        word = {"plan": "the plan", "vm": "VM"}.get(self.kind, self.kind)
        return f"{word} {self.name.rpartition('/')[2]}" if self.name else word


class _Said(Value):
    by: str = Field(min_length=1, max_length=320)
    reason: str = Field(min_length=1, max_length=2000)


class Steer(_Said):
    """What `pause` and `resume` carry: of which wave or virtual machine; without one the plan is meant."""

    wave: str | None = Field(None, max_length=200)
    vm: str | None = Field(None, max_length=200)

    @model_validator(mode="after")
    def _means_one(self) -> Self:
        if self.wave is not None and self.vm is not None:
            raise ValueError("give wave or vm, not both")
        return self


class SetConcurrency(_Said):
    """What `set_concurrency` carries: new limits of a wave, a subscription or a vault; of the plan without one."""

    wave: str | None = Field(None, max_length=200)
    subscription: str | None = Field(None, max_length=200)
    vault: str | None = Field(None, max_length=400)
    replication: Replication | None = None
    cutover: CutoverNumber | None = None

    @model_validator(mode="after")
    def _means_one(self) -> Self:
        if sum(one is not None for one in (self.wave, self.subscription, self.vault)) > 1:
            raise ValueError("give one of wave, subscription and vault")
        if self.replication is None and self.cutover is None:
            raise ValueError("give replication, cutover, or both")
        return self


class Pause(Value):
    """A pause that holds: of what, by whom, since when, why."""

    part: Part
    by: str
    at: str
    reason: str

    @property
    def told(self) -> str:
        """Who paused what, for a sentence."""
        return f"{self.part.told} is paused by {self.by} since {self.at}: {self.reason}"


class HeldGate(Value):
    """A wave that failures hold until a person opens its gate."""

    wave: str
    failed: int
    of: int = Field(description="The virtual machines of all waves that it depends on.")
    tolerated_percent: int
    why: str

    @property
    def told(self) -> str:
        """Why it is held, for a sentence."""
        return f"the gate of wave {self.wave} is held: {self.why}"


class LimitsNow(Value):
    """How many of a part at once now, where that differs from the plan's own words."""

    part: Part
    replication: int | None = None
    cutover: int | None = None

    @property
    def told(self) -> str:
        """How many of what, for a sentence."""
        parts = [f"{self.replication} replicate"] if self.replication is not None else []
        parts += [f"{self.cutover} fail over"] if self.cutover is not None else []
        return f"of {self.part.told}, {' and '.join(parts)} at once"


class Steered(Value):
    """What a person did to a plan that ran, as the report keeps it."""

    at: str
    action: SteerAction
    part: Part
    by: str
    reason: str
    told: str = Field("", description="What became of it.")


class Alike(Value):
    """Virtual machines that stand alike in their plan's book: their places in the plan, as ranges such as `0-7,9`."""

    vms: str
    state: VmStanding
    outcome: Outcome | None = None
    told: str = ""
    began: bool = False
    heard: bool = False
    asked: int = 0


class DispatchState(Value):
    """The whole of a plan's book of turns: with the plan, all by which it decides."""

    alike: list[Alike] = Field(default_factory=list, description="But those that stand as at the beginning.")
    reasons: dict[int, str] = Field(default_factory=dict, description="Why they ended so, by place in the plan.")
    vaults: dict[str, str] = Field(default_factory=dict, description="Of which those count that were chosen one.")
    pauses: list[Pause] = Field(default_factory=list)
    limits: list[LimitsNow] = Field(default_factory=list)
    opened: list[int] = Field(default_factory=list, description="Waves whose gate a person has opened.")
    steered: list[Steered] = Field(default_factory=list)


def kept(steered: list[Steered], newest: Steered) -> list[Steered]:
    """Return what a report keeps once *newest* has come."""
    return [*steered, newest][-MOST_KEPT:]


def short(reason: str) -> str:
    """Return as much of a reason as is kept."""
    return reason if len(reason) <= _REASON else reason[: _REASON - 3] + "..."


def ranges(places: list[int]) -> str:
    """Return ascending *places* as ranges: `0-7,9`."""
    parts: list[str] = []
    begin = end = -2
    for place in [*places, -2]:
        if place == end + 1:
            end = place
            continue
        if begin >= 0:
            parts.append(f"{begin}-{end}" if end > begin else f"{begin}")
        begin = end = place
    return ",".join(parts)


def places_of(text: str) -> list[int]:
    """Return the places that ranges name."""
    found: list[int] = []
    for part in text.split(",") if text else []:
        begin, _, end = part.partition("-")
        found.extend(range(int(begin), int(end or begin) + 1))
    return found
