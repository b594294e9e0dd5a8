"""When machines get their places: so many replicate at once, and fail over at once, each wave after those before it.

Pure reckoning with seconds, for `plan` and for estimates; what does not end by itself ends at infinity.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from migration import waves

PLAN_KEY = "plan"
Rank = tuple[float, ...]


@dataclass(frozen=True)
class Turn:
    """A machine before its failover: when it is ready, and how long it takes; or when it is through without a turn.

    One that does not *gate* lets later waves go, however long it takes.
    """

    name: str
    ready: float = 0.0
    takes: float = 0.0
    through: float | None = None
    gates: bool = True
    parts: tuple[str, ...] = ()
    """What it is a part of: the plan, its wave, its subscription, its vault."""


def wave_key(wave: int) -> str:
    """Return how the limits name a wave."""
    return f"wave {wave}"


def line_of(number: int) -> list[tuple[int, ...]]:
    """Return the order of so many waves, each after the one before it."""
    return [(one - 1,) if one else () for one in range(number)]


class _Floor:
    """The places of a plan's parts: who has one until when, and who waits for one.

    Who finds none is passed by those who do, as a plan lets go past a vault that is full.
    """

    def __init__(self, limits: Mapping[str, int], taken: Iterable[tuple[float, Sequence[str]]] = ()) -> None:
        self._limits = limits
        self._lanes: dict[tuple[str, ...], list[tuple[Rank, str, float]]] = {}
        self._running = [(ends, number, self._bounded(parts)) for number, (ends, parts) in enumerate(taken)]
        heapq.heapify(self._running)
        self._begun = len(self._running)
        self._taken = Counter(part for _, _, parts in self._running for part in parts)

    def wait(self, rank: Rank, name: str, takes: float, parts: Sequence[str]) -> None:
        """Let one wait for a place in each of its *parts*; the least *rank* goes first."""
        heapq.heappush(self._lanes.setdefault(self._bounded(parts), []), (rank, name, takes))

    @property
    def next_end(self) -> float:
        """When the next place is given back; infinite where none is taken."""
        return self._running[0][0] if self._running else math.inf

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits."""
        return bool(self._lanes)

    def begin(self, now: float) -> list[tuple[str, float]]:
        """Take back what has ended by *now*, and return who begins then, and when each ends."""
        while self._running and self._running[0][0] <= now:
            self._taken.subtract(heapq.heappop(self._running)[2])
        begun = []
        while free := [parts for parts in self._lanes if self._has_room(parts)]:
            chosen = min(free, key=lambda one: self._lanes[one][0])
            _, name, takes = heapq.heappop(self._lanes[chosen])
            if not self._lanes[chosen]:
                del self._lanes[chosen]
            self._taken.update(chosen)
            self._begun += 1
            heapq.heappush(self._running, (now + takes, self._begun, chosen))
            begun.append((name, now + takes))
        return begun

    def _has_room(self, parts: tuple[str, ...]) -> bool:
        return all(self._taken[part] < self._limits[part] for part in parts)

    def _bounded(self, parts: Sequence[str]) -> tuple[str, ...]:
        return tuple(part for part in parts if part in self._limits)


def side_by_side(
    wanting: Iterable[tuple[str, float, Sequence[str]]],
    limits: Mapping[str, int],
    taken: Iterable[tuple[float, Sequence[str]]] = (),
    begins: float = 0.0,
) -> dict[str, float]:
    """Return when each of those that want to begin at once, and take so long, has ended.

    They begin in their order, once each part that they are of has a place. *limits*: how many of a part at once; others
    are not bounded. *taken*: until when others have a place, and in which parts. *begins*: when the first may begin.
    """
    floor = _Floor(limits, taken)
    for rank, (name, takes, parts) in enumerate(wanting):
        floor.wait((rank,), name, takes, parts)
    ends: dict[str, float] = {}
    now = begins
    while floor.is_awaited:
        ends.update(floor.begin(now))
        now = max(now, floor.next_end)
    return ends


def fail_over(
    members: Sequence[Sequence[Turn]],
    after: Sequence[Sequence[int]],
    limits: Mapping[str, int],
    taken: Iterable[tuple[float, Sequence[str]]] = (),
) -> tuple[dict[str, float], list[float]]:
    """Return when each machine of the waves is through, and when each wave's gate opens.

    *after*: the waves that each comes right after. *limits*: how many of a part of the plan at once; others are not
    bounded. *taken*: until when others have a place.
    """
    course = _Course(members, after)
    floor = _Floor(limits, taken)
    while course.coming or floor.is_awaited:
        now = min(course.coming[0][0] if course.coming else math.inf, floor.next_end)
        while course.coming and course.coming[0][0] <= now:
            *rank, wave, number = heapq.heappop(course.coming)
            one = members[wave][number]
            course.waves[one.name] = wave
            floor.wait((*rank, wave, number), one.name, one.takes, one.parts)
        for name, ends in floor.begin(now):
            course.verified(name, ends)
    return course.ends, course.gates


class _Course:
    """Which waves have been entered, and who of them comes when."""

    def __init__(self, members: Sequence[Sequence[Turn]], after: Sequence[Sequence[int]]) -> None:
        self._members, self._after = members, after
        self.ends: dict[str, float] = {}
        self.gates = [0.0] * len(members)
        self.waves: dict[str, int] = {}
        """By machine, of those that wait for a place."""
        self.coming: list[tuple[float, float, int, int]] = []
        """When each that has not come to wait does; when it was ready; its wave and its number there."""
        self._through = [0.0] * len(members)
        self._left = [len(set(before)) for before in after]
        self._pending = [0] * len(members)
        self._next = waves.followers(after)
        self._enter([wave for wave, number in enumerate(self._left) if not number])

    def verified(self, name: str, ends: float) -> None:
        """Note when one that got its place is through; the last of a wave opens gates."""
        wave = self.waves[name]
        self.ends[name] = ends
        self._through[wave] = max(self._through[wave], ends)
        self._pending[wave] -= 1
        if not self._pending[wave]:
            self._enter(self._released(wave))

    def _enter(self, entered: list[int]) -> None:
        while entered:
            wave = entered.pop()
            gate = max((self._through[one] for one in self._after[wave]), default=0.0)
            self.gates[wave] = self._through[wave] = gate
            for number, one in enumerate(self._members[wave]):
                if one.through is None:
                    self._pending[wave] += 1
                    heapq.heappush(self.coming, (max(one.ready, gate), one.ready, wave, number))
                else:
                    self.ends[one.name] = one.through
                    self._through[wave] = max(self._through[wave], one.through if one.gates else 0.0)
            if not self._pending[wave]:
                entered += self._released(wave)

    def _released(self, wave: int) -> list[int]:
        """Return the waves that waited for nothing but this one."""
        found = []
        for one in self._next[wave]:
            self._left[one] -= 1
            if not self._left[one]:
                found.append(one)
        return found
