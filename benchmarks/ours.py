"""The product as its users run it: Temporal's server, `worker.py`, `starter.py start`, and a person who approves.

Everything has the settings of a deployment. What it waits for by the wall's clock is told how fast Azure's clock runs:
the floor between two reads, how often progress is told, and ARM's requests a second, which a cloud that is ten times as
fast grants ten times as many of.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from benchmarks import cloudlog, temporal
from benchmarks.fleet import PLAN, TROUBLES
from benchmarks.meters import Used, metered
from benchmarks.programs import ProgramError, cloud_of, environment_of, process
from benchmarks.run import Run, Spec, figures_of, outcomes_of
from migration import names
from runtime.settings import Settings
from tests.e2e.estates import APPROVER
from tests.e2e.stack import WorkerProcess
from tests.support.sim import Simulator

UNLIMITED = 10_000.0
"""The most that the worker takes for a rate."""
SETTLE_SECONDS = 2.0
"""How long a worker that has just started is left alone before its memory is read."""
_LOOK_SECONDS = 0.1
"""How often a person looks for machines that wait; the more rarely the more there are."""
_LOOK_AT_SECOND = 2_000
_RESOLVE_SECONDS = 5.0
_AGAIN_SECONDS = 60.0
"""How long after an approval a machine that waits all the same is approved again, as where its evidence changed."""
_AT_ONCE = 20
_DESCRIBED = 100
_TOLD = 3
_TOLD_OF = ("phase", "waiting_for", "needs_action", "last_refusal", "reason", "findings", "choices", "alarm")
_RPC = timedelta(seconds=10)


def worker_settings(spec: Spec) -> dict[str, str]:
    """Return the worker's settings for a cloud of this speed; the others are those of a deployment."""
    deployed = Settings()
    rates = {"READS": deployed.arm_reads_per_second, "WRITES": deployed.arm_writes_per_second}
    return {
        "POLL_FLOOR_SECONDS": f"{deployed.poll_floor_seconds / spec.speed:.6f}",
        "INTENT_SETTLE_SECONDS": f"{deployed.intent_settle_seconds:g}",
        "PROGRESS_SECONDS": f"{max(0.1, deployed.progress_seconds / spec.speed):.3f}",
        "AZURE_ACTIVITIES_PER_SECOND": f"{min(deployed.azure_activities_per_second * spec.speed, UNLIMITED):g}",
        "LOG_LEVEL": "warning",
        **{
            f"ARM_{kind}_PER_SECOND": f"{min(rate * spec.speed, UNLIMITED) if spec.limits else UNLIMITED:g}"
            for kind, rate in rates.items()
        },
    }


@dataclass
class Person:
    """Approves each machine as soon as it waits, and answers where one asks."""

    client: Client
    machines: int
    approved: dict[str, float] = field(default_factory=dict)
    """When the approval of each machine was first sent."""
    again: dict[str, float] = field(default_factory=dict)
    """When it was last sent, of those that had to be approved again."""
    asked: dict[str, float] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)

    async def attend(self) -> None:
        """Look again and again."""
        while True:
            with contextlib.suppress(RPCError):
                await self._approve(await self._in_phase("awaiting_approval"))
                await self._answer(await self._in_phase("needs_action"))
            await asyncio.sleep(_LOOK_SECONDS + self.machines / _LOOK_AT_SECOND)

    async def _in_phase(self, phase: str) -> list[str]:
        query = f"{names.ATTRIBUTE_PHASE} = '{phase}' AND ExecutionStatus = 'Running'"
        return [one.id async for one in self.client.list_workflows(query, rpc_timeout=_RPC)]

    async def _approve(self, waiting: list[str]) -> None:
        permits = asyncio.Semaphore(_AT_ONCE)

        async def approve(workflow_id: str) -> None:
            async with permits:
                vm = workflow_id.rpartition("/")[2]
                sent, now = self.again if vm in self.approved else self.approved, time.time()
                decision = {"approver": APPROVER, "comment": "measured"}
                await self.client.get_workflow_handle(workflow_id).signal(
                    names.SIGNAL_APPROVE_COMMIT, decision, rpc_timeout=_RPC
                )
                sent[vm] = now

        def is_due(workflow_id: str) -> bool:
            vm = workflow_id.rpartition("/")[2]
            return time.time() - self.again.get(vm, self.approved.get(vm, float("-inf"))) > _AGAIN_SECONDS

        await asyncio.gather(*(approve(one) for one in waiting if is_due(one)))

    async def _answer(self, asking: list[str]) -> None:
        """Let a machine that asks try once more, and then give it up."""
        now = time.monotonic()
        for workflow_id in asking:
            if now - self.asked.get(workflow_id, float("-inf")) < _RESOLVE_SECONDS:
                continue
            self.asked[workflow_id] = now
            self.refused[workflow_id] += 1
            action = "retry" if self.refused[workflow_id] == 1 else "give_up"
            answer = {"action": action, "by": APPROVER, "reason": "measured"}
            with contextlib.suppress(RPCError, TimeoutError):
                async with asyncio.timeout(_RPC.total_seconds()):
                    await self.client.get_workflow_handle(workflow_id).execute_update(names.UPDATE_RESOLVE, answer)


async def run_ours(spec: Spec, keep: Path | None = None) -> Run:
    """Move a fleet, and return what came of it; keep the raw request log in the folder *keep*."""
    part_began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        plan = spec.fleet.write_plan(folder)
        async with (
            temporal.running(folder) as (client, server),
            cloud_of(spec) as simulator,
            _worker(spec, simulator, server.address, folder) as worker,
        ):
            await asyncio.sleep(SETTLE_SECONDS)
            await spec.begin(part_began)
            ids = {"worker": worker, "temporal": server.process.pid, "simulator": simulator.process.pid}
            person = Person(client, spec.size)
            async with metered(ids) as used:
                attending = asyncio.create_task(person.attend(), name="person")
                try:
                    handle = await _start(plan, simulator, server.address, client)
                    ending = await _ended(client, handle)
                except asyncio.CancelledError:
                    sys.stderr.write(f"{spec.name} has not ended: {await _standing(client)}\n")
                    raise
                finally:
                    attending.cancel()
                    await asyncio.gather(attending, return_exceptions=True)
            costs = await _costs(client, spec, await server.actions())
            return await asyncio.to_thread(_run_of, spec, simulator, ending, (person, used, costs), keep)


@contextlib.asynccontextmanager
async def _worker(spec: Spec, simulator: Simulator, address: str, folder: Path) -> AsyncIterator[int]:
    """Run a worker; yield its process id."""
    worker = WorkerProcess(simulator, address, folder, worker_settings(spec), subprocess.Popen)
    try:
        await worker.start()
        assert worker.process is not None  # noqa: S101 - it has started
        yield worker.process.pid
    finally:
        if worker.process is not None:
            await asyncio.to_thread(worker.stop)


async def _start(plan: Path, simulator: Simulator, address: str, client: Client) -> WorkflowHandle[Any, Any]:
    """Start a plan as a person does."""
    environment = environment_of(simulator) | {"TEMPORAL_ADDRESS": address}
    command = [sys.executable, "starter.py", "start", str(plan), "--json"]
    async with process(command, environment) as starter:
        _, err = await starter.communicate()
    if starter.returncode:
        message = f"starting the plan: exit {starter.returncode}: {err.decode(errors='replace').strip()[-500:]}"
        raise ProgramError(message)
    return client.get_workflow_handle(names.migrate_plan_id(PLAN))


async def _ended(client: Client, handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    """Wait for the end of a plan; return its result, with how long all its runs took by Temporal's clock."""
    result = await handle.result()
    last = await handle.describe()
    first_id = last.raw_description.workflow_execution_info.first_run_id
    first = await client.get_workflow_handle(handle.id, run_id=first_id or last.run_id).describe()
    if last.close_time is None:
        raise ProgramError("running the plan: it has a result and no end")
    return {**dict(result), "seconds": (last.close_time - first.start_time).total_seconds()}


async def _standing(client: Client) -> str:
    """Return where some machines of a run stand that is given up."""
    query = f"WorkflowType = '{names.MIGRATE_VM}' AND ExecutionStatus = 'Running'"
    told = []
    with contextlib.suppress(RPCError, TimeoutError):
        async with asyncio.timeout(_RPC.total_seconds()):
            async for one in client.list_workflows(query, limit=_TOLD, rpc_timeout=_RPC):
                status = await client.get_workflow_handle(one.id).query(names.QUERY_STATUS, rpc_timeout=_RPC)
                told.append(f"{one.id}: " + json.dumps({key: status[key] for key in _TOLD_OF if status[key]}))
    return "; ".join(told) or "nothing is told of its machines"


async def _costs(client: Client, spec: Spec, actions: dict[str, float]) -> dict[str, Any]:
    """Return what a run cost Temporal: the actions that it counted, and the histories."""
    vms = [client.get_workflow_handle(names.migrate_vm_id(PLAN, vm)) for vm in spec.fleet.vms[:_DESCRIBED]]
    infos = [(await vm.describe()).raw_description.workflow_execution_info for vm in vms]
    plan = client.get_workflow_handle(names.migrate_plan_id(PLAN))
    described = (await plan.describe()).raw_description.workflow_execution_info
    return {
        "actions_per_vm": round(sum(actions.values()) / spec.size, 1),
        "heartbeats_per_vm": round(actions.get(temporal.HEARTBEAT, 0.0) / spec.size, 1),
        "actions": actions,
        "events_most": max(info.history_length for info in infos),
        "kib_most": round(max(info.history_size_bytes for info in infos) / 1024, 1),
        "plan_events": described.history_length,
        "plan_kib": round(described.history_size_bytes / 1024, 1),
    }


def _run_of(
    spec: Spec,
    simulator: Simulator,
    ending: dict[str, Any],
    found: tuple[Person, dict[str, Used], dict[str, Any]],
    keep: Path | None,
) -> Run:
    person, used, costs = found
    log = cloudlog.read(simulator, spec.fleet, spec.speed, keep / f"{spec.name}.jsonl.gz" if keep else None)
    outcomes = outcomes_of(spec, simulator)
    figures = figures_of(spec, log) | {"told": ending.get("counts", {}), "people_asked": len(person.refused)}
    counted = dict(Counter(outcomes.values()))
    problem = "" if counted == _expected(spec) else f"{json.dumps(counted)} in place of {json.dumps(_expected(spec))}"
    if person.again and not problem:
        problem = f"{len(person.again)} had to be approved again"
    return Run(
        spec=spec,
        seconds=ending["seconds"],
        outcomes=counted,
        figures=figures,
        used=used,
        temporal=costs,
        approvals=_after_approval(log, person.approved),
        problem=problem,
    )


def _expected(spec: Spec) -> dict[str, int]:
    """Return how many machines should have ended how."""
    trouble = spec.fleet.in_trouble
    ends = [TROUBLES[trouble[vm]].ends if vm in trouble else "migrated" for vm in spec.fleet.vms]
    return dict(Counter(ends))


def _after_approval(log: cloudlog.CloudLog, approved: dict[str, float]) -> list[float]:
    """Return how long after each approval the next request about its machine came, in seconds of the wall."""
    walls: dict[str, list[float]] = defaultdict(list)
    for line in log.requests:
        walls[line.vm].append(line.wall)
    found = []
    for vm, moment in approved.items():
        after = walls[vm.lower()]
        if (place := bisect_left(after, moment)) < len(after):
            found.append(after[place] - moment)
    return found
