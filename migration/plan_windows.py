"""The keys `cutover` of a plan, its waves and its virtual machines: when a failover may begin."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from migration import checks, zones
from migration.base import Authored
from migration.errors import InvalidPlanError, InvalidValueError, PathStep
from migration.windows import DAYS, Day, Freeze, Schedule, Window, once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_DATE = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(rf"{_DATE.pattern}[T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}})?(Z|[+-][0-9]{{2}}:[0-9]{{2}})?")
_EXAMPLE = "write one such as 2026-11-28T22:00, by the clocks of time_zone"
_WINDOWS_ZONE = re.compile(r".+ (Standard|Daylight) Time", re.IGNORECASE)


def _time_zone(text: str) -> str:
    if text in zones.names():
        return text
    meant = zones.near(text)
    fix = f"did you mean {meant}?" if meant else "write a name of the IANA database, such as Europe/Amsterdam"
    kind = "is Windows' name of a time zone" if _WINDOWS_ZONE.fullmatch(text) else "is no time zone"
    raise InvalidValueError(f'"{text[:60]}" {kind}', fix)


def _moment(text: str) -> str:
    shown = text[:60]
    if not _MOMENT.fullmatch(text):
        near = "a time of day, not of a date" if _CLOCK.fullmatch(text) else "no date with a time"
        raise InvalidValueError(f'"{shown}" is {near}', _EXAMPLE)
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValueError(f'"{shown}" is no date with a time ({error})', _EXAMPLE) from None
    return text.replace(" ", "T")


def _moment_or_date(text: str) -> str:
    if not _DATE.fullmatch(text):
        return _moment(text)
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValueError(f'"{text}" is no date ({error})', "write one such as 2026-12-24") from None
    return text


def _clock_or_moment(text: str) -> str:
    if _CLOCK.fullmatch(text):
        return text
    if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}", text):
        padded = text.zfill(5)
        right = f'write "{padded}"' if _CLOCK.fullmatch(padded) else "write one from 00:00 to 24:00"
        raise InvalidValueError(f'"{text}" is no time of day', right)
    if not _MOMENT.fullmatch(text):
        raise InvalidValueError(
            f'"{text[:60]}" is neither a time of day nor a date with a time',
            'write "22:00" for every week, or 2026-11-28T22:00 for once',
        )
    return _moment(text)


def _each_once(days: list[Day]) -> list[Day]:
    twice = next((day for day in DAYS if days.count(day) > 1), None)
    if twice:
        raise InvalidValueError(f"{twice} stands twice", "remove one")
    return days


TimeZone = Annotated[str, AfterValidator(_time_zone)]


class _Span(Authored):
    """What `from` and `to` share: Python keeps the word `from` for itself."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=False, serialize_by_alias=True, validate_by_name=False
    )


class CutoverWindow(_Span):
    """A time in which a failover may begin: each week on its days, or once."""

    days: Annotated[list[Day], Field(min_length=1), AfterValidator(_each_once)] | None = Field(
        None, description="On which it opens; every day if not given. One that ends past midnight belongs to its first."
    )
    begin: Annotated[str, AfterValidator(_clock_or_moment)] = Field(
        alias="from", description='"22:00", by the clocks of time_zone, or once: 2026-11-28T22:00.'
    )
    end: Annotated[str, AfterValidator(_clock_or_moment)] = Field(
        alias="to", description='"04:00", on the next day where it is earlier, or once: 2026-11-29T04:00.'
    )

    @field_validator("end")
    @classmethod
    def _after_its_beginning(cls, end: str, info: ValidationInfo) -> str:
        begin = info.data.get("begin")
        if begin is None:
            return end
        if bool(_CLOCK.fullmatch(begin)) != bool(_CLOCK.fullmatch(end)):
            raise InvalidValueError("from and to are of two kinds", "give both as times of day, or both with dates")
        if begin == "24:00":
            raise InvalidValueError("a day has ended at 24:00", 'begin at "00:00" of the next day')
        if begin == end:
            raise InvalidValueError(
                "the window ends when it begins, so it never opens", 'a whole day is "00:00" to "24:00"'
            )
        if not _CLOCK.fullmatch(end):
            _in_order(begin, end)
        return end

    @model_validator(mode="after")
    def _days_are_for_every_week(self) -> Self:
        if self.days and not _CLOCK.fullmatch(self.begin):
            raise InvalidValueError("a window with dates has days of the week besides", "remove the key days")
        return self


class CutoverFreeze(_Span):
    """A time in which no failover begins, whatever the windows say."""

    begin: Annotated[str, AfterValidator(_moment_or_date)] = Field(
        alias="from", description="2026-12-20, or 2026-12-20T18:00."
    )
    end: Annotated[str, AfterValidator(_moment_or_date)] = Field(
        alias="to", description="2027-01-05, that day included, or 2027-01-05T06:00."
    )
    reason: Annotated[str, AfterValidator(checks.sentence)] = Field(description="Told to whoever waits.")

    @field_validator("end")
    @classmethod
    def _after_its_beginning(cls, end: str, info: ValidationInfo) -> str:
        begin = info.data.get("begin")
        if begin is not None:
            _in_order(begin, end)
        return end


class Cutover(Authored):
    """When a failover may begin. The nearest windows count (virtual machine, wave, plan); freezes add up."""

    time_zone: TimeZone | None = Field(
        None, description="IANA name, such as Europe/Amsterdam; that of the wave or the plan if not given."
    )
    windows: Annotated[list[CutoverWindow], Field(max_length=20)] = Field(
        default_factory=list, description="Without any, a failover may begin at any time but in a freeze."
    )
    freezes: Annotated[list[CutoverFreeze], Field(max_length=50)] = Field(
        default_factory=list, description="Times in which no failover begins; those of the plan and the wave count too."
    )


def schedule(*levels: Cutover | None) -> Schedule | None:
    """Return what holds for a virtual machine, given the cutovers of its plan, its wave and itself; None: nothing."""
    given = [(level, zone) for level, zone in _with_zones(levels) if level.windows or level.freezes]
    if not given:
        return None
    nearest = next(((level, zone) for level, zone in reversed(given) if level.windows), None)
    return Schedule(
        time_zone=given[-1][1],
        windows=[_window(window, nearest[1]) for window in nearest[0].windows] if nearest else [],
        freezes=[_freeze(freeze, zone) for level, zone in given for freeze in level.freezes],
    )


def refuse_useless(levels: list[tuple[Cutover | None, tuple[PathStep, ...]]]) -> None:
    """Refuse the innermost of *levels*, each with its path in the plan, where it has no time zone or never opens.

    Raises:
        InvalidPlanError: it is so.
    """
    innermost, path = levels[-1]
    if innermost is None:
        return
    if (innermost.windows or innermost.freezes) and not any(level and level.time_zone for level, _ in levels):
        raise InvalidPlanError(
            "it has no time zone", "add time_zone: with an IANA name, such as Europe/Amsterdam", (*path, "time_zone")
        )
    whole = schedule(*(level for level, _ in levels))
    if whole is None:
        return
    shut = next((index for index, window in enumerate(whole.windows) if not window.recurs and _is_empty(window)), None)
    if innermost.windows and shut is not None:
        raise InvalidPlanError(
            "the clocks jump over this window, so it never opens", "choose other times", (*path, "windows", shut)
        )
    if whole.windows and whole.next_opening(datetime(2000, 1, 1, tzinfo=UTC)) is None:
        raise InvalidPlanError(
            "no failover may ever begin: freezes cover every window",
            "move a window or shorten a freeze",
            (*path, "windows" if innermost.windows else "freezes"),
        )


def _with_zones(levels: tuple[Cutover | None, ...]) -> Iterator[tuple[Cutover, str]]:
    zone = "UTC"
    for level in levels:
        if level is not None:
            zone = level.time_zone or zone
            yield level, zone


def _window(window: CutoverWindow, zone: str) -> Window:
    days = list(window.days or DAYS) if _CLOCK.fullmatch(window.begin) else []
    return Window(time_zone=zone, begin=window.begin, end=window.end, days=days)


def _freeze(freeze: CutoverFreeze, zone: str) -> Freeze:
    return Freeze(time_zone=zone, begin=freeze.begin, end=freeze.end, reason=freeze.reason)


def _is_empty(window: Window) -> bool:
    return once(window.begin, window.time_zone) >= once(window.end, window.time_zone)


def _in_order(begin: str, end: str) -> None:
    """Refuse an end that is not after its beginning, as far as that is known without a time zone."""
    if bool(re.search(r"(Z|[+-]\d\d:\d\d)$", begin)) != bool(re.search(r"(Z|[+-]\d\d:\d\d)$", end)):
        if once(begin, "UTC").date() > once(end, "UTC").date():
            raise InvalidValueError("it ends before it begins", "swap from and to")
        return
    if once(end, "UTC", through=True) <= once(begin, "UTC"):
        if begin == end:
            raise InvalidValueError("it ends when it begins", "give a later time")
        raise InvalidValueError("it ends before it begins", "swap from and to")
