"""Who waits for a token, and who gets the next one: the most urgent first, plans in turn, and nobody never."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.urgency import Urgency

if TYPE_CHECKING:
    import asyncio

    from arm.callers import Caller

RESERVED = 10
"""Every so many tokens one goes to those that are less urgent than others, where any wait."""


@dataclass(frozen=True)
class Waiter:
    """One request that waits since *since*."""

    caller: Caller
    since: float
    turn: asyncio.Future[None]


class _Class:
    """The waiters of one urgency: first come, first served within a plan, and the plans in turn."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, deque[Waiter]] = OrderedDict()

    def put(self, waiter: Waiter) -> None:
        self._plans.setdefault(waiter.caller.plan, deque()).append(waiter)

    def head(self) -> Waiter | None:
        """Return who comes next; what was given up meanwhile is dropped."""
        while self._plans:
            plan, waiters = next(iter(self._plans.items()))
            while waiters and waiters[0].turn.done():
                waiters.popleft()
            if waiters:
                return waiters[0]
            del self._plans[plan]
        return None

    def pop(self) -> Waiter:
        plan, waiters = next(iter(self._plans.items()))
        waiter = waiters.popleft()
        if waiters:
            self._plans.move_to_end(plan)
        else:
            del self._plans[plan]
        return waiter


class WaitingLine:
    """All that wait for one bucket.

    Whoever is most urgent goes first, but for one token of ten: that goes to whoever waits longest at the head of the
    classes below. Aging would not do: under a load of hours all of them are old, and the urgent would queue behind.
    """

    def __init__(self) -> None:
        self._classes = {urgency: _Class() for urgency in Urgency}
        self._since_reserved = 0

    def put(self, waiter: Waiter) -> None:
        """Let somebody wait."""
        self._classes[waiter.caller.urgency].put(waiter)

    def next(self) -> Waiter | None:
        """Take who is served next out of the line, None where nobody waits."""
        heads = [(each, head) for each in self._classes.values() if (head := each.head()) is not None]
        if not heads:
            return None
        chosen = heads[0][0]
        if len(heads) > 1:
            self._since_reserved += 1
            if self._since_reserved >= RESERVED:
                self._since_reserved = 0
                chosen = min(heads[1:], key=lambda pair: pair[1].since)[0]
        return chosen.pop()

    def is_empty(self) -> bool:
        """Tell whether nobody waits."""
        return all(each.head() is None for each in self._classes.values())
