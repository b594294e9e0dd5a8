"""When a virtual machine may fail over: windows that open every week or once, and freezes that keep them shut. Pure.

A window opens and closes by the clocks of its time zone. Where these jump forward, a time that is left out stands for
the jump; where they go back, a time that comes twice stands for its first coming. So no window is ever longer than its
clocks say but for the hour that comes twice inside it, and one that lies in a gap stays shut on that day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from pydantic import Field

from migration import zones
from migration.base import Value

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAILY = re.compile(r"(\d\d):(\d\d)")
_LOOK_AHEAD_DAYS = 16
"""A weekly window opens within eight days, or within fifteen where the clocks jump over it once."""
_FURTHEST = timedelta(days=31)
_MOST_STEPS = 10_000


class Window(Value):
    """A window as its plan says it, with its time zone: `from` and `to` on days of the week, or once."""

    time_zone: str
    begin: str
    end: str
    days: list[Day] = Field(default_factory=list, description="Of a window that opens every week.")

    @property
    def recurs(self) -> bool:
        """Whether it opens every week."""
        return _DAILY.fullmatch(self.begin) is not None

    def around(self, moment: datetime) -> datetime | None:
        """Return when the window closes that is open at a moment; None where none is."""
        return max((end for start, end in self._near(moment, 1) if start <= moment < end), default=None)

    def next_after(self, moment: datetime) -> datetime | None:
        """Return when it opens next; None where it never does again."""
        return next((start for start, end in self._near(moment, _LOOK_AHEAD_DAYS) if moment < start < end), None)

    def _near(self, moment: datetime, ahead: int) -> Iterator[tuple[datetime, datetime]]:
        if not self.recurs:
            yield once(self.begin, self.time_zone), once(self.end, self.time_zone)
            return
        in_zone = zones.zone(self.time_zone)
        today = zones.shown(moment, in_zone).date()
        for ahead_days in range(-2, ahead + 1):
            day = today + timedelta(days=ahead_days)
            if DAYS[day.weekday()] in self.days:
                begin, end = _clock(day, self.begin), _clock(day, self.end)
                later = end if end > begin else end + timedelta(days=1)
                yield zones.instant(begin, in_zone), zones.instant(later, in_zone)


class Freeze(Value):
    """A time in which no window is open."""

    time_zone: str
    begin: str
    end: str
    reason: str = ""

    @property
    def opens(self) -> datetime:
        """When it begins."""
        return once(self.begin, self.time_zone)

    @property
    def closes(self) -> datetime:
        """When it is over; one that ends on a date lasts through that day."""
        return once(self.end, self.time_zone, through=True)


class Schedule(Value):
    """When one virtual machine may fail over: in its windows, or always where it has none; never in a freeze."""

    time_zone: str = Field(description="In which people are told of it.")
    windows: list[Window] = Field(default_factory=list)
    freezes: list[Freeze] = Field(default_factory=list)

    def next_opening(self, moment: datetime) -> datetime | None:
        """Return the first time from *moment* on at which a failover may begin; None: it never may again."""
        for _ in range(_MOST_STEPS):
            freeze = self.frozen(moment)
            if freeze is not None:
                moment = freeze.closes
            elif not self.windows or any(window.around(moment) for window in self.windows):
                return moment
            else:
                following = [opening for window in self.windows if (opening := window.next_after(moment))]
                if not following:
                    return None
                moment = min(following)
        return None

    def closing(self, moment: datetime) -> datetime | None:
        """Return when what is open at *moment* closes; None: nothing ever closes it, or nothing is open.

        Windows that follow each other without a gap are followed for a month; whoever comes so far looks again.
        """
        if self.next_opening(moment) != moment:
            return None
        freezes = sorted(freeze.opens for freeze in self.freezes if freeze.opens > moment)
        until = freezes[0] if freezes else None
        if not self.windows:
            return until
        end = moment
        while end - moment < _FURTHEST:
            further = max((closes for window in self.windows if (closes := window.around(end))), default=None)
            if further is None:
                break
            end = further  # windows may follow each other without a gap
        return end if until is None else min(end, until)

    def frozen(self, moment: datetime) -> Freeze | None:
        """Return the freeze that lasts longest of those at a moment."""
        now = [freeze for freeze in self.freezes if freeze.opens <= moment < freeze.closes]
        return max(now, key=lambda freeze: freeze.closes, default=None)

    def look(self, moment: datetime) -> Standing:
        """Return where the schedule stands at a moment."""
        opening = self.next_opening(moment)
        freeze = self.frozen(moment)
        return Standing(
            is_open=opening == moment,
            opens=opening if opening != moment else None,
            closes=self.closing(moment),
            frozen="" if freeze is None else freeze.reason or "a freeze",
            time_zone=self.time_zone,
        )


class Standing(Value):
    """Where a schedule stands at a moment, as it was decided then."""

    is_open: bool
    opens: datetime | None = Field(None, description="When it opens next; None while it is open, or if it never will.")
    closes: datetime | None = Field(None, description="When it closes; None while it is shut, or if it never will.")
    frozen: str = Field("", description="Why it is shut, where a freeze is the reason.")
    time_zone: str = "UTC"

    @property
    def never_again(self) -> bool:
        """Whether it never opens any more."""
        return not self.is_open and self.opens is None

    def in_words(self, now: datetime) -> str:
        """Return what is waited for: `its cutover window, which opens 2026-11-28 22:00 CET (in 2 d 3 h)`."""
        why = f" (frozen: {self.frozen})" if self.frozen else ""
        if self.opens is None:
            return f"its cutover window, which never opens again{why}"
        return (
            f"its cutover window, which opens {zones.in_words(self.opens, self.time_zone)} "
            f"(in {roughly(self.opens - now)}){why}"
        )


def roughly(span: timedelta) -> str:
    """Return a span in its two largest units: `2 d 3 h`, `5 min`."""
    minutes = max(-(-int(span.total_seconds()) // 60), 0)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (rest, "min")]
    told = [f"{number} {unit}" for number, unit in parts if number][:2]
    return " ".join(told[:1] if days and not hours else told) or "a moment"


def once(text: str, time_zone: str, *, through: bool = False) -> datetime:
    """Return the moment that a date or a date with a time tells; *through*: a date stands for its end."""
    if len(text) == len("2026-12-24"):
        local = datetime.combine(date.fromisoformat(text), time()) + timedelta(days=1 if through else 0)
        return zones.instant(local, zones.zone(time_zone))
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else zones.instant(moment, zones.zone(time_zone))


def _clock(day: date, text: str) -> datetime:
    """Return a day's time; 24:00 is the next day's beginning."""
    hours, minutes = (int(part) for part in text.split(":"))
    return datetime.combine(day, time()) + timedelta(hours=hours, minutes=minutes)
