"""Temporal's own server, as `make up` runs it, and what its histories cost."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from runtime.embedded_programs import free_port, temporal_program
from runtime.temporal import connect, ensure_search_attributes

STOP_SECONDS = 10
_ACTIONS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: 1,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: 1,
    EventType.EVENT_TYPE_TIMER_STARTED: 1,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: 1,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: 1,
}
"""What Temporal Cloud bills (docs: evaluate/cloud/actions). A child is two: one here, one as its own start."""
_HEARTBEATS = re.compile(r'^service_requests\{.*operation="RecordActivityTaskHeartbeat".*\} ([0-9.e+]+)$', re.MULTILINE)


@dataclass(frozen=True)
class Server:
    """A running server."""

    address: str
    process: psutil.Process
    metrics_port: int

    async def heartbeats(self) -> float:
        """Return how many heartbeats have reached it."""
        text = await asyncio.to_thread(_read, f"http://127.0.0.1:{self.metrics_port}/metrics")
        return sum(float(number) for number in _HEARTBEATS.findall(text))


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Client, Server]]:
    """Run Temporal's server on a file, as `make up` does; yield a client, and the server."""
    port, metrics = free_port(), free_port()
    command = [
        *(temporal_program(), "server", "start-dev", "--headless", "--ip", "127.0.0.1"),
        *("--port", str(port), "--metrics-port", str(metrics), "--log-level", "never"),
        *("--db-filename", str(folder / "temporal.sqlite")),
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=off"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"127.0.0.1:{port}"
        yield await _client(address), Server(address, psutil.Process(process.pid), metrics)
    finally:
        process.kill()
        process.wait(STOP_SECONDS)


def actions(history: WorkflowHistory) -> int:
    """Return how many actions a history was billed for; heartbeats and queries are in none."""
    total = 0
    for event in history.events:
        total += _ACTIONS.get(event.event_type, 0)
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            total += event.activity_task_started_event_attributes.attempt - 1
    return total


def by_kind(history: WorkflowHistory) -> dict[str, int]:
    """Return how many events of each kind a history has."""
    return dict(Counter(EventType.Name(event.event_type) for event in history.events))


def _read(address: str) -> str:
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - of loopback
        text: str = answer.read().decode("utf-8", "replace")
        return text
    return ""


async def _client(address: str) -> Client:
    while True:
        with contextlib.suppress(Exception):
            client = await connect({"TEMPORAL_ADDRESS": address}, timeout_seconds=2)
            await ensure_search_attributes(client)
            return client
        await asyncio.sleep(0.2)
