"""The virtual clock, and the ways in which Azure writes a time.

The clock starts at the real time, or at a given one, and runs *speed* times as fast; at speed 0 it moves by hand alone.
It stands still while the process is down and goes on from the last recorded time, so that no time that was answered
lies in the future after a restart.
"""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Virtual time: an anchor, a speed and the monotonic clock of the machine."""

    def __init__(self, *, virtual: datetime | None = None, speed: float = 1.0) -> None:
        """Start at *virtual*, or at the real time where none is given."""
        self._anchor_virtual = virtual or datetime.now(UTC)
        self._anchor_monotonic = time.monotonic()
        self._speed = speed

    @property
    def speed(self) -> float:
        """Virtual seconds per real second; 0: it stands still until it is advanced."""
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        self._anchor_virtual = self.read()
        self._anchor_monotonic = time.monotonic()
        self._speed = value

    def read(self) -> datetime:
        """The virtual time now, in UTC."""
        elapsed_seconds = (time.monotonic() - self._anchor_monotonic) * self._speed
        return self._anchor_virtual + timedelta(seconds=elapsed_seconds)

    def advance(self, seconds: float) -> None:
        """Jump *seconds* of virtual time ahead."""
        self._anchor_virtual += timedelta(seconds=seconds)


def rfc7(moment: datetime) -> str:
    """Write a time with seven fractional digits and Z (``2023-01-16T08:48:29.5577361Z``), as jobs' start times have."""
    digit = moment.microsecond % 9 + 1
    return f"{_plain(moment, 'microseconds')}{digit}Z"


def _plain(moment: datetime, precision: str) -> str:
    """A time in UTC without its zone; quicker than ``strftime``, which large lists notice."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision)


def rfc7_whole(moment: datetime) -> str:
    """Write a whole second with seven zeros (``2023-01-16T08:50:01.0000000Z``), as operations' end times have."""
    return f"{_plain(moment, 'seconds')}.0000000Z"


def rfc_seconds(moment: datetime) -> str:
    """Write a whole second without fraction (``2023-01-16T08:50:01Z``)."""
    return f"{_plain(moment, 'seconds')}Z"


def rfc_offset(moment: datetime) -> str:
    """Write a time as Compute's operations do (``2023-01-16T08:50:01.1234567+00:00``)."""
    return rfc7(moment)[:-1] + "+00:00"


def http_date(moment: datetime) -> str:
    """Write a time as the Date header has it (``Mon, 16 Jan 2023 08:50:01 GMT``)."""
    return _http_date(moment.replace(microsecond=0))


@lru_cache(maxsize=16)
def _http_date(moment: datetime) -> str:
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    month = months[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year} {moment:%H:%M:%S} GMT"


def parse_time(text: str) -> datetime:
    """Read any of the forms above (any number of fractional digits, Z or offset; UTC where none is given)."""
    plain = re.sub(r"(\.\d{6})\d+", r"\1", text.strip()).replace("Z", "+00:00")
    moment = datetime.fromisoformat(plain)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970, the form in which the database keeps times."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """The time of :func:`to_micros`."""
    return EPOCH + timedelta(microseconds=micros)


def retry_after(recorded_seconds: float, speed: float) -> str:
    """The Retry-After header: the recorded value divided by the speed, rounded up, at least 1.

    Where the clock moves by hand no wait would help: it is 1 then.
    """
    return str(max(1, math.ceil(recorded_seconds / speed))) if speed > 0 else "1"
