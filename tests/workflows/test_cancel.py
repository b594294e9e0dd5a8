"""A cancel, on Temporal's own server: before the commit it leads back, from the commit on it stops nothing."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import CancelledError

from migration import ids, names
from migration.chain import evidence
from migration.models import JobResult, JobTask
from migration.phases import Outcome, Phase
from migration.power import DEALLOCATED, RUNNING
from migration.report import MemoKeys, as_json
from migration.waiting import JobWaited
from tests.workflows.scenes import APPROVER, make_task
from tests.workflows.script import Script, environment_failure, vm_failure
from tests.workflows.stage import Stage, VmHandle
from tests.workflows.world import SHUTDOWN_STARTED, World

WITH_TEST = {"test_first": True, "test_network": "isolated"}
STEPS = [
    "check_vm",
    "enable_replication",
    "wait_for_job(EnableDr)",
    "wait_until_protected",
    "configure_target",
    "read_target_configuration",
    "start_test_failover",
    "wait_for_job(TestFailover)",
    "start_failover",
    "wait_for_job(UnplannedFailover)",
    "judge_fence",
    "verify_target",
]


def failover_with_shutdown() -> JobWaited:
    """A failover that has ended, and had shut the source down."""
    task = JobTask(name="Shut down the virtual machine", state="Succeeded", started=SHUTDOWN_STARTED)
    result = JobResult(id="/job", scenario="UnplannedFailover", state="Succeeded", state_description="", tasks=[task])
    return JobWaited(running=False, result=result)


async def _cancelled(handle: VmHandle) -> None:
    """See that the migration ends as canceled."""
    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()
    assert isinstance(ended.value.cause, CancelledError)
    assert WorkflowExecutionStatus.CANCELED == (await handle.describe()).status


@pytest.mark.parametrize("ends_anyway", [False, True], ids=["at_once", "activity_ends_anyway"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_cancel_before_the_commit_leads_back(
    real_stage: Stage, script: Script, world: World, step: str, ends_anyway: bool
) -> None:
    """Wherever a cancel hits, also one that the activity's end consumes, nothing is left and the source serves."""
    task = make_task(failover=WITH_TEST)
    gate = script.gate(step, opens_on_cancel=ends_anyway)
    world.source(task.vm)
    handle = await real_stage.start_vm(task)
    await gate.reached.wait()
    await handle.cancel()
    await _cancelled(handle)
    assert set() == world.resources
    assert RUNNING == world.power_of(task.vm.source_id)
    report = await real_stage.report(handle)
    assert Outcome.ROLLED_BACK == report.outcome
    assert report.reason.startswith("cancelled")
    assert evidence(as_json(report)) == (await (await handle.describe()).memo())[MemoKeys.EVIDENCE]
    assert "commit_failover" not in script.labels()


@pytest.mark.parametrize("step", ["start_failover", "wait_for_job(UnplannedFailover)"])
async def test_a_failover_that_ends_while_its_cancel_is_under_way_tells_its_downtime(
    real_stage: Stage, script: Script, step: str
) -> None:
    """Azure is asked for the shutdown of a failover whose end nobody heard: the report tells since when it was off."""
    gate = script.gate(step, opens_on_cancel=True)
    script.on_job("UnplannedFailover", failover_with_shutdown())
    handle = await real_stage.start_vm()
    await gate.reached.wait()
    await handle.cancel()
    await _cancelled(handle)
    assert 1200 == (await real_stage.report(handle)).downtime_seconds


async def test_a_cancel_consumed_by_an_activity_that_fails_is_noticed(
    real_stage: Stage, script: Script, world: World
) -> None:
    """An activity that ends in an error after the cancel does not turn the cancel into that error."""
    gate = script.gate("enable_replication", opens_on_cancel=True, then=environment_failure())
    handle = await real_stage.start_vm()
    await gate.reached.wait()
    await handle.cancel()
    await _cancelled(handle)
    assert set() == world.resources


async def test_a_cancel_while_waiting_for_approval_leads_back(real_stage: Stage, world: World) -> None:
    """The target stops before the source starts."""
    task = make_task()
    handle = await real_stage.start_vm(task)
    await real_stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await handle.cancel()
    await _cancelled(handle)
    assert (RUNNING, None) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))


async def test_a_cancel_while_a_person_is_asked_leads_back(real_stage: Stage, script: Script, world: World) -> None:
    """A held machine can be cancelled, and no resolution counts any more."""
    script.on("wait_until_protected", environment_failure(), times=0)
    handle = await real_stage.start_vm()
    await real_stage.until_asked(handle)
    gate = script.gate("disable_replication")
    await handle.cancel()
    await gate.reached.wait()
    assert not (await real_stage.resolve(handle, "retry")).counted
    gate.open()
    await _cancelled(handle)
    assert set() == world.resources


async def test_a_cancel_before_the_first_step_writes_nothing(real_stage: Stage, script: Script) -> None:
    """A migration that is cancelled while it is checked ends as rolled back, with nothing written."""
    gate = script.gate("check_vm")
    handle = await real_stage.start_vm()
    await gate.reached.wait()
    await handle.cancel()
    await _cancelled(handle)
    assert ["check_vm"] == script.labels()


@pytest.mark.parametrize(
    "step", ["commit_failover", "wait_for_job(CommitFailover)", "disable_replication", "wait_for_job(DisableDr)"]
)
async def test_a_cancel_from_the_commit_on_undoes_nothing(
    real_stage: Stage, script: Script, world: World, step: str
) -> None:
    """Beyond the point of no return a cancel neither stops nor undoes: the machine has moved."""
    task = make_task()
    gate = script.gate(step)
    handle = await real_stage.start_vm(task)
    await real_stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await real_stage.send(handle, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    await gate.reached.wait()
    await handle.cancel()
    await real_stage.until_cancel_requested(handle)
    gate.open()
    assert Outcome.MIGRATED == (await handle.result()).outcome
    assert (DEALLOCATED, RUNNING) == (world.power_of(task.vm.source_id), world.power_of(task.vm.target_id))
    assert not {"start_vm", "deallocate_vm", "delete_resources"} & set(script.labels())


async def test_a_cancel_while_a_failed_commit_is_asked_about_undoes_nothing(real_stage: Stage, script: Script) -> None:
    """A commit that waits for a person still waits after a cancel: its failover may be committed."""
    script.on("commit_failover", vm_failure())
    handle = await real_stage.start_vm()
    await real_stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await real_stage.send(handle, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    await real_stage.until_phase(handle, Phase.NEEDS_ACTION)
    await handle.cancel()
    await real_stage.until_cancel_requested(handle)
    assert (await real_stage.resolve(handle, "retry")).counted
    assert Outcome.MIGRATED == (await handle.result()).outcome


@pytest.mark.parametrize("during", ["deallocate_vm", "wait_for_vm", "start_vm", "disable_replication"])
async def test_a_second_cancel_does_not_stop_the_undo(
    real_stage: Stage, script: Script, world: World, during: str
) -> None:
    """The way back is shielded: a person who cancels twice gets one whole rollback."""
    task = make_task()
    gate = script.gate(during)
    handle = await real_stage.start_vm(task)
    await real_stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await handle.cancel()
    await gate.reached.wait()
    await handle.cancel()
    await asyncio.sleep(0.2)
    assert 0 == gate.cancels
    gate.open()
    await _cancelled(handle)
    assert set() == world.resources
    assert RUNNING == world.power_of(task.vm.source_id)


@pytest.mark.parametrize("during", ["deallocate_vm", "wait_for_vm", "start_vm", "disable_replication"])
async def test_a_cancel_does_not_stop_the_undo_of_a_failure(
    real_stage: Stage, script: Script, world: World, during: str
) -> None:
    """A cancel that comes while a failure is being undone lets the undo end, and the outcome stands."""
    task = make_task()
    script.on("verify_target", vm_failure("no such disk"))
    gate = script.gate(during)
    handle = await real_stage.start_vm(task)
    await gate.reached.wait()
    await handle.cancel()
    await real_stage.until_cancel_requested(handle)
    assert 0 == gate.cancels
    gate.open()
    ending = await handle.result()
    assert (Outcome.ROLLED_BACK, "no such disk") == (ending.outcome, ending.reason)
    assert set() == world.resources
    assert RUNNING == world.power_of(task.vm.source_id)


async def test_a_cancel_while_the_undo_asks_still_waits_for_the_person(
    real_stage: Stage, script: Script, world: World
) -> None:
    """An undo that needs a person is not lost by another cancel."""
    task = make_task()
    script.on("start_vm", vm_failure("AllocationFailed"))
    handle = await real_stage.start_vm(task)
    await real_stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await handle.cancel()
    await real_stage.until_phase(handle, Phase.NEEDS_ACTION)
    await handle.cancel()
    assert (await real_stage.resolve(handle, "retry")).counted
    await _cancelled(handle)
    assert RUNNING == world.power_of(task.vm.source_id)
    assert not world.is_there(ids.id_key(task.vm.target_id))


async def _awaiting_with_claim(stage: Stage) -> tuple[VmHandle, WorkflowHandle[Any, Any]]:
    """Return a migration that waits for its approval, and the claim that it holds."""
    task = make_task()
    handle = await stage.start_vm(task)
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    source = ids.ResourceId.parse(task.vm.source_id)
    claim_id = names.vm_claim_id(source.subscription, source.resource_group or "", source.name)
    return handle, stage.client.get_workflow_handle(claim_id)


async def test_a_terminated_claim_does_not_spoil_the_end(real_stage: Stage) -> None:
    """An operator who terminates the claim by mistake does not turn a migrated machine into a failed workflow."""
    handle, claim = await _awaiting_with_claim(real_stage)
    await claim.terminate("by mistake")
    assert Outcome.MIGRATED == (await real_stage.approve(handle)).outcome


async def test_a_claim_is_served_beside_the_migrations(real_stage: Stage) -> None:
    """A claim of each of a thousand machines would push out of a worker's memory those that have something to do."""
    handle, claim = await _awaiting_with_claim(real_stage)
    description = await claim.describe()
    assert (names.CLAIM_TASK_QUEUE, handle.id) == (description.task_queue, description.parent_id)
    assert Outcome.MIGRATED == (await real_stage.approve(handle)).outcome


async def test_a_terminated_migration_gives_its_machine_free(real_stage: Stage) -> None:
    """The claim ends with the migration that holds it, also when that one could not say a word."""
    task = make_task()
    first = await real_stage.start_vm(task)
    await real_stage.until_phase(first, Phase.AWAITING_APPROVAL)
    await first.terminate("stuck")
    assert Outcome.MIGRATED == (await real_stage.approve(await real_stage.start_vm(task))).outcome


async def test_people_find_machines_by_phase_and_need(real_stage: Stage, script: Script) -> None:
    """Search attributes follow the phase, and whether a person must act."""
    gate = script.gate("wait_until_protected")
    handle = await real_stage.start_vm()
    await gate.reached.wait()
    await real_stage.until_found(handle, phase="replicating", needs_action=False)
    gate.open()
    await real_stage.until_found(handle, phase="awaiting_approval", needs_action=True)
    await real_stage.approve(handle)
    await real_stage.until_found(handle, phase="done", needs_action=False)
