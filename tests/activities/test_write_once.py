"""Each write happens once, whatever becomes of its answer and of the process that sent it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError

from activities import failures, writing
from activities.failover import FailoverActivities
from activities.ledger import LedgerActivities
from activities.power import PowerActivities
from activities.replication import ReplicationActivities
from activities.vault import VaultActivities
from activities.waits import WaitActivities
from migration import ids
from migration.keeping import DeleteResources
from migration.requests import (
    ConfigureTarget,
    DisableReplication,
    EnableReplication,
    PowerChange,
    ReadItem,
    ReadPower,
    StartFailover,
)
from migration.sharing import FabricWanted, ResourceGroupWanted
from migration.waiting import JobWait, ProtectedWait, VmWait
from tests.activities.estate import SUBSCRIPTION, TEST_NETWORK, VAULT
from tests.activities.stage import SPEED, Case, Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Act = Callable[[Stage, Case], Awaitable[Any]]

AMBIGUOUS: dict[str, dict[str, Any]] = {
    "reset after": {"kind": "reset_after"},
    "503 after": {"kind": "status_after", "status": 503, "body": {"error": {"code": "ServiceUnavailable"}}},
    "500 after with Retry-After": {"kind": "status_after", "status": 500, "headers": {"Retry-After": "1"}},
    "truncated": {"kind": "truncate"},
    "reset before": {"kind": "reset_before"},
    "503 before": {"kind": "status", "status": 503},
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
    "foreign operation URL": {"kind": "foreign_operation_url", "url": "https://127.0.0.1:9/steal"},
}


async def _enable(stage: Stage, case: Case) -> Any:
    return await stage.run(
        ReplicationActivities.enable_replication, EnableReplication(task=case.task, source=case.source)
    )


async def _configure(stage: Stage, case: Case) -> Any:
    return await stage.run(ReplicationActivities.configure_target, ConfigureTarget(task=case.task, source=case.source))


async def _test(stage: Stage, case: Case) -> Any:
    return await stage.run(FailoverActivities.start_test_failover, StartFailover(task=case.task))


async def _clean_up(stage: Stage, case: Case) -> Any:
    return await stage.run(FailoverActivities.clean_up_test_failover, StartFailover(task=case.task))


async def _fail_over(stage: Stage, case: Case) -> Any:
    return (await stage.run(FailoverActivities.start_failover, StartFailover(task=case.task))).started


async def _commit(stage: Stage, case: Case) -> Any:
    return await stage.run(FailoverActivities.commit_failover, StartFailover(task=case.task))


async def _disable(stage: Stage, case: Case) -> Any:
    return await stage.run(ReplicationActivities.disable_replication, DisableReplication(task=case.task))


STEPS: list[tuple[str, str, Act]] = [
    ("PUT", "", _enable),
    ("PATCH", "", _configure),
    ("POST", "/testFailover", _test),
    ("POST", "/testFailoverCleanup", _clean_up),
    ("POST", "/unplannedFailover", _fail_over),
    ("POST", "/failoverCommit", _commit),
    ("DELETE", "", _disable),
]


async def test_a_life_under_one_fault_writes_each_step_once(stage: Stage) -> None:
    """From enabling to disabling, with a fault at the first try of each write: one accepted write each, and its job."""
    lives = await asyncio.gather(*(_live(stage, fault) for fault in AMBIGUOUS.values()))

    assert {fault: [] for fault in AMBIGUOUS} == dict(zip(AMBIGUOUS, lives, strict=True))


async def _live(stage: Stage, fault: dict[str, Any]) -> list[str]:
    """Return what went wrong in the life of a virtual machine under *fault*."""
    wrong = []
    case = stage.arrange(test_network_id=TEST_NETWORK, size="Standard_D4s_v5")
    for method, suffix, act in STEPS:
        stage.sim.fault(fault, method=method, path=f"{case.name}{suffix}$")
        before = stage.mark
        started = await act(stage, case)
        accepted = len(stage.writes(case.name, before))
        await stage.end(started.job)
        if method == "PUT":
            await stage.run(WaitActivities.wait_until_protected, ProtectedWait(task=case.task))
        if (accepted, started.existed, started.job is None) != (1, False, False):
            wrong.append(f"{method} {suffix}: {accepted} accepted, {started}")
    return wrong


async def test_a_failed_job_of_a_lost_answer_is_adopted(stage: Stage) -> None:
    """A failover whose answer was lost and whose job then failed is reported as failed, not sent again."""
    case = stage.arrange()
    await stage.protect(case)
    stage.sim.fault(
        {"kind": "operation_fails", "code": "150097", "message": "no quota"},
        method="POST",
        path=f"{case.name}/unplannedFailover$",
    )
    stage.sim.fault({"kind": "reset_after"}, method="POST", path=f"{case.name}/unplannedFailover$")
    before = stage.mark

    started = await _fail_over(stage, case)
    with pytest.raises(ApplicationError) as caught:
        await stage.end(started.job)

    assert "AsrJobFailed" == caught.value.type
    assert "150097" == caught.value.details[0]["code"]
    assert 1 == len(stage.writes("unplannedFailover", before))


async def test_a_second_attempt_does_not_trust_its_first_reading(stage: Stage) -> None:
    """Where the jobs are read as they were, the attempt waits for things to settle, reads again and adopts."""
    case = stage.arrange()
    await stage.protect(case)
    post = {"method": "POST", "path": f"{case.name}/unplannedFailover$"}
    stage.sim.fault({"kind": "operation_fails", "code": "150097", "message": "no quota"}, **post)
    stage.sim.fault({"kind": "reset_after"}, **post)
    stage.sim.fault({"kind": "stale_reads", "seconds": 20_000}, method="GET", path="replicationJobs$", times=1)
    before = stage.mark

    started = await _fail_over(stage, case)

    assert started.job
    assert 1 == len(stage.writes("unplannedFailover", before))


async def test_a_write_of_unknown_outcome_is_followed_up_whatever_the_patience(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that does not know whether its write was taken is not the last: an activity begun anew forgets it."""
    case = stage.arrange()
    await stage.protect(case)
    monkeypatch.setattr(failures, "ENVIRONMENT_PATIENCE", timedelta())
    stage.sim.fault({"kind": "reset_after"}, method="POST", path=f"{case.name}/unplannedFailover$")
    before = stage.mark

    started = await _fail_over(stage, case)

    assert started.job
    assert 1 == len(stage.writes("unplannedFailover", before))


async def test_one_stale_reading_ends_nothing(stage: Stage) -> None:
    """A protected item that one reading misses is read again, before the move is undone for it."""
    case = stage.arrange()
    await stage.protect(case)
    missing = {"kind": "status", "status": 404, "body": {"error": {"code": "ResourceNotFound", "message": "no"}}}
    stage.sim.fault(missing, method="GET", path=f"{case.name}$")

    assert (await _fail_over(stage, case)).job


async def test_an_undo_looks_twice_for_what_nobody_heard_of(stage: Stage) -> None:
    """A failover, a test or an enabling that was just taken may not show in the first reading; the second finds it."""
    enabling, testing, failing = stage.arrange(), stage.arrange(test_network_id=TEST_NETWORK), stage.arrange()
    await asyncio.gather(stage.protect(testing), stage.protect(failing))
    stage.sim.clock(speed=10)
    await _test(stage, testing)
    await _fail_over(stage, failing)
    stale, gone = {"kind": "stale_reads", "seconds": 60}, {"kind": "stale_reads", "seconds": 100_000}
    for case in (testing, failing):
        stage.sim.fault(stale, method="GET", path=f"{case.name}$")
    unsettled = await stage.run(ReplicationActivities.read_item, ReadItem(task=failing.task))
    stage.sim.fault(gone, method="GET", path=f"{failing.name}$")
    missed = await stage.run(ReplicationActivities.read_item, ReadItem(task=failing.task))
    stage.sim.fault(stale, method="GET", path=f"{failing.name}$")
    settled = await stage.run(ReplicationActivities.read_item, ReadItem(task=failing.task, settled=True))
    request = StartFailover(task=testing.task, settled=True)
    cleaning = await stage.start(FailoverActivities.clean_up_test_failover, request)
    await _enable(stage, enabling)
    stage.sim.fault(gone, method="GET", path=f"{enabling.name}$", times=2)
    stage.sim.fault(stale, method="GET", path="replicationJobs$")
    wanted = DisableReplication(task=enabling.task, settled=True)
    disabled = await stage.run(ReplicationActivities.disable_replication, wanted)
    stage.sim.clock(speed=SPEED)

    assert missed.exists
    assert (None, "UnplannedFailover") == (unsettled.current_job, settled.current_job and settled.current_job.scenario)
    assert "EnableDr" == (disabled.job and disabled.job.scenario)
    cleaned = await cleaning.result()
    assert "TestFailoverCleanup" == cleaned["job"]["scenario"]


async def test_what_was_read_long_before_a_write_is_read_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Throttling may hold a write for minutes: a copy that was started meanwhile keeps the other one off."""
    case, other = stage.arrange(behaviour={"power_state": "PowerState/deallocated"}), stage.arrange()
    vm, beside = case.source.id, other.source.id
    await stage.run(PowerActivities.deallocate_vm, PowerChange(vm_id=beside, reason="testing"))
    await stage.run(WaitActivities.wait_for_vm, VmWait(vm_id=beside, until="deallocated"))
    monkeypatch.setattr(writing, "_FRESH_SECONDS", 0.5)
    stage.azure.limiter.writes(SUBSCRIPTION).pause(3)
    before = stage.mark
    handle = await stage.start(PowerActivities.start_vm, PowerChange(vm_id=vm, other_id=beside, reason="testing"))
    await _until(lambda: any(beside.lower() in line["path"].lower() for line in stage.sim.requests(before)))
    stage.sim.arm("POST", f"{beside}/start").raise_for_status()

    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert [] == [line for line in stage.writes(vm, before) if line["path"].endswith("/start")]


async def test_a_slow_reading_is_no_lost_worker(stage: Stage) -> None:
    """A reading that throttling holds longer than the heartbeat timeout beats meanwhile, and is not begun twice."""
    case = stage.arrange()
    stage.azure.limiter.reads(SUBSCRIPTION).pause(3)
    request = ReadPower(source_id=case.source.id, target_id=case.source.id)

    power = await stage.run(PowerActivities.read_power, request, heartbeat_seconds=1.0, retries=1)

    assert power.source


async def test_a_cancel_waits_for_the_answer_of_a_write(stage: Stage) -> None:
    """A cancel that arrives while a write is under way is let through once its answer is known."""
    case = stage.arrange()
    stage.sim.fault({"kind": "hang", "seconds": 3}, method="PUT", path=f"{case.name}$")
    request = EnableReplication(task=case.task, source=case.source)
    handle = await stage.start(ReplicationActivities.enable_replication, request, heartbeat_seconds=2.0)
    await _until(lambda: _seen(stage, "PUT", case.name))

    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()

    assert isinstance(caught.value.cause, CancelledError)

    assert 1 == len([line for line in stage.sim.requests() if line["method"] == "PUT" and case.name in line["path"]])


async def test_shared_resources_are_made_once(bare_stage: Stage) -> None:
    """A resource group and a fabric are made once, though every first answer is lost."""
    group = ResourceGroupWanted(subscription=SUBSCRIPTION, name="once", region="westeurope", plan="stage")
    bare_stage.sim.fault({"kind": "reset_after"}, method="PUT", path="resourcegroups/once$")
    before = bare_stage.mark

    first = await bare_stage.run(VaultActivities.ensure_resource_group, group)
    second = await bare_stage.run(VaultActivities.ensure_resource_group, group)

    assert (False, True) == (first.existed, second.existed)
    assert 1 == len(bare_stage.writes("resourcegroups/once", before))


async def test_a_fabric_of_another_name_is_used(stage: Stage) -> None:
    """A vault has one fabric for a region, whoever made it and however they spell the region."""
    found = await stage.run(VaultActivities.ensure_fabric, FabricWanted(vault_id=VAULT, region="West Europe"))

    assert found.existed
    assert ids.fabric_id(VAULT, "migration-westeurope") == found.resource_id


async def test_power_changes_once_and_never_beside_a_running_copy(stage: Stage) -> None:
    """A machine is deallocated and started once each, and not started while its other copy runs."""
    case, other = stage.arrange(), stage.arrange()
    vm, beside = case.source.id, other.source.id
    before = stage.mark
    stage.sim.fault({"kind": "reset_after"}, method="POST", path=f"{case.source.id}/(deallocate|start)$", times=1)

    await stage.run(PowerActivities.deallocate_vm, PowerChange(vm_id=vm, reason="testing"))
    await stage.run(WaitActivities.wait_for_vm, VmWait(vm_id=vm, until="deallocated"))
    with pytest.raises(ApplicationError, match="two running copies") as refused:
        await stage.run(PowerActivities.start_vm, PowerChange(vm_id=vm, other_id=beside, reason="testing"))
    await stage.run(PowerActivities.start_vm, PowerChange(vm_id=vm, reason="testing"))
    await stage.run(WaitActivities.wait_for_vm, VmWait(vm_id=vm, until="serving"))
    again = await stage.run(PowerActivities.start_vm, PowerChange(vm_id=vm, reason="testing"))

    assert "OtherCopyRuns" == refused.value.type
    assert again.existed
    assert ["deallocate", "start"] == [line["path"].rsplit("/", 1)[-1] for line in stage.writes(vm, before)]


async def test_deletions_take_nothing_along(stage: Stage) -> None:
    """A virtual machine is deleted, its disks and interface stay, and what is gone already is fine."""
    case = stage.arrange()
    gone = ids.disk_id(SUBSCRIPTION, "prod", "never-was")
    await stage.run(LedgerActivities.delete_resources, DeleteResources(ids=[case.source.id, gone], why="testing"))
    await stage.run(WaitActivities.wait_for_vm, VmWait(vm_id=case.source.id, until="gone"))

    left = stage.sim.resource_ids()
    assert case.source.id.lower() not in left
    assert {case.source.disks[0].id.lower(), case.source.nics[0].id.lower()} <= left


async def test_a_wait_gives_itself_back(stage: Stage) -> None:
    """A wait that is told to answers after that time that it still runs."""
    case = stage.arrange()
    stage.sim.clock(speed=1)
    started = await _enable(stage, case)

    waited = await stage.run(WaitActivities.wait_for_job, JobWait(job=started.job, give_back_after_seconds=1))

    assert waited.running
    stage.sim.clock(speed=SPEED)
    assert not (await stage.end(started.job)).running


def _seen(stage: Stage, method: str, fragment: str) -> bool:
    return any(line["method"] == method and fragment in line["path"] for line in stage.sim.requests())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not condition():
            await asyncio.sleep(0.05)
