"""Azure's timestamps. Ours are never subtracted from Azure's: a cloud's clock and a worker's need not agree."""

import re
from datetime import UTC, datetime

_FRACTION = re.compile(r"\.(\d{6})\d*")


def parse_azure_time(text: str | None) -> datetime | None:
    """Return the moment that *text* tells, None for none.

    Azure writes seven fractional digits, and sentinels such as `0001-01-01T00:00:00` (no zone) for "not yet".
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r".\1", text))
    except ValueError:
        return None
    if moment.year in {1, 1753, 9999}:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def seconds_between(start: str | None, end: str | None) -> int | None:
    """Return the whole seconds from one of Azure's times to another, None where one is missing."""
    first, last = parse_azure_time(start), parse_azure_time(end)
    return None if first is None or last is None else round((last - first).total_seconds())


def with_z(text: str | None) -> str | None:
    """Return one of Azure's times as reports write it: its instance views end with `+00:00`, all else with `Z`."""
    return text.removesuffix("+00:00") + "Z" if text and text.endswith("+00:00") else text


def readable(text: str) -> str:
    """Return a time as a sentence carries it: `2026-11-23 10:00:00 UTC`; what is no time, as it stands."""
    moment = parse_azure_time(text)
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else text


def utc_text(moment: datetime) -> str:
    """Return *moment* as the JSON of status and report writes it: `2026-11-23T10:00:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
