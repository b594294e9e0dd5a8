"""The way to Temporal: connected within seconds, or said which address was tried."""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError

from console.errors import UnreachableError
from console.session import Session
from migration.names import WORKFLOW_TASK_QUEUE
from runtime.temporal import connect, worker_polls

ANSWER_WITHIN_SECONDS = 7.0
"""What cannot be reached is said within ten seconds of the command, also by a busy machine that starts it slowly."""
_LEAST_SECONDS = 3.0
QUERY_TIMEOUT = timedelta(seconds=4)
"""A query that no worker answers would wait for its whole deadline."""
BUSY_QUERY_TIMEOUT = timedelta(seconds=30)
"""The same where a worker has just answered: it may be busy, and reads a whole history for a workflow that ended."""
RPC_TIMEOUT = timedelta(seconds=8)
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Link:
    """A connected client, where it is connected to, and when the command that uses it began (monotonic)."""

    client: Client
    address: str
    began: float


async def open_link(session: Session) -> Link:
    """Return a link to the Temporal server that the environment names.

    Raises:
        TemporalError: it cannot be reached; names the address.
    """
    within = _seconds_left(session.began)
    client = await connect(session.environment, runtime=_quiet_runtime(), timeout_seconds=within)
    return Link(client, client.service_client.config.target_host, session.began)


async def has_worker(link: Link, task_queue: str = WORKFLOW_TASK_QUEUE) -> bool:
    """Whether a worker has polled of late; a server that cannot say counts as no."""
    try:
        return await worker_polls(link.client, task_queue)
    except RPCError:
        return False


async def require_worker(link: Link, task_queue: str = WORKFLOW_TASK_QUEUE) -> None:
    """Wait for a worker, but no longer than a person who mistyped an address should.

    Raises:
        UnreachableError: no worker polls.
    """
    deadline = time.monotonic() + _seconds_left(link.began)
    while not await has_worker(link, task_queue):
        if time.monotonic() > deadline:
            raise no_worker(link, task_queue)
        await asyncio.sleep(_POLL_SECONDS)


def no_worker(link: Link, task_queue: str = WORKFLOW_TASK_QUEUE) -> UnreachableError:
    """Return the error of a Temporal server without a worker of ours."""
    return UnreachableError(
        f'waiting for a worker on task queue "{task_queue}" of the Temporal server at {link.address} '
        f'(namespace "{link.client.namespace}"): none polls; start one with `make up` or `python worker.py`'
    )


def _seconds_left(began: float) -> float:
    """Return how long an answer may be waited for; a little, however long the command took to come here."""
    return max(_LEAST_SECONDS, began + ANSWER_WITHIN_SECONDS - time.monotonic())


def _quiet_runtime() -> Runtime:
    """Return a runtime whose core keeps its own retries to itself; what matters reaches us as an error."""
    return Runtime(telemetry=TelemetryConfig(logging=None))
