"""What earlier runs of a workflow wrote down: histories answer a query as long as Temporal has them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.service import RPCError, RPCStatusCode

from activities.heartbeats import beating
from migration import names
from migration.earlier import Books, EarlierAnswer, EarlierRuns, joined
from migration.ledger_proof import digest
from migration.report import MemoKeys

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowExecutionDescription

_RUNS = 10
"""How far back a look goes: each run takes the ledger of those before it over."""
_QUERY_TIMEOUT = timedelta(seconds=20)
_LOOK_SECONDS = 0.2
_UNANSWERABLE = {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION}


class EarlierActivities:
    """Reads of runs that have ended, however they did."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def read_earlier_runs(self, request: EarlierRuns) -> EarlierAnswer:
        """Return what earlier runs of a workflow wrote down; a run whose history gives no answer is counted."""
        async with beating(list):
            return await read_runs(self._client, request.workflow_id, activity.info().workflow_run_id)


async def read_runs(client: Client, workflow_id: str, own_run_id: str | None = None) -> EarlierAnswer:
    """Return what the runs of a workflow wrote down, but for *own_run_id*."""
    books, unread = [], 0
    for run_id in await _run_ids(client, workflow_id):
        if run_id == own_run_id:
            continue
        answer = await _books(client, workflow_id, run_id)
        if answer is None:
            unread += 1
        else:
            books.append(answer)
    return joined(books, unread=unread)


async def latest_ledger(client: Client, workflow_id: str, until: float = 0.0) -> list[str] | None:
    """Return the digests of all that the latest run of a virtual machine's workflow wrote down; None: it does not say.

    One that has ended tells it in its memo: to answer a query, a worker would have to replay its whole history.
    *until*: how long, by the monotonic clock, it may take to close; a plan hears of the end a moment before.
    """
    while True:
        run = await described(client, workflow_id)
        if run is None:
            return []
        told: list[str] | None = (await run.memo()).get(MemoKeys.LEDGER)
        if told is not None:
            return told
        if run.status is not WorkflowExecutionStatus.RUNNING or time.monotonic() > until:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    books = await _books(client, workflow_id, None)
    return None if books is None else [digest(entry.id) for entry in books.entries]


async def described(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    """Return what Temporal tells of the latest run of a workflow; None where none was."""
    try:
        return await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _run_ids(client: Client, workflow_id: str) -> list[str]:
    """Return the newest runs, newest first; ids in quotes may hold no quote, and ours hold none."""
    found = [run async for run in client.list_workflows(f'WorkflowId = "{workflow_id}"', limit=5 * _RUNS)]
    found.sort(key=lambda run: run.start_time, reverse=True)
    return [run.run_id for run in found[:_RUNS]]


async def _books(client: Client, workflow_id: str, run_id: str | None) -> Books | None:
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    try:
        answer: Books = await handle.query(names.QUERY_LEDGER, result_type=Books, rpc_timeout=_QUERY_TIMEOUT)
    except (WorkflowQueryFailedError, WorkflowQueryRejectedError):
        return None
    except RPCError as error:
        if error.status in _UNANSWERABLE:
            return None
        raise
    return answer
