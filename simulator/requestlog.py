"""The log of every request that the cloud got, kept with the rest of the state."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator.clock import EPOCH, parse_time
from simulator.jsontext import decode, encode

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
    texts = [*(row or ()), *(record[0] for record in database.journal.recovered)]
    return max((parse_time(decode(text)["virtual"]) for text in texts), default=EPOCH)


class RequestLog:
    """Numbered lines, from 1.

    The line of a request that changed the cloud is in the same transaction; those of the others go to the journal, and
    from there into the next transaction.
    """

    def __init__(self, database: Database) -> None:
        """Go on after the last kept line."""
        self._database = database
        row = database.connection.execute("SELECT max(n) FROM requests").fetchone()
        self._last = int(row[0] or 0)
        self._waiting: list[tuple[int, str]] = []
        for record in database.journal.recovered:
            number = int(decode(record[0])["n"])
            if number > self._last:
                self._waiting.append((number, record[0]))
                self._last = number
        database.before_commit.append(self._flush)

    @property
    def next_number(self) -> int:
        """The number of the next line."""
        return self._last + 1

    def append(self, entry: dict[str, Any], drawn: str = "") -> None:
        """Number *entry* and keep it, with what the request has *drawn* from the buckets."""
        self._last += 1
        text = encode({"n": self._last, **entry})
        self._waiting.append((self._last, text))
        if not self._database.connection.in_transaction:
            self._database.journal.append(text, drawn)

    def since(self, n: int) -> list[str]:
        """The lines after *n*, each a JSON text."""
        self._database.begin()
        self._database.commit()
        rows = self._database.connection.execute("SELECT line FROM requests WHERE n > ? ORDER BY n", (n,))
        return [row[0] for row in rows]

    def _flush(self) -> None:
        self._database.connection.executemany("INSERT INTO requests (n, line) VALUES (?, ?)", self._waiting)
        self._waiting.clear()
