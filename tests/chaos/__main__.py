"""``python -m tests.chaos``: strike plans with faults, and print what came of each: the matrix.

Every fault once, at an index drawn from a seed that is printed: ``--seed N`` strikes the same requests again.
``--only TEXT`` runs the faults whose name holds the text. Exit code 0: all green.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence

from tests.chaos import matrix, processes
from tests.chaos.checker import INVARIANTS
from tests.chaos.stage import Stage
from tests.chaos.trials import MIGRATED, Line, Trial
from tests.e2e import judge as e2e
from tests.e2e.estates import Case, seed_of

MACHINES_PER_DEED = 3
_APART_SECONDS = 1.5
_AT_ONCE = 16
"""How many plans run at once on one stage: more would only wait for the two processors."""
_STAGES_AT_ONCE = 3


async def strike_all(trials: list[Trial], dice: random.Random) -> None:
    """Run a clean plan first, to know its requests; then all *trials*, each with its fault."""
    clean = Trial("none", Case("clean"), MIGRATED)
    async with Stage.up(seed_of([trial.case for trial in (clean, *trials)])) as stage:
        clean.inject(stage, dice, [])
        await clean.run(stage)
        await clean.conclude(stage)
        if not clean.is_green:
            raise SystemExit(f"the run without a fault is not sound: {clean.error} {clean.outcome} {clean.broken}")
        requests: list[Line] = e2e.about(clean.case, stage.simulator.requests())
        for trial in trials:
            trial.inject(stage, dice, requests)
        permits = asyncio.Semaphore(_AT_ONCE)

        async def one(trial: Trial) -> None:
            async with permits:
                await trial.run(stage)
                await trial.conclude(stage)
                show(trial)

        await asyncio.gather(*(one(trial) for trial in trials))


async def strike_process(deed: str) -> list[Trial]:
    """Run some plans, one after another so that each is elsewhere, and do the deed in the midst of them."""
    trials = processes.batch(deed, MACHINES_PER_DEED)
    async with Stage.up(seed_of([trial.case for trial in trials])) as stage:
        dice = random.Random(0)  # noqa: S311 - no secret
        for trial in trials:
            trial.inject(stage, dice, [])

        async def one(index: int, trial: Trial) -> None:
            await asyncio.sleep(index * _APART_SECONDS)
            await trial.run(stage)
            await trial.conclude(stage)
            show(trial)

        async def strike() -> None:
            await stage.reach(trials[0].case, "replicating", seconds=120)
            for trial in trials:
                status = await stage.status(trial.case)
                trial.phase = status.phase if status else "before its start"
            await processes.DEEDS[deed](stage)

        await asyncio.gather(strike(), *(one(index, trial) for index, trial in enumerate(trials)))
    return trials


async def small_set(seed: int, only: str) -> list[Trial]:
    """Every fault once."""
    dice = random.Random(seed)  # noqa: S311 - faults have to strike the same requests again
    azure = [trial for trial in matrix.once_each() if only in trial.fault]
    deeds = [deed for deed in processes.DEEDS if only in deed]
    permits = asyncio.Semaphore(_STAGES_AT_ONCE)

    async def process(deed: str) -> list[Trial]:
        async with permits:
            return await strike_process(deed)

    async def cloud() -> list[Trial]:
        if azure:
            async with permits:
                await strike_all(azure, dice)
        return azure

    done = await asyncio.gather(cloud(), *(process(deed) for deed in deeds))
    return [trial for trials in done for trial in trials]


def show(trial: Trial) -> None:
    """Print a row of the matrix."""
    held = len(INVARIANTS) - len(trial.broken)
    index = f"request {trial.nth}" if trial.nth else ""
    row = (
        f"{'ok' if trial.is_green else 'NOT':<4}{trial.fault:<42} {trial.phase or '-':<18} {index:<12} "
        f"{trial.outcome or '-':<12} {held}/{len(INVARIANTS)} invariants  {trial.seconds:.0f} s"
    )
    broken = [f"      {name}: {sentence}" for name, told in trial.broken.items() for sentence in told[:5]]
    lines = [row, *broken, *([f"      {trial.error}"] if trial.error else [])]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Strike, print, and return 0 where all is green."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="what is struck follows from it")
    parser.add_argument("--only", default="", metavar="TEXT", help="only faults whose name holds it")
    given = parser.parse_args(argv)
    seed = given.seed if given.seed is not None else int(time.time())
    sys.stdout.write(f"seed {seed}: python -m tests.chaos --seed {seed} strikes the same again\n")
    sys.stdout.flush()
    began = time.monotonic()
    trials = asyncio.run(small_set(seed, given.only))
    green = sum(trial.is_green for trial in trials)
    sys.stdout.write(f"{green} of {len(trials)} green, in {time.monotonic() - began:.0f} s; seed {seed}\n")
    return 0 if green == len(trials) else 1


if __name__ == "__main__":
    sys.exit(main())
