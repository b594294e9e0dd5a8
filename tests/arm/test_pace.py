"""How often waits read: an end is seen within 2 % of its time or 5 seconds, at no more reads than that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from arm.pace import of_copy, of_job, steady

if TYPE_CHECKING:
    from collections.abc import Callable

    from arm.pace import Pace
    from arm.reads import Json

READING_SECONDS = 0.3
"""What a reading takes, about."""


def _nothing_to_see(_age: float) -> Json | None:
    return None


def walk(pace: Pace, ends: float, shown: Callable[[float], Json | None] = _nothing_to_see) -> tuple[int, float]:
    """Return how many readings see the end of a wait, and how late; *shown* is what is read at an age."""
    age, count = 0.0, 1
    while age < ends:
        age += pace(shown(age), age) + READING_SECONDS
        count += 1
    return count, (age - ends) / max(5.0, 0.02 * ends)


def copy_of(seconds: float, pending: float) -> Callable[[float], Json]:
    """Return what is shown of a first copy that waits for its recovery point at its end."""

    def shown(age: float) -> Json:
        state = "InProgress" if age < seconds - pending else "RecoveryCompletionPending"
        return {"properties": {"protectionState": f"InitialReplication{state}"}}

    return shown


@pytest.mark.parametrize(
    ("pace", "seconds", "reads"),
    [
        (steady, 30, 9),
        (steady, 3_600, 220),
        (of_job("UpdateVmProperties"), 12, 5),
        (of_job("CommitFailover"), 38, 11),
        (of_job("UnplannedFailover"), 139, 31),
        (of_job("EnableDr"), 310, 33),
        (of_job("EnableDr"), 425, 49),
        (of_job("PurgeDr"), 105, 18),
        (of_job("DisableDr"), 105, 19),
        (of_job("TestFailover"), 158, 22),
        (of_job("TestFailoverCleanup"), 60, 12),
        (of_job("SwitchReplicationGroupProtection"), 390, 35),
        (of_job("CreateSite"), 65, 14),
    ],
)
def test_the_end_of_a_job_is_seen_in_time(pace: Pace, seconds: float, reads: int) -> None:
    """Whenever it ends, within the range that was recorded; what cannot end yet costs few reads."""
    ends = [seconds + 0.37 * step for step in range(30)]
    seen = [walk(pace, end) for end in ends]

    assert max(late for _, late in seen) <= 1
    assert max(count for count, _ in seen) <= reads + 4


@pytest.mark.parametrize("seconds", [0.5, 5, 20, 60, 120])
def test_a_job_that_fails_early_is_noticed(seconds: float) -> None:
    """A job that ends before any was seen to is noticed after at most half of its time, or half a minute."""
    _, late = walk(of_job("EnableDr"), seconds)

    assert late * 5 <= max(5.0, min(0.5 * seconds, 30.0) + READING_SECONDS)


@pytest.mark.parametrize(
    ("seconds", "pending", "reads"),
    [(300, 90, 35), (1_200, 360, 40), (3_600, 360, 40), (21_600, 360, 75), (86_400, 360, 150)],
)
def test_a_first_copy_costs_few_reads(seconds: float, pending: float, reads: int) -> None:
    """Six hours cost 75 reads, and the end is seen in time all the same: the state tells that it is near."""
    seen = [walk(of_copy, end, copy_of(end, pending)) for end in (seconds + step for step in range(40))]

    assert max(late for _, late in seen) <= 1
    assert max(count for count, _ in seen) <= reads


def test_a_first_copy_that_ends_without_a_word_is_seen_within_minutes() -> None:
    """Where no state says that the end is near, it is seen after five minutes and 2 % of its time."""
    seconds = 21_600.0
    _, late = walk(of_copy, seconds, copy_of(seconds, 0))

    assert late * 0.02 * seconds <= 300 + 0.02 * seconds
