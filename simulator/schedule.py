"""Events of the virtual future, kept in the database.

Nothing ticks: before a request is handled, and after the clock is advanced, every event that has come due runs in the
order of its due time, each seeing ``world.now`` as exactly that time. Register a handler where it is defined::

    @event_handler("compute.vm_started")
    def vm_started(world: World, payload: dict[str, Any]) -> None: ...

    world.schedule.after(45, "compute.vm_started", {"vm": vm_id})
"""

from __future__ import annotations

import heapq
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator import context, guids
from simulator.clock import from_micros, to_micros
from simulator.jsontext import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from simulator.world import World

    EventHandler = Callable[[World, dict[str, Any]], None]

log = logging.getLogger(__name__)
HANDLERS: dict[str, EventHandler] = {}


def event_handler(name: str) -> Callable[[EventHandler], EventHandler]:
    """Register the decorated function ``(world, payload) -> None`` as the handler of events called *name*."""

    def register(handler: EventHandler) -> EventHandler:
        HANDLERS[name] = handler
        return handler

    return register


class Schedule:
    """The events that are still to come."""

    def __init__(self, world: World) -> None:
        """Load what the database holds."""
        self._world = world
        self._heap: list[tuple[int, int]] = []
        self.reload()

    def reload(self) -> None:
        """Read the events from the database anew."""
        self._heap = [(due, seq) for due, seq in self._world.database.connection.execute("SELECT due, seq FROM events")]
        heapq.heapify(self._heap)

    def at(self, due: datetime, handler: str, payload: dict[str, Any]) -> int:
        """Run *handler* with *payload* at the virtual time *due*; the event's number, for :meth:`cancel`.

        The event runs as the identity that schedules it (``world.created_by``). Counts as a change of state.
        """
        if handler not in HANDLERS:
            message = f"scheduling an event: no handler is called {handler!r}"
            raise KeyError(message)
        database = self._world.database
        database.begin()
        context.mark_accepted()
        cursor = database.connection.execute(
            "INSERT INTO events (due, handler, payload, actor) VALUES (?, ?, ?, ?)",
            (to_micros(due), handler, encode(payload), context.current_actor.get()),
        )
        seq = cursor.lastrowid or 0
        heapq.heappush(self._heap, (to_micros(due), seq))
        return seq

    def after(self, seconds: float, handler: str, payload: dict[str, Any]) -> int:
        """Run *handler* when *seconds* of virtual time have passed."""
        return self.at(self._world.now + timedelta(seconds=seconds), handler, payload)

    def cancel(self, seq: int) -> None:
        """Forget an event; one that ran already is no matter."""
        self._world.database.begin()
        self._world.database.connection.execute("DELETE FROM events WHERE seq = ?", (seq,))

    def next_due(self) -> datetime | None:
        """When the next event is due, or None."""
        return from_micros(self._heap[0][0]) if self._heap else None

    def run_due(self, until: datetime) -> None:
        """Run every event that is due by *until*, also those that these schedule in turn."""
        limit = to_micros(until)
        while self._heap and self._heap[0][0] <= limit:
            due, seq = heapq.heappop(self._heap)
            self._run(seq, from_micros(due))

    def _run(self, seq: int, due: datetime) -> None:
        database = self._world.database
        row = database.connection.execute("SELECT handler, payload, actor FROM events WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            return
        database.begin()
        database.connection.execute("DELETE FROM events WHERE seq = ?", (seq,))
        name, payload, actor = row
        drawn = guids.drawn_from(self._world.seed_number, "event", seq)
        with context.at_time(due), context.acting_as(actor), drawn:
            try:
                with self._world.guarded():
                    HANDLERS[name](self._world, decode(payload))
            except Exception:
                log.exception("running the event %s", name)
