"""What goes wrong in Azure, and what the activities make of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.failover import FailoverActivities
from activities.ledger import LedgerActivities
from activities.power import PowerActivities
from activities.replication import ReplicationActivities
from activities.verification import VerificationActivities
from activities.waits import WaitActivities
from activities.watching import CopyActivities
from arm.watcher import Watchers
from migration import ids
from migration.plan import Failover
from migration.requests import (
    AzureFailure,
    DisableReplication,
    EnableReplication,
    JobFailure,
    JudgeFence,
    ObserveResources,
    PowerChange,
    ReadItem,
    ReadParts,
    StartFailover,
    VerifyTarget,
)
from migration.waiting import CopiesWatched, JobWait, ProtectedWait, VmWait, WatchCopies
from tests.activities.estate import SUBSCRIPTION, TARGET_GROUP
from tests.activities.stage import SPEED, Case, Stage

if TYPE_CHECKING:
    from migration.models import PowerStates, Started, VmTask
    from migration.requests import ItemState


async def enable(stage: Stage, case: Case) -> Started:
    """Enable replication, and do not wait."""
    request = EnableReplication(task=case.task, source=case.source)
    started: Started = await stage.run(ReplicationActivities.enable_replication, request)
    return started


async def disable(stage: Stage, case: Case) -> int:
    """Disable replication until nothing is there, and return in how many calls."""
    for call in range(1, 6):
        started = await stage.run(ReplicationActivities.disable_replication, DisableReplication(task=case.task))
        if started.job is None and not started.existed:
            return call
        await stage.run(WaitActivities.wait_for_job, JobWait(job=started.job, accept_failure=started.existed))
    pytest.fail("the protected item is still there")


async def item_of(stage: Stage, case: Case) -> ItemState:
    """Read the protected item."""
    item: ItemState = await stage.run(ReplicationActivities.read_item, ReadItem(task=case.task))
    return item


async def test_a_shutdown_that_fails_is_seen(stage: Stage) -> None:
    """The job succeeds, the source runs on: the fence does not hold, and both copies are seen running."""
    case = stage.arrange(behaviour={"shutdown_fails": True})
    job = await stage.fail_over(case)

    fence = await stage.run(FailoverActivities.judge_fence, JudgeFence(task=case.task, job=job))
    seen = await stage.run(VerificationActivities.verify_target, VerifyTarget(task=case.task, source=case.source))

    assert (False, True) == (fence.held, fence.both_running_seen), fence
    assert "Shut down the virtual machine" in fence.reason
    assert fence.data_loss_seconds is not None
    assert ("PowerState/running", "PowerState/running") == (seen.source_power_state, seen.target_power_state)


async def test_a_failover_of_somebody_else_is_left_alone(stage: Stage) -> None:
    """Nobody waits for its replication any more, and its protection is not ended while its source is off."""
    case = stage.arrange()
    await stage.fail_over(case)
    before = stage.mark

    waited = await stage.run(WaitActivities.wait_until_protected, ProtectedWait(task=case.task))
    with pytest.raises(ApplicationError, match="somebody else has failed it over") as refusal:
        await stage.run(ReplicationActivities.disable_replication, DisableReplication(task=case.task, ours=False))

    assert (False, "UnplannedFailoverCommitPendingStatesBegin") == (waited.running, waited.failed_over)
    assert "VmFailure" == refusal.value.type
    assert [] == stage.writes(case.name, before)


async def test_failovers_that_end_well_without_a_proof_are_no_fence(stage: Stage) -> None:
    """Succeeded jobs: a shutdown left out, changes that did not come over, an old point, words that say nothing."""
    skipped, unsynchronised, pointless, informed = [
        stage.arrange(behaviour=behaviour)
        for behaviour in (
            {"shutdown_skipped": True},
            {"synchronise_fails": True},
            {"synchronise_adds_no_point": True},
            {"failover_descriptions": {"job": "PartiallySucceeded", "shutdown": "CompletedWithInformation"}},
        )
    ]
    cases = (skipped, unsynchronised, pointless, informed)
    jobs = await asyncio.gather(*(stage.fail_over(case) for case in cases))
    fences = [
        await stage.run(FailoverActivities.judge_fence, JudgeFence(task=case.task, job=job))
        for case, job in zip(cases, jobs, strict=True)
    ]

    assert [(False, True), (False, False), (False, False), (None, False)] == [
        (fence.held, fence.both_running_seen) for fence in fences
    ], fences
    for fence, reason in zip(
        fences, ("reads PowerState/running", "ended Failed", "older", "does not say"), strict=True
    ):
        assert reason in fence.reason
    assert [["skipped", "skipped"], ["succeeded", "failed"], ["succeeded", "succeeded"], ["unknown", "succeeded"]] == [
        [task.verdict for task in fence.tasks] for fence in fences
    ]
    assert 0 < fences[2].data_loss_seconds <= 300
    assert ("Succeeded", "PartiallySucceeded") == (fences[3].job_state, fences[3].job_description)


async def test_a_failover_without_shutdown_is_no_fence(stage: Stage) -> None:
    """Where the plan does not stop the source, the source runs, and that is said."""
    case = stage.arrange(failover=Failover(shut_down_source=False))
    job = await stage.fail_over(case)

    fence = await stage.run(FailoverActivities.judge_fence, JudgeFence(task=case.task, job=job))

    assert (False, True, None) == (fence.held, fence.both_running_seen, fence.shutdown_started)


async def test_a_source_that_is_started_beside_its_copy_is_seen(stage: Stage) -> None:
    """The look lasts while one copy runs, also through an outage, gives itself back, and ends once both run."""
    case = stage.arrange()
    await stage.fail_over(case)
    vm = case.task.vm
    watched = WatchCopies(source_id=vm.source_id, target_id=vm.target_id, give_back_after_seconds=1)
    alone = await stage.run(CopyActivities.watch_copies, watched)
    stage.sim.fault({"kind": "status", "status": 503}, method="GET", path=f"{vm.name}$", times=2)

    look = await stage.start(CopyActivities.watch_copies, watched.model_copy(update={"give_back_after_seconds": 60}))
    await stage.run(PowerActivities.start_vm, PowerChange(vm_id=vm.source_id, reason="by somebody"))
    both = CopiesWatched.model_validate(await look.result()).both_running

    assert (True, None) == (alone.running, alone.both_running)
    assert both is not None
    assert both.source in {"PowerState/starting", "PowerState/running"}
    assert "PowerState/running" == both.target
    assert both.target_since is not None


async def test_nobody_looks_on_once_the_commit_begins(stage: Stage) -> None:
    """Who waited has left: the look is held, since its end would be an event, and costs no read any more."""
    case, other = stage.arrange(), stage.arrange().task
    await stage.fail_over(case)
    committed = case.task
    wanted = [WatchCopies(source_id=one.vm.source_id, target_id=one.vm.target_id) for one in (committed, other)]
    since = stage.sim.requests()[-1]["n"]
    looks = [await stage.start(CopyActivities.watch_copies, one, heartbeat_seconds=60) for one in wanted]

    async def read(task: VmTask, times: int) -> None:
        async with asyncio.timeout(60):
            while looked(task) < times:
                await asyncio.sleep(0.1)

    def looked(task: VmTask) -> int:
        return sum(line["path"].lower() == task.vm.source_id.lower() for line in stage.sim.requests(since))

    await read(committed, 1)
    await stage.begin(FailoverActivities.commit_failover, StartFailover(task=committed))
    before = looked(committed)
    await read(other, looked(other) + 3)

    assert before == looked(committed)
    for look in looks:
        assert (await look.describe()).status is WorkflowExecutionStatus.RUNNING
        await look.cancel()


async def test_who_looks_anew_has_left_the_look_before(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An approval that was taken back is waited for by a look of its own, which reads, in whatever order they begin."""
    vm = stage.arrange().task.vm
    wait = WatchCopies(source_id=vm.source_id, target_id=vm.target_id)
    async with Watchers(stage.azure, floor_seconds=0.05) as watchers:
        copies = CopyActivities(stage.azure, watchers)
        looks, readers, read = [], list[object](), copies._both_running

        async def noted(wanted: WatchCopies) -> PowerStates | None:
            readers.append(asyncio.current_task())
            return await read(wanted)

        monkeypatch.setattr(copies, "_both_running", noted)
        for seconds, attempt in ((1, 1), (3, 2), (3, 1), (2, 3)):
            environment = ActivityEnvironment()
            scheduled = environment.info.scheduled_time + timedelta(seconds=seconds)
            environment.info = replace(environment.info, scheduled_time=scheduled, attempt=attempt)
            looks.append(asyncio.create_task(environment.run(copies.watch_copies, wait)))
            await asyncio.sleep(0.1)
        newest = copies._looking[ids.id_key(vm.source_id)]
        looks.pop(2).cancel()  # The attempt before the one that is heard ends late.
        await asyncio.sleep(0.1)
        readers.clear()
        async with asyncio.timeout(60):
            while len(readers) < 3:
                await asyncio.sleep(0.1)

        assert 1 == len(set(readers))
        assert {ids.id_key(vm.source_id): newest} == copies._looking
        assert (scheduled + timedelta(seconds=1), 2) == newest
        assert not any(look.done() for look in looks)
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)
        assert 0 == len(copies._looking)


async def test_an_enabling_that_fails_is_told_and_can_be_removed(stage: Stage) -> None:
    """The job's code and remedy are in the error; the item it left is found as it is, and removed by disabling."""
    case = stage.arrange()
    stage.sim.fault(
        {"kind": "operation_fails", "code": "151066", "message": "Site Recovery configuration failed."},
        method="PUT",
        path=f"{case.name}$",
    )
    started = await enable(stage, case)

    with pytest.raises(ApplicationError) as job:
        await stage.end(started.job)
    with pytest.raises(ApplicationError) as protection:
        await stage.run(WaitActivities.wait_until_protected, ProtectedWait(task=case.task))
    again = await enable(stage, case)
    calls = await disable(stage, case)

    failure = JobFailure.model_validate(job.value.details[0])
    assert ("AsrJobFailed", "151066", "EnableDr") == (job.value.type, failure.code, failure.scenario)
    assert "Install the trusted root certificates" in str(job.value)
    assert ("AsrJobFailed", "151066") == (protection.value.type, protection.value.details[0]["code"])
    assert again.existed
    assert 2 == calls
    assert not (await item_of(stage, case)).exists


async def test_a_running_enabling_is_ended_before_its_removal(stage: Stage) -> None:
    """Disabling while replication is being enabled gives that job to wait for, whatever its outcome, then removes."""
    case = stage.arrange()
    stage.sim.clock(speed=1)
    enabling = await enable(stage, case)

    started = await stage.run(ReplicationActivities.disable_replication, DisableReplication(task=case.task))
    stage.sim.clock(speed=SPEED)
    await stage.run(WaitActivities.wait_for_job, JobWait(job=started.job, accept_failure=True))
    await disable(stage, case)

    assert enabling.job is not None
    assert (enabling.job.id.lower(), True) == (started.job.id.lower(), started.existed)
    assert not (await item_of(stage, case)).exists


async def test_replication_of_a_stopped_source_is_purged(stage: Stage) -> None:
    """A source that is switched off is not started for it: the item is purged, where its removal would fail."""
    case = stage.arrange()
    await stage.protect(case)
    await stage.run(PowerActivities.deallocate_vm, PowerChange(vm_id=case.source.id, reason="testing"))
    await stage.run(WaitActivities.wait_for_vm, VmWait(vm_id=case.source.id, until="deallocated"))
    before = stage.mark

    await disable(stage, case)

    assert ["DELETE"] == [line["method"] for line in stage.writes(case.name, before)]


async def test_replication_of_a_running_source_is_removed(stage: Stage) -> None:
    """Where the source runs its agent goes with the item."""
    case = stage.arrange()
    await stage.protect(case)
    before = stage.mark

    await disable(stage, case)

    assert ["POST"] == [line["method"] for line in stage.writes(case.name, before)]


async def test_a_failed_failover_is_told(stage: Stage) -> None:
    """The job's own code, its tasks and what to do are in the error."""
    case = stage.arrange()
    await stage.protect(case)
    stage.sim.fault(
        {"kind": "operation_fails", "code": "150097", "message": "Quota exceeded."},
        method="POST",
        path="unplannedFailover$",
    )

    with pytest.raises(ApplicationError, match="Raise the quota") as caught:
        await stage.begin(FailoverActivities.start_failover, StartFailover(task=case.task))

    failure = JobFailure.model_validate(caught.value.details[0])
    assert ("UnplannedFailover", "150097", "Failed") == (failure.scenario, failure.code, failure.state)
    assert "Shut down the virtual machine" in [task.name for task in failure.tasks]


async def test_nothing_is_committed_that_did_not_fail_over(stage: Stage) -> None:
    """A commit without a failover is refused before anything is sent."""
    case = stage.arrange()
    await stage.protect(case)
    before = stage.mark

    with pytest.raises(ApplicationError, match="no failover to commit") as caught:
        await stage.run(FailoverActivities.commit_failover, StartFailover(task=case.task))

    assert "NotFailedOver" == caught.value.type
    assert [] == stage.writes(case.name, before)


async def test_a_second_failover_adopts_the_first(stage: Stage) -> None:
    """Called again after the failover, the same job is returned, and nothing is sent."""
    case = stage.arrange()
    job = await stage.fail_over(case)
    before = stage.mark

    again = await stage.run(FailoverActivities.start_failover, StartFailover(task=case.task))

    assert (job.id.lower(), True) == (again.started.job.id.lower(), again.started.existed)
    assert [] == stage.writes(case.name, before)


async def test_a_denied_write_is_of_the_environment(stage: Stage) -> None:
    """A 403 tells what is missing, and what was not done is not looked for at the next try."""
    case = stage.arrange()
    body = {"error": {"code": "AuthorizationFailed", "message": "The client does not have authorization."}}
    stage.sim.fault({"kind": "status", "status": 403, "body": body}, method="PUT", path=f"{case.name}$")
    request = EnableReplication(task=case.task, source=case.source)

    with pytest.raises(ApplicationError) as caught:
        await stage.run(ReplicationActivities.enable_replication, request, retries=1)

    detail = AzureFailure.model_validate(caught.value.details[0])
    assert ("EnvironmentFailure", False) == (caught.value.type, caught.value.non_retryable)
    assert (403, "AuthorizationFailed") == (detail.status, detail.code)
    assert str(caught.value).startswith(
        f'EnvironmentFailure: enabling replication of virtualMachines "{case.task.vm.name}"'
    )
    assert "Grant the identity the missing permission" in detail.remedy


async def test_a_refused_write_is_of_the_virtual_machine(stage: Stage) -> None:
    """A 400 that no retry can mend ends the activity at once."""
    case = stage.arrange()
    detail = {"code": "150172", "message": "The disk is too small.", "recommendedAction": "Resize it."}
    body = {"error": {"code": "BadRequest", "message": "no", "details": [detail]}}
    stage.sim.fault({"kind": "status", "status": 400, "body": body}, method="PUT", path=f"{case.name}$")

    with pytest.raises(ApplicationError, match="The disk is too small") as caught:
        await enable(stage, case)

    assert ("VmFailure", True, "150172") == (
        caught.value.type,
        caught.value.non_retryable,
        caught.value.details[0]["code"],
    )


async def test_a_busy_item_is_waited_for(stage: Stage) -> None:
    """While another job works on the item, a write is tried again until it is free."""
    case = stage.arrange()
    body = {"error": {"code": "Conflict", "message": "another job runs"}}
    busy = {"kind": "status", "status": 409, "body": body, "headers": {"Retry-After": "1"}}
    stage.sim.fault(busy, method="PUT", path=f"{case.name}$", times=2)

    started = await enable(stage, case)

    assert started.job
    assert not started.existed


async def test_a_start_that_azure_gives_up_is_told(stage: Stage) -> None:
    """The reason of a failed start is in the error; the machine's power state alone would never tell it."""
    case = stage.arrange(behaviour={"start_fails": True, "power_state": "PowerState/deallocated"})

    with pytest.raises(ApplicationError, match="AllocationFailed") as caught:
        await stage.run(PowerActivities.start_vm, PowerChange(vm_id=case.source.id, reason="starting again"))

    assert "VmFailure" == caught.value.type


async def test_what_is_there_is_told(stage: Stage) -> None:
    """The parts of a machine and the existence of resources of every kind are told."""
    case = stage.arrange()
    gone = ids.vm_id(SUBSCRIPTION, TARGET_GROUP, "never-was")
    asked = [case.source.id, case.source.disks[0].id, case.source.nics[0].id, case.task.item_id, gone]

    seen = await stage.run(LedgerActivities.observe_resources, ObserveResources(ids=asked))
    parts = await stage.run(PowerActivities.read_parts, ReadParts(vm_id=case.source.id))
    none = await stage.run(PowerActivities.read_parts, ReadParts(vm_id=gone))

    assert [True, True, True, False, False] == [one.exists for one in seen.seen]
    assert (1, 2, False) == (len(parts.nic_ids), len(parts.disk_ids), none.exists)
