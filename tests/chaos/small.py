"""The small set: every fault once, at a request drawn from the seed."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Callable, Sequence

from tests.chaos import matrix, processes
from tests.chaos.processes import Deed
from tests.chaos.stage import Stage
from tests.chaos.trials import MIGRATED, Line, Trial, seed_for
from tests.e2e import judge as e2e
from tests.e2e.estates import Case

_APART_SECONDS = 4
_AT_ONCE = 16
"""How many plans run at once on one stage: more would only wait for the two processors."""
_STAGES_AT_ONCE = 4

Show = Callable[[Trial], None]


async def strike_all(
    certain: Sequence[Trial], drawn: Sequence[Trial], dice: Callable[[str], random.Random], show: Show
) -> None:
    """Run all on one stage; what is *drawn* waits for a clean run, whose requests are drawn from."""
    clean = Trial("none", Case("clean"), MIGRATED)
    trials = [*certain, *drawn]
    async with Stage.up(seed_for([clean, *trials])) as stage:
        permits = asyncio.Semaphore(_AT_ONCE)

        async def one(trial: Trial, requests: list[Line]) -> None:
            async with permits:
                trial.inject(stage, dice(trial.fault), requests)
                await _through(stage, trial, show)

        known = asyncio.create_task(_requests(stage, clean))
        early = [asyncio.create_task(one(trial, [])) for trial in certain]
        late = [one(trial, await known) for trial in drawn] if drawn else []
        await asyncio.gather(*early, *late)
        await known


async def _requests(stage: Stage, clean: Trial) -> list[Line]:
    """Run a plan without a fault, and return its requests.

    Raises:
        SystemExit: it is not sound; nothing that is struck could be judged.
    """
    clean.inject(stage, random.Random(0), [])  # noqa: S311 - nothing is drawn
    await clean.run(stage)
    await clean.conclude(stage)
    if not clean.is_green:
        raise SystemExit(f"the run without a fault is not sound: {clean.error} {clean.outcome} {clean.broken}")
    return e2e.about(clean.case, stage.simulator.requests())


async def strike_processes(deed: Deed, dice: random.Random, show: Show) -> None:
    """Run a deed's plans, each elsewhere, and do the deed in the midst of them."""
    async with Stage.up(seed_for(deed.trials), serves=not deed.alone) as stage:
        for trial in deed.trials:
            trial.inject(stage, dice, [])

        async def one(index: int, trial: Trial) -> None:
            await asyncio.sleep(index * _APART_SECONDS)
            await _through(stage, trial, show)

        async def strike() -> None:
            try:
                await deed.do(stage, deed.trials, dice)
            except (AssertionError, TimeoutError) as error:
                for trial in deed.trials:
                    shown = trial.is_green
                    trial.error = trial.error or f"{deed.fault}: {type(error).__name__} {error}"
                    if shown:
                        show(trial)
                    trial.begin.set()
                    trial.decide.set()

        await asyncio.gather(strike(), *(one(index, trial) for index, trial in enumerate(deed.trials)))


async def run(seed: int, only: str, show: Show, *, rows: int | None = None) -> list[Trial]:
    """Strike every fault whose name holds *only*, or as many *rows* of them, drawn by the seed."""
    all_certain, all_drawn, all_deeds = matrix.certain(), matrix.drawn(), processes.deeds()
    faults = [*(trial.fault for trial in (*all_certain, *all_drawn)), *(deed.fault for deed in all_deeds)]
    names = [fault for fault in faults if only in fault]
    if rows is not None:
        names = random.Random(seed).sample(names, min(rows, len(names)))  # noqa: S311 - no secret
    certain, drawn = ([trial for trial in some if trial.fault in names] for some in (all_certain, all_drawn))
    deeds = [deed for deed in all_deeds if deed.fault in names and _is_possible(deed)]
    permits = asyncio.Semaphore(_STAGES_AT_ONCE)

    def dice(what: str) -> random.Random:
        # Faults have to strike the same requests again, whichever are left out.
        return random.Random(f"{seed} {what}")  # noqa: S311 - no secret

    async def process(deed: Deed) -> None:
        if deed.lasts:
            await strike_processes(deed, dice(deed.fault), show)
            return
        async with permits:
            await strike_processes(deed, dice(deed.fault), show)

    strikes = [process(deed) for deed in deeds]
    if certain or drawn:
        strikes.append(strike_all(certain, drawn, dice, show))
    await asyncio.gather(*strikes)
    return [*drawn, *certain, *(trial for deed in deeds for trial in deed.trials)]


async def _through(stage: Stage, trial: Trial, show: Show) -> None:
    await trial.run(stage)
    await trial.conclude(stage)
    show(trial)


def _is_possible(deed: Deed) -> bool:
    """Tell whether the machine has what a deed needs; where REQUIRE_FAKETIME is set, it has to."""
    missing = deed.wants()
    if missing and os.environ.get("REQUIRE_FAKETIME"):
        raise SystemExit(f"{deed.fault}: {missing}")
    if missing:
        sys.stdout.write(f"left out: {deed.fault}: {missing}\n")
    return not missing
