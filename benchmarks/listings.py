"""How long the worker's event loop is kept from its heartbeats while thousands wait for what a vault lists.

``python -m benchmarks.listings --items 5000`` starts a simulator with so many protected items in one vault, and lets as
many waits follow them by production's watcher. A task that wants to run every few milliseconds measures how late it
comes, which is how late a heartbeat would be, and what the loop has worked meanwhile: other work on the machine makes
it late as well, but does not block it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from arm.clients import AzureClients
from arm.credentials import AzureAccess
from arm.limiter import Budget, Limiter
from arm.watcher import Watchers
from benchmarks.simulator import API_VERSION, Simulator, estate
from migration.telemetry import Call
from runtime.logs import configure_logging
from runtime.memory import spare_imported

GOAL_SECONDS = 0.05
_EVERY_SECONDS = 0.002
_AT_ONCE = 50


class Late:
    """How late a task comes that wants to run all the time."""

    def __init__(self) -> None:
        self.longest = self.worked = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_EVERY_SECONDS)
            self.worked = max(self.worked, time.thread_time() - worked)
            self.longest = max(self.longest, time.perf_counter() - began - _EVERY_SECONDS)


class Requests:
    """Counts the requests of the watcher."""

    def __init__(self) -> None:
        self.count = 0

    def called(self, _call: Call) -> None:
        """Count one."""
        self.count += 1


async def follow(watchers: Watchers, item: str, readings: int) -> None:
    """Wait for one item until so many readings have come."""
    with watchers.following(item) as subscription:
        for _ in range(readings):
            await subscription.next()


async def watch(simulator: Simulator, items: list[str], readings: int) -> dict[str, Any]:
    """Return what it costs that all items are waited for."""
    ready = simulator.ready
    access = AzureAccess(
        endpoint=ready["endpoint"],
        authority=ready["endpoint"],
        tenant_id=ready["tenant_id"],
        client_id=ready["client_id"],
        client_secret=ready["client_secret"],
        ca_bundle=ready["ca_file"],
    )
    late, requests = Late(), Requests()
    # Without a limit of the rate the pages follow each other as closely as they can: the worst for the loop.
    async with AzureClients(access, Limiter(Budget(reads_per_second=10_000)), [requests]) as azure:
        await azure.sign_in()
        async with Watchers(azure, 0.1) as watchers:
            began, used = time.perf_counter(), time.process_time()
            waits = []
            for number, item in enumerate(items):
                waits.append(asyncio.create_task(follow(watchers, item, readings)))
                if number % _AT_ONCE == 0:  # as they come in a fleet: not all at one moment
                    await asyncio.sleep(0)
            measuring = asyncio.create_task(late.run())
            await asyncio.gather(*waits)
            seconds, processor = time.perf_counter() - began, time.process_time() - used
            measuring.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await measuring
    return {
        "waits": len(items),
        "readings_each": readings,
        "requests": requests.count,
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        "longest_delay_milliseconds": round(late.longest * 1e3, 1),
        "longest_block_milliseconds": round(late.worked * 1e3, 1),
    }


def measure(count: int, readings: int) -> dict[str, Any]:
    """Return every figure, by name."""
    with tempfile.TemporaryDirectory(prefix="listings-benchmark-") as scratch:
        file, vault, _ = estate(Path(scratch), count, count)
        with Simulator(file, Path(scratch) / "state") as simulator:
            page = json.loads(simulator.read(f"{vault}/replicationProtectedItems?{API_VERSION}"))
            bytes_each = len(json.dumps(page["value"][0]))
            seed = json.loads(file.read_text(encoding="utf-8"))
            items = [one["id"] for one in seed["resources"] if "/replicationProtectedItems/" in one["id"]]
            figures = asyncio.run(watch(simulator, items, readings))
    return {**figures, "entries_a_page": len(page["value"]), "bytes_an_entry": bytes_each}


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 0 where the goal is met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.listings", description=__doc__)
    parser.add_argument("--items", type=int, default=5_000, help="protected items that are waited for (default 5,000)")
    parser.add_argument("--readings", type=int, default=3, help="listings read (default 3)")
    given = parser.parse_args(argv)
    configure_logging("console", "warning")
    spare_imported()
    figures = measure(given.items, given.readings)
    figures["goal_milliseconds"] = round(GOAL_SECONDS * 1e3)
    sys.stdout.write("".join(f"{name.replace('_', ' ')}: {value}\n" for name, value in figures.items()))
    return 0 if figures["longest_block_milliseconds"] <= GOAL_SECONDS * 1e3 else 1


if __name__ == "__main__":
    sys.exit(main())
