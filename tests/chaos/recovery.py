"""``python -m tests.chaos.recovery``: how long until work goes on after a crash, measured.

The worker is killed by SIGKILL and started again at once, or Temporal is, on its database; measured is the time until
the next useful call to Azure of a machine that is in a certain situation. Workers have the settings of a deployment,
not those of tests. ``--rounds N`` repeats each, ``--write`` puts the figures into docs/durability.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from migration import names
from tests.chaos import page
from tests.chaos.stage import Stage
from tests.e2e import judge as e2e
from tests.e2e.estates import APPROVER, Case, seed_of
from tests.e2e.stack import until

DEPLOYED = {"POLL_FLOOR_SECONDS": "2", "INTENT_SETTLE_SECONDS": "30"}
READING, WRITING, APPROVED, DECIDING = (
    "a wait for the first copy",
    "a write whose answer is lost",
    "the wait for an approval, which comes at that moment",
    "a job ends while Temporal is away",
)
READY = "until it polls again"
BACK = "until it answers again"
_BRAKE_SECONDS = 20
_AWAY_SECONDS = 8
_COPY_MINUTES = 1_200
"""How long the first copies take that are waited for, by the cloud's clock: nobody gets past them unasked."""
_ENABLE = r"/replicationProtectedItems/[^/]+$"

Figures = dict[tuple[str, str], list[float]]


async def kill_worker(stage: Stage, cases: dict[str, Case], figures: Figures) -> None:
    """Kill the worker while its machines are in three situations, and time the next call of each."""
    what = "worker killed"
    enable = f"/{cases[WRITING].group('vault')}/.*{_ENABLE}"
    stage.simulator.fault({"kind": "hang", "seconds": _BRAKE_SECONDS}, method="PUT", path=enable, nth=1, times=1)
    await stage.start(cases[APPROVED])
    await stage.reach(cases[APPROVED], "awaiting_approval")
    await stage.start(cases[READING])
    await stage.reach(cases[READING], "replicating")
    await stage.start(cases[WRITING])
    await until(lambda: _written(stage, cases[WRITING]), "the write is under way", seconds=120, pause=0.2)
    killed = time.time()
    stage.worker.kill()
    await stage.vm(cases[APPROVED]).signal(names.SIGNAL_APPROVE_COMMIT, {"approver": APPROVER})
    await stage.worker.start()
    figures[what, READY].append(time.time() - killed)
    for situation in (APPROVED, READING, WRITING):
        figures[what, situation].append(await _next_call(stage, cases[situation], killed))
    stage.simulator.clock(advance_seconds=60 * _COPY_MINUTES)
    await asyncio.gather(*(_see_through(stage, cases[one]) for one in (READING, WRITING)))


async def kill_server(stage: Stage, cases: dict[str, Case], figures: Figures) -> None:
    """Kill Temporal, start it again, and time the next calls that need it."""
    what = "Temporal killed"
    await stage.start(cases[APPROVED])
    await stage.reach(cases[APPROVED], "awaiting_approval")
    await stage.start(cases[DECIDING])
    await stage.reach(cases[DECIDING], "replicating")
    stage.server.kill()
    # The cloud goes on meanwhile: the copy ends, the wait for it sees that, and nobody can be told.
    stage.simulator.clock(advance_seconds=60 * _COPY_MINUTES)
    await asyncio.sleep(_AWAY_SECONDS)
    began = time.time()
    await stage.server.start()
    back = time.time()
    figures[what, BACK].append(back - began)
    await stage.vm(cases[APPROVED]).signal(names.SIGNAL_APPROVE_COMMIT, {"approver": APPROVER})
    figures[what, APPROVED].append(await _next_call(stage, cases[APPROVED], back))
    figures[what, DECIDING].append(await _next_call(stage, cases[DECIDING], back))
    await _see_through(stage, cases[DECIDING])


def _written(stage: Stage, case: Case) -> bool:
    lines = e2e.about(case, stage.simulator.requests())
    return any(line["method"] == "PUT" and "/replicationprotecteditems/" in line["path"].lower() for line in lines)


async def _next_call(stage: Stage, case: Case, since: float) -> float:
    """Wait for the next request about a case, and return how long after *since* it came."""
    found: list[float] = []

    def came() -> bool:
        walls = [datetime.fromisoformat(line["wall"]) for line in e2e.about(case, stage.simulator.requests())]
        found.extend(after for wall in walls if (after := wall.timestamp() - since) > 0)
        return bool(found)

    await until(came, f"{case.name} goes on", seconds=420, pause=0.25)
    return found[0]


async def _see_through(stage: Stage, case: Case) -> None:
    await stage.reach(case, "awaiting_approval")
    await stage.vm(case).signal(names.SIGNAL_REJECT_COMMIT, {"approver": APPROVER})
    await stage.plan(case).result()


Deed = Callable[[Stage, dict[str, Case], Figures], Awaitable[None]]
_SITUATIONS: list[tuple[Deed, tuple[str, ...]]] = [
    (kill_worker, (APPROVED, READING, WRITING)),
    (kill_server, (APPROVED, DECIDING)),
]


async def measure(rounds: int) -> Figures:
    """Return the seconds of every round, by what was killed and where a machine stood."""
    figures: Figures = defaultdict(list)
    plan = [
        (deed, {one: Case(f"{deed.__name__.replace('_', '-')}-{turn}-{n}") for n, one in enumerate(situations)})
        for turn in range(rounds)
        for deed, situations in _SITUATIONS
    ]
    seed = seed_of([case for _, cases in plan for case in cases.values()])
    for _, cases in plan:
        for one in {READING, DECIDING} & set(cases):
            seed["behaviour"][cases[one].vm_id("vm")] = {"initial_replication_minutes": _COPY_MINUTES}
    async with Stage.up(seed, settings=DEPLOYED) as stage:
        for deed, cases in plan:
            await deed(stage, cases, figures)
    return figures


def table(figures: Figures) -> str:
    """Return the figures as Markdown."""
    rows = [
        f"| {what} | {where} | {statistics.median(seconds):.1f} s | {max(seconds):.1f} s | {len(seconds)} |"
        for (what, where), seconds in sorted(figures.items())
    ]
    return "\n".join(["| | the machine is in | median | slowest | rounds |", "|---|---|---|---|---|", *rows])


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.recovery", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each is measured")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/durability.md")
    given = parser.parse_args(argv)
    busy = os.getloadavg()[0]
    figures = asyncio.run(measure(given.rounds))
    # A worker's start costs a processor seconds: how long it takes is the machine's, and who else is on it.
    load = f"load average {busy:.1f} before and {os.getloadavg()[0]:.1f} after, on {os.cpu_count()} processors"
    told = f"{datetime.now(UTC):%Y-%m-%d}, {load}:\n\n{table(figures)}"
    sys.stdout.write(f"{told}\n")
    if given.write:
        page.put("recovery", told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
