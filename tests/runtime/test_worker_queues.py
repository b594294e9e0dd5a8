"""Which task queues a worker serves, and how long their workflow tasks wait for the one that knows the workflow."""

from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from activities.fleet import FleetActivities
from migration import names
from tests.conftest import own_client
from worker import workers

OF_WORKFLOWS = {names.WORKFLOW_TASK_QUEUE, names.FLEET_TASK_QUEUE, names.CLAIM_TASK_QUEUE}


async def test_a_worker_serves_each_queue(dev_server: WorkflowEnvironment) -> None:
    """Plans of all sizes, claims, and what calls Azure; those of large plans wait for the worker that knows them."""
    client = await own_client(dev_server)
    activities = [FleetActivities(client).find_ended]
    served = workers(client, {queue: activities for queue in names.TASK_QUEUES if queue not in OF_WORKFLOWS})
    waits = {one.task_queue: one.config()["sticky_queue_schedule_to_start_timeout"] for one in served}

    assert set(names.TASK_QUEUES) == set(waits)
    assert waits[names.WORKFLOW_TASK_QUEUE] < timedelta(seconds=2) < waits[names.FLEET_TASK_QUEUE]
