"""What a wait has seen so far of one replication or job, and whether it stands still; the caller tells the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from migration.models import Halt, Progress

PATIENCE_SECONDS = 3600.0
"""How long nothing may change before that is told, where nobody says how long things take."""
LEAST_PATIENCE_SECONDS = 60.0
SHARE_OF_WORST = 0.75
"""Recorded copies stayed at one percentage for up to 70 % of their time."""
RISING_SECONDS = 900.0
"""Site Recovery makes a recovery point every five minutes: an RPO that grows for three of them does not come back."""
_QUARTER = 25


@dataclass
class Course:
    """The course of one wait. *patience_seconds*: how long no change is nothing unusual."""

    patience_seconds: float = PATIENCE_SECONDS
    rising_seconds: float = RISING_SECONDS
    quarters: bool = True
    """Whether each quarter of the way is news; of a job it is not, whose tasks follow each other within minutes."""
    _percent: int | None = None
    _moved_at: float | None = None
    _fallen_at: float | None = None
    _last_rpo: int | None = None
    _told: tuple[Halt | None, int] | None = field(default=None, repr=False)

    def see(self, at: float, reading: Progress, errors: Sequence[str] = ()) -> Progress:
        """Take a reading *at* a moment (seconds of any one clock), and return what there is to tell."""
        percent, rpo_seconds = reading.percent, reading.rpo_seconds
        if self._moved_at is None or percent != self._percent:
            self._percent, self._moved_at = percent, at
        if self._fallen_at is None or rpo_seconds is None or rpo_seconds <= (self._last_rpo or 0):
            self._fallen_at = at
        self._last_rpo = rpo_seconds
        stuck, reason = self._why(at, errors)
        return reading.model_copy(update={"stuck": stuck, "reason": reason})

    def is_news(self, progress: Progress) -> bool:
        """Tell whether the workflow should hear of it: it came to stand still, goes on, or is a quarter farther.

        Each costs its history four events.
        """
        now = (progress.stuck, (progress.percent or 0) // _QUARTER if self.quarters else 0)
        news = now != (self._told or (None, 0))
        self._told = now
        return news

    def _why(self, at: float, errors: Sequence[str]) -> tuple[Halt | None, str]:
        if errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            return "health_error", f"Site Recovery reports {errors[0]}{more}"
        assert self._moved_at is not None and self._fallen_at is not None  # noqa: S101, PT018 - `see` has set them
        if at - self._fallen_at >= self.rising_seconds:
            return "rpo_rising", f"the RPO has been rising for {_span(at - self._fallen_at)}, to {self._last_rpo} s"
        if at - self._moved_at >= self.patience_seconds:
            stands = "no percentage" if self._percent is None else f"{self._percent} %"
            return "no_progress", f"no progress for {_span(at - self._moved_at)}: it stays at {stands}"
        return None, ""


def patience(worst_seconds: float | None) -> float:
    """Return how long no change is nothing unusual in what takes at worst so long."""
    if worst_seconds is None:
        return PATIENCE_SECONDS
    return max(LEAST_PATIENCE_SECONDS, worst_seconds * SHARE_OF_WORST)


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
