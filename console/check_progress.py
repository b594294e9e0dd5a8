"""How far a check is, on stderr: one line that is redrawn on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from migration.models import Progress

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowHandle

    from console.session import Session

_PLAIN_SECONDS = 5.0
_CLEAR = "\r\x1b[2K"


class CheckProgress:
    """A context manager: it leaves no half-drawn line behind."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._is_live = sys.stderr.isatty() and not session.environment.get("NO_COLOR")
        self._told = time.monotonic()
        self._is_drawn = False

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wipe the line."""
        if self._is_drawn:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def tell(self, detail: str) -> None:
        """Show how far the check is."""
        if not detail:
            return
        if self._is_live:
            sys.stderr.write(f"{_CLEAR}checking: {detail}")
            sys.stderr.flush()
            self._is_drawn = True
        elif time.monotonic() - self._told >= _PLAIN_SECONDS:
            self._told = time.monotonic()
            self._session.note(f"checking: {detail}")


async def detail_of(client: Client, handle: WorkflowHandle[object, object]) -> str:
    """Return what the check's activity last told of itself; empty while it has told nothing."""
    description = await handle.describe()
    for activity in description.raw_description.pending_activities:
        if activity.heartbeat_details.payloads:
            decoded = await client.data_converter.decode(activity.heartbeat_details.payloads[:1], [Progress])
            return decoded[0].detail if isinstance(decoded[0], Progress) else ""
    return ""
