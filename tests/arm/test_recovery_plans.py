"""What a recovery plan's job tells of one machine: the tasks of the jobs that it began for that one."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from arm import jobs, recovery_plans
from arm.fence import SHUT_DOWN, SYNCHRONISE

RECORDED = Path(__file__).resolve().parents[2].parent / "shared/azure/recordings/powershell-excerpts"
FILE = RECORDED / "job_A2A_recoveryplan_UnplannedFailover_inprogress.json"
VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v"


def _task(name: str, state: str = "Succeeded") -> dict[str, Any]:
    return {"friendlyName": name, "state": state, "startTime": "2026-03-01T10:00:00Z", "endTime": None}


def _line(vm: str, job: str) -> dict[str, Any]:
    about = {"jobId": f"{VAULT}/replicationJobs/{job}", "targetObjectName": vm}
    return {**_task(vm), "customDetails": {"jobTask": about}}


def _group(kind: str, *lines: dict[str, Any]) -> dict[str, Any]:
    return {**_task(kind), "taskType": kind, "groupTaskCustomDetails": {"childTasks": list(lines)}}


def _own(monkeypatch: pytest.MonkeyPatch, job: dict[str, Any], vm: str, there: dict[str, Any]) -> dict[str, Any]:
    async def read(_: object, job_id: str) -> dict[str, Any] | None:
        tasks = there.get(job_id.rsplit("/", 1)[-1])
        return None if tasks is None else {"id": job_id, "properties": {"state": "Succeeded", "tasks": tasks}}

    monkeypatch.setattr(jobs, "read_job", read)
    return asyncio.run(recovery_plans.own_job(None, job, vm))  # type: ignore[arg-type] # nothing is asked of Azure


def test_each_machine_has_the_tasks_of_its_own_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of its shutdown and of its failover, be it one job or two; nothing of another machine."""
    tree = _group(
        "RecoveryPlanShutdownGroupTaskDetails",
        _group("RecoveryPlanGroupTaskDetails", _line("db", "1"), _line("web", "3")),
    )
    work = _group("RecoveryPlanGroupTaskDetails", _line("db", "2"), _line("WEB", "3"))
    job = {"id": f"{VAULT}/replicationJobs/9", "properties": {"state": "Failed", "tasks": [tree, work]}}
    there = {"1": [_task(SHUT_DOWN)], "2": [_task("Start failover")], "3": [_task(SHUT_DOWN, "Failed")]}

    db = _own(monkeypatch, job, "db", there)
    web = _own(monkeypatch, job, "web", there)
    told = [[(task.name, task.state) for task in jobs.tasks(one)] for one in (db, web)]
    assert [(SHUT_DOWN, "Succeeded"), ("Start failover", "Succeeded")] == told[0]
    assert [(SHUT_DOWN, "Failed")] == told[1]
    assert ["Succeeded", "2"] == [db["properties"]["state"], db["id"].rsplit("/", 1)[-1]]


def test_a_shutdown_that_only_the_plan_tells_of_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Azure was recorded, the shutdown has a job of its own; where nobody keeps that, the plan's own line stands."""
    if not FILE.exists():
        pytest.skip("the recordings are not here")
    job = json.loads(FILE.read_text(encoding="utf-8"))["responseBody"]
    own = _own(monkeypatch, job, "A2AVM347", {"4115d414-75c1-41ba-978e-1c3528fc21c4": [_task(SYNCHRONISE)]})

    [shutdown, synchronise] = jobs.tasks(own)
    assert (SHUT_DOWN, "Succeeded", SYNCHRONISE) == (shutdown.name, shutdown.state, synchronise.name)
    assert "2022-10-13T05:25:27.4979124Z" == shutdown.started
    assert [] == jobs.tasks(_own(monkeypatch, job, "another", {}))
