"""When machines get their places: so many replicate at once, and fail over at once, each wave after those before it.

Pure reckoning with seconds, for `plan` and for estimates; what does not end by itself ends at infinity.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from migration import waves


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


@dataclass(frozen=True)
class Order:
    """The order of waves, and how many of each at once where one has a limit of its own."""

    after: Sequence[Sequence[int]]
    replication: Mapping[int, int] = field(default_factory=dict)
    cutover: Mapping[int, int] = field(default_factory=dict)


def line_of(number: int) -> list[tuple[int, ...]]:
    """Return the order of so many waves, each after the one before it."""
    return [(one - 1,) if one else () for one in range(number)]


def places(number: int, taken: Iterable[float] = (), begins: float = 0.0) -> list[float]:
    """Return when each of so many places is free; those *taken* become so by themselves."""
    busy = sorted(taken)
    free = [*busy, *([begins] * max(number - len(busy), 0))]
    heapq.heapify(free)
    return free


def take(begins: float, takes: float, *free: list[float]) -> float:
    """Take the next place of each kind, and return when it is given back."""
    ends = max(begins, *(heapq.heappop(one) for one in free)) + takes
    for one in free:
        heapq.heappush(one, ends)
    return ends


def side_by_side(wanting: Iterable[tuple[str, float, Sequence[str]]], limits: Mapping[str, int]) -> dict[str, float]:
    """Return when each of those that want to begin at once, and take so long, has ended.

    They begin in their order, once each part that they are of has a place; who finds none is passed by those who do, as
    a plan lets go past a vault that is full. *limits*: how many of a part at once; others are not bounded.
    """
    lanes: dict[tuple[str, ...], deque[tuple[int, str, float]]] = {}
    for rank, (name, takes, parts) in enumerate(wanting):
        lanes.setdefault(tuple(part for part in parts if part in limits), deque()).append((rank, name, takes))
    ends: dict[str, float] = {}
    running: list[tuple[float, int, tuple[str, ...]]] = []
    taken: Counter[str] = Counter()
    now = 0.0
    while lanes:
        while free := [parts for parts in lanes if all(taken[part] < limits[part] for part in parts)]:
            chosen = min(free, key=lambda one: lanes[one][0])
            rank, name, takes = lanes[chosen].popleft()
            ends[name] = now + takes
            heapq.heappush(running, (ends[name], rank, chosen))
            taken.update(chosen)
            if not lanes[chosen]:
                del lanes[chosen]
        if lanes:
            now, _, over = heapq.heappop(running)
            taken.subtract(over)
    return ends


def fail_over(
    members: Sequence[Sequence[Turn]], order: Order, free: list[float], free_of: Mapping[int, list[float]]
) -> tuple[dict[str, float], list[float]]:
    """Return when each machine of the waves is through, and when each wave's gate opens.

    *free*: the plan's places; *free_of*: those of waves that have a limit of their own.
    """
    ends: dict[str, float] = {}
    gates = [0.0] * len(members)
    through = [0.0] * len(members)
    left = [len(set(before)) for before in order.after]
    pending = [0] * len(members)
    next_ones = waves.followers(order.after)
    queue: list[tuple[float, float, int, int]] = []
    entered = [wave for wave, number in enumerate(left) if not number]
    while entered or queue:
        while entered:
            wave = entered.pop()
            gates[wave] = through[wave] = max((through[one] for one in order.after[wave]), default=0.0)
            for number, one in enumerate(members[wave]):
                if one.through is None:
                    pending[wave] += 1
                    heapq.heappush(queue, (max(one.ready, gates[wave]), one.ready, wave, number))
                else:
                    ends[one.name] = one.through
                    through[wave] = max(through[wave], one.through if one.gates else 0.0)
            if not pending[wave]:
                entered += _released(wave, next_ones, left)
        if queue:
            begins, _, wave, number = heapq.heappop(queue)
            one = members[wave][number]
            own = [free_of[wave]] if wave in free_of else []
            ends[one.name] = take(begins, one.takes, free, *own)
            through[wave] = max(through[wave], ends[one.name])
            pending[wave] -= 1
            if not pending[wave]:
                entered += _released(wave, next_ones, left)
    return ends, gates


def _released(wave: int, next_ones: Sequence[Sequence[int]], left: list[int]) -> list[int]:
    """Return the waves that waited for nothing but this one."""
    found = []
    for one in next_ones[wave]:
        left[one] -= 1
        if not left[one]:
            found.append(one)
    return found
