"""The log of every request that the cloud got, kept with the rest of the state."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from simulator.clock import EPOCH, parse_time
from simulator.database import encode

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.database import Database

_SECRET_PARAMETERS = re.compile(
    r"(?i)(^|&)(sig|signature|s|h|c|code|token|access_token|client_secret|client_assertion|password)=[^&]*"
)


def redacted(query: str) -> str:
    """A query string without signatures and secrets."""
    return _SECRET_PARAMETERS.sub(r"\1\2=REDACTED", query)


def last_moment(database: Database) -> datetime:
    """The virtual time of the last line, or the beginning of time."""
    row = database.connection.execute("SELECT line FROM requests ORDER BY n DESC LIMIT 1").fetchone()
    return EPOCH if row is None else parse_time(json.loads(row[0])["virtual"])


class RequestLog:
    """Numbered lines, from 1."""

    def __init__(self, database: Database) -> None:
        """Go on after the last kept line."""
        self._database = database
        row = database.connection.execute("SELECT max(n) FROM requests").fetchone()
        self._last = int(row[0] or 0)

    def append(self, entry: dict[str, Any]) -> None:
        """Number *entry* and keep it."""
        self._last += 1
        self._database.connection.execute(
            "INSERT INTO requests (n, line) VALUES (?, ?)", (self._last, encode({"n": self._last, **entry}))
        )

    def since(self, n: int) -> list[str]:
        """The lines after *n*, each a JSON text."""
        rows = self._database.connection.execute("SELECT line FROM requests WHERE n > ? ORDER BY n", (n,))
        return [row[0] for row in rows]
