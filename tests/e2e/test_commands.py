"""The commands of the README in a clone, as a person types them, from `make up` to the report."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from tests.e2e import judge
from tests.e2e.clone import Answer, Clone
from tests.e2e.estates import SUBSCRIPTION, Case
from tests.e2e.stack import ROOT, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CONTOSO = ("db-01", "app-01", "web-01")
STATUS_KEYS = [
    "name",
    "wave",
    "phase",
    "waiting_for",
    "needs_action",
    "outcome",
    "progress_percent",
    "last_refusal",
]
CONTOSO_GROUPS = ("/contoso-prod", "/contoso-recovery")
MOST_EVENTS = 300

FAILING = Case("failing", vms=("one", "two"), ready=True)
REJECTED = Case("rejected")
CANCELLED = Case("cancelled", vms=("early", "late"), ready=True)
STUCK = Case("stuck", vms=("back", "kept", "left"), ready=True)


def readme_commands() -> dict[str, str]:
    """Return the README's command of each verb, as it stands there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    shown = [line for line in lines if line.startswith(".venv/bin/python starter.py ")]
    return {line.split()[2]: line for line in shown}


README = readme_commands()


class Background:
    """Commands that run while others are typed."""

    def __init__(self, clone: Clone) -> None:
        self._clone = clone
        self._tasks: dict[str, asyncio.Task[Answer]] = {}
        self._listed: dict[str, dict[str, Any]] = {}

    def start_and_wait(self, case: Case) -> None:
        """Type `plan FILE` and `start FILE --wait` for a plan."""
        self._tasks[case.name] = asyncio.create_task(self._plan_and_start(case, self._clone.add(case)))

    async def _plan_and_start(self, case: Case, file: str) -> Answer:
        planned = await self._clone.starter(f"plan {file} --json")
        assert 0 == planned.code, planned.err
        self._listed[case.name] = planned.json
        return await self._clone.starter(f"start {file} --wait")

    def unlisted(self, case: Case) -> list[tuple[str, str]]:
        """Return the requests about a plan's groups that `plan` did not list before its run."""
        log = judge.within({SUBSCRIPTION}, judge.about(case, self._clone.simulator.requests()))
        return judge.unlisted(self._listed[case.name], log)

    async def end(self, case: Case) -> Answer:
        """Return the answer of `start --wait` once it has ended."""
        return await self._tasks[case.name]

    async def cancel(self) -> None:
        """Stop what still runs."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@pytest.fixture(scope="module")
async def background(clone: Clone) -> AsyncIterator[Background]:
    """Begin the plans that go wrong; each test then meets its own."""
    background = Background(clone)
    effect = {"kind": "operation_fails", "code": "150000", "message": "The failover was made to fail."}
    where = f"/{FAILING.group('vault')}/.*/unplannedFailover$"
    clone.simulator.fault(effect, method="POST", path=where, nth=1, times=0)
    for case in (FAILING, REJECTED, CANCELLED, STUCK):
        background.start_and_wait(case)
    # A copy that takes long, so that the cancel meets it.
    clone.simulator.seed(
        {"resources": [], "behaviour": {CANCELLED.vm_id("late"): {"initial_replication_minutes": 10_000}}}
    )
    yield background
    await background.cancel()


def statuses(report: dict[str, Any]) -> dict[str, str]:
    """Return the outcome of each virtual machine of a report."""
    return {vm["name"]: vm["outcome"] for vm in report["vms"]}


def of_contoso(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the accepted writes of the request log that touch Contoso."""
    accepted = [line for line in lines if line["write"] and line["accepted"]]
    return [line for line in accepted if any(group in line["path"].lower() for group in CONTOSO_GROUPS)]


async def slow_failover(clone: Clone) -> None:
    """Let the call that begins the failover of db-01 take some seconds, so that a kill meets it."""
    where = r"/contoso-recovery/.*/replicationProtectedItems/db-01[^/]*/unplannedFailover$"
    clone.simulator.fault({"kind": "hang", "seconds": 4}, method="POST", path=where)


async def kill_worker(clone: Clone) -> None:
    """Kill the worker as the README says, and see it started again."""
    before = clone.pid("worker")
    killed = await clone.shell("kill -9 $(cat .state/worker.pid)")
    assert killed.code == 0
    await until(lambda: clone.pid("worker") not in {0, before}, "the worker was started again")
    assert not psutil.pid_exists(before)


async def signal_approval(clone: Clone, vm: str, approver: str) -> None:
    """Approve by the Temporal CLI, as the README shows it."""
    message = json.dumps({"approver": approver})
    sent = await clone.shell(
        f"temporal workflow signal --workflow-id migrate-vm/contoso/{vm} --name approve_commit --input '{message}'"
    )
    assert sent.code == 0, sent.err


async def test_the_readme_moves_three_machines_through_a_crash(clone: Clone, background: Background) -> None:
    """Check, start, a killed worker, a stranger, two ways to approve, the report; and all of it once only."""
    assert background is not None
    checked = await clone.shell(README["check"])
    verdict = checked.out.splitlines()[-1]
    assert (0, "plan contoso: 3 VMs checked, 0 findings; nothing blocks") == (checked.code, verdict)
    listed = (await clone.shell(f"{README['plan']} --json")).json
    await slow_failover(clone)
    started = await clone.shell(README["start"])
    assert 0 == started.code, started.err

    await clone.reach("contoso", "failing_over", "db-01")
    await kill_worker(clone)

    status = await clone.reach("contoso", "awaiting_approval", *CONTOSO)
    assert ["plan", "outcome", "vms"] == list(status)
    told = [(vm["name"], [key for key in vm if key in STATUS_KEYS], vm["target_writes_since"]) for vm in status["vms"]]
    assert [(vm, STATUS_KEYS) for vm in CONTOSO] == [(name, keys) for name, keys, _ in told]
    assert all(since for _, _, since in told)
    assert [("contoso", None)] == [(status["plan"], status["outcome"])]

    await signal_approval(clone, "db-01", "stranger@contoso.example")
    db = (await clone.status("contoso"))["vms"][0]
    assert "awaiting_approval" == db["phase"]
    assert "refused: stranger@contoso.example is not an approver of this plan" == db["last_refusal"]
    watching = asyncio.create_task(clone.shell(README["watch"]))
    await signal_approval(clone, "db-01", "approver@contoso.example")
    await clone.reach("contoso", "done", "db-01")
    approved = await clone.shell(README["approve"])
    assert 0 == approved.code, approved.err
    assert ["app-01", "web-01"] == [line.split(":")[0] for line in approved.out.splitlines()]
    watched = await watching
    assert 0 == watched.code, watched.err
    judge_contoso(clone)
    assert [] == judge.unlisted(listed, of_contoso(clone.simulator.requests()))
    for vm in CONTOSO:
        assert await clone.history_length("contoso", vm) < MOST_EVENTS


def judge_contoso(clone: Clone) -> None:
    """Judge the report of the watch, and the simulator's log."""
    report = clone.report("contoso")
    assert ("contoso", "migrated") == (report["plan"], report["outcome"])
    assert dict.fromkeys(CONTOSO, "migrated") == statuses(report)
    assert all(vm["downtime_seconds"] > 0 for vm in report["vms"])
    assert [0, 0, 0] == [vm["data_loss_seconds"] for vm in report["vms"]]
    approvers = {vm["name"]: vm["approval"]["approver"] for vm in report["vms"]}
    assert dict.fromkeys(CONTOSO, "approver@contoso.example") == approvers
    assert (clone.path / "out/contoso/report.html").stat().st_size > 1000
    assert {} == judge.repeated(of_contoso(clone.simulator.requests()))


async def test_a_plan_that_was_moved_is_recognised(clone: Clone) -> None:
    """A second start of the finished plan writes nothing and counts all its machines as migrated."""
    assert "migrated" == clone.report("contoso")["outcome"], "what is not moved would be waited for"
    last = len(clone.simulator.requests())

    again = await clone.shell(f"{README['start']} --wait")

    assert 0 == again.code, again.err
    assert dict.fromkeys(CONTOSO, "migrated") == statuses(clone.report("contoso"))
    assert [] == of_contoso(clone.simulator.requests(since=last))
    reported = await clone.shell(README["report"])
    assert 0 == reported.code
    assert reported.out.startswith("plan contoso: migrated")


async def test_a_failover_that_always_fails_is_rolled_back(clone: Clone, background: Background) -> None:
    """Exit code 1, the sources run, and all that was made is in the report and gone."""
    ended = await background.end(FAILING)

    assert 1 == ended.code, ended.err
    report = clone.report("failing")
    assert ("rolled_back", {"one": "rolled_back", "two": "rolled_back"}) == (report["outcome"], statuses(report))
    assert all("The failover was made to fail." in vm["reason"] for vm in report["vms"])
    assert dict.fromkeys(FAILING.vms, "PowerState/running") == judge.power_states(FAILING, clone.simulator)
    assert [] == untold(clone, FAILING)
    assert {} == judge.repeated_writes(FAILING, clone.simulator.requests())
    assert [] == background.unlisted(FAILING)
    assert await clone.history_length("failing", "one") < MOST_EVENTS


async def test_a_rejection_leads_back(clone: Clone, background: Background) -> None:
    """`reject` counts at once, and the machine serves from its source again."""
    await clone.reach("rejected", "awaiting_approval", "vm")

    answer = await clone.starter('reject rejected --vm VM --comment "the login fails" --json')

    assert 0 == answer.code, answer.err
    assert [("vm", True)] == [(one["vm"], one["counted"]) for one in answer.json["decisions"]]
    assert "loses what was written" in answer.err
    assert 1 == (await background.end(REJECTED)).code
    report = clone.report("rejected")
    assert {"vm": "rolled_back"} == statuses(report)
    assert "the login fails" in report["vms"][0]["reason"]
    assert {"vm": "PowerState/running"} == judge.power_states(REJECTED, clone.simulator)
    assert [] == untold(clone, REJECTED)
    assert [] == judge.leftovers(REJECTED, clone.simulator)
    assert [] == background.unlisted(REJECTED)


async def test_a_cancel_undoes_what_is_not_committed(clone: Clone, background: Background) -> None:
    """`cancel` returns when it is recorded; one machine waits for approval then, the other is still being copied."""
    await clone.reach("cancelled", "awaiting_approval", "early")
    await clone.reach("cancelled", "replicating", "late")

    answer = await clone.starter("cancel cancelled --json")

    assert (0, True) == (answer.code, answer.json["recorded"])
    assert 1 == (await background.end(CANCELLED)).code
    assert {"early": "rolled_back", "late": "rolled_back"} == statuses(clone.report("cancelled"))
    assert dict.fromkeys(CANCELLED.vms, "PowerState/running") == judge.power_states(CANCELLED, clone.simulator)
    assert [] == judge.leftovers(CANCELLED, clone.simulator)
    assert [] == background.unlisted(CANCELLED)
    assert 1 == (await clone.starter("cancel cancelled")).code


async def test_machines_whose_source_does_not_start_wait_for_a_person(clone: Clone, background: Background) -> None:
    """Nothing is deleted; a retry after the repair rolls back, skip keeps the target, give-up leaves all as it is."""
    await clone.reach("stuck", "awaiting_approval", *STUCK.vms)
    start_fails(clone, *STUCK.vms)
    made = judge.leftovers(STUCK, clone.simulator)
    assert 0 == (await clone.starter("reject stuck")).code

    waiting = await background.end(STUCK)

    assert 1 == waiting.code, waiting.err
    status = await clone.reach("stuck", "needs_action", *STUCK.vms)
    assert [("needs_operator", True)] * 3 == [(vm["outcome"], vm["needs_action"]) for vm in status["vms"]]
    assert all("the source does not start" in vm["waiting_for"] for vm in status["vms"])
    assert None is status["outcome"]
    assert set(made) <= set(judge.leftovers(STUCK, clone.simulator))
    await resolve(clone, "retry", "back")
    await clone.reach("stuck", "needs_action", "back")
    start_fails(clone, "kept", "left")
    for verb, vm in (("retry", "back"), ("skip", "kept"), ("give-up", "left")):
        await resolve(clone, verb, vm)
    watched = await clone.starter("watch stuck")

    assert 1 == watched.code
    report = clone.report("stuck")
    assert "mixed" == report["outcome"]
    assert {"back": "rolled_back", "kept": "needs_operator", "left": "needs_operator"} == statuses(report)
    assert [] == untold(clone, STUCK, states=("left", "created"))
    assert [] == background.unlisted(STUCK)
    sources, targets = (judge.power_states(STUCK, clone.simulator, kind) for kind in ("source", "target"))
    assert ["running", "deallocated", "deallocated"] == [state(sources, vm) for vm in STUCK.vms]
    assert ["absent", "running", "deallocated"] == [state(targets, vm) for vm in STUCK.vms]


def start_fails(clone: Clone, *vms: str) -> None:
    """Let only the sources *vms* of STUCK fail to start; their targets do start."""
    broken = {STUCK.vm_id(vm): {"start_fails": True} for vm in vms}
    mended = {STUCK.vm_id(vm): {"agent": "ready"} for vm in set(STUCK.vms) - set(vms)}
    targets = {STUCK.vm_id(vm, "target"): {"agent": "ready"} for vm in STUCK.vms}
    clone.simulator.seed({"resources": [], "behaviour": broken | mended | targets})


async def resolve(clone: Clone, verb: str, vm: str) -> None:
    """Move on a machine of STUCK that waits for a person."""
    answer = await clone.starter(f'{verb} stuck --vm {vm} --reason "a test"')
    assert (0, f"{vm}: {verb} taken\n") == (answer.code, answer.out), answer.err


def state(states: dict[str, str], vm: str) -> str:
    """Return a machine's power state in one word."""
    return states.get(vm, "/absent").rsplit("/", 1)[-1]


def untold(clone: Clone, case: Case, *, states: tuple[str, ...] = ("left", "deleted")) -> list[str]:
    """Return what is there, was not before, and stands in the report in none of *states*."""
    report = clone.report(case.name)
    told = [*report["resources"], *(one for vm in report["vms"] for one in vm["resources"])]
    known = {one["id"].lower() for one in told if one["state"] in states}
    return [id_ for id_ in judge.leftovers(case, clone.simulator) if id_.lower() not in known]
