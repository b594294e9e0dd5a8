"""Which wave waits for which: `after` makes the waves of a plan a graph without cycles. Pure, and quick for thousands.

Waves are told by their place in the plan; names are compared without regard to case.
"""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Iterator, Sequence

from migration import checks
from migration.errors import InvalidPlanError

Written = Sequence[tuple[str, Sequence[str] | None]]
"""The name of each wave of a plan, and what it says in `after`; None where it says nothing."""
Dependencies = Sequence[Sequence[int]]
"""The waves that each wave comes right after."""

_NAMED = 8
"""How many waves of a cycle are named."""


def dependencies(waves: Written) -> list[tuple[int, ...]]:
    """Return what each wave comes right after: those that it names, or the one before it where it names none.

    Names that no wave has are left out; `refuse_bad_order` tells of them.
    """
    places = {checks.name_key(name): place for place, (name, _) in reversed(list(enumerate(waves)))}
    found: list[tuple[int, ...]] = []
    for place, (_, after) in enumerate(waves):
        if after is None:
            found.append((place - 1,) if place else ())
        else:
            keys = dict.fromkeys(checks.name_key(name) for name in after)
            found.append(tuple(places[key] for key in keys if key in places))
    return found


def in_order(after: Dependencies) -> list[int]:
    """Return the waves so that each comes after those that it waits for, else as they are written.

    What waits for itself, through whatever others, is left out.
    """
    left = [len(set(before)) for before in after]
    next_ones = followers(after)
    free = [wave for wave, number in enumerate(left) if not number]
    ordered = []
    while free:
        wave = heapq.heappop(free)
        ordered.append(wave)
        for follower in next_ones[wave]:
            left[follower] -= 1
            if not left[follower]:
                heapq.heappush(free, follower)
    return ordered


def followers(after: Dependencies) -> list[list[int]]:
    """Return the waves that come right after each."""
    found: list[list[int]] = [[] for _ in after]
    for wave, before in enumerate(after):
        for one in set(before):
            found[one].append(wave)
    return found


def all_before(after: Dependencies) -> list[int]:
    """Return all waves that each one depends on, through others too, as the bits of a number."""
    masks = [0] * len(after)
    for wave in in_order(after):
        for before in after[wave]:
            masks[wave] |= masks[before] | 1 << before
    return masks


def places_in(mask: int) -> Iterator[int]:
    """Yield the waves whose bits are set, in the plan's order."""
    return (place for place, bit in enumerate(reversed(f"{mask:b}")) if bit == "1")


def refuse_bad_order(waves: Written) -> None:
    """Refuse an `after` that no order of the waves can keep.

    Raises:
        InvalidPlanError: a wave comes after one that the plan does not have, after itself, twice after the same, or,
            through others, after itself again; the text names them.
    """
    names = [name for name, _ in waves]
    known = {checks.name_key(name) for name in names}
    for place, (name, after) in enumerate(waves):
        seen: dict[str, int] = {}
        for number, other in enumerate(after or ()):
            path = ("waves", place, "after", number)
            key = checks.name_key(other)
            if key not in known:
                near = difflib.get_close_matches(other, names, n=1)
                fix = f"did you mean {near[0]}?" if near else "write a wave's name as in waves"
                raise InvalidPlanError(f'the plan has no wave "{other}"', fix, path)
            if key == checks.name_key(name):
                raise InvalidPlanError(f'the wave "{name}" comes after itself', "remove it from its own after", path)
            if key in seen:
                first = ("waves", place, "after", seen[key])
                raise InvalidPlanError(f'the wave "{other}" stands twice in after', "remove one", path, first)
            seen[key] = number
    _refuse_cycle(waves)


def _refuse_cycle(waves: Written) -> None:
    after = dependencies(waves)
    ordered = set(in_order(after))
    left = [wave for wave in range(len(after)) if wave not in ordered]
    if not left:
        return
    # Each that is left waits for another one that is left, so that this walk meets itself.
    walk: dict[int, None] = {}
    wave = left[0]
    while wave not in walk:
        walk[wave] = None
        wave = next(before for before in after[wave] if before not in ordered)
    cycle = list(walk)[list(walk).index(wave) :]
    names = [waves[one][0] for one in (*cycle, wave)]
    told = " after ".join(names if len(names) <= _NAMED else [*names[: _NAMED - 1], "...", names[-1]])
    silent = [waves[one][0] for one in cycle if waves[one][1] is None]
    default = f"; {silent[0]} says no after, so it comes after the wave before it" if silent else ""
    # Without `after` a wave waits for one above it, so that a cycle has at least one that says it.
    written = min(one for one in cycle if waves[one][1] is not None)
    raise InvalidPlanError(
        f"waves wait for each other in a cycle: {told}{default}",
        "take one of them out of an after; after: [] waits for none",
        ("waves", written, "after"),
    )
