"""Phase x SIGKILL of the worker, on the real Temporal server, worker and SDKs."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.e2e import judge
from tests.e2e.estates import seed_of
from tests.e2e.stack import Stack
from tests.e2e.table import UNDOABLE, Row, brake, judge_row, run_row, seen_before

pytestmark = pytest.mark.timeout(900)

KILLS = [
    Row(phase, "kill", "migrated", phase not in {"enabling", "failing_over"})
    for phase in (*UNDOABLE, "committing", "disabling")
]


@pytest.fixture(scope="module")
async def killed(own_server: WorkflowEnvironment) -> AsyncIterator[Stack]:
    """Kill the worker whenever a case has reached its phase; start it again at once."""
    async with Stack.run(own_server.client, seed_of([row.case for row in KILLS])) as stack:
        seen_before(stack, KILLS)
        lock, kills = asyncio.Lock(), 0

        async def act_kill(stack: Stack, row: Row) -> None:
            approved = row.phase in {"committing", "disabling"}
            if approved:
                await stack.decide(row.case)
            await stack.reach(row.case, row.phase)
            nonlocal kills
            before = kills
            async with lock:
                # A kill since this row came here has met it, too.
                if kills == before:
                    kills += 1
                    stack.worker.kill()
                    await stack.worker.start()
            if not approved:
                await stack.decide(row.case)

        for row in KILLS:
            brake(stack, row)
        await asyncio.gather(*(run_row(stack, row, act_kill) for row in KILLS))
        yield stack


@pytest.mark.parametrize("row", KILLS, ids=lambda row: row.label)
async def test_a_killed_worker_changes_nothing(killed: Stack, row: Row) -> None:
    """With the worker killed in any phase the virtual machine moves all the same, and no write is accepted twice."""
    judge_row(killed, row)
    assert judge.repeated_writes(row.case, killed.simulator.requests()) == {}
