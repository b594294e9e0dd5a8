"""``python -m tests.chaos.random_plans``: plans in random shapes, one to five faults in each, drawn from a seed.

``--seeds 1000`` runs so many, from ``--seed N`` on; each prints its seed, and ``--seed N --seeds 1`` runs it again.
A seed that was once red belongs into ``seeds.txt`` beside this module, with what it found; those run first where no
``--seed`` is given, and alone with ``--known``.
Exit code 0: all green.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from temporalio.service import RPCError

from tests.chaos import page, stopping
from tests.chaos.drawn import Drawn, draw
from tests.chaos.lane import Lane

KNOWN = Path(__file__).with_name("seeds.txt")
MACHINES = 24
"""Machines on one simulator; a plan that has more than are left begins another."""
LANES, AT_ONCE = 2, 8


def known_seeds() -> list[int]:
    """Return the seeds that once found something."""
    lines = KNOWN.read_text(encoding="utf-8").splitlines()
    return [int(line.partition(":")[0]) for line in lines if line[:1].isdigit()]


async def run(seeds: Sequence[int], lanes: int = LANES, at_once: int = AT_ONCE) -> list[Drawn]:
    """Run the plans of some seeds, and print each as it is judged."""
    waiting = _batches([draw(seed) for seed in seeds])
    done: list[Drawn] = []

    async def work(lane: Lane) -> None:
        while waiting:
            batch = waiting.pop(0)
            try:
                await lane.run([drawn.actor for drawn in batch])
            except (AssertionError, OSError, RuntimeError, RPCError) as error:
                for drawn in batch:
                    drawn.actor.error = drawn.actor.error or f"its batch could not be run: {error}"
            done.extend(batch)
            for drawn in batch:
                page.say(sentence(drawn))

    async with Lane.several(lanes, at_once, at_once, wired=True) as opened:
        await asyncio.gather(*(work(lane) for lane in opened))
    return done


def sentence(drawn: Drawn) -> str:
    """Return what a seed meant and what came of it."""
    actor = drawn.actor
    plan = actor.case.plan
    waves = "+".join(str(len(wave.vms)) for wave in plan.waves)
    ends = sorted(actor.outcomes.values())
    outcomes = ", ".join(f"{ends.count(end)} {end}" for end in dict.fromkeys(ends)) or "-"
    wrong = drawn.wrong
    row = (
        f"{'NOT' if wrong else 'ok':<4}seed {drawn.seed:<10} {waves} machines, on_failures {plan.on_failures}: "
        f"{'; '.join(drawn.told)} -> {outcomes}, asked {actor.asked} times, {len(actor.struck)} deaths, "
        f"{actor.seconds:.0f} s"
    )
    return "\n".join([row, *(f"      {told}" for told in wrong[:8])])


def _batches(drawn: list[Drawn]) -> list[list[Drawn]]:
    batches: list[list[Drawn]] = []
    left = 0
    for one in drawn:
        machines = len(one.actor.case.vms)
        if machines > left:
            batches.append([])
            left = MACHINES
        batches[-1].append(one)
        left -= machines
    return batches


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, and return 0 where all is green."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.random_plans", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="how many")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="the first of them; drawn where not given")
    parser.add_argument("--known", action="store_true", help="those that once found something")
    parser.add_argument("--lanes", type=int, default=LANES, help="simulators at work at once")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="plans at once, for each simulator")
    given = parser.parse_args(argv)
    first = given.seed if given.seed is not None else int(time.time())
    fresh = [] if given.known else list(range(first, first + given.seeds))
    seeds = fresh if given.seed is not None else [*known_seeds(), *fresh]
    page.say(
        f"seeds {', '.join(map(str, seeds[:10]))}{' and on' if len(seeds) > 10 else ''}; SEED=n SEEDS=1 runs one again"
    )
    began = time.monotonic()
    done = stopping.run(run(seeds, given.lanes, given.at_once))
    if done is None:
        return 130
    red = sorted(drawn.seed for drawn in done if drawn.wrong)
    page.say(f"{len(done) - len(red)} of {len(done)} green, in {time.monotonic() - began:.0f} s; red: {red or 'none'}")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
