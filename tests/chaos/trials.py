"""A trial: one plan of one machine, one fault in it, and what has to come of it."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from migration import names
from migration.report import VmStatus
from tests.chaos.checker import Evidence, judge
from tests.chaos.checker.histories import History
from tests.chaos.stage import Stage
from tests.e2e import judge as e2e
from tests.e2e.estates import APPROVER, REQUESTER, Case

Line = dict[str, Any]
Act = Callable[[Stage, "Trial"], Awaitable[None]]
Arm = Callable[["Trial", random.Random, list[Line]], list[dict[str, Any]]]

MIGRATED, ROLLED_BACK = frozenset({"migrated"}), frozenset({"rolled_back"})
SECONDS_ALLOWED = 300.0


@dataclass
class Trial:
    """One case of the matrix."""

    fault: str
    case: Case
    expected: frozenset[str]
    arm: Arm | None = None
    act: Act | None = None
    meddled: bool = False
    nth: int | None = None
    """The index of the request that was met, counted among the requests about the case."""
    phase: str = ""
    outcome: str = ""
    faults: list[dict[str, Any]] = field(default_factory=list)
    before: list[dict[str, Any]] = field(default_factory=list)
    broken: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0

    @property
    def struck_at(self) -> str:
        """The request that was met, in words; empty where no single one was."""
        return f"request {self.nth}" if self.nth else ""

    @property
    def is_green(self) -> bool:
        """Whether the outcome is one that is allowed, and every invariant holds."""
        return not self.error and self.outcome in self.expected and not self.broken

    def inject(self, stage: Stage, dice: random.Random, clean: list[Line]) -> None:
        """Arm the fault in the simulator."""
        self.before = e2e.of_case(self.case, stage.simulator.resources())
        for fault in self.arm(self, dice, clean) if self.arm else []:
            stage.simulator.fault(fault["effect"], **fault["match"])
            self.faults.append({**fault, "vm": None})

    async def run(self, stage: Stage) -> None:
        """Run it to its end, and keep what came of it."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(SECONDS_ALLOWED):
                await stage.start(self.case)
                await (self.act or approve)(stage, self)
                await ended(stage, self)
        except (AssertionError, WorkflowFailureError, RPCError, TimeoutError) as error:
            status = await stage.status(self.case)
            stands = f"; it stands at {status.phase}: {status.waiting_for}" if status else ""
            self.error = f"{type(error).__name__}: {error}{stands}"
        self.seconds = asyncio.get_running_loop().time() - began

    async def conclude(self, stage: Stage) -> None:
        """Let the checker judge what is left."""
        if self.error:
            return
        evidence = await gather(stage, self)
        self.outcome = str(evidence.report["vms"][0]["outcome"])
        self.phase = self.phase or phase_of(self, evidence)
        self.broken = judge(evidence)


async def approve(stage: Stage, trial: Trial) -> None:
    """Approve when it waits, and move on whatever waits for a person meanwhile."""
    await see_through(stage, trial, names.SIGNAL_APPROVE_COMMIT)


async def reject(stage: Stage, trial: Trial) -> None:
    """Reject when it waits."""
    await see_through(stage, trial, names.SIGNAL_REJECT_COMMIT)


async def see_through(stage: Stage, trial: Trial, decision: str) -> None:
    """Do what a person on duty does: decide at the gate, retry where only a person can move it on."""
    asked = ""
    while not await is_over(stage, trial):
        status = await stage.status(trial.case)
        stands = "" if status is None else f"{status.phase} {status.waiting_for}"
        if status is not None and stands != asked:
            asked = stands if await _move(stage, trial, status, decision) else ""
        await asyncio.sleep(0.5)


async def _move(stage: Stage, trial: Trial, status: VmStatus, decision: str) -> bool:
    """Decide or retry where that is asked for; return whether it was."""
    try:
        if status.phase == "awaiting_approval":
            await stage.vm(trial.case).signal(decision, {"approver": APPROVER})
            return True
        if status.needs_action and "retry" in status.choices:
            await stage.resolve(trial.case, "retry")
            return True
    except RPCError:  # Temporal is away, or nobody answers: the next look tries again
        pass
    return False


async def is_over(stage: Stage, trial: Trial) -> bool:
    """Tell whether the plan's workflow has ended."""
    try:
        async with asyncio.timeout(5):
            described = await stage.plan(trial.case).describe()
    except (RPCError, TimeoutError):
        return False
    return described.close_time is not None


async def ended(stage: Stage, trial: Trial) -> None:
    """Wait for the end of the plan."""
    while not await is_over(stage, trial):
        await asyncio.sleep(0.5)


async def gather(stage: Stage, trial: Trial) -> Evidence:
    """Read everything that a run left."""
    case = trial.case
    plan, vm = await stage.plan_report(case), await stage.report(case)
    histories = {}
    for handle in (stage.plan(case), stage.vm(case)):
        history = await handle.fetch_history()
        histories[handle.id] = History(handle.id, history.to_json_dict())
    mine = (case.vm_id("vm").lower(), case.vm_id("vm", "target").lower())
    looks = [
        type(look)(look.virtual, {key: value for key, value in look.power.items() if key in mine})
        for look in stage.looks
    ]
    report = {**plan.model_dump(mode="json"), "vms": [vm.model_dump(mode="json")]}
    return Evidence(
        plan=case.plan.model_dump(mode="json"),
        requester=REQUESTER,
        log=e2e.about(case, stage.simulator.requests()),
        before=trial.before,
        after=e2e.of_case(case, stage.simulator.resources()),
        looks=looks,
        histories=histories,
        report=report,
        faults=trial.faults,
        meddled=trial.meddled,
        canaries=(stage.simulator.client_secret,),
        outputs=(*stage.logs, str(report)),
        seconds=trial.seconds,
        seconds_allowed=SECONDS_ALLOWED,
    )


def phase_of(trial: Trial, evidence: Evidence) -> str:
    """Return the phase in which the machine was when its request was met; `preparing` before it had one."""
    met = [at for fault in trial.faults if (at := _struck_at(fault["match"], evidence.log))]
    phases = evidence.report["vms"][0]["phases"]
    inside = [each["name"] for each in phases if met and each["started"][:19] <= met[0][:19]]
    if met and not inside:
        return "preparing"
    return str(inside[-1]) if inside else ""


def _struck_at(match: dict[str, Any], log: list[Line]) -> str | None:
    """Return when a fault met its request, by the log; None where it met none."""
    method, path = match.get("method", ""), re.compile(match["path"], re.IGNORECASE)
    fitting = [line for line in log if method in {"", line["method"]} and path.search(line["path"])]
    nth = match.get("nth", 1)
    return str(fitting[nth - 1]["wall"]) if nth <= len(fitting) else None


def where(case: Case, path: str = "") -> str:
    """Return the expression of the paths about a case."""
    return f"/{case.name}-(source|target|vault)(/|$).*{path}" if path else f"/{case.name}-(source|target|vault)(/|$)"
