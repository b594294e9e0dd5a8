"""Many virtual machines that wait for their approval: a flood of queries, and the worker killed and started again.

``python -m benchmarks.waiting --vms 2000`` starts Temporal's server on a file, as `make up` does, and a worker with
production's workflows, settings and queues. Azure is left out: the tests' stand-ins answer in its place, so that what
is measured is Temporal, its worker and its clients. Every machine is found failed over by its first check, goes on to
its approval, and holds its look at both copies, as in a move. ``--plan N`` are moved by a plan, the others without.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from benchmarks.temporal import running
from migration import names
from migration.adoption import Adoption
from migration.findings import CheckVm, VmCheck
from migration.models import Progress
from migration.power import DEALLOCATED
from migration.waiting import CopiesWatched, WatchCopies
from runtime.temporal import connect
from tests.workflows.fakes import activities_of
from tests.workflows.scenes import APPROVER, make_plan, make_task, plan_input, source_of
from tests.workflows.world import World
from worker import workers

ROOT = Path(__file__).resolve().parents[1]
_AT_ONCE = 100
_QUERY_SECONDS = 8.0
_LOOK_SECONDS = 0.5
_HEARTBEAT_SECONDS = 60
_WAITING = f"{names.ATTRIBUTE_PHASE} = 'awaiting_approval' AND ExecutionStatus = 'Running'"


class HeldWatch:
    """The look at two copies, held and told of now and then, as the real one."""

    @activity.defn
    async def watch_copies(self, _request: WatchCopies) -> CopiesWatched:
        """Hold."""
        while True:
            activity.heartbeat(Progress(detail="one copy runs"))
            await asyncio.sleep(_HEARTBEAT_SECONDS)


@contextlib.asynccontextmanager
async def serving(client: Client) -> AsyncIterator[None]:
    """Run production's workers over stand-ins."""
    world = World()

    def found_failed_over(request: CheckVm) -> VmCheck:
        task = request.task
        world.protect(task)
        world.fail_over(task)
        adoption = Adoption(stage="failed_over", item_id=task.item_id, told="seen")
        return VmCheck(findings=[], source=source_of(task.vm, power_state=DEALLOCATED), adoption=adoption)

    world.script.on("check_vm", found_failed_over, when=lambda request: request.moment == "start", times=0)
    queues = activities_of(world)
    waits = [one for one in queues[names.WAIT_TASK_QUEUE] if one.__name__ != "watch_copies"]
    queues[names.WAIT_TASK_QUEUE] = [*waits, HeldWatch().watch_copies]
    async with contextlib.AsyncExitStack() as stack:
        for each in workers(client, queues):
            await stack.enter_async_context(each)
        yield


async def serve(address: str, ready: Path) -> None:
    """Run the workers until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with serving(await connect({"TEMPORAL_ADDRESS": address})):
        ready.touch()
        await stop.wait()


@dataclass
class Fleet:
    """The machines that wait, and who serves them."""

    client: Client
    folder: Path
    vms: list[WorkflowHandle[Any, Any]] = field(default_factory=list)
    plan: WorkflowHandle[Any, Any] | None = None
    worker: subprocess.Popen[bytes] | None = None

    async def start_worker(self) -> None:
        """Start a worker, and wait until it polls."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        address = self.client.service_client.config.target_host
        command = [sys.executable, "-m", "benchmarks.waiting", "--serve", address, "--ready", str(ready)]
        with (self.folder / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        while not ready.exists():
            if self.worker.poll() is not None:
                raise SystemExit((self.folder / "worker.log").read_text()[-2_000:])
            await asyncio.sleep(0.05)

    def kill_worker(self) -> None:
        """End the worker as a crash would."""
        if self.worker is not None and self.worker.poll() is None:
            os.kill(self.worker.pid, signal.SIGKILL)
            self.worker.wait()

    async def begin(self, vms: int, in_plan: int) -> None:
        """Start the machines, and wait until all of them wait for their approval."""
        if in_plan:
            plan = make_plan({"only": [f"planned-{number}" for number in range(in_plan)]})
            self.plan = await self.client.start_workflow(
                names.MIGRATE_PLAN,
                plan_input(plan),
                id=names.migrate_plan_id(plan.name),
                task_queue=names.WORKFLOW_TASK_QUEUE,
            )
            ids = [names.migrate_vm_id(plan.name, vm.name) for vm in plan.vms]
            self.vms = [self.client.get_workflow_handle(one) for one in ids]

        async def start(_number: int) -> None:
            task = make_task()
            handle = await self.client.start_workflow(
                names.MIGRATE_VM,
                task,
                id=names.migrate_vm_id(task.plan, task.vm.name),
                task_queue=names.WORKFLOW_TASK_QUEUE,
            )
            self.vms.append(handle)

        await _together(start, range(vms - in_plan))
        while (await self.client.count_workflows(_WAITING)).count < vms:
            await asyncio.sleep(_LOOK_SECONDS)

    async def all_answer(self) -> list[float]:
        """Ask each machine where it stands until it says; return after how many seconds each did."""
        began = time.monotonic()
        took: list[float] = []

        async def ask(handle: WorkflowHandle[Any, Any]) -> None:
            while True:
                try:
                    async with asyncio.timeout(_QUERY_SECONDS):
                        status = await handle.query(names.QUERY_STATUS)
                except (RPCError, TimeoutError):
                    continue
                if status["phase"] != "awaiting_approval":
                    raise SystemExit(f"{handle.id} is in phase {status['phase']}")
                took.append(time.monotonic() - began)
                return

        await _together(ask, self.vms)
        return took

    async def flood(self, handle: WorkflowHandle[Any, Any], queries: int) -> list[float]:
        """Send many queries to one workflow at once; return how long each took that was answered."""
        took: list[float] = []

        async def ask(_number: int) -> None:
            began = time.monotonic()
            with contextlib.suppress(RPCError):
                await handle.query(names.QUERY_STATUS)
                took.append(time.monotonic() - began)

        await _together(ask, range(queries))
        return took

    async def approve(self, handle: WorkflowHandle[Any, Any]) -> float:
        """Approve one machine; return how long the answer took that it counted."""
        began = time.monotonic()
        answer = await handle.execute_update(names.UPDATE_DECIDE_COMMIT, {"approver": APPROVER, "decision": "approve"})
        if not answer["counted"]:
            raise SystemExit(f"{handle.id}: {answer['reason']}")
        return time.monotonic() - began

    async def history_of(self, handle: WorkflowHandle[Any, Any]) -> dict[str, int]:
        """Return the length and the size of a history."""
        info = (await handle.describe()).raw_description.workflow_execution_info
        return {"events": info.history_length, "bytes": info.history_size_bytes}

    def worker_mib(self) -> int:
        """Return the memory of the worker."""
        assert self.worker is not None  # noqa: S101 - it runs
        return psutil.Process(self.worker.pid).memory_info().rss // 2**20

    def worker_cpu_seconds(self) -> float:
        """Return the processor time of the worker so far, which other work on the machine does not lengthen."""
        assert self.worker is not None  # noqa: S101 - it runs
        times = psutil.Process(self.worker.pid).cpu_times()
        return round(times.user + times.system, 1)


async def measure(fleet: Fleet, vms: int, in_plan: int, queries: int) -> dict[str, Any]:
    """Return every figure, by name."""
    await fleet.start_worker()
    began = time.monotonic()
    await fleet.begin(vms, in_plan)
    found: dict[str, Any] = {"vms": vms, "until_all_wait_seconds": round(time.monotonic() - began, 1)}
    found["worker_cpu_seconds_until_all_wait"] = fleet.worker_cpu_seconds()
    found["worker_mib_while_all_wait"] = fleet.worker_mib()
    one, whole = fleet.vms[0], fleet.plan
    before = found["history_of_a_vm"] = await fleet.history_of(one)
    found["flood_of_one_vm"] = _spread(await _timed(fleet.flood(one, queries)))
    if whole is not None:
        found["history_of_the_plan"] = await fleet.history_of(whole)
        found["flood_of_the_plan"] = _spread(await _timed(fleet.flood(whole, queries)))
    found["events_added_by_queries"] = (await fleet.history_of(one))["events"] - before["events"]
    fleet.kill_worker()
    began = time.monotonic()
    await fleet.start_worker()
    found["worker_polls_after_seconds"] = round(time.monotonic() - began, 1)
    took = await fleet.all_answer()
    found["all_answer_after_seconds"] = round(time.monotonic() - began, 1)
    found["half_answer_after_seconds"] = round(statistics.median(took), 1)
    found["worker_cpu_seconds_until_all_answer"] = fleet.worker_cpu_seconds()
    found["worker_mib_after_restart"] = fleet.worker_mib()
    found["approval_counts_after_seconds"] = round(await fleet.approve(fleet.vms[-1]), 2)
    if whole is not None:
        found["status_command_seconds"] = await _command(fleet, whole.id.partition("/")[2])
    return found


async def _command(fleet: Fleet, plan: str) -> float:
    """Return how long `starter.py status` of the plan takes."""
    began = time.monotonic()
    environment = {**os.environ, "TEMPORAL_ADDRESS": fleet.client.service_client.config.target_host}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "starter.py", "status", plan), cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait():
        raise SystemExit(f"starter.py status {plan} did not succeed")
    return round(time.monotonic() - began, 1)


async def _timed(flood: Awaitable[list[float]]) -> tuple[float, list[float]]:
    began = time.monotonic()
    took = await flood
    return time.monotonic() - began, took


def _spread(timed: tuple[float, list[float]]) -> dict[str, float]:
    seconds, took = timed
    ordered = sorted(took)
    return {
        "answered": len(took),
        "a_second": round(len(took) / seconds),
        "median_ms": round(1000 * statistics.median(ordered)),
        "slowest_ms": round(1000 * ordered[-1]),
    }


async def _together(do: Callable[[Any], Awaitable[None]], each: Any) -> None:
    permits = asyncio.Semaphore(_AT_ONCE)

    async def one(item: Any) -> None:
        async with permits:
            await do(item)

    await asyncio.gather(*(one(item) for item in each))


async def run(vms: int, in_plan: int, queries: int) -> dict[str, Any]:
    """Start everything, measure, and stop it."""
    with tempfile.TemporaryDirectory(prefix="waiting-benchmark-") as scratch:
        folder = Path(scratch)
        async with running(folder) as (client, server):
            fleet = Fleet(client, folder)
            try:
                found = await measure(fleet, vms, in_plan, queries)
            finally:
                fleet.kill_worker()
            found["temporal_mib"] = server.process.memory_info().rss // 2**20
            return found


def main() -> int:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting", description=__doc__)
    parser.add_argument("--vms", type=int, default=2_000)
    parser.add_argument("--plan", type=int, default=50, help="how many of them a plan moves")
    parser.add_argument("--queries", type=int, default=2_000, help="how many a flood has")
    parser.add_argument("--serve", metavar="ADDRESS", help=argparse.SUPPRESS)
    parser.add_argument("--ready", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.ready))
        return 0
    found = asyncio.run(run(given.vms, given.plan, given.queries))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
