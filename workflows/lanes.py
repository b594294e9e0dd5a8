"""Who is next: virtual machines that wait for a place, found without a look at those that cannot have one. Pure.

They wait in lanes, one for each wave and home (subscription and vault). A lane whose wave cannot go on now is parked
until somebody wakes that wave; homes are few, so that each is asked each time.
"""

import heapq
from collections.abc import Callable, Iterator

from workflows.vm_state import Home, VmState


class Line:
    """Those who wait for a place, by rank: the order of waves, then that of the plan."""

    def __init__(self, by_rank: list[VmState]) -> None:
        self._by_rank = by_rank
        self._lanes: dict[tuple[Home, int], list[int]] = {}
        self._ready: dict[Home, list[tuple[int, int]]] = {}
        self._parked: dict[int, set[tuple[Home, int]]] = {}
        self._waiting: set[int] = set()
        self._in_lane: set[int] = set()

    def __contains__(self, vm: VmState) -> bool:
        return vm.rank in self._waiting

    def add(self, vm: VmState) -> None:
        """Let one wait."""
        self._waiting.add(vm.rank)
        if vm.rank in self._in_lane:
            return
        self._in_lane.add(vm.rank)
        lane = self._lanes.get((vm.home, vm.wave))
        if lane is None:
            lane = self._lanes[vm.home, vm.wave] = []
            heapq.heappush(self._ready.setdefault(vm.home, []), (vm.turn, vm.wave))
        heapq.heappush(lane, vm.rank)

    def remove(self, vm: VmState) -> None:
        """Let one wait no more."""
        self._waiting.discard(vm.rank)

    def wake(self, wave: int) -> None:
        """Look at a wave again: something that kept it from going on may have gone."""
        for home, turn in self._parked.pop(wave, ()):
            heapq.heappush(self._ready[home], (turn, wave))

    def wake_all(self) -> None:
        """Look at all waves again."""
        for wave in list(self._parked):
            self.wake(wave)

    def first(self, may_go: Callable[[int], bool], has_room: Callable[[Home], bool]) -> VmState | None:
        """Return the first whose wave *may go* on and whose home *has room*; it waits on."""
        heads = (self._head(home, may_go) for home in self._ready if has_room(home))
        rank = min((head for head in heads if head is not None), default=None)
        return None if rank is None else self._by_rank[rank]

    def _head(self, home: Home, may_go: Callable[[int], bool]) -> int | None:
        ready = self._ready[home]
        while ready:
            turn, wave = ready[0]
            lane = self._lanes[home, wave]
            while lane and lane[0] not in self._waiting:
                self._in_lane.discard(heapq.heappop(lane))
            if lane and may_go(wave):
                return lane[0]
            heapq.heappop(ready)
            if lane:
                self._parked.setdefault(wave, set()).add((home, turn))
            else:
                del self._lanes[home, wave]
        return None

    def take_many(
        self, may_go: Callable[[int], bool], has_room: Callable[[Home], bool], take: Callable[[VmState], None]
    ) -> Iterator[VmState]:
        """Yield one after another, each once it has left the line and *taken* its place."""
        while (vm := self.first(may_go, has_room)) is not None:
            self.remove(vm)
            take(vm)
            yield vm
