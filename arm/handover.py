"""What one step has just read and the next would read again, handed on within a process: once, and for a short time.

Each reading is put for one named reader, who takes it out, so that nobody decides twice by the same reading. Who finds
nothing, as after a restart or on another worker, reads. A write to a resource takes its readings away.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from migration.ids import id_key
from migration.ledger_proof import AT_THE_END

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from arm.reads import Json
    from migration.telemetry import Call

T = TypeVar("T")
FAILING_OVER = "failing over"
FENCE, VERIFYING, BOOT, PARITY = "fence", "verifying", "boot", "parity"
"""Who reads next: the failover after its check; then the fence, the verification, the boot, the comparison."""
HANDED_SECONDS = 5.0
"""How old what is handed on may be where something is written next: the time from one step to the next, with some to
spare."""
LOOKED_SECONDS = 60.0
"""The same from look to look, where nothing is written in between and all is read anew right before the commit: in a
fleet whose reads wait for their turn the next step comes half a minute later. So long, or longer, the look at both
copies pauses as well while a person is waited for."""
_SECONDS = dict.fromkeys((FENCE, VERIFYING, BOOT, PARITY, AT_THE_END), LOOKED_SECONDS)
_MOST = 2_000
"""How many readings are kept at most for one reader; ARM does not grant that many in a minute."""


class Handover:
    """The readings of one process that wait for who reads next."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, tuple[float, Json | None]]] = {}
        """For each reader when what was read, by the resource's key; what came first comes first."""
        self._taken: dict[str, tuple[float, int]] = {}
        """When what was taken of each resource was read, and the identity of that: whoever hands it on makes it no
        younger. An identity that is used again makes a reading seem older than it is, never younger."""

    def put(self, reader: str, readings: Mapping[str, Json | None]) -> None:
        """Keep readings of resources for *reader*; None: it is not there."""
        now = time.monotonic()
        kept = self._kept.setdefault(reader, {})
        for resource_id, document in readings.items():
            key = id_key(resource_id)
            read, taken = self._taken.get(key, (now, 0))
            kept.pop(key, None)
            kept[key] = (read if taken == id(document) else now, document)
        self._forget(now)

    def take(self, reader: str, resource_ids: Iterable[str]) -> dict[str, Json | None]:
        """Return those of some resources that were just read for *reader*, by their keys, and forget them."""
        now = time.monotonic()
        self._forget(now)
        kept, oldest = self._kept.get(reader, {}), now - _SECONDS.get(reader, HANDED_SECONDS)
        found = {key: kept.pop(key) for key in map(id_key, resource_ids) if key in kept and kept[key][0] >= oldest}
        self._taken |= {key: (read, id(document)) for key, (read, document) in found.items()}
        return {key: document for key, (_, document) in found.items()}

    def called(self, call: Call) -> None:
        """Forget all readings of a resource that was written to."""
        if call.kind == "write":
            written = f"{id_key(call.path)}/"
            for kept in self._kept.values():
                for key in [key for key in kept if written.startswith(f"{key}/")]:
                    del kept[key]

    def _forget(self, now: float) -> None:
        """Forget what is too old."""
        for reader, kept in self._kept.items():
            _drop(kept, now - _SECONDS.get(reader, HANDED_SECONDS))
        _drop(self._taken, now - LOOKED_SECONDS)


def _drop(kept: dict[str, tuple[float, T]], oldest: float) -> None:
    """Drop what is too old, or too many, from the front; what was handed on again may be as old behind younger ones."""
    old: list[str] = []
    for key, (read, _) in kept.items():
        if read >= oldest and len(kept) - len(old) <= _MOST:
            break
        old.append(key)
    for key in old:
        del kept[key]
