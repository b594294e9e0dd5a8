"""``python -m tests.chaos.exhaustive``: strike every request of a run with every fault, and judge each run.

Of a clean run of one machine, and of one that is rejected at the approval, each request is struck: the worker killed
before and after it, answered 500 before and after it took effect, the connection reset before and after, the body cut
short, an answer that hangs. Ten strikes by one fault share a run, far apart (``--together 1``: each has its own); those
of a run that is not green are struck again, each alone. All runs share one Temporal server; results are kept in
``out/chaos-full.jsonl``, so that it can be stopped at any moment and goes on where it was. ``--part 1/4`` runs a
quarter of what is left to do, ``--every 10`` every tenth request. When all have run the matrix is put into
docs/durability.md. Exit code 0: all green.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from temporalio.service import RPCError

from tests.chaos import page, stopping
from tests.chaos.lane import Lane, cpu_seconds_of
from tests.chaos.results import Results, matrix, sentence
from tests.chaos.strikes import CLEAN, FAULTS, OUTCOMES, Strike, actor_of
from tests.support.forked import ROOT

RESULTS = ROOT / "out" / "chaos-full.jsonl"
TOGETHER = 10
"""Strikes in one run: more than thirty requests lie between two of them."""
BATCH = 96
"""Runs on one simulator: what it lists grows with them, and each has to be looked at all the time."""
SHARED, ALONE = 24, 12
"""Runs at once in a lane on its shared worker, and each on its own: most of the time they wait."""
LANES = 2


def all_strikes(lengths: dict[str, int], every: int = 1, only: str = "") -> list[Strike]:
    """Return every strike, those of one request together, so that a part of them is a part of every fault."""
    return [
        Strike(run, fault, nth)
        for run, length in lengths.items()
        for nth in range(1, length + 1, every)
        for fault in FAULTS
        if only in f"{run} {fault} {nth}"
    ]


def runs_of(strikes: Sequence[Strike], together: int = TOGETHER) -> list[list[Strike]]:
    """Return the runs in which strikes meet: those of one fault together, as far from each other as may be."""
    alike: dict[tuple[str, str], list[Strike]] = {}
    for strike in sorted(strikes, key=lambda one: one.nth):
        alike.setdefault((strike.run, strike.fault), []).append(strike)
    found = []
    for same in alike.values():
        count = -(-len(same) // together)
        found += [same[at::count] for at in range(count)]
    return found


def batches(runs: Sequence[list[Strike]], size: int = BATCH) -> list[list[list[Strike]]]:
    """Return batches of runs that have about the same share of each fault: kills and hanging answers are slow."""
    count = max(-(-len(runs) // size), 1)
    by_fault = sorted(runs, key=lambda run: FAULTS.index(run[0].fault) if run[0].fault in FAULTS else 0)
    return [batch for at in range(count) if (batch := by_fault[at::count])]


async def strike_all(results: Results, arguments: argparse.Namespace) -> list[Strike]:
    """Run what has not run yet; return all that was asked for and has run."""
    began, children = time.monotonic(), _children_seconds()
    async with Lane.several(arguments.lanes, arguments.shared, arguments.alone) as lanes:
        wanted, ran = await _on_lanes(lanes, results, arguments)
        assert lanes[0].server.process is not None
        temporal = cpu_seconds_of(lanes[0].server.process.pid)
    simulators, ours = sum(lane.cpu_seconds for lane in lanes), time.process_time()
    workers = _children_seconds() - children - simulators - temporal
    if ran:
        parts = {"workers": workers, "simulator": simulators, "Temporal": temporal, "this process": ours}
        each = ", ".join(f"{name} {seconds / ran:.2f}" for name, seconds in parts.items())
        page.say(f"{ran} strikes in {time.monotonic() - began:.0f} s; processor seconds for each: {each}")
    return [done for strike in wanted if (done := results.of(strike)) is not None]


async def _on_lanes(lanes: list[Lane], results: Results, arguments: argparse.Namespace) -> tuple[list[Strike], int]:
    clean = [strike for run in OUTCOMES if not results.of(strike := Strike(run, CLEAN))]
    numbers = itertools.count(1)
    if clean:
        await _run(lanes[0], [[strike] for strike in clean], numbers)
        _tell(clean)
        if not all(strike.is_green for strike in clean):
            raise SystemExit("a run without a fault is not sound")
        results.keep(clean)
    lengths = {run: results.length(run) for run in OUTCOMES}
    wanted = all_strikes(lengths, arguments.every, arguments.only)
    part, parts = arguments.part
    mine = wanted[part - 1 :: parts]
    left = [strike for strike in mine if _is_to_do(results.of(strike), arguments.again)]
    runs = runs_of(left, arguments.together)
    page.say(f"requests: {lengths}; {len(wanted)} strikes, {len(left)} of them to do, in {len(runs)} runs")
    await _through(lanes, runs, numbers, results, arguments.batch)
    # Which of a run's strikes it was, each tells alone; also of a run before, if it was stopped here.
    suspects = [strike for strike in mine if _is_suspect(results.of(strike))]
    await _through(lanes, [[strike] for strike in suspects], numbers, results, arguments.batch)
    return wanted, len(left) + len(suspects) + len(clean)


async def _through(
    lanes: list[Lane], runs: Sequence[list[Strike]], numbers: Iterator[int], results: Results, size: int
) -> None:
    """Let the lanes do all *runs*, a batch at a time."""
    waiting = batches(runs, size)

    async def work(lane: Lane) -> None:
        while waiting:
            batch = waiting.pop(0)
            try:
                await _run(lane, batch, numbers)
            except (AssertionError, OSError, RuntimeError, RPCError) as error:
                # Hours of others must not end with it; the same command does later what is left.
                page.say(f"a batch could not be run: {error}")
                continue
            for run in batch:
                results.keep(run)
                _tell(run)

    await asyncio.gather(*(work(lane) for lane in lanes))


def _is_to_do(known: Strike | None, again: str) -> bool:
    return known is None or again == "all" or (again == "red" and not known.is_green)


def _is_suspect(known: Strike | None) -> bool:
    return known is not None and not known.is_green and known.together > 1


async def _run(lane: Lane, runs: Sequence[list[Strike]], numbers: Iterator[int]) -> None:
    actors = [actor_of(run, next(numbers)) for run in runs]
    await lane.run(actors)
    for run, actor in zip(runs, actors, strict=True):
        for place, strike in enumerate(run):
            strike.take(actor, place, len(run))


def _tell(strikes: Sequence[Strike]) -> None:
    for strike in strikes:
        page.say(sentence(strike))


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _commit() -> str:
    with contextlib.suppress(OSError):
        command = ("git", "describe", "--always", "--dirty")
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return "unknown"


def _part(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    found = int(part), int(parts or 1)
    if not 1 <= found[0] <= found[1]:
        message = f"{text}: give i/n, with i from 1 to n"
        raise argparse.ArgumentTypeError(message)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Strike, print, and return 0 where all is green."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.exhaustive", description=__doc__)
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="I/N", help="run only this part")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="strike every Nth request only")
    parser.add_argument("--only", default="", metavar="TEXT", help="strikes such as 'rejected worker killed after 7'")
    parser.add_argument("--again", choices=("red", "all"), default="", help="also what has run, and was red")
    parser.add_argument(
        "--write", action="store_true", help="put the matrix into docs/durability.md also while it is not whole"
    )
    parser.add_argument("--lanes", type=int, default=LANES, help="simulators at work at once")
    parser.add_argument("--shared", type=int, default=SHARED, help="runs at once on one worker, for each simulator")
    parser.add_argument("--alone", type=int, default=ALONE, help="workers that are killed at once, likewise")
    parser.add_argument("--batch", type=int, default=BATCH, help="runs on one simulator")
    parser.add_argument("--together", type=int, default=TOGETHER, help="strikes by one fault in a run")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where results are kept")
    arguments = parser.parse_args(argv)
    results = Results(arguments.results)
    done = stopping.run(strike_all(results, arguments))
    if done is None:
        page.say("stopped; the same command goes on where it was")
        return 130
    lengths = {run: results.length(run) for run in OUTCOMES}
    wanted = all_strikes(lengths, arguments.every, arguments.only)
    text = matrix(done, len(wanted), lengths, _commit())
    page.say(text)
    is_whole = len(done) == len(all_strikes(lengths)) > 0
    if arguments.write or is_whole:
        page.put("full", text.rstrip())
    bad = [strike for strike in done if not strike.is_green]
    for strike in bad:
        page.say(sentence(strike))
    part, parts = arguments.part
    missing = [strike for strike in wanted[part - 1 :: parts] if results.of(strike) is None]
    return 1 if bad or missing else 0


if __name__ == "__main__":
    sys.exit(main())
