"""When the waves of a plan and the plan itself are done: replication ahead of all, failovers wave after wave.

What waits for a person, and what stands still, is in no range; it is counted and named beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from migration.eta.reckoning import Remaining, estimate, ranged, remaining, total
from migration.eta.values import Estimate, Outlook, Share, Step, Stuck, Until, WavePlace
from migration.phases import Phase
from migration.schedule import PLAN_KEY, Turn, fail_over, line_of, side_by_side, wave_key
from migration.waves import in_order

if TYPE_CHECKING:
    from migration.models import Progress

Stage = Literal["copying", "new", "ready", "cutting_over", "person", "held", "finishing", "ended"]
_CUTTING = {Phase.FAILING_OVER, Phase.VERIFYING}
_FINISHING = {Phase.COMMITTING, Phase.DISABLING, Phase.REPROTECTING, Phase.ROLLING_BACK}
_NAMED = 3


@dataclass(frozen=True)
class Place:
    """Where a virtual machine stands in its plan: seconds until it wants its turn, from its turn on, and after."""

    name: str
    wave: str
    stage: Stage
    to_ready: Remaining = (0.0, 0.0)
    to_verified: Remaining = (0.0, 0.0)
    to_end: Remaining = (0.0, 0.0)
    stuck: Stuck | None = None
    reason: str = ""
    paused: bool = False
    """Whether nothing of it begins before a person says so: others wait for it as long."""

    def held(self, reason: str) -> Place:
        """Return the place of one that begins nothing before a person says so, for that *reason*."""
        return replace(self, paused=True, stuck="person", reason=reason)

    def at(self, state: str, gone: float) -> Place:
        """Return the place of one that has been in a state of its plan's book for so many seconds."""
        if state == "new":
            return self
        if state == "replicating":
            return replace(self, stage="copying", to_ready=_less(self.to_ready, gone), stuck=None)
        if state == "wanting":
            return replace(self, stage="ready", to_ready=(0.0, 0.0))
        if state == "cutting_over":
            return replace(self, stage="cutting_over", to_verified=_less(self.to_verified, gone), stuck=None)
        if state == "ended":
            return replace(self, stage="ended", stuck=None)
        return replace(self, stage="person", stuck="window" if state == "outside" else "person")


@dataclass(frozen=True)
class Timetable:
    """The estimates of a plan, of its waves, and of each virtual machine that still has to wait for others."""

    plan: Estimate | None
    waves: dict[str, Estimate]
    queued: Sequence[Place]
    spans: Mapping[str, tuple[float, float]]
    """When each is verified or at its end, in seconds from *at*: at best and at worst."""
    at: datetime

    @cached_property
    def vms(self) -> dict[str, Estimate]:
        """The estimate of each virtual machine that waits for its turn, by name; a plan of thousands asks for none."""
        return {place.name: _waiting(place, *self.spans[place.name], self.at) for place in self.queued}


@dataclass(frozen=True)
class _Order:
    """What bounds whom: the waves that each comes after, how many of each part at once, the parts of each machine."""

    after: Sequence[Sequence[int]]
    replication: Mapping[str, int]
    cutover: Mapping[str, int]
    parts: Mapping[str, tuple[str, ...]]


def place_of(name: str, wave: str, outlook: Outlook, at: datetime, progress: Progress | None = None) -> Place:
    """Return the place of a virtual machine that runs."""
    if outlook.phase is Phase.AWAITING_APPROVAL:
        return Place(name, wave, "person", stuck="person", reason=outlook.reason)
    told = estimate(outlook, at, progress)
    if told.stuck and told.stuck != "queue" and told.is_unknown:
        stage: Stage = "person" if told.stuck in {"person", "window"} else "held"
        return Place(name, wave, stage, stuck=told.stuck, reason=told.reason)
    rest = remaining(outlook, at, progress or outlook.seen)
    if outlook.phase in _FINISHING:
        return Place(name, wave, "finishing", to_end=total([rest, *(_pair(step) for step in outlook.ahead)]))
    before, turn, after = _split(outlook.ahead)
    checked_again = outlook.phase is Phase.CHECKING and not any(s.phase is Phase.ENABLING for s in outlook.ahead)
    if outlook.phase in _CUTTING or checked_again:
        return Place(name, wave, "cutting_over", to_verified=total([rest, *turn]), to_end=total(after))
    if outlook.phase is Phase.WAITING_FOR_TURN:
        return Place(name, wave, "ready", to_verified=total(turn), to_end=total(after), stuck="queue")
    return Place(name, wave, "copying", to_ready=total([rest, *before]), to_verified=total(turn), to_end=total(after))


def held_place(name: str, wave: str, outlook: Outlook, reason: str) -> Place:
    """Return the place of one that waits for its turn and gets none before a person says so."""
    _, turn, after = _split(outlook.ahead)
    return Place(name, wave, "ready", to_verified=total(turn), to_end=total(after)).held(reason)


def new_place(name: str, wave: str, expected: Sequence[Step]) -> Place:
    """Return the place of a virtual machine that has not begun."""
    before, turn, after = _split(expected)
    return Place(name, wave, "new", total(before), total(turn), total(after), stuck="queue")


def timetable(
    places: Sequence[Place],
    at: datetime,
    *,
    replication: int,
    cutover: int,
    before: Remaining = (0.0, 0.0),
    waves: Mapping[str, WavePlace] | None = None,
    shares: Sequence[Share] = (),
) -> Timetable:
    """Return when waves and plan are done, seen *at* a moment; places come wave by wave, in the plan's order.

    *before*: the seconds until the first virtual machine may begin. *waves*: what each wave comes after, and its own
    limits; without it each comes after the one before it. *shares*: the limits of subscriptions and vaults.
    """
    members: dict[str, list[Place]] = {name: [] for name in waves or {}}
    for place in places:
        members.setdefault(place.wave, []).append(place)
    order = _order(members, waves, WavePlace(replication=replication, cutover=cutover), shares)
    cases = [_run(list(members.values()), order, case, _pick(before, case)) for case in (0, 1)]
    (best, _), (worst, gates) = cases
    blocked = {wave for wave, gate in zip(members, gates, strict=True) if math.isinf(gate)}
    ends = {wave: _group(of_it, best, worst, at, is_blocked=wave in blocked) for wave, of_it in members.items()}
    return Timetable(
        plan=_group(places, best, worst, at),
        waves={wave: told for wave, told in ends.items() if told is not None},
        queued=[place for place in places if place.stage in {"new", "ready"}],
        spans={name: (low, worst[name]) for name, low in best.items()},
        at=at,
    )


def _order(
    members: Mapping[str, Sequence[Place]],
    waves: Mapping[str, WavePlace] | None,
    plan: WavePlace,
    shares: Sequence[Share],
) -> _Order:
    numbers = {name: number for number, name in enumerate(members)}
    told = [(waves or {}).get(name, WavePlace()) for name in numbers]
    after: Sequence[Sequence[int]] = line_of(len(numbers))
    if waves is not None:
        after = [tuple(numbers[one] for one in place.after if one in numbers) for place in told]
    limits: list[tuple[str, WavePlace | Share]] = [
        (PLAN_KEY, plan),
        *((wave_key(number), place) for number, place in enumerate(told)),
        *((f"share {number}", share) for number, share in enumerate(shares)),
    ]
    shared: dict[str, list[str]] = {}
    for number, share in enumerate(shares):
        for name in share.vms:
            shared.setdefault(name, []).append(f"share {number}")
    return _Order(
        after,
        {part: said.replication for part, said in limits if said.replication},
        {part: said.cutover for part, said in limits if said.cutover},
        {
            place.name: (PLAN_KEY, wave_key(numbers[wave]), *shared.get(place.name, ()))
            for wave, of_it in members.items()
            for place in of_it
        },
    )


def _run(
    waves: Sequence[Sequence[Place]], order: _Order, case: int, begins: float
) -> tuple[dict[str, float], list[float]]:
    """Return when each is verified, or at its end, and when each gate opens; infinite where that cannot be told.

    At best a person lets go on at once what is paused; at worst never.
    """
    ready = _ready(waves, order, case, begins)
    taken = [(_pick(p.to_verified, case), order.parts[p.name]) for p in _of(waves) if p.stage == "cutting_over"]
    turns = [[_turn(p, ready, case, order.parts[p.name]) for p in members] for members in waves]
    return fail_over(turns, order.after, order.cutover, taken)


def _ready(waves: Sequence[Sequence[Place]], order: _Order, case: int, begins: float) -> dict[str, float]:
    """Return when each that has not had its turn wants it."""
    ready = {p.name: _pick(p.to_ready, case) for p in _of(waves) if p.stage == "copying"}
    taken = [(_pick(p.to_ready, case), order.parts[p.name]) for p in _of(waves) if p.stage == "copying"]
    wanting = (
        (place.name, _pick(place.to_ready, case), order.parts[place.name])
        for wave in in_order(order.after)
        for place in waves[wave]
        if place.stage == "new" and not (place.paused and case)
    )
    return ready | side_by_side(wanting, order.replication, taken, begins)


def _of(waves: Sequence[Sequence[Place]]) -> Iterator[Place]:
    return (place for members in waves for place in members)


def _turn(place: Place, ready: Mapping[str, float], case: int, parts: tuple[str, ...]) -> Turn:
    if place.stage not in {"new", "copying", "ready"}:
        return Turn(place.name, through=_end(place, case), gates=place.stage not in {"person", "finishing"})
    if place.paused and case:
        return Turn(place.name, through=math.inf)
    return Turn(place.name, ready.get(place.name, 0.0), _pick(place.to_verified, case), parts=parts)


def _end(place: Place, case: int) -> float:
    if place.stage == "held":
        return math.inf if case else 0.0
    return _pick(place.to_verified if place.stage == "cutting_over" else place.to_end, case)


def _group(
    places: Sequence[Place],
    best: Mapping[str, float],
    worst: Mapping[str, float],
    at: datetime,
    *,
    is_blocked: bool = False,
) -> Estimate | None:
    """Return the estimate of a wave or a plan: of those that move by themselves. None once all have ended."""
    left = [place for place in places if place.stage != "ended"]
    if not left:
        return None
    stands: dict[Stuck, int] = {}
    for place in left:
        if place.stuck:
            stands[place.stuck] = stands.get(place.stuck, 0) + 1
    moving = [place for place in left if place.stage != "person"]
    until: Until = "end" if all(place.stage == "finishing" for place in moving) else "approval"
    asked = [place for place in left if place.stage == "person"]
    if not moving:
        return Estimate(until="end", stuck=asked[0].stuck, reason=_waits(asked), stands=stands)
    low, high = (max(case[place.name] for place in moving) for case in (best, worst))
    told = ranged(until, low, None if math.isinf(high) else high, at)
    held = [place for place in moving if place.stage == "held"]
    if math.isinf(high):
        stuck, why = _unknown(held, [place for place in moving if place.paused], is_blocked=is_blocked)
        told = told.model_copy(update={"stuck": stuck, "reason": why})
    elif asked:
        told = told.model_copy(update={"reason": f"besides, {_waits(asked)}"})
    return told.model_copy(update={"stands": stands})


def _unknown(held: Sequence[Place], paused: Sequence[Place], *, is_blocked: bool) -> tuple[Stuck | None, str]:
    """Return why no end can be told."""
    if held:
        return held[0].stuck, _held(held)
    if paused:
        return "person", paused[0].reason
    return None, "a wave before it stands still" if is_blocked else "the sizes of disks are not read yet"


def _waiting(place: Place, low: float, high: float, at: datetime) -> Estimate:
    told = ranged("approval", low, None if math.isinf(high) else high, at)
    if place.paused:
        return told.model_copy(update={"stuck": "person", "reason": place.reason})
    reason = "it waits for its turn to fail over" if place.stage == "ready" else "it waits for its turn to replicate"
    return told.model_copy(update={"stuck": "queue", "reason": reason})


def _waits(asked: Sequence[Place]) -> str:
    shut = sum(place.stuck == "window" for place in asked)
    parts = [(len(asked) - shut, "a person"), (shut, "a cutover window")]
    return ", ".join(f"{n} {'waits' if n == 1 else 'wait'} for {what}" for n, what in parts if n)


def _held(held: Sequence[Place]) -> str:
    told = "; ".join(f"{place.name}: {place.reason}" for place in held[:_NAMED])
    return f"{told}; and {len(held) - _NAMED} more" if len(held) > _NAMED else told


def _split(steps: Sequence[Step]) -> tuple[list[Remaining], list[Remaining], list[Remaining]]:
    """Return the steps before the turn, those of the turn, and those after the approval."""
    phases = [step.phase for step in steps]
    turn = phases.index(Phase.WAITING_FOR_TURN) if Phase.WAITING_FOR_TURN in phases else 0
    asked = phases.index(Phase.AWAITING_APPROVAL) if Phase.AWAITING_APPROVAL in phases else 0
    pairs = [_pair(step) for step in steps]
    return pairs[:turn], pairs[turn:asked], pairs[asked:]


def _less(span: Remaining, gone: float) -> Remaining:
    return max(span[0] - gone, 0.0), None if span[1] is None else max(span[1] - gone, 0.0)


def _pair(step: Step) -> Remaining:
    return step.low, step.high


def _pick(span: Remaining, case: int) -> float:
    value = span[case]
    return math.inf if value is None else value
