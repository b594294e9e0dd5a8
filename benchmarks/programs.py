"""The scripts as processes: each moves a fleet in a simulated Azure of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks import cloudlog
from benchmarks.meters import metered
from benchmarks.run import Run, Spec, figures_of, outcomes_of
from tests.support.sim import ROOT, Simulator

STOP_SECONDS = 10
_HIDDEN = ("AZURE_", "TEMPORAL_")


class ProgramError(Exception):
    """A program that is measured did not do what it should; the message says which, and what it said."""


def environment_of(simulator: Simulator) -> dict[str, str]:
    """Return the environment in which Azure's tools find a simulator."""
    return {**{k: v for k, v in os.environ.items() if not k.startswith(_HIDDEN)}, **simulator.environment}


@contextlib.asynccontextmanager
async def process(command: list[str], environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command; it ends with the block."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe)
    try:
        yield child
    finally:
        if child.returncode is None:
            child.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), STOP_SECONDS)
        if child.returncode is None:
            child.kill()
            await child.wait()


@contextlib.asynccontextmanager
async def cloud_of(spec: Spec) -> AsyncIterator[Simulator]:
    """Run the simulated Azure of a run."""
    starting = asyncio.create_task(asyncio.to_thread(spec.cloud), name="cloud")
    try:
        simulator = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # The thread starts it all the same.
        with await starting:
            raise
    with simulator:
        yield simulator


async def run_script(spec: Spec, keep: Path | None = None) -> Run:
    """Let a script move a fleet, and return what came of it; keep the raw request log in the folder *keep*."""
    part_began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        moves = spec.fleet.write_moves(Path(scratch))
        second = f"{1 / spec.speed:.6f}"
        command = [sys.executable, "-m", f"benchmarks.scripts.{spec.program}", str(moves), "--second", second]
        async with cloud_of(spec) as simulator:
            await spec.begin(part_began)
            async with (
                process(command, environment_of(simulator)) as script,
                metered({"script": script.pid, "simulator": simulator.process.pid}) as used,
            ):
                out, err = await script.communicate()
            told = _told(spec, out, err)
            return await asyncio.to_thread(_run_of, spec, simulator, told, used, keep)


def _run_of(spec: Spec, simulator: Simulator, told: dict[str, Any], used: Any, keep: Path | None) -> Run:
    log = cloudlog.read(simulator, spec.fleet, spec.speed, keep / f"{spec.name}.jsonl.gz" if keep else None)
    outcomes = outcomes_of(spec, simulator)
    figures = figures_of(spec, log) | {"seconds_of_each": [round(one, 3) for one in told["moved"].values()]}
    problem = "; ".join(f"{vm}: {why}" for vm, why in list(told["failed"].items())[:3])
    return Run(
        spec=spec,
        seconds=told["ended"] - told["began"],
        outcomes=dict(Counter(outcomes.values())),
        figures=figures,
        used=used,
        problem=problem,
    )


def _told(spec: Spec, out: bytes, err: bytes) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(out)
    except ValueError:
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["nothing"]
        message = f"running {spec.name}: the script ended without an answer, and said: {last[0][:300]}"
        raise ProgramError(message) from None
    return told
