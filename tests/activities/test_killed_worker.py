"""A worker is killed, or suspended, while Azure is taking its write."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from activities.failover import FailoverActivities
from arm.watcher import Watchers
from migration.requests import StartFailover
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from temporalio.testing import WorkflowEnvironment

    from tests.activities.stage import Case, Stage


@pytest.fixture
def doomed(dev_server: WorkflowEnvironment, stage: Stage) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Return a worker in a process of its own, and its queue."""
    queue, address = f"doomed-{uuid.uuid4()}", dev_server.client.service_client.config.target_host
    command = [sys.executable, "-m", "tests.activities.doomed_worker", address, queue, json.dumps(stage.sim.ready)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    yield process, queue
    process.kill()
    process.wait()
    process.stdout.close()


async def test_a_killed_workers_failover_is_adopted(stage: Stage, doomed: tuple[subprocess.Popen[str], str]) -> None:
    """SIGKILL after Azure took the POST, before its answer came: the next attempt finds the job and sends nothing."""
    process, queue = doomed
    case = await _protected(stage)
    answer, before = await _begin(stage, case, queue)

    process.kill()
    async with Watchers(stage.azure) as watchers, stage.worker(watchers, queue):
        started = await answer

    assert 1 == len(stage.writes("unplannedFailover", before))
    assert started["started"]["job"]["id"]


async def test_a_suspended_worker_writes_nothing_when_it_wakes_up(
    stage: Stage, doomed: tuple[subprocess.Popen[str], str]
) -> None:
    """SIGSTOP between its reading and its write, a second attempt, then SIGCONT: it learns that it is superseded."""
    process, queue = doomed
    case = await _protected(stage)
    stage.sim.fault({"kind": "hang", "seconds": 4}, method="GET", path=f"{case.name}$", times=1)
    before = stage.mark
    handle = await stage.start(
        FailoverActivities.start_failover, StartFailover(task=case.task), heartbeat_seconds=2.0, queue=queue
    )
    await _until(lambda: [line for line in stage.sim.requests(before) if line["path"].endswith(case.name)])

    process.send_signal(signal.SIGSTOP)
    async with Watchers(stage.azure) as watchers, stage.worker(watchers, queue):
        await handle.result()
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(3)

    assert 1 == len(stage.writes("unplannedFailover", before))


async def _protected(stage: Stage) -> Case:
    case = stage.arrange()
    await stage.protect(case)
    return case


async def _begin(stage: Stage, case: Case, queue: str) -> tuple[asyncio.Task[Any], int]:
    """Start a failover whose answer hangs, and return once Azure has taken it."""
    stage.sim.fault({"kind": "hang", "seconds": 30}, method="POST", path=f"{case.name}/unplannedFailover$")
    before = stage.mark
    request = StartFailover(task=case.task)
    handle = await stage.start(FailoverActivities.start_failover, request, heartbeat_seconds=2.0, queue=queue)
    await _until(lambda: stage.writes("unplannedFailover", before))
    return asyncio.create_task(handle.result()), before


async def _until(condition: Any) -> None:
    async with asyncio.timeout(90):
        while not condition():
            await asyncio.sleep(0.05)
