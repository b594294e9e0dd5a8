"""Texts for a screen: times in the reader's zone, spans of time, and foreign text made safe to print."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
"""Control characters and marks that turn the direction of text: a comment must not move the cursor or hide a word."""
_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def printable(text: str) -> str:
    """Return *text* on one line, without what could steer a terminal."""
    return _UNSAFE.sub(" ", text)


def clean(text: str) -> str:
    """Return *text* as a line of its own, without what could steer a terminal."""
    return printable(text).strip()


def moment(text: str) -> datetime:
    """Return the time that *text* spells in ISO 8601; one without a zone is UTC, as Azure's and ours are.

    Raises:
        ValueError: it is no such time.
    """
    parsed = datetime.fromisoformat(_FRACTION.sub(r".\1", text))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def local_time(value: str | datetime | None) -> str:
    """Return a time in the reader's zone, with the zone; what is no time, as it stands."""
    if value is None:
        return "-"
    try:
        parsed = moment(value) if isinstance(value, str) else value
    except ValueError:
        return clean(str(value))
    return parsed.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def clock_time(value: datetime) -> str:
    """Return the time of day in the reader's zone, with the zone."""
    return value.astimezone().strftime("%H:%M:%S %Z")


def utc_text(value: datetime | None) -> str | None:
    """Return a time as JSON carries it: UTC, ISO 8601, with Z."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if value else None


def span(seconds: float | None) -> str:
    """Return a span of time as two of its largest units: `2 h 05 min`, `3 min 20 s`, `45 s`; `-` where unknown."""
    if seconds is None:
        return "-"
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02d} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def words(identifier: str) -> str:
    """Return a word of the vocabulary as a person reads it: `awaiting approval`."""
    return identifier.replace("_", " ")


def counted(number: int, noun: str) -> str:
    """Return a number and its noun: `1 VM`, `3 VMs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def few(names: Sequence[str], most: int = 5) -> str:
    """Return some of many names, and how many more there are: `a, b and 7 more`."""
    told = ", ".join(names[:most])
    return f"{told} and {len(names) - most} more" if len(names) > most else told
