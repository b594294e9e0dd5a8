"""Who is told what each request to Azure Resource Manager came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from migration.telemetry import Call


class CallObserver(Protocol):
    """Who is told of each request."""

    def called(self, call: Call) -> None:
        """Take note of a request that has ended; must not raise, and must not wait."""
