"""After the commit, as a person types it: replicate back, delete the source by a worker of its own, hold the report."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from tests.e2e import judge
from tests.e2e.clone import Clone
from tests.e2e.estates import APPROVER, Case
from tests.e2e.stack import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

BACK = Case("back-again", extra=(("after_commit.reprotect.deadline", "1d"),))
GONE = Case("gone", extra=(("finalise.snapshot", True),), ready=True)


@contextlib.asynccontextmanager
async def finaliser(clone: Clone) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the worker that may delete sources."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", ". .state/env\nexec .venv/bin/python worker.py --finalise"),
        cwd=clone.path,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture(scope="module")
async def moved(clone: Clone) -> Clone:
    """Return the clone, with a plan that replicates back and one that does not, both moved."""
    for case in (BACK, GONE):
        listed = await clone.starter(f"plan {clone.add(case)} --json")
        assert 0 == listed.code, listed.err
        if case is BACK:
            (clone.path / "listed.json").write_text(listed.out)
        assert 0 == (await clone.starter(f"start plans/{case.name}.yaml")).code
    ended = await asyncio.gather(*(clone.approve_all(case.name, APPROVER) for case in (BACK, GONE)))
    assert [0, 0] == [answer.code for answer in ended], [answer.err for answer in ended]
    return clone


async def test_a_plan_that_replicates_back_ends_protected_the_other_way(moved: Clone) -> None:
    """The vault stays in use by the item in the other container; no call was made that `plan` did not list."""
    report = moved.report(BACK.name)
    (vm,) = report["vms"]
    assert ("migrated", "reprotecting") == (vm["outcome"], vm["phases"][-2]["name"])
    left = {one["type"]: one["why"] for one in report["resources"] if one["state"] == "left"}
    assert "in use" in left["Microsoft.RecoveryServices/vaults"]
    mine = [line for line in moved.simulator.requests() if BACK.name in line["path"]]
    assert any(line["path"].lower().endswith("/switchprotection") for line in mine)
    listed = json.loads((moved.path / "listed.json").read_text())
    written = [line for line in mine if line["write"] and line["accepted"]]
    assert [] == judge.unlisted(listed, written)


async def test_nobody_deletes_without_the_finalisers_worker(moved: Clone) -> None:
    """The ordinary worker does not serve that queue: asking is refused, with what to start."""
    answer = await moved.starter(f"finalise {GONE.name}")

    assert 3 == answer.code
    assert "python worker.py --finalise" in answer.err


async def test_a_source_is_deleted_once_though_its_worker_is_killed(moved: Clone) -> None:
    """Asked for, approved, killed in mid-deletion, gone on, told; what replicates back keeps its source."""
    vm, power = GONE.vms[0], judge.power_by_id(moved.simulator)
    assert "PowerState/deallocated" == power[GONE.vm_id(vm).lower()]
    async with finaliser(moved) as process:
        await until(lambda: _polls(moved), "the finaliser polls", seconds=60)
        assert 0 == (await moved.starter(f"finalise {GONE.name}")).code
        moved.simulator.fault({"kind": "hang", "seconds": 20}, method="DELETE", path=f"{GONE.name}.*{vm}$", times=1)
        deciding = f"finalise {GONE.name} approve --approver"
        refused = await _until_counts(moved, f"{deciding} eve@contoso.example", counts=False)
        assert "not an approver" in refused
        await _until_counts(moved, f"{deciding} {APPROVER}")
        await until(lambda: _deleting(moved, vm), "the machine's deletion is asked for", seconds=120)
        process.kill()
    async with finaliser(moved):
        assert 0 == (await moved.starter(f"finalise {BACK.name}")).code
        await until(lambda: _ended(moved, BACK, "refused"), "what replicates back keeps its source", seconds=180)
        await until(lambda: _ended(moved, GONE, "finalised"), "the source is gone", seconds=180)
    kept = (await moved.starter(f"finalise {BACK.name} status --json")).json["vms"][0]
    assert "still replicates to the source" in kept["reason"]
    assert BACK.vm_id(BACK.vms[0]).lower() in judge.power_by_id(moved.simulator)

    deleted = [line for line in moved.simulator.requests() if line["method"] == "DELETE" and line["accepted"]]
    gone = [line["path"].rsplit("/", 1)[1] for line in deleted if f"{GONE.name}-source/" in line["path"]]
    assert [vm, f"{vm}-nic", f"{vm}-data-0", f"{vm}-os"] == gone
    assert "PowerState/running" == judge.power_by_id(moved.simulator)[GONE.vm_id(vm, "target").lower()]

    assert 0 == (await moved.starter(f"report {GONE.name}")).code
    (told,) = moved.report(GONE.name)["vms"]
    assert ("finalised", 4, 2) == (
        told["finalised"]["outcome"],
        len(told["finalised"]["deleted"]),
        len(told["finalised"]["snapshots"]),
    )
    assert "Finalised: snapshots" in (moved.path / "out" / GONE.name / "report.html").read_text()
    verified = await moved.starter(f"report {GONE.name} --verify out/{GONE.name}/report.json")
    assert (0, True) == (verified.code, "its workflows vouch for it" in verified.out), verified.out


async def _polls(clone: Clone) -> bool:
    answer = await clone.shell("temporal task-queue describe --task-queue azure-migration-finalise --output json")
    return bool(json.loads(answer.out).get("pollers")) if answer.code == 0 else False


async def _until_counts(clone: Clone, command: str, *, counts: bool = True) -> str:
    """Type a decision until something waits for it; return what was answered."""
    told = ""

    async def counted() -> bool:
        nonlocal told
        answer = await clone.starter(f"{command} --json")
        decisions = answer.json["decisions"]
        told = " ".join(one["reason"] for one in decisions)
        return bool(decisions) and "early" not in told and any(one["counted"] for one in decisions) is counts

    await until(counted, command, seconds=60)
    return told


async def _deleting(clone: Clone, vm: str) -> bool:
    log = clone.simulator.requests()
    return any(line["method"] == "DELETE" and line["path"].endswith(f"virtualMachines/{vm}") for line in log)


async def _ended(clone: Clone, case: Case, outcome: str) -> bool:
    answer = await clone.starter(f"finalise {case.name} status --json")
    return answer.code == 0 and [one["outcome"] for one in answer.json["vms"]] == [outcome]
