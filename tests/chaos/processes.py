"""What happens to processes while plans run: every plan of the batch meets it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.chaos import builds
from tests.chaos.stage import Stage
from tests.chaos.trials import MIGRATED, Trial
from tests.e2e.estates import Case

FROZEN_SECONDS = 40
"""Longer than the heartbeat timeout of a write and of a young wait, 30 s: the server gives the work to another."""
AWAY_SECONDS = 20

Deed = Callable[[Stage], Awaitable[None]]


async def kill_worker(stage: Stage) -> None:
    """SIGKILL the worker, and start another."""
    stage.worker.kill()
    await stage.worker.start()


async def kill_temporal(stage: Stage) -> None:
    """SIGKILL Temporal, and start it again on its database."""
    stage.server.kill()
    await stage.server.start()


async def temporal_away(stage: Stage) -> None:
    """Let Temporal be away for a while."""
    stage.server.kill()
    await asyncio.sleep(AWAY_SECONDS)
    await stage.server.start()


async def freeze_worker(stage: Stage) -> None:
    """SIGSTOP a worker for longer than its timeouts, while another goes on; then let it wake up."""
    frozen = stage.workers[0]
    other = stage.new_worker()
    await other.start()
    frozen.freeze()
    await asyncio.sleep(FROZEN_SECONDS)
    frozen.thaw()
    await asyncio.sleep(2)
    other.stop()


async def cut_off_worker(stage: Stage) -> None:
    """Cut a second worker off from Temporal for longer than its timeouts, and mend the wire."""
    async with stage.cut_off_worker() as (worker, proxy):
        await asyncio.sleep(4)
        proxy.cut()
        await asyncio.sleep(FROZEN_SECONDS)
        proxy.mend()
        await asyncio.sleep(2)
        worker.kill()


async def rolling_restart(stage: Stage) -> None:
    """Replace the worker every few seconds, as a deployment does."""
    for _ in range(4):
        fresh = stage.new_worker()
        await fresh.start()
        await asyncio.to_thread(stage.worker.stop)
        stage.worker = fresh
        await asyncio.sleep(3)


async def new_build(stage: Stage) -> None:
    """Replace the worker by one of another build, whose workflow does one thing more in the runs that it begins."""
    fresh = stage.new_worker()
    fresh.root = builds.new_build(stage.folder / "build")
    await fresh.start()
    await asyncio.to_thread(stage.worker.stop)
    stage.worker = fresh


async def disk_full(stage: Stage) -> None:
    """Replace the worker by one whose log cannot be written."""
    fresh = stage.new_worker(lost_disk=True)
    await fresh.start()
    await asyncio.to_thread(stage.worker.stop)
    stage.worker = fresh


DEEDS: dict[str, Deed] = {
    "worker killed": kill_worker,
    "worker frozen for 40 s, another goes on": freeze_worker,
    "worker cut off from Temporal for 40 s": cut_off_worker,
    "Temporal killed": kill_temporal,
    "Temporal away for 20 s": temporal_away,
    "workers replaced one after another": rolling_restart,
    "worker's disk is full": disk_full,
    "a new build with a changed workflow": new_build,
}


def batch(deed: str, machines: int) -> list[Trial]:
    """Return the plans that meet a deed, each in another phase."""
    word = "".join(letter for letter in deed.lower() if letter.isalnum())[:20]
    return [Trial(deed, Case(f"{word}-{index}"), MIGRATED) for index in range(machines)]
