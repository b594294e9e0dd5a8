"""The benchmarks from their first part to the page: ours beside the scripts that one writes instead."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from benchmarks import page, results
from benchmarks.choices import Choices
from benchmarks.goals import Json
from benchmarks.meters import loop_seconds
from benchmarks.offline import check_offline
from benchmarks.ours import run_ours
from benchmarks.programs import ProgramError, process, run_script
from benchmarks.progress import Progress, clock
from benchmarks.run import OURS, Run, Spec
from benchmarks.schedule import Part, parts_of, sequential, sequential_seconds
from tests.support.sim import ROOT

RECOVERY_SECONDS = 150.0
PATIENCE = 5.0
"""After how many times the time that it should take a part is given up."""


async def run_all(choices: Choices, keep: Path, progress: Progress) -> list[Run]:
    """Run every part, and beside them the sequential script; return what came of all."""
    spec = sequential(choices)
    beside = asyncio.create_task(run_script(spec, keep), name="sequential") if spec else None
    found: list[Run] = []
    try:
        for number, part in enumerate(parts_of(choices), start=1):
            async with progress.part(part.name, part.seconds):
                runs = await _run_part(part, keep / f"{number:02d}")
            for run in runs:
                progress.note(_told(run))
            found += runs
        if beside is not None:
            async with progress.part("the end of the sequential script", 1):
                found.append(await beside)
            progress.note(_told(found[-1]))
        if choices.recovery:
            async with progress.part("recovery after crashes", RECOVERY_SECONDS):
                await _measure_recovery()
    finally:
        if beside is not None:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
    return found


async def _measure_recovery() -> None:
    """Put the times of recovery into docs/durability.md, where the table takes them from."""
    command = [sys.executable, "-m", "tests.chaos.recovery", "--rounds", "1", "--write"]
    async with process(command, dict(os.environ)) as measuring:
        _, err = await measuring.communicate()
    if measuring.returncode:
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["nothing"]
        message = f"measuring recovery: python -m tests.chaos.recovery ended with {measuring.returncode}: {last[0]}"
        raise ProgramError(message)


async def _run_part(part: Part, keep: Path) -> list[Run]:
    async with asyncio.timeout(60 + PATIENCE * part.seconds), asyncio.TaskGroup() as group:
        tasks = [group.create_task(_run(spec, keep)) for spec in part.specs]
    return [task.result() for task in tasks]


async def _run(spec: Spec, keep: Path) -> Run:
    return await (run_ours(spec, keep) if spec.program == OURS else run_script(spec, keep))


def _told(run: Run) -> str:
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in run.outcomes.items())
    path = max(run.figures["bounds"].values()) / run.spec.speed
    ratio = f", {run.seconds / path:.3f} times its bound" if path else ""
    problem = f"; NOT AS IT SHOULD BE: {run.problem}" if run.problem else ""
    return f"{run.spec.name}: {run.seconds:.1f} s at speed {run.spec.speed:g}{ratio}; {outcomes}{problem}"


def bench(choices: Choices) -> int:
    """Run, write the results and the page, and say what got worse; return the exit code."""
    parts = parts_of(choices)
    expected = max(sum(part.seconds for part in parts), sequential_seconds(choices))
    told = f"{choices.size} VMs: {len(parts)} parts, about {clock(expected)}; Ctrl-C ends it and writes nothing\n"
    sys.stderr.write(told)
    if choices.is_disturbed:
        sys.stderr.write(f"    the machine is busy (load average {choices.load_before}): its times will be too long\n")
    keep = ROOT / "out" / "benchmarks" / time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    loop, began = loop_seconds(), time.monotonic()
    try:
        runs = asyncio.run(run_all(choices, keep, Progress(sys.stderr, expected, len(parts) + 1)))
        offline = check_offline()
    except (ProgramError, TimeoutError, ExceptionGroup) as error:
        sys.stderr.write(f"\nmake bench: {_cause(error)}; nothing was written\n")
        return 1
    seconds = time.monotonic() - began
    return _write(results.result_of(choices, runs, offline, seconds, (loop, loop_seconds())), runs)


def _cause(error: Exception) -> str:
    """Return the first error of a group in a sentence."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return "a part took far too long" if isinstance(error, TimeoutError) else str(error)


def _write(made: Json, runs: list[Run]) -> int:
    last = results.last(made["size"])
    results.write(made)
    page.write()
    sys.stdout.write(page.table(made) + "\n")
    worse = results.worse(made, last)
    told = [f"worse than the last time: {line}" for line in worse] or [
        "nothing got worse than the last time by a tenth"
    ]
    told += [machine] if (machine := results.other_machine(made, last)) else []
    if last is None:
        told = ["there is no last result of this size to compare with"]
    problems = [run.problem for run in runs if run.problem and run.spec.program == OURS]
    told += [f"not as it should be: {problem}" for problem in problems]
    sys.stdout.write("\n".join(told) + "\n")
    return 1 if worse or problems else 0
