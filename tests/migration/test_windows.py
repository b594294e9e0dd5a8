"""Cutover windows by the clocks of their zones: weekly, once, frozen, and where clocks jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration import zones
from migration.windows import DAYS, Day, Freeze, Schedule, Window, roughly

AMSTERDAM = "Europe/Amsterdam"
ZONES = [
    AMSTERDAM,
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Santiago",
    "Pacific/Apia",
    "UTC",
]
"""Half-hour steps, jumps at midnight, both hemispheres, none at all."""
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(  # noqa: DTZ001 - made one of UTC below
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)
CLOCKS = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")


def at(text: str) -> datetime:
    """Return a moment of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def weekly(begin: str, end: str, days: list[Day] | None = None, zone: str = AMSTERDAM) -> Schedule:
    """Return a schedule of one weekly window."""
    return Schedule(time_zone=zone, windows=[Window(time_zone=zone, begin=begin, end=end, days=list(days or DAYS))])


def frozen(schedule: Schedule, begin: str, end: str) -> Schedule:
    """Return a schedule with a freeze."""
    freeze = Freeze(time_zone=schedule.time_zone, begin=begin, end=end, reason="closing")
    return schedule.model_copy(update={"freezes": [*schedule.freezes, freeze]})


@pytest.mark.parametrize(
    ("moment", "opens", "closes"),
    [
        ("2026-11-26T18:00", "2026-11-28T21:00", None),  # Thursday: shut until Saturday night
        ("2026-11-28T21:00", None, "2026-11-29T03:00"),  # its first second
        ("2026-11-29T02:59", None, "2026-11-29T03:00"),  # past midnight it is still Saturday's
        ("2026-11-29T03:00", "2026-11-29T21:00", None),  # its end is no part of it
        ("2026-11-30T02:00", None, "2026-11-30T03:00"),  # Sunday's, on Monday morning
        ("2026-11-30T03:00", "2026-12-05T21:00", None),
    ],
)
def test_a_weekly_window_past_midnight_belongs_to_its_first_day(
    moment: str, opens: str | None, closes: str | None
) -> None:
    """22:00 to 04:00 on Saturday and Sunday ends on Sunday and Monday."""
    seen = weekly("22:00", "04:00", ["sat", "sun"]).look(at(moment))
    assert (opens is None, opens and at(opens), closes and at(closes)) == (seen.is_open, seen.opens, seen.closes)


@pytest.mark.parametrize(
    ("begin", "end", "day", "opens", "closes"),
    [
        # 28 March 2027: 02:00 jumps to 03:00 at 01:00 UTC
        ("02:30", "05:00", "2027-03-28", "01:00", "03:00"),  # begins in the gap: with the jump
        ("01:00", "02:30", "2027-03-28", "00:00", "01:00"),  # ends in the gap: with the jump
        ("00:00", "24:00", "2027-03-28", "23:00", "22:00"),  # a day of 23 hours
        # 31 October 2027: 03:00 goes back to 02:00 at 01:00 UTC
        ("02:30", "05:00", "2027-10-31", "00:30", "04:00"),  # the first 02:30
        ("01:00", "02:30", "2027-10-31", "23:00", "00:30"),  # the first 02:30
        ("01:00", "03:00", "2027-10-31", "23:00", "02:00"),  # holds the hour that comes twice: three hours long
    ],
)
def test_where_the_clocks_jump(begin: str, end: str, day: str, opens: str, closes: str) -> None:
    """A time that never comes stands for the jump, one that comes twice for its first coming."""
    schedule = Schedule(
        time_zone=AMSTERDAM, windows=[Window(time_zone=AMSTERDAM, begin=f"{day}T{begin}", end=_end(day, end))]
    )
    every_day = weekly(begin, end)
    midnight = zones.instant(datetime.fromisoformat(day), zones.zone(AMSTERDAM))
    first = schedule.next_opening(midnight - timedelta(hours=3))
    assert first is not None
    assert (opens, closes) == (f"{first:%H:%M}", f"{schedule.closing(first):%H:%M}")
    if end != "24:00":
        assert (first, schedule.closing(first)) == (every_day.next_opening(midnight), every_day.closing(first))


def _end(day: str, end: str) -> str:
    following = datetime.fromisoformat(day) + timedelta(days=1)
    return f"{following:%Y-%m-%d}T00:00" if end == "24:00" else f"{day}T{end}"


def test_a_window_inside_the_gap_stays_shut_on_that_day() -> None:
    """02:15 to 02:45 does not come on the Sunday on which the clocks jump over it; a week later it does."""
    schedule = weekly("02:15", "02:45", ["sun"])
    assert at("2027-04-04T00:15") == schedule.next_opening(at("2027-03-27T12:00"))


def test_a_freeze_shuts_a_window_and_its_end_opens_it() -> None:
    """A freeze by dates lasts through its last day; a window that it cuts ends and begins with it."""
    schedule = frozen(weekly("00:00", "24:00"), "2026-12-20", "2027-01-05")
    assert at("2026-12-19T23:00") == schedule.closing(at("2026-12-01T00:00"))
    shut = schedule.look(at("2026-12-24T18:00"))
    assert (False, at("2027-01-05T23:00"), "closing") == (shut.is_open, shut.opens, shut.frozen)
    assert "opens 2027-01-06 00:00 CET (in 12 d 5 h) (frozen: closing)" in shut.in_words(at("2026-12-24T18:00"))


def test_freezes_alone_leave_all_other_times_open() -> None:
    """A plan may only say when not to fail over."""
    always = Schedule(time_zone="UTC")
    assert (True, None) == (always.look(at("2026-12-01T00:00")).is_open, always.closing(at("2026-12-01T00:00")))
    schedule = frozen(frozen(always, "2026-12-20T18:00", "2026-12-27T06:00"), "2026-12-26", "2026-12-31")
    assert at("2026-12-20T18:00") == schedule.closing(at("2026-12-01T00:00"))
    assert at("2027-01-01T00:00") == schedule.next_opening(at("2026-12-20T18:00"))


def test_a_window_that_is_over_never_opens_again() -> None:
    """So does one that lies in a freeze whole."""
    once = Schedule(
        time_zone="UTC", windows=[Window(time_zone="UTC", begin="2026-11-28T22:00", end="2026-11-29T04:00+01:00")]
    )
    assert at("2026-11-29T03:00") == once.closing(at("2026-11-29T00:00"))
    assert once.look(at("2026-11-29T03:00")).never_again
    assert frozen(once, "2026-11-28", "2026-11-30").look(at("2026-11-01T00:00")).never_again
    assert "never opens again" in once.look(at("2027-01-01T00:00")).in_words(at("2027-01-01T00:00"))


def test_windows_that_touch_are_one() -> None:
    """Two windows without a gap close with the second, and a week of whole days is followed for a month."""
    first = Window(time_zone="UTC", begin="08:00", end="12:00", days=["mon"])
    touching = Schedule(time_zone="UTC", windows=[first, first.model_copy(update={"begin": "12:00", "end": "13:00"})])
    assert at("2026-11-30T13:00") == touching.closing(at("2026-11-30T09:00"))
    closes = weekly("00:00", "24:00").closing(at("2026-11-30T09:00"))
    assert closes is not None
    assert timedelta(days=31) < closes - at("2026-11-30T09:00") < timedelta(days=33)


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    begin=CLOCKS,
    end=CLOCKS,
    days=st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
    moment=MOMENTS,
)
def test_an_opening_and_a_closing_are_what_the_clocks_on_the_wall_say(
    zone: str, begin: str, end: str, days: list[Day], moment: datetime
) -> None:
    """Minute by minute the window is open when the clocks say so, but for the second coming of a time."""
    if begin == end:
        return
    schedule = weekly(begin, end, days, zone)
    opening = schedule.next_opening(moment)
    assert opening is not None
    closing = schedule.closing(opening)
    assert closing is not None
    assert moment <= opening < closing
    assert opening == moment or not schedule.look(opening - timedelta(seconds=1)).is_open
    assert not schedule.look(closing).is_open or closing - opening > timedelta(days=31)
    for probe in (moment, opening, closing - timedelta(minutes=1), closing + timedelta(minutes=1)):
        local = probe.astimezone(zones.zone(zone))
        if _comes_once(local):
            assert _says(local, begin, end, days) == schedule.look(probe).is_open


def _comes_once(local: datetime) -> bool:
    """Tell whether no clock was set within a day: there, walls and windows may differ by the rule."""
    steps = [(local + timedelta(hours=hours)).utcoffset() for hours in (-26, 0, 26)]
    return len(set(steps)) == 1


def _says(local: datetime, begin: str, end: str, days: list[Day]) -> bool:
    now, today, before = f"{local:%H:%M}", DAYS[local.weekday()], DAYS[local.weekday() - 1]
    if begin < end:
        return today in days and begin <= now < end
    return (today in days and now >= begin) or (before in days and now < end)


@settings(max_examples=100, deadline=None)
@given(zone=st.sampled_from(ZONES), begin=CLOCKS, end=CLOCKS, moment=MOMENTS, days=st.integers(1, 40))
def test_no_freeze_is_ever_open(zone: str, begin: str, end: str, moment: datetime, days: int) -> None:
    """Whatever the window, an opening lies outside the freeze, and what is open closes no later than it begins."""
    local = moment.astimezone(zones.zone(zone))
    first, last = f"{local:%Y-%m-%d}", f"{local + timedelta(days=days):%Y-%m-%d}"
    schedule = frozen(weekly(begin, end if end != begin else "24:00", zone=zone), first, last)
    [freeze] = schedule.freezes
    opening = schedule.next_opening(moment)
    assert opening is not None
    assert opening >= freeze.closes
    for before in (freeze.opens - timedelta(minutes=minutes) for minutes in (1, 600, 2000)):
        closing = schedule.closing(before)
        assert closing is None or closing <= freeze.opens


@settings(max_examples=200, deadline=None)
@given(zone=st.sampled_from(ZONES), moment=MOMENTS)
def test_a_moment_and_its_clock_agree(zone: str, moment: datetime) -> None:
    """What the clocks show is found again, or an hour earlier where it comes twice."""
    rules = zones.zone(zone)
    found = zones.instant(zones.shown(moment, rules), rules)
    assert found == moment or (found < moment and zones.shown(found, rules) == zones.shown(moment, rules))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("amsterdam", AMSTERDAM),
        ("europe/amsterdam", AMSTERDAM),
        ("Europe/Amsterdm", AMSTERDAM),
        ("New York", "America/New_York"),
        ("utc", "UTC"),
        ("nowhere at all", None),
    ],
)
def test_the_zone_that_is_meant(text: str, meant: str | None) -> None:
    """A near miss is understood by its spelling, its city, or not at all."""
    assert meant == zones.near(text)


def test_zones_do_not_come_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no zone files on the machine all zones are there, and they are those of the package."""
    monkeypatch.setattr("zoneinfo.TZPATH", ())
    zones.zone.cache_clear()
    assert "2026-07-01 14:00 CEST" == zones.in_words(at("2026-07-01T12:00"), AMSTERDAM)
    assert "2026-07-01 09:00 UTC-03" == zones.in_words(at("2026-07-01T12:00"), "America/Sao_Paulo")
    with pytest.raises(LookupError):
        zones.zone("../../etc/passwd")


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(days=2, hours=3, minutes=59), "2 d 3 h"),
        (timedelta(days=2, minutes=5), "2 d"),
        (timedelta(hours=3), "3 h"),
        (timedelta(minutes=61), "1 h 1 min"),
        (timedelta(seconds=20), "1 min"),
        (timedelta(), "a moment"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(span: timedelta, told: str) -> None:
    """Whoever waits wants the order of magnitude."""
    assert told == roughly(span)
