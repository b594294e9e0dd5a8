"""Phase x {cancel, reject, failing operation, worker killed}, on the real Temporal server, worker and SDKs.

All cases of a table run at once on one stack, each a plan of its own; each case is then judged by a test of its own.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from migration import names
from migration.report import PlanReport, VmReport
from tests.conftest import _KEYS, program
from tests.e2e import judge
from tests.e2e.estates import Case, seed_of
from tests.e2e.stack import Stack, until

pytestmark = [pytest.mark.xdist_group("matrix"), pytest.mark.timeout(900)]

TEST_FIRST = (("failover.test_first", True), ("failover.test_network", "test-net"))
BRAKE_SECONDS = 4
"""How long a phase is held by a slow answer, so that it can be met in it."""

ITEM = r"/replicationProtectedItems/[^/]+"
BRAKES: dict[str, tuple[str, str]] = {
    "checking": ("GET", r"/providers/Microsoft\.Compute/virtualMachines/vm$"),
    "enabling": ("PUT", ITEM + "$"),
    "configuring": ("PATCH", ITEM + "$"),
    "testing": ("POST", ITEM + "/testFailover$"),
    "failing_over": ("POST", ITEM + "/unplannedFailover$"),
    "committing": ("POST", ITEM + "/failoverCommit$"),
    "disabling": ("DELETE", ITEM + "$"),
}
"""Phases that pass quickly, and the call in each that is made slow. A slow answer is one that took effect."""


@dataclass
class Row:
    """One case of a table, and what became of it."""

    phase: str
    action: str
    outcome: str
    case: Case = field(init=False)
    before: set[str] = field(default_factory=set)
    report: VmReport | None = None
    plan: PlanReport | None = None
    status: WorkflowExecutionStatus | None = None
    error: str = ""

    def __post_init__(self) -> None:
        name = f"{self.action}-{self.phase}".replace("_", "-")
        size = "Standard_D4s_v3" if self.phase == "configuring" else None
        self.case = Case(name, size=size, extra=TEST_FIRST if self.phase == "testing" else ())

    @property
    def label(self) -> str:
        """The row's name in test ids."""
        return f"{self.phase}-{self.action}"


UNDOABLE = ("enabling", "replicating", "configuring", "testing", "failing_over", "verifying", "awaiting_approval")
CANCELS = [
    *(Row(phase, "cancel", "rolled_back") for phase in ("checking", *UNDOABLE)),
    *(Row(phase, "cancel", "migrated") for phase in ("committing", "disabling")),
    Row("awaiting_approval", "reject", "rolled_back"),
    Row("rolling_back", "cancel", "rolled_back"),
]
FAILURES = [
    *(Row(phase, "fails", "rolled_back") for phase in ("enabling", "configuring", "testing", "failing_over")),
    *(Row(phase, "fails", "migrated") for phase in ("committing", "disabling")),
    Row("rolling_back", "fails", "rolled_back"),
]
KILLS = [Row(phase, "kill", "migrated") for phase in (*UNDOABLE, "committing", "disabling")]


def brake(stack: Stack, row: Row) -> None:
    """Make the phase's own call slow, if the phase is quick."""
    if row.phase in BRAKES:
        method, path = BRAKES[row.phase]
        group = "source" if row.phase == "checking" else "vault"
        where = f"/{row.case.group(group)}/.*{path}"
        # A failover takes about three seconds here; its cancel has to meet it while it runs.
        seconds = 0.5 if row.phase == "failing_over" else BRAKE_SECONDS
        stack.simulator.fault({"kind": "hang", "seconds": seconds}, method=method, path=where, nth=1, times=1)


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


def begun(stack: Stack, row: Row) -> bool:
    """Tell whether Azure has taken the call of the row's phase."""
    method, path = BRAKES[row.phase]
    call = re.compile(f"/{row.case.group('vault')}/.*{path}", re.IGNORECASE)
    return any(r["method"] == method and r["accepted"] and call.search(r["path"]) for r in stack.simulator.requests())


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


async def run_row(stack: Stack, row: Row, act: Callable[[Stack, Row], Awaitable[None]]) -> None:
    """Run one case to its end, and keep what it left."""
    try:
        plan = await stack.start(row.case)
        await act(stack, row)
        await plan.result()
        await conclude(stack, row)
    except (AssertionError, WorkflowFailureError) as error:
        row.error = str(error)


async def conclude(stack: Stack, row: Row) -> None:
    """Read what a case reports."""
    row.status = (await stack.vm(row.case).describe()).status
    row.report = await stack.report(row.case)
    row.plan = await stack.plan_report(row.case)


def judge_row(stack: Stack, row: Row) -> None:
    """Judge one case by the simulator's own list and log."""
    assert row.error == ""
    assert row.report is not None
    assert row.plan is not None
    assert row.report.outcome == row.outcome
    moved = row.outcome == "migrated"
    state = "PowerState/deallocated" if moved else "PowerState/running"
    assert judge.power_states(row.case, stack.simulator) == {"vm": state}
    assert judge.missing(row.case, stack.simulator, row.before) == set()
    assert judge.unreported(row.case, stack.simulator, row.plan, [row.report]) == []
    if moved:
        assert judge.power_states(row.case, stack.simulator, "target") == {"vm": "PowerState/running"}
    else:
        assert judge.leftovers(row.case, stack.simulator) == []


def seen_before(stack: Stack, rows: list[Row]) -> None:
    """Note what each case has before it starts."""
    there = stack.simulator.resources()
    for row in rows:
        row.before = {r["id"].lower() for r in judge.of_case(row.case, there)}


@pytest.fixture(scope="module")
async def orderly(dev_server: WorkflowEnvironment) -> AsyncIterator[Stack]:
    """Run all cancels, the rejection and the failing operations."""
    rows = [*CANCELS, *FAILURES]
    async with Stack.run(dev_server.client, seed_of([row.case for row in rows])) as stack:
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


@pytest.fixture(scope="module")
async def second_server() -> AsyncIterator[WorkflowEnvironment]:
    """Run a Temporal server apart: the other table's worker still serves the first, with another cloud behind it."""
    async with await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=program("temporal"),
        dev_server_log_level="error",
        search_attributes=[_KEYS[kind](name) for name, kind in names.SEARCH_ATTRIBUTES.items()],
    ) as environment:
        yield environment


@pytest.fixture(scope="module")
async def killed(second_server: WorkflowEnvironment) -> AsyncIterator[Stack]:
    """Kill the worker whenever a case has reached its phase; start it again at once."""
    async with Stack.run(second_server.client, seed_of([row.case for row in KILLS])) as stack:
        seen_before(stack, KILLS)
        lock = asyncio.Lock()

        async def act_kill(stack: Stack, row: Row) -> None:
            approving = asyncio.create_task(stack.decide(row.case))
            await stack.reach(row.case, row.phase)
            async with lock:
                stack.worker.kill()
                await stack.worker.start()
            await approving

        for row in KILLS:
            brake(stack, row)
        await asyncio.gather(*(run_row(stack, row, act_kill) for row in KILLS))
        yield stack


@pytest.mark.parametrize("row", KILLS, ids=lambda row: row.label)
async def test_a_killed_worker_changes_nothing(killed: Stack, row: Row) -> None:
    """With the worker killed in any phase the virtual machine moves all the same, and no write is accepted twice."""
    judge_row(killed, row)
    assert judge.repeated_writes(row.case, killed.simulator.requests()) == {}
