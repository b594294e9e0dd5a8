"""From which size on a plan is treated otherwise than one of few virtual machines."""

from datetime import timedelta

EACH = 50
"""A plan of more virtual machines is told by wave, and reckons no estimates in a replay."""
_MANY = 500
_MANY_TASK_TIMEOUT = timedelta(minutes=1)


def task_timeout(machines: int) -> timedelta | None:
    """Return how long one step of a workflow for so many machines may take; None: as long as it was, or ten seconds.

    A worker that does not know the run of thousands goes through its history first, for seconds where it is quick; one
    that is slow would begin again for ever. Few machines have the default, after which another worker goes on for one
    that is lost at it.
    """
    return _MANY_TASK_TIMEOUT if machines > _MANY else None
