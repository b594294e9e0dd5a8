"""A bucket of tokens, of which each request takes one: refilled at a rate, and shared with others whom we cannot see.

Azure tells with each answer what is left of its own bucket. Below a reserve we owe tokens, so that our rate falls with
what is left, before anybody is refused; other tools that share the principal find their part. Where Azure has not told
for a while, only a few go out at once. Once Azure refuses, the rate is halved and nothing passes for as long as it
asks; from then on it grows back within a minute, token by token, so that those who waited do not all leave at once.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from arm import callers
from arm.queues import Waiter, WaitingLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from arm.callers import Caller

RECOVERY_SECONDS = 60.0
"""In which a rate grows from nothing to what is allowed."""
SLOWEST = 1 / 16
"""The least that a rate falls to, of what is allowed."""
CAREFUL, STALE_SECONDS = 20.0, 10.0
"""How many go out at once where for so long nothing was heard of what is left."""
SHARE = 0.25
"""How much of what is left may be on the wire: others act on the same news, before any of our requests is counted."""
STEEP = 3.0
"""How many tokens are owed for each that the reserve lacks."""
JITTER, JITTER_SECONDS = 0.1, 2.0
"""How much longer than asked a pause may last, so that several workers do not come back at one moment."""


class Bucket:
    """Tokens that refill at a rate; one request takes one.

    Over any time no more pass than the *burst* and what is refilled at *per_second* meanwhile. *reserve*: how much of
    Azure's own bucket is left to others.
    """

    def __init__(
        self,
        per_second: float,
        burst: float | None = None,
        reserve: float = 0.0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.per_second = per_second
        self._capacity = per_second * 2 if burst is None else max(burst, 1.0)
        self._reserve = reserve
        self._clock = clock
        self._rate = per_second
        self._tokens = self._capacity
        self._filled = clock()
        self._trusted = min(CAREFUL, self._capacity)
        self._told_at: float | None = None
        self._closed_until = 0.0
        self._line = WaitingLine()
        self._alarm: asyncio.TimerHandle | None = None
        self._on_wire = 0

    @property
    def left(self) -> float:
        """How many requests may pass at once now; none while it is closed."""
        self._fill()
        return 0.0 if self.is_closed else max(self._tokens, 0.0)

    @property
    def is_awaited(self) -> bool:
        """Whether a request would have to wait now, or others do."""
        self._fill()
        return self.is_closed or self._ready < 1 or not self._line.is_empty()

    @property
    def rate(self) -> float:
        """How many tokens a second it refills now."""
        self._fill()
        return self._rate

    @property
    def is_closed(self) -> bool:
        """Whether nothing passes now."""
        return self._closed_until > self._clock()

    def pause(self, seconds: float) -> None:
        """Let nothing pass for *seconds*; nothing is saved up meanwhile."""
        self._fill()
        self._tokens = min(self._tokens, 0.0)
        self._closed_until = max(self._closed_until, self._clock() + seconds)
        self._filled = max(self._filled, self._closed_until)
        self._set_alarm()

    def refused(self, seconds: float) -> None:
        """Slow down, since Azure refused a request and asks for this pause.

        What was on its way when the pause began is refused as well, which is no further reason to slow down.
        """
        self._fill()
        if not self.is_closed:
            self._rate = max(self._rate / 2, self.per_second * SLOWEST)
        self.pause(seconds + random.uniform(0, min(seconds * JITTER, JITTER_SECONDS)))  # noqa: S311 - no secret

    def told(self, remaining: float) -> None:
        """Hear what Azure has left in its own bucket, from which the requests on the wire may be yet to be taken."""
        self._fill()
        self._told_at = self._clock()
        free = remaining - self._reserve
        may_leave = free * (SHARE if free > 0 else STEEP) - self._on_wire
        self._tokens = min(self._tokens, max(may_leave, -STEEP * self._reserve))
        self._serve()

    def sent(self) -> None:
        """Count a request that goes out."""
        self._on_wire += 1

    def answered(self) -> None:
        """Count a request that has ended, before what it told is heard."""
        self._on_wire -= 1

    async def take(self, caller: Caller | None = None) -> None:
        """Wait for a token and take it, in the turn of *caller*, or of whoever calls in this context."""
        self._fill()
        if self._line.is_empty() and self._may_pass():
            return
        turn = asyncio.get_running_loop().create_future()
        self._line.put(Waiter(caller or callers.current(), self._clock(), turn))
        self._set_alarm()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()
            raise

    def give_back(self) -> None:
        """Return a token that was taken and not used."""
        self._tokens = min(self._capacity, self._tokens + 1)
        self._trusted = min(CAREFUL, self._trusted + 1)
        self._serve()

    def _fill(self) -> None:
        now = self._clock()
        elapsed = now - self._filled
        if elapsed <= 0:
            return
        self._filled = now
        self._tokens = min(self._capacity, self._tokens + elapsed * self._rate)
        self._trusted = min(CAREFUL, self._trusted + elapsed * self._rate)
        self._rate = min(self.per_second, self._rate + elapsed * self.per_second / RECOVERY_SECONDS)

    @property
    def _ready(self) -> float:
        """The tokens that may be given out, fewer than one where it must be waited for."""
        is_news = self._told_at is not None and self._clock() - self._told_at < STALE_SECONDS
        return self._tokens if is_news else min(self._tokens, self._trusted)

    def _may_pass(self) -> bool:
        """Take a token where there is one."""
        if self._ready < 1 or self.is_closed:
            return False
        self._tokens -= 1
        self._trusted = max(self._trusted - 1, 0)
        return True

    def _serve(self) -> None:
        """Give out the tokens that there are."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._fill()
        while not self._line.is_empty() and self._may_pass():
            waiter = self._line.next()
            if waiter is not None:
                waiter.turn.set_result(None)
        self._set_alarm()

    def _set_alarm(self) -> None:
        """Wake up when the next token is there, where somebody waits for it; who wakes up too early looks again."""
        if self._alarm is not None or self._line.is_empty():
            return
        # A hair late: rounding must not have it look in vain.
        seconds = max(self._closed_until - self._clock(), 0) + max(1 - self._ready, 0) / self._rate + 1e-4
        self._alarm = asyncio.get_running_loop().call_later(seconds, self._serve)
