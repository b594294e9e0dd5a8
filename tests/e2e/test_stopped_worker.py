"""A worker that is told to stop while Azure does not answer."""

import asyncio
from typing import Any

from temporalio.client import Client

from migration.report import PlanEnding
from tests.e2e import judge
from tests.e2e.estates import Case, seed_of
from tests.e2e.stack import Stack, until

HANGING_SECONDS = 120


async def test_a_worker_ends_though_a_write_hangs_and_the_next_one_finds_what_it_did(client: Client) -> None:
    """It waits for a write's answer, but not for ever; what Azure accepted is not asked for again."""
    case = Case("stopping", ready=True)
    async with Stack.run(client, seed_of([case]), speed=600) as stack:
        enable = f"/{case.group('vault')}/.*/replicationProtectedItems/[^/]+$"
        effect: dict[str, Any] = {"kind": "hang", "seconds": HANGING_SECONDS}
        stack.simulator.fault(effect, method="PUT", path=enable, nth=1, times=1)
        plan = await stack.start(case)
        await until(lambda: protections(stack) == 1, "the write is under way", seconds=120, pause=0.2)

        code = await asyncio.to_thread(stack.worker.stop)
        await stack.worker.start()
        await stack.decide(case)
        ending = PlanEnding.model_validate(await plan.result())

        assert 3 == code
        assert "stopping the worker: its work did not end within 30 s" in stack.worker.log.read_text()
        assert "migrated" == ending.outcome
        assert 1 == protections(stack)
        assert {} == judge.repeated_writes(case, stack.simulator.requests())


def protections(stack: Stack) -> int:
    """Return how often Azure has accepted to protect a machine."""
    lines = [line for line in stack.simulator.requests() if line["method"] == "PUT" and line["accepted"]]
    return sum("/replicationprotecteditems/" in line["path"].lower() for line in lines)
