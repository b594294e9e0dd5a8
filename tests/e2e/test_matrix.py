"""Phase x {cancel, reject, failing operation}, on the real Temporal server, worker and SDKs."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from migration import names
from tests.e2e.estates import seed_of
from tests.e2e.stack import Stack, until
from tests.e2e.table import BRAKES, ITEM, UNDOABLE, Row, begun, brake, judge_row, run_row, seen_before

pytestmark = pytest.mark.timeout(900)

OWN_VAULT = ("checking", "replicating", "failing_over", "disabling")
"""In these phases the plan has a vault of its own in one case: what happens there is to reach its removal."""
CANCELS = [
    *(Row(phase, "cancel", "rolled_back", phase not in OWN_VAULT) for phase in ("checking", *UNDOABLE)),
    *(Row(phase, "cancel", "migrated") for phase in ("committing", "disabling")),
    Row("awaiting_approval", "reject", "rolled_back", ready=False),
    Row("rolling_back", "cancel", "rolled_back"),
]
FAILURES = [
    *(Row(phase, "fails", "rolled_back") for phase in ("enabling", "configuring", "testing", "failing_over")),
    *(Row(phase, "fails", "migrated", phase not in OWN_VAULT) for phase in ("committing", "disabling")),
    Row("rolling_back", "fails", "rolled_back"),
]


def failing(stack: Stack, row: Row) -> None:
    """Make the operation of the phase fail at its last task, once."""
    method, path = BRAKES.get(row.phase, ("POST", ITEM + "/remove$"))
    where = f"/{row.case.group('vault')}/.*{path}"
    effect = {"kind": "operation_fails", "code": "150000", "message": "The operation was made to fail."}
    stack.simulator.fault(effect, method=method, path=where, nth=1, times=1)


async def act_cancel(stack: Stack, row: Row) -> None:
    """Cancel in the row's phase; on the way there approve, or reject where the undo is to be met."""
    await _lead_to(stack, row)
    await stack.reach(row.case, row.phase)
    if row.phase == "failing_over":
        await until(lambda: begun(stack, row), "the failover has begun", seconds=120)
    await stack.vm(row.case).cancel()
    if row.phase == "rolling_back":
        await stack.vm(row.case).cancel()


async def act_reject(stack: Stack, row: Row) -> None:
    """Reject at the approval."""
    await stack.decide(row.case, names.SIGNAL_REJECT_COMMIT)


async def act_fails(stack: Stack, row: Row) -> None:
    """Let the operation fail; where that needs a person, retry."""
    await _lead_to(stack, row)
    if row.phase in {"committing", "disabling", "rolling_back"}:
        await stack.reach(row.case, "needs_action")
        await stack.resolve(row.case, "retry")


async def _lead_to(stack: Stack, row: Row) -> None:
    if row.phase in {"committing", "disabling"}:
        await stack.decide(row.case)
    elif row.phase == "rolling_back":
        await stack.decide(row.case, names.SIGNAL_REJECT_COMMIT)


@pytest.fixture(scope="module")
async def orderly(own_server: WorkflowEnvironment) -> AsyncIterator[Stack]:
    """Run all cancels, the rejection and the failing operations."""
    rows = [*CANCELS, *FAILURES]
    async with Stack.run(own_server.client, seed_of([row.case for row in rows])) as stack:
        seen_before(stack, rows)
        for row in CANCELS:
            brake(stack, row)
        for row in FAILURES:
            failing(stack, row)
        acts = {"cancel": act_cancel, "reject": act_reject, "fails": act_fails}
        await asyncio.gather(*(run_row(stack, row, acts[row.action]) for row in rows))
        yield stack


@pytest.mark.parametrize("row", CANCELS, ids=lambda row: row.label)
async def test_a_cancel_leads_back_until_the_commit(orderly: Stack, row: Row) -> None:
    """A cancel or a rejection before the commit brings the source back; after it nothing is undone."""
    judge_row(orderly, row)
    cancelled = row.outcome == "rolled_back" and row.action == "cancel" and row.phase != "rolling_back"
    expected = WorkflowExecutionStatus.CANCELED if cancelled else WorkflowExecutionStatus.COMPLETED
    assert row.status == expected


@pytest.mark.parametrize("row", FAILURES, ids=lambda row: row.label)
async def test_a_failing_operation_is_undone_or_waits_for_a_person(orderly: Stack, row: Row) -> None:
    """A failure before the commit is undone; after it, and in the undo itself, it waits for a person's retry."""
    judge_row(orderly, row)


@pytest.mark.parametrize(
    "row", [row for row in (*CANCELS, *FAILURES) if row.phase == "failing_over"], ids=lambda row: row.label
)
async def test_a_failover_that_does_not_last_tells_its_downtime(orderly: Stack, row: Row) -> None:
    """A failover that fails or is cancelled has shut the source down; the report tells for how long."""
    judge_row(orderly, row)
    assert row.report is not None
    assert (row.report.downtime_seconds or 0) > 0
