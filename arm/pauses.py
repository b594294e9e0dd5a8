"""How long Azure asks to be left alone: the header `Retry-After`, in seconds or as a date, within bounds."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_PAUSE_SECONDS = 300.0


def pause_seconds(retry_after: str | None, default: float, date: str | None = None) -> float:
    """Return the seconds that a `Retry-After` header asks for, between 1 and 300; *default* where it is unreadable.

    A date counts from the answer's own *date*: the clocks of this machine and of Azure may differ.
    """
    try:
        seconds = float(retry_after or default)
    except ValueError:
        seconds = _until(retry_after, date, default)
    if math.isnan(seconds):
        seconds = default
    return min(max(seconds, 1.0), LONGEST_PAUSE_SECONDS)


def pause_asked(headers: Mapping[str, str], default: float) -> float:
    """Return the seconds for which the headers of an answer ask, as `pause_seconds`."""
    return pause_seconds(headers.get("Retry-After"), default, headers.get("Date"))


def _until(retry_after: str | None, date: str | None, default: float) -> float:
    """Return the seconds from one date of HTTP to another."""
    if not retry_after or not date:
        return default
    try:
        return (parsedate_to_datetime(retry_after) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return default
