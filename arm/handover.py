"""What one step has just read and the next would read again, handed on within a process: once, and for seconds only.

Each reading is put for one named reader, who takes it out, so that nobody decides twice by the same reading. Who finds
nothing, as after a restart or on another worker, reads. A write to a resource takes its readings away.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from migration.ids import id_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from arm.reads import Json
    from migration.telemetry import Call

FAILING_OVER = "failing over"
FENCE, VERIFYING, BOOT, PARITY = "fence", "verifying", "boot", "parity"
"""Who reads next: the failover after its check; then the fence, the verification, the boot, the comparison."""
HANDED_SECONDS = 5.0
"""How old what is handed on may be: the time from one step to the next, with some to spare."""
_MOST = 2_000
"""How many readings are kept at most; more than that many steps do not end in five seconds."""


class Handover:
    """The readings of one process that wait for who reads next."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[float, Json | None]] = {}

    def put(self, reader: str, readings: Mapping[str, Json | None]) -> None:
        """Keep readings of resources for *reader*; None: it is not there."""
        now = time.monotonic()
        for resource_id, document in readings.items():
            key = (reader, id_key(resource_id))
            self._kept.pop(key, None)
            self._kept[key] = (now, document)
        self._forget(now)

    def take(self, reader: str, resource_ids: Iterable[str]) -> dict[str, Json | None]:
        """Return those of some resources that were just read for *reader*, by their keys, and forget them."""
        now = time.monotonic()
        self._forget(now)
        found = {}
        for resource_id in resource_ids:
            kept = self._kept.pop((reader, id_key(resource_id)), None)
            if kept is not None:
                found[id_key(resource_id)] = kept[1]
        return found

    def called(self, call: Call) -> None:
        """Forget all readings of a resource that was written to."""
        if call.kind == "write":
            written = f"{id_key(call.path)}/"
            for key in [key for key in self._kept if written.startswith(f"{key[1]}/")]:
                del self._kept[key]

    def _forget(self, now: float) -> None:
        """Forget what is too old; the oldest come first."""
        old: list[tuple[str, str]] = []
        for key, (read, _) in self._kept.items():
            if now - read <= HANDED_SECONDS and len(self._kept) - len(old) <= _MOST:
                break
            old.append(key)
        for key in old:
            del self._kept[key]
