"""The cases of a table: how each is met in its phase, what it leaves, and what must hold of it.

All cases of a table run at once on one stack, each a plan of its own; each case is then judged by a test of its own.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from migration.report import PlanReport, VmReport
from tests.e2e import judge
from tests.e2e.estates import Case
from tests.e2e.stack import Stack, until
from tests.support.sim import Simulator

TEST_FIRST = (("failover.test_first", True), ("failover.test_network", "test-net"))
BRAKE_SECONDS = 4
"""How long a phase is held by a slow answer, so that it can be met in it."""
COPY_MINUTES = 150
"""How long a first copy takes that has to be met. At 60 times the speed it outlasts the half minute after which
Temporal notices that another case's kill has cut off the wait for the enabling, and what a busy machine takes to start
the next worker, more than once: a copy of an hour was over unseen."""

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

UNDOABLE = ("enabling", "replicating", "configuring", "testing", "failing_over", "verifying", "awaiting_approval")


@dataclass
class Row:
    """One case of a table, and what became of it."""

    phase: str
    action: str
    outcome: str
    ready: bool = True
    """Whether the vault is there before: the others make theirs, and remove it."""
    case: Case = field(init=False)
    before: set[str] = field(default_factory=set)
    report: VmReport | None = None
    plan: PlanReport | None = None
    status: WorkflowExecutionStatus | None = None
    error: str = ""

    def __post_init__(self) -> None:
        name = f"{self.action}-{self.phase}".replace("_", "-")
        size = "Standard_D4s_v3" if self.phase == "configuring" else None
        self.case = Case(name, size=size, extra=TEST_FIRST if self.phase == "testing" else (), ready=self.ready)

    @property
    def label(self) -> str:
        """The row's name in test ids."""
        return f"{self.phase}-{self.action}"


def brake(stack: Stack, row: Row) -> None:
    """Make the phase's own call slow, or the first copy, if the phase is quick."""
    if row.phase == "replicating":
        let_the_copy_last(stack.simulator, row.case)
    if row.phase in BRAKES:
        method, path = BRAKES[row.phase]
        group = "source" if row.phase == "checking" else "vault"
        where = f"/{row.case.group(group)}/.*{path}"
        # A failover takes about three seconds here; its cancel has to meet it while it runs.
        seconds = 0.5 if row.phase == "failing_over" else BRAKE_SECONDS
        stack.simulator.fault({"kind": "hang", "seconds": seconds}, method=method, path=where, nth=1, times=1)


def let_the_copy_last(simulator: Simulator, case: Case, minutes: int = COPY_MINUTES) -> None:
    """Make the first copy of a case's machine slow enough to be met."""
    slow = {case.vm_id("vm"): {"initial_replication_minutes": minutes}}
    simulator.seed({"resources": [], "behaviour": slow})


def begun(stack: Stack, row: Row) -> bool:
    """Tell whether Azure has taken the call of the row's phase."""
    method, path = BRAKES[row.phase]
    call = re.compile(f"/{row.case.group('vault')}/.*{path}", re.IGNORECASE)
    return any(r["method"] == method and r["accepted"] and call.search(r["path"]) for r in stack.simulator.requests())


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
    """Read what a case reports, once its machine's workflow has closed: it tells the plan of its end before that."""

    async def closed() -> bool:
        row.status = (await stack.vm(row.case).describe()).status
        return row.status is not WorkflowExecutionStatus.RUNNING

    await until(closed, f"the workflow of {row.case.name} has closed")
    row.report = await stack.report(row.case)
    row.plan = await stack.plan_report(row.case)


def judge_row(stack: Stack, row: Row) -> None:
    """Judge one case by the simulator's own list and log."""
    assert row.error == "", row.error
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
