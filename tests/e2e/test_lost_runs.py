"""Runs that were terminated in the middle, and begun again: they go on with what is there, and leave nothing behind."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from migration import names
from migration.ledger_proof import LedgerProof
from tests.e2e import judge
from tests.e2e.estates import seed_of
from tests.e2e.stack import Stack, until
from tests.e2e.table import Row, brake, conclude, judge_row, seen_before

pytestmark = pytest.mark.timeout(900)

PHASES = ("enabling", "replicating", "configuring", "testing", "failing_over", "awaiting_approval")
OWN_VAULT = ("enabling", "awaiting_approval")
"""Runs that are lost in these phases have made a vault, too; the second one removes it."""
EVERY = 1 if os.environ.get("EVERY_PHASE") else 2
"""Approved and rejected take turns over the phases; EVERY_PHASE=1 lets each phase have both, which is twice as long."""
AGAIN = [
    *(Row(phase, "again", "migrated", phase not in OWN_VAULT) for phase in PHASES[::EVERY]),
    *(Row(phase, "back", "rolled_back", phase not in OWN_VAULT) for phase in PHASES[EVERY - 1 :: EVERY]),
    Row("rolling_back", "back", "rolled_back"),
]


async def lose(stack: Stack, row: Row) -> None:
    """Begin the plan, and terminate all of it in the row's phase: nothing of it can say a word."""
    plan = await stack.start(row.case)
    if row.phase == "rolling_back":
        await stack.decide(row.case, names.SIGNAL_REJECT_COMMIT)
    await stack.reach(row.case, row.phase)
    await plan.terminate("lost")
    await stack.vm(row.case).terminate("lost")


async def begin_again(stack: Stack, row: Row) -> None:
    """Begin the plan again, and approve or reject what it brings to the approval."""
    await lose(stack, row)
    lost = (await stack.vm(row.case).describe()).run_id
    plan = await stack.start(row.case)

    async def is_new() -> bool:
        return (await stack.vm(row.case).describe()).run_id != lost

    await until(is_new, f"{row.case.name} has begun again", seconds=120)
    asked = names.SIGNAL_APPROVE_COMMIT if row.action == "again" else names.SIGNAL_REJECT_COMMIT
    deciding = asyncio.create_task(stack.decide(row.case, asked))
    try:
        await plan.result()
    finally:
        deciding.cancel()
    await conclude(stack, row)


async def noted(stack: Stack, row: Row) -> None:
    """Run one row, and keep why it went wrong."""
    try:
        await begin_again(stack, row)
    except Exception as error:  # noqa: BLE001 - the row's own test tells it
        row.error = repr(error)


@pytest.fixture(scope="module")
async def again(own_server: WorkflowEnvironment) -> AsyncIterator[Stack]:
    """Lose all runs and begin them again."""
    async with Stack.run(own_server.client, seed_of([row.case for row in AGAIN])) as stack:
        seen_before(stack, AGAIN)
        for row in AGAIN:
            brake(stack, row)
        await asyncio.gather(*(noted(stack, row) for row in AGAIN))
        yield stack


@pytest.mark.parametrize("row", AGAIN, ids=lambda row: row.label)
async def test_a_lost_run_is_gone_on_with(again: Stack, row: Row) -> None:
    """It migrates with one failover, or leads back with nothing left, also of what the lost run had made."""
    judge_row(again, row)
    log = judge.about(row.case, again.simulator.requests())
    failovers = [one for one in log if one["accepted"] and one["path"].lower().endswith("/unplannedfailover")]
    enablings = [
        one
        for one in log
        if one["accepted"] and one["method"] == "PUT" and "/replicationprotecteditems/" in one["path"].lower()
    ]
    assert (1, 1) == (len(failovers), len(enablings))
    assert row.report is not None
    assert row.plan is not None
    for proof in (row.report.ledger_proof, row.plan.ledger_proof):
        assert LedgerProof(proved=True) == proof
