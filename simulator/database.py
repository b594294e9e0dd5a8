"""The one place where state is written: a versioned key/value table in SQLite with a copy in memory.

Every write goes to an open transaction and to memory; the server commits before it answers, so a kill loses nothing
that was answered. Values are kept as JSON text: a read always gives a fresh object, which a handler may change freely
without changing the cloud. What is too small for a transaction of its own waits in the journal. Older versions stay
for an hour of virtual time, for reads of the past (``stale_reads``).
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from simulator import context
from simulator.clock import to_micros
from simulator.errors import ArmError
from simulator.journal import Journal
from simulator.jsontext import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    n INTEGER PRIMARY KEY, area TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (area, key));
CREATE TABLE IF NOT EXISTS versions (n INTEGER PRIMARY KEY, area TEXT, key TEXT, virtual INTEGER, value TEXT);
CREATE INDEX IF NOT EXISTS versions_of_key ON versions (area, key, n);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER, handler TEXT, payload TEXT, actor TEXT);
CREATE TABLE IF NOT EXISTS requests (n INTEGER PRIMARY KEY, line TEXT);
"""
UNVERSIONED_AREAS = frozenset({"settings", "faults", "throttle", "dedup", "clock"})
KEPT_MICROS = 3600 * 1_000_000
SHARED = 1 << 14
"""How many values are kept readily read for those who only look at them."""


@lru_cache(maxsize=SHARED)
def _shared(text: str) -> Any:
    return decode(text)


class Database:
    """Areas of JSON values by lower-cased key."""

    def __init__(self, file: Path, now: Callable[[], datetime]) -> None:
        """Open or create *file*; *now* gives the virtual time of a write."""
        self.connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode=WAL")
        # A process kill loses nothing the kernel has; power loss is not among the faults.
        self.connection.execute("PRAGMA synchronous=OFF")
        self.connection.executescript(SCHEMA)
        self.journal = Journal(file.with_suffix(".journal"))
        self.before_commit: list[Callable[[], None]] = []
        self._now = now
        self._guarded = self._saved = False
        self._areas: dict[str, dict[str, str]] = {}
        self._load()

    def _load(self) -> None:
        self._areas.clear()
        for area, key, value in self.connection.execute("SELECT area, key, value FROM entries ORDER BY n"):
            self._areas.setdefault(area, {})[key] = value

    def begin(self) -> None:
        """Open a transaction unless one is open; to be called before every write."""
        if not self.connection.in_transaction:
            self.connection.execute("BEGIN")
        if self._guarded and not self._saved:
            self.connection.execute("SAVEPOINT guarded")
            self._saved = True

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Let all writes inside the block be done, or none where it raises anything but an ``ArmError``.

        What was read into memory elsewhere (``Store``, ``Schedule``) must be read anew then: see ``World.guarded``.
        Inside another such block it does nothing of its own.
        """
        if self._guarded:
            yield
            return
        self._guarded = True
        try:
            yield
        except ArmError:
            raise
        except BaseException:
            if self._saved:
                self.connection.execute("ROLLBACK TO guarded")
                self._load()
            raise
        finally:
            if self._saved:
                self.connection.execute("RELEASE guarded")
            self._guarded = self._saved = False

    def commit(self) -> None:
        """Make all writes so far durable, and with them what the journal has."""
        if self.connection.in_transaction:
            for hook in self.before_commit:
                hook()
            self.connection.execute("COMMIT")
            self.journal.clear()

    def close(self) -> None:
        """Commit and close."""
        self.begin()
        self.commit()
        self.connection.close()
        self.journal.close()

    def read(self, area: str, key: str) -> Any:
        """The value at *key*, or None."""
        text = self._text(area, key.lower())
        return None if text is None else decode(text)

    def glance(self, area: str, key: str) -> Any:
        """The value at *key*, or None: one object for all who ask, which nobody may change."""
        text = self._text(area, key.lower())
        return None if text is None else _shared(text)

    def has(self, area: str, key: str) -> bool:
        """Tell whether there is a value at *key*."""
        return self._text(area, key.lower()) is not None

    def keys(self, area: str) -> list[str]:
        """All keys of *area* in the order of their creation."""
        if context.as_of.get() is not None and area not in UNVERSIONED_AREAS:
            return [key for key, _ in self._past(area)]
        return list(self._areas.get(area, {}))

    def items(self, area: str) -> Iterator[tuple[str, Any]]:
        """All keys and values of *area*."""
        if context.as_of.get() is not None and area not in UNVERSIONED_AREAS:
            yield from ((key, decode(text)) for key, text in self._past(area))
            return
        for key, text in list(self._areas.get(area, {}).items()):
            yield key, decode(text)

    def write(self, area: str, key: str, value: Any, *, quiet: bool = False) -> None:
        """Set *key* to *value*; an equal value changes nothing. *quiet* writes do not make a request accepted.

        A read of the past changes nothing: what it would note is about another time.
        """
        key, text = key.lower(), encode(value)
        values = self._areas.setdefault(area, {})
        if values.get(key) == text or context.as_of.get() is not None:
            return
        self._record(area, key, text, quiet=quiet)
        values[key] = text
        self.connection.execute(
            "INSERT INTO entries (area, key, value) VALUES (?, ?, ?) "
            "ON CONFLICT (area, key) DO UPDATE SET value = excluded.value",
            (area, key, text),
        )

    def delete(self, area: str, key: str, *, quiet: bool = False) -> bool:
        """Remove *key*; tell whether it was there."""
        key = key.lower()
        values = self._areas.get(area, {})
        if key not in values or context.as_of.get() is not None:
            return False
        self._record(area, key, None, quiet=quiet)
        del values[key]
        self.connection.execute("DELETE FROM entries WHERE area = ? AND key = ?", (area, key))
        return True

    def forget(self, *, keep: frozenset[str]) -> None:
        """Drop every value, version and event but those of the areas in *keep*; the request log stays."""
        self.begin()
        for area in set(self._areas) - keep:
            del self._areas[area]
            self.connection.execute("DELETE FROM entries WHERE area = ?", (area,))
        self.connection.execute("DELETE FROM versions")
        self.connection.execute("DELETE FROM events")

    def created_since(self, area: str, moment: datetime) -> frozenset[str]:
        """The keys of *area* that are there now and were not at *moment* (of at most an hour ago)."""
        cutoff, changed = to_micros(moment), set()
        for where, key, virtual in self.connection.execute("SELECT area, key, virtual FROM versions ORDER BY n DESC"):
            if virtual <= cutoff:
                break
            if where == area:
                changed.add(key)
        with context.seen_as_of(moment):
            then = {key for key in changed if self.has(area, key)}
        return frozenset(changed - then)

    def _record(self, area: str, key: str, text: str | None, *, quiet: bool) -> None:
        self.begin()
        if not quiet:
            context.mark_accepted()
        if area in UNVERSIONED_AREAS:
            return
        virtual = 0 if context.seeding.get() else to_micros(self._now())
        self.connection.execute(
            "DELETE FROM versions WHERE area = ? AND key = ? AND n < "
            "(SELECT max(n) FROM versions WHERE area = ? AND key = ? AND virtual <= ?)",
            (area, key, area, key, virtual - KEPT_MICROS),
        )
        self.connection.execute(
            "INSERT INTO versions (area, key, virtual, value) VALUES (?, ?, ?, ?)", (area, key, virtual, text)
        )

    def _text(self, area: str, key: str) -> str | None:
        moment = context.as_of.get()
        if moment is None or area in UNVERSIONED_AREAS:
            return self._areas.get(area, {}).get(key)
        row = self.connection.execute(
            "SELECT value FROM versions WHERE area = ? AND key = ? AND virtual <= ? ORDER BY n DESC LIMIT 1",
            (area, key, to_micros(moment)),
        ).fetchone()
        if row is None and area != "resources":
            # What an operation's URL answers may be old, but the URL was given out: it exists.
            row = self.connection.execute(
                "SELECT value FROM versions WHERE area = ? AND key = ? ORDER BY n LIMIT 1", (area, key)
            ).fetchone()
        return None if row is None else row[0]

    def _past(self, area: str) -> list[tuple[str, str]]:
        moment = context.as_of.get() or self._now()
        rows = self.connection.execute(
            "SELECT v.key, v.value FROM versions v JOIN (SELECT min(n) AS first, max(n) AS last FROM versions "
            "WHERE area = ? AND virtual <= ? GROUP BY key) AS span ON v.n = span.last ORDER BY span.first",
            (area, to_micros(moment)),
        )
        return [(key, value) for key, value in rows if value is not None]
