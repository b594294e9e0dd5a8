"""What was asked of this cloud that it does not have, so that nobody takes a hole for a success."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths

if TYPE_CHECKING:
    from simulator.store import Store

AREA = "unknown"


class Unknown:
    """The operations that were asked for and that no route answers, each once with a count."""

    def __init__(self, store: Store) -> None:
        """Keep them in the world's store."""
        self._area = store.area(AREA)

    def note(self, method: str, path: str, api_version: str) -> None:
        """Count a request that no route answers."""
        type_ = paths.parse(path).type or path
        if method == "POST":
            type_ = f"{paths.parse(path.rpartition('/')[0]).type}/{path.rpartition('/')[2]}"
        known = self._area.get(f"{method} {type_}") or {"method": method, "type": type_, "count": 0}
        example = {"api_version": api_version, "example": path}
        self._area.put(f"{method} {type_}", {**known, **example, "count": known["count"] + 1}, quiet=True)

    def all(self) -> list[dict[str, Any]]:
        """Every such operation: ``method``, ``type``, ``count``, ``api_version`` and ``example`` (a path)."""
        return self._area.values()
