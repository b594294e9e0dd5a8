"""A trial: one plan of one machine, one fault in it, and what has to come of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from migration import names
from tests.chaos.checker import Evidence, judge
from tests.chaos.checker.histories import History
from tests.chaos.stage import Stage
from tests.e2e import judge as e2e
from tests.e2e.estates import APPROVER, REQUESTER, Case, seed_of

Line = dict[str, Any]
Act = Callable[[Stage, "Trial"], Awaitable[None]]
Arm = Callable[["Trial", random.Random, list[Line]], list[dict[str, Any]]]

MIGRATED, ROLLED_BACK = frozenset({"migrated"}), frozenset({"rolled_back"})
EITHER = MIGRATED | ROLLED_BACK
BY_HAND = "by-hand-"
"""How the ids of requests begin that people send: the checker judges ours alone."""
SECONDS_ALLOWED = 300.0
_LAST_TASK_SECONDS = 20.0
"""Twice as long as Temporal waits for a workflow task that a worker has taken."""
_PATIENCE = 3.0
"""How long a person waits for what a word of theirs brings before they say it again."""


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


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
    behaviour: dict[str, Any] = field(default_factory=dict)
    """How the machine, or its copy, behaves in the simulator."""
    traps: list[socket.socket] = field(default_factory=list)
    """Where nobody may ever connect to."""
    tries: int = 8
    """How often a person tries again before they give up."""
    begin: asyncio.Event = field(default_factory=_set)
    """Before it is set, the plan is not started."""
    decide: asyncio.Event = field(default_factory=_set)
    """Before it is set, nobody decides at the gate."""
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
            armed = stage.simulator.fault(fault["effect"], **fault["match"])
            self.faults.append({**fault, "vm": None, "id": armed})

    async def run(self, stage: Stage) -> None:
        """Run it to its end, and keep what came of it."""
        await self.begin.wait()
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
        self.error = self._unmet(stage) or self._trapped()
        try:
            evidence = await gather(stage, self)
        except Exception as error:  # noqa: BLE001 - one row that cannot be judged does not end the others
            self.error = f"nothing could be judged: {type(error).__name__}: {error}"
            return
        self.outcome = " and ".join(sorted({str(vm["outcome"]) for vm in evidence.report["vms"]}))
        self.phase = self.phase or phase_of(self, evidence)
        self.broken = judge(evidence)

    def _unmet(self, stage: Stage) -> str:
        """Tell which fault never met its request: such a run shows nothing."""
        seen = stage.times_met()
        unmet = [fault for fault in self.faults if seen[fault["id"]] < fault["match"]["nth"]]
        return f"no request met the fault {unmet[0]['match']}" if unmet else ""

    def _trapped(self) -> str:
        """Tell whether somebody connected to a place where nobody may."""
        for trap in self.traps:
            with trap, contextlib.suppress(BlockingIOError):
                connection, _ = trap.accept()
                connection.close()
                return "a foreign host was connected to"
        return ""


def seed_for(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return the seed of all *trials*, with how their machines behave."""
    seed = seed_of([trial.case for trial in trials])
    for trial in trials:
        for vm in trial.case.vms:
            seed["behaviour"][trial.case.vm_id(vm)] |= trial.behaviour
    return seed


async def approve(stage: Stage, trial: Trial) -> None:
    """Approve when it waits, and move on whatever waits for a person meanwhile."""
    await see_through(stage, trial, names.SIGNAL_APPROVE_COMMIT)


async def reject(stage: Stage, trial: Trial) -> None:
    """Reject when it waits."""
    await see_through(stage, trial, names.SIGNAL_REJECT_COMMIT)


async def see_through(stage: Stage, trial: Trial, decision: str) -> None:
    """Do what a person on duty does: decide at the gate, retry where only a person can move it on."""
    await asyncio.gather(*(_attend(stage, trial, vm, decision) for vm in trial.case.vms))


async def _attend(stage: Stage, trial: Trial, vm: str, decision: str) -> None:
    asked, tries = 0.0, 0
    clock = asyncio.get_running_loop().time
    while not stage.is_over(trial.case):
        standing = stage.watch.of(names.migrate_vm_id(trial.case.name, vm))
        if standing is not None and not standing.closed and standing.needs_action and clock() - asked > _PATIENCE:
            if standing.phase == "awaiting_approval" and not trial.decide.is_set():
                await stage.watch.round()
                continue
            tries += 1
            word = decision if standing.phase == "awaiting_approval" else "retry" if tries <= trial.tries else "give_up"
            await _say(stage, trial, vm, word)
            asked = clock()
        await stage.watch.round()


async def _say(stage: Stage, trial: Trial, vm: str, word: str) -> None:
    """Decide, or say a *word* where that is offered."""
    try:
        async with asyncio.timeout(10):
            if word in {names.SIGNAL_APPROVE_COMMIT, names.SIGNAL_REJECT_COMMIT}:
                await stage.vm(trial.case, vm).signal(word, {"approver": APPROVER})
                return
            status = await stage.status(trial.case, vm)
            if status is not None and status.needs_action and word in status.choices:
                await stage.resolve(trial.case, word, vm)
    except (RPCError, TimeoutError):  # Temporal is away, or nobody answers: the next look tries again
        pass


async def ended(stage: Stage, trial: Trial) -> None:
    """Wait for the end of the plan."""
    while not stage.is_over(trial.case):
        await stage.watch.round()


async def _all_closed(stage: Stage, trial: Trial) -> None:
    """Let the machines end, which have told the plan how: the worker that had their last task may have been killed."""
    ids = [names.migrate_vm_id(trial.case.name, vm) for vm in trial.case.vms]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_TASK_SECONDS):
            while any((at := stage.watch.of(one)) and not at.closed and not at.needs_action for one in ids):
                await stage.watch.round()


async def gather(stage: Stage, trial: Trial) -> Evidence:
    """Read everything that a run left."""
    case = trial.case
    await _all_closed(stage, trial)
    plan, vms = await stage.plan_report(case), [await stage.report(case, vm) for vm in case.vms]
    histories = {}
    for handle in (stage.plan(case), *(stage.vm(case, vm) for vm in case.vms)):
        history = await handle.fetch_history()
        histories[handle.id] = History(handle.id, history.to_json_dict())
    mine = {case.vm_id(vm, kind).lower() for vm in case.vms for kind in ("source", "target")}
    report = {**plan.model_dump(mode="json"), "vms": [vm.model_dump(mode="json") for vm in vms]}
    log = e2e.about(case, stage.simulator.requests())
    behaviour = [{"effect": {"kind": "behaviour"}, "match": {}, "vm": None}] if trial.behaviour else []
    return Evidence(
        plan=case.plan.model_dump(mode="json"),
        requester=REQUESTER,
        log=[line for line in log if not str(line["client_request_id"]).startswith(BY_HAND)],
        before=trial.before,
        after=e2e.of_case(case, stage.simulator.resources()),
        looks=[look.of(mine) for look in stage.looks],
        histories=histories,
        report=report,
        faults=[*trial.faults, *behaviour],
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
