"""The real parts, as processes: a simulator, Temporal's development server, workers that can be killed."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError

from migration import names
from migration.inputs import MigratePlanInput
from migration.report import PlanReport, VmReport, VmStatus
from tests.e2e.estates import APPROVER, REQUESTER, Case
from tests.support.forked import Start, popen
from tests.support.sim import Simulator

ROOT = Path(__file__).resolve().parents[2]
Report = TypeVar("Report", VmReport, PlanReport)
_PHASE = SearchAttributeKey.for_keyword(names.ATTRIBUTE_PHASE)
_LIST_SECONDS = 0.25
_QUICK = ("verifying", "committing")
_ASKED = 6
"""How often a report is asked for; Temporal answers after ten seconds that nobody does."""


class WorkerProcess:
    """`python worker.py`, as an operator runs it."""

    def __init__(
        self,
        simulator: Simulator,
        temporal_address: str,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        start: Start = popen,
    ) -> None:
        self._folder = folder
        self._begin = start
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "TEMPORAL_"))},
            **simulator.environment,
            "TEMPORAL_ADDRESS": temporal_address,
            "POLL_FLOOR_SECONDS": "0.15",
            "INTENT_SETTLE_SECONDS": "3",
            "LOG_FORMAT": "json",
            "WORKER_READY_FILE": str(folder / "worker.ready"),
            **(environment or {}),
        }
        self.root = ROOT
        """The clone, or the copy of it, whose code runs."""
        self.log = folder / "worker.log"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it polls."""
        ready = self._folder / "worker.ready"
        ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            command = [sys.executable, "worker.py"]
            self.process = self._begin(command, cwd=self.root, env=self._environment, stdout=log, stderr=log)
        await until(ready.exists, "the worker polls", seconds=90)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """Stop it as an operator would, and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


class Stack:
    """What a case runs on."""

    def __init__(self, simulator: Simulator, client: Client, worker: WorkerProcess) -> None:
        self.simulator = simulator
        self.client = client
        self.worker = worker
        self._listing = asyncio.Lock()
        self._listed: dict[str, str] = {}
        self._listed_at = 0.0

    @classmethod
    @contextlib.asynccontextmanager
    async def run(
        cls, client: Client, seed: dict[str, Any], speed: float = 60, environment: Mapping[str, str] | None = None
    ) -> AsyncIterator[Self]:
        """Start a simulator and a worker, with more in its *environment*, beside the Temporal server of *client*."""
        with tempfile.TemporaryDirectory(prefix="e2e-") as scratch, Simulator(seed=seed, speed=speed) as simulator:
            worker = WorkerProcess(simulator, client.service_client.config.target_host, Path(scratch), environment)
            await worker.start()
            try:
                yield cls(simulator, client, worker)
            finally:
                worker.stop()

    async def start(self, case: Case) -> WorkflowHandle[Any, Any]:
        """Start the plan of *case*."""
        return await self.client.start_workflow(
            names.MIGRATE_PLAN,
            MigratePlanInput(plan=case.plan, requester=REQUESTER),
            id=names.migrate_plan_id(case.name),
            task_queue=names.WORKFLOW_TASK_QUEUE,
        )

    def plan(self, case: Case) -> WorkflowHandle[Any, Any]:
        """Return the handle of the plan of *case*."""
        return self.client.get_workflow_handle(names.migrate_plan_id(case.name))

    def vm(self, case: Case, vm: str = "vm") -> WorkflowHandle[Any, Any]:
        """Return the handle of a virtual machine of *case*."""
        return self.client.get_workflow_handle(names.migrate_vm_id(case.name, vm))

    async def status(self, case: Case, vm: str = "vm") -> VmStatus | None:
        """Return the status of a virtual machine, None before it began or while nobody answers."""
        try:
            async with asyncio.timeout(5):
                status: VmStatus = await self.vm(case, vm).query(names.QUERY_STATUS, result_type=VmStatus)
                return status
        except Exception:  # noqa: BLE001 - not there yet, or its worker has just been killed
            return None

    async def reach(self, case: Case, phase: str, vm: str = "vm", seconds: float = 600) -> VmStatus:
        """Wait until a virtual machine is in *phase*."""
        found: list[VmStatus] = []

        async def reached() -> bool:
            # A query costs the worker that serves all cases; for what passes quickly the list comes too late.
            listed = phase in _QUICK or (await self._phases()).get(names.migrate_vm_id(case.name, vm)) == phase
            status = await self.status(case, vm) if listed else None
            if status is not None and status.phase == phase:
                found.append(status)
            return bool(found)

        pause = 0.05 if phase in _QUICK else _LIST_SECONDS
        await until(reached, f"{case.name}/{vm} is {phase}", seconds=seconds, pause=pause)
        return found[0]

    async def _phases(self) -> dict[str, str]:
        """Return the phase of each machine's workflow by its id: one list for all who wait, as old as their pause."""
        async with self._listing:
            if time.monotonic() - self._listed_at >= _LIST_SECONDS:
                listed = self.client.list_workflows(f"WorkflowType = '{names.MIGRATE_VM}'")
                runs = sorted([one async for one in listed], key=lambda one: one.start_time)
                # Of the runs of one id the last counts: it comes last.
                self._listed = {one.id: str(one.typed_search_attributes.get(_PHASE)) for one in runs}
                self._listed_at = time.monotonic()
            return self._listed

    async def decide(self, case: Case, signal_name: str = names.SIGNAL_APPROVE_COMMIT, vm: str = "vm") -> None:
        """Wait for the approval's turn, and approve or reject by signal."""
        await self.reach(case, "awaiting_approval", vm)
        await self.vm(case, vm).signal(signal_name, {"approver": APPROVER})

    async def resolve(self, case: Case, action: str, vm: str = "vm") -> None:
        """Move on a virtual machine that waits for a person."""
        message = {"action": action, "by": "operator", "reason": "a test"}
        await self.vm(case, vm).execute_update(names.UPDATE_RESOLVE, message)

    async def report(self, case: Case, vm: str = "vm") -> VmReport:
        """Return the report of a virtual machine."""
        return await reported(self.vm(case, vm), VmReport)

    async def plan_report(self, case: Case) -> PlanReport:
        """Return the plan's own part of the report."""
        return await reported(self.plan(case), PlanReport)


async def reported(handle: WorkflowHandle[Any, Any], kind: type[Report]) -> Report:
    """Ask a workflow for its report until somebody answers: the worker may be killed meanwhile, for another case."""
    for _ in range(_ASKED):
        with contextlib.suppress(RPCError):
            answer: Report = await handle.query(names.QUERY_REPORT, result_type=kind)
            return answer
    message = f"nobody answered {_ASKED} queries for the report of {handle.id}"
    raise AssertionError(message)


async def until(
    condition: Callable[[], bool | Awaitable[bool]], what: str, *, seconds: float = 60, pause: float = 0.1
) -> None:
    """Await *condition*, looking every *pause* seconds; say *what* was awaited when it does not come true."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                held = condition()
                if held if isinstance(held, bool) else await held:
                    return
                await asyncio.sleep(pause)
    except TimeoutError:
        message = f"waiting {seconds:g} s until {what}"
        raise AssertionError(message) from None
