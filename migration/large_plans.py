"""From which size on a plan is treated otherwise than one of few virtual machines."""

from datetime import timedelta

from migration.names import FLEET_TASK_QUEUE, WORKFLOW_TASK_QUEUE

EACH = 50
"""A plan of more virtual machines is told by wave, and reckons no estimates in a replay."""
LARGE = 100
"""A plan of more virtual machines has a task queue of its own, and waits that beat more rarely from their beginning."""
_MANY = 500
_TASK_TIMEOUT, _TASK_TIMEOUT_EACH = timedelta(seconds=10), timedelta(milliseconds=10)


def task_timeout(machines: int) -> timedelta | None:
    """Return how long one step of a workflow for so many machines may take; None: as long as it was, or ten seconds.

    A worker that does not know the run of thousands goes through its history first, for seconds where it is quick; one
    that is slow would begin again for ever. So a thousand have 20 s, five thousand a minute, and not all of them that:
    a step that is lost, with its worker or on its way to it, is missed for as long. Few machines have the default.
    """
    return _TASK_TIMEOUT + machines * _TASK_TIMEOUT_EACH if machines > _MANY else None


def workflow_task_queue(machines: int) -> str:
    """Return the task queue of the workflows of a plan of so many machines."""
    return FLEET_TASK_QUEUE if machines > LARGE else WORKFLOW_TASK_QUEUE
