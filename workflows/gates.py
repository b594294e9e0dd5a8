"""Which wave may fail over: those that it depends on are through, and not too many of theirs failed. Pure."""

from bisect import insort
from collections.abc import Callable
from typing import Literal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration import waves
    from migration.plan import Plan
    from migration.steering import HeldGate

_NAMED = 5
"""How many of those that failed a sentence names."""


class Gates:
    """The gates before the waves, kept by counts: a word of one virtual machine costs no look at the others.

    A gate is open for the order's sake once all waves that it depends on are through, and shut again when one of them
    asks for a turn anew. Its health counts those that failed among all of these waves, through others too: what else
    the plan moves says nothing about this one. The count is held against all of them, not against those that ended,
    and what has ended stays ended: so a share that is too large never becomes small again, while waves still run.
    """

    def __init__(self, plan: Plan, opened: Callable[[int], None], tripped: Callable[[int], None]) -> None:
        """Call *opened* when a wave's order lets it go on, *tripped* when its health does not any more."""
        after = plan.wave_dependencies
        sizes = [len(wave.vms) for wave in plan.waves]
        self.word: Literal["continue", "hold", "stop"] = plan.on_failures
        self.names = [wave.name for wave in plan.waves]
        self.overruled: set[int] = set()
        """Waves whose gate a person has opened."""
        self._opened, self._tripped = opened, tripped
        self._before = waves.all_before(after)
        self._sizes = [sum(sizes[one] for one in waves.places_in(mask)) for mask in self._before]
        self._tolerated = [
            plan.tolerated_failures_percent
            if wave.tolerated_failures_percent is None
            else wave.tolerated_failures_percent
            for wave in plan.waves
        ]
        self._followers = waves.followers(after)
        self._shut_by = [len(set(before)) for before in after]
        """How many of the waves that it comes right after are not through, with all before them."""
        self._left = sizes
        self._failed: list[list[tuple[int, str]]] = [[] for _ in after]
        self._failures = [0] * len(after)
        self._ill: set[int] = set()

    def is_open(self, wave: int) -> bool:
        """Whether a wave may fail over, by the order of waves and by its health."""
        return not self._shut_by[wave] and not self.is_refused(wave)

    def is_refused(self, wave: int) -> bool:
        """Whether too many have failed for a wave to go on, and nobody has opened its gate."""
        return wave in self._ill and wave not in self.overruled

    def through(self, wave: int, *, more: int) -> None:
        """Count *more* (or fewer) of a wave as verified, ended, or waiting for a person."""
        was = self._is_clear(wave)
        self._left[wave] -= more
        changed = [wave] if was != self._is_clear(wave) else []
        while changed:
            one = changed.pop()
            step = -1 if self._is_clear(one) else 1
            for follower in self._followers[one]:
                was = self._is_clear(follower)
                self._shut_by[follower] += step
                if not self._shut_by[follower]:
                    self._opened(follower)
                if was != self._is_clear(follower):
                    changed.append(follower)

    def fail(self, wave: int, place: int, name: str) -> None:
        """Count one of a wave, at its place in the plan, that ended and did not move."""
        insort(self._failed[wave], (place, name))
        if self.word == "continue":
            return
        for later, mask in enumerate(self._before):
            if not mask >> wave & 1:
                continue
            self._failures[later] += 1
            if self._failures[later] * 100 > self._tolerated[later] * self._sizes[later]:
                self._ill.add(later)
                self._tripped(later)

    def why(self, wave: int) -> str:
        """Return why failures hold or stop a wave."""
        before = list(waves.places_in(self._before[wave]))
        named = [name for one in before for _, name in self._failed[one][:_NAMED]][:_NAMED]
        more = self._failures[wave] - len(named)
        failed = ", ".join(named) + (f" and {more} more" if more else "")
        share = f"; {self._failures[wave]} of {self._sizes[wave]}, tolerated: {self._tolerated[wave]} %"
        told = share if self._tolerated[wave] else ""
        return f"of an earlier wave, {failed} did not move (on_failures: {self.word}{told})"

    def held(self, wave: int) -> HeldGate:
        """Return what a person is told of a gate that failures hold."""
        return HeldGate(
            wave=self.names[wave],
            failed=self._failures[wave],
            of=self._sizes[wave],
            tolerated_percent=self._tolerated[wave],
            why=self.why(wave),
        )

    def _is_clear(self, wave: int) -> bool:
        return not self._left[wave] and not self._shut_by[wave]
