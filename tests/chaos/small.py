"""The small set: every fault once, at a request drawn from the seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tests.chaos import matrix, processes
from tests.chaos.stage import Stage
from tests.chaos.trials import MIGRATED, Line, Trial
from tests.e2e import judge as e2e
from tests.e2e.estates import Case, seed_of

MACHINES_PER_DEED = 3
_APART_SECONDS = 1.5
_AT_ONCE = 16
"""How many plans run at once on one stage: more would only wait for the two processors."""
_STAGES_AT_ONCE = 3

Show = Callable[[Trial], None]


async def strike_all(trials: list[Trial], dice: random.Random, show: Show) -> None:
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


async def strike_process(deed: str, show: Show) -> list[Trial]:
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


async def run(seed: int, only: str, show: Show) -> list[Trial]:
    """Strike every fault whose name holds *only*."""
    dice = random.Random(seed)  # noqa: S311 - faults have to strike the same requests again
    azure = [trial for trial in matrix.once_each() if only in trial.fault]
    deeds = [deed for deed in processes.DEEDS if only in deed]
    permits = asyncio.Semaphore(_STAGES_AT_ONCE)

    async def process(deed: str) -> list[Trial]:
        async with permits:
            return await strike_process(deed, show)

    async def cloud() -> list[Trial]:
        if azure:
            async with permits:
                await strike_all(azure, dice, show)
        return azure

    done = await asyncio.gather(cloud(), *(process(deed) for deed in deeds))
    return [trial for trials in done for trial in trials]
