"""What a workflow of many virtual machines needs more of than one of few."""

from datetime import timedelta

_MANY = 500
_MANY_TASK_TIMEOUT = timedelta(minutes=1)


def task_timeout(machines: int) -> timedelta | None:
    """Return how long a workflow that moves so many machines may take for one step; None: Temporal's ten seconds.

    A worker that does not know the run of thousands goes through its history first, for seconds where it is quick; one
    that is slow would begin again for ever. Few machines have the default, after which another worker goes on for one
    that is lost at it. Runs that go on for the first keep what it was given.
    """
    return _MANY_TASK_TIMEOUT if machines > _MANY else None
