"""Time zones by their IANA names, from the package `tzdata` alone: every worker sees the same rules.

A machine's own zone files differ from machine to machine and are absent in small images, so they are never read.
"""

from __future__ import annotations

import difflib
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

_LONGEST_GAP = timedelta(days=2)
"""Samoa left out a whole day; no clock has ever jumped further."""


@cache
def names() -> frozenset[str]:
    """Return the name of every zone."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@cache
def zone(name: str) -> ZoneInfo:
    """Return a zone.

    Raises:
        LookupError: there is none of that name.
    """
    if name not in names():
        raise LookupError(name)
    package, _, key = f"tzdata.zoneinfo.{name.replace('/', '.')}".rpartition(".")
    with resources.files(package).joinpath(key).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def near(text: str) -> str | None:
    """Return the zone that *text* most likely means: `Amsterdam`, `europe/amsterdam`, `Europe/Amsterdm`."""
    wanted = text.strip().replace(" ", "_").casefold()
    by_key = {name.casefold(): name for name in sorted(names())}
    if wanted in by_key:
        return by_key[wanted]
    cities = {name.rsplit("/", 1)[-1].casefold(): name for name in sorted(names(), reverse=True) if "/" in name}
    if wanted in cities:
        return cities[wanted]
    for known in (by_key, cities):
        found = difflib.get_close_matches(wanted, known, n=1, cutoff=0.75)
        if found:
            return known[found[0]]
    return None


def instant(local: datetime, in_zone: ZoneInfo) -> datetime:
    """Return the moment at which the clocks of a zone show *local*, in UTC.

    Of a time that comes twice (the clocks go back) the first; for one that never comes (they go forward) the jump.
    """
    moment = local.replace(tzinfo=in_zone).astimezone(UTC)
    if shown(moment, in_zone) == local:
        return moment
    low, high = moment - _LONGEST_GAP, moment
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        low, high = (low, middle) if shown(middle, in_zone) >= local else (middle, high)
    return high.replace(microsecond=0)


def shown(moment: datetime, in_zone: ZoneInfo) -> datetime:
    """Return what the clocks of a zone show at a moment."""
    return moment.astimezone(in_zone).replace(tzinfo=None, fold=0)


def in_words(moment: datetime, name: str) -> str:
    """Return a moment as people of a zone write it: `2026-11-28 22:00 CET`."""
    local = moment.astimezone(zone(name))
    abbreviation = local.tzname() or "UTC"
    if abbreviation[0] in "+-":
        abbreviation = f"UTC{abbreviation}"
    return f"{local:%Y-%m-%d %H:%M} {abbreviation}"
