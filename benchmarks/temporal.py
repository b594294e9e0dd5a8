"""Temporal's own server, as `make up` runs it, and what it counts."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from temporalio.client import Client

from runtime.embedded_programs import free_port, server_options, temporal_program
from runtime.temporal import connect, ensure_search_attributes

STOP_SECONDS = 10
_ACTION = re.compile(r'^action\{action_type="([^"]+)",namespace="default",.*\} ([0-9.e+]+)$', re.MULTILINE)
HEARTBEAT = "grpc_RecordActivityTaskHeartbeat"


@dataclass(frozen=True)
class Server:
    """A running server."""

    address: str
    process: psutil.Process
    metrics_port: int

    async def actions(self) -> dict[str, float]:
        """Return how many actions it has counted, by their kind: what Temporal Cloud bills."""
        text = await asyncio.to_thread(_read, f"http://127.0.0.1:{self.metrics_port}/metrics")
        return {kind: float(number) for kind, number in _ACTION.findall(text)}


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Client, Server]]:
    """Run Temporal's server on a file, as `make up` does; yield a client, and the server."""
    port, metrics = free_port(), free_port()
    command = [
        *(temporal_program(), "server", "start-dev", "--headless", "--ip", "127.0.0.1"),
        *("--port", str(port), "--metrics-port", str(metrics), "--log-level", "never"),
        *server_options(folder / "temporal.sqlite"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"127.0.0.1:{port}"
        yield await _client(address), Server(address, psutil.Process(process.pid), metrics)
    finally:
        process.kill()
        process.wait(STOP_SECONDS)


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
