"""What processes use while something runs: processor seconds, and memory at the beginning and at most."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass

import psutil

LOOK_SECONDS = 0.5


@dataclass
class Used:
    """What one process has used."""

    cpu_seconds: float = 0.0
    start_mib: float = 0.0
    most_mib: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """Return it for JSON."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


@contextlib.asynccontextmanager
async def metered(processes: Mapping[str, int]) -> AsyncIterator[dict[str, Used]]:
    """Meter processes, by name and id, until the block ends."""
    found = {name: Used() for name in processes}
    began = {name: look(pid) for name, pid in processes.items()}
    for name, (_, mib) in began.items():
        found[name].start_mib = mib

    def note() -> None:
        for name, pid in processes.items():
            cpu, mib = look(pid)
            if cpu:
                found[name].cpu_seconds = cpu - began[name][0]
                found[name].most_mib = max(found[name].most_mib, mib)

    async def keep_noting() -> None:
        while True:
            note()
            await asyncio.sleep(LOOK_SECONDS)

    noting = asyncio.create_task(keep_noting(), name="meter")
    try:
        yield found
    finally:
        noting.cancel()
        await asyncio.gather(noting, return_exceptions=True)
        note()


def loop_seconds() -> float:
    """Return how long ten million additions in Python take here: the best of three, to compare machines and days by."""
    return round(min(_loop() for _ in range(3)), 2)


def _loop() -> float:
    began, total = time.process_time(), 0
    for number in range(10_000_000):
        total += number
    return time.process_time() - began


def look(pid: int) -> tuple[float, float]:
    """Return the processor seconds and the memory in MiB of a process; zeros of one that is gone."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss / 2**20
    return 0.0, 0.0
