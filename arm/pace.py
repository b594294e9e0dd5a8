"""How long a wait can do without a new reading, so that an end is seen within 2 % of what took so long, or 5 seconds.

Seconds are those of the wall where the floor is :data:`FLOOR_SECONDS`; with a lower floor, where Azure's clock runs
faster than ours, all of them are as much shorter. What cannot end yet is read more rarely: a job sooner than the
shortest of its kind that was ever recorded, a first copy whose state still is "in progress", after which it waits for
its first recovery point. These pauses grow with the wait, so that a belief that is wrong costs a part of its time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arm.reads import Json

FLOOR_SECONDS = 2.0
USUAL_SECONDS = 3.6
"""Five seconds, less what the reading itself may take."""
SHARE_OF_AGE = 0.018
"""Two in a hundred, less the same."""
SOONEST_SECONDS = {
    "CreateSite": 45.0,
    "UnplannedFailover": 100.0,
    "EnableDr": 230.0,
    "TestFailover": 115.0,
    "TestFailoverCleanup": 45.0,
    "SwitchReplicationGroupProtection": 290.0,
    "DisableDr": 75.0,
    "PurgeDr": 75.0,
}
"""Three quarters of the shortest recorded job of each kind; what is known as a disabling may turn out a purge."""
QUIET_SECONDS, URGENT_QUIET_SECONDS = 30.0, 10.0
"""How late a job is noticed at most that fails before it could have ended well; the second of a failover's."""
_URGENT = {"UnplannedFailover"}
BEFORE_POINT_SECONDS = 240.0
"""What passes between the end of a copy and its first recovery point: they are made every five minutes."""
_COPYING = "InitialReplicationInProgress"

Pace = Callable[["Json | None", float], float]
"""From what was read last and the age of the wait, in seconds, to the seconds until the next reading."""


def steady(_document: Json | None, age: float) -> float:
    """Return the pause of a wait that may end at any time."""
    return max(USUAL_SECONDS, SHARE_OF_AGE * age)


def of_job(scenario: str) -> Pace:
    """Return the pace of a wait for a job of this scenario."""
    soonest = SOONEST_SECONDS.get(scenario, 0.0)
    quiet = URGENT_QUIET_SECONDS if scenario in _URGENT else QUIET_SECONDS

    def pace(document: Json | None, age: float) -> float:
        usual = steady(document, age)
        return max(usual, min(age / 2, quiet, soonest - age))

    return pace


def of_copy(document: Json | None, age: float) -> float:
    """Return the pause of a wait for the first copy: its state says when the end is near."""
    usual = steady(document, age)
    copying = ((document or {}).get("properties") or {}).get("protectionState") == _COPYING
    return max(usual, min(age / 4, BEFORE_POINT_SECONDS) + SHARE_OF_AGE * age) if copying else usual
