"""The paths whose histories are kept: each is played on Temporal's own server, with stand-ins for Azure."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle

from migration import names
from migration.phases import Phase
from tests.workflows.scenes import APPROVER, make_plan, make_task
from tests.workflows.script import environment_failure, job_failure, vm_failure
from tests.workflows.stage import Stage

Scenario = Callable[[Stage], Awaitable[WorkflowHandle[Any, Any]]]


async def migrated(stage: Stage) -> WorkflowHandle[Any, Any]:
    """A test failover, an outage, a stranger's approval, and then all goes well."""
    stage.script.on("enable_replication", environment_failure())
    stage.script.on("wait_until_protected", {"running": True})
    handle = await stage.start_vm(make_task(failover={"test_first": True, "test_network": "isolated"}))
    await stage.until_asked(handle)
    await stage.resolve(handle, "retry")
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, names.SIGNAL_APPROVE_COMMIT, "mallory@elsewhere.example")
    await handle.signal(names.SIGNAL_APPROVE_COMMIT, args=["odd", "arguments"])
    await handle.execute_update(names.UPDATE_DECIDE_COMMIT, {"approver": APPROVER, "decision": "approve"})
    await handle.result()
    return handle


async def rejected(stage: Stage) -> WorkflowHandle[Any, Any]:
    """An approver says no, and the source comes back."""
    handle = await stage.start_vm()
    await stage.until_phase(handle, Phase.AWAITING_APPROVAL)
    await stage.send(handle, names.SIGNAL_REJECT_COMMIT, APPROVER, comment="the shop is slow")
    await handle.result()
    return handle


async def failed_failover(stage: Stage) -> WorkflowHandle[Any, Any]:
    """The failover's job fails with the source off."""
    stage.script.on_job("UnplannedFailover", job_failure("UnplannedFailover"))
    handle = await stage.start_vm()
    await handle.result()
    return handle


async def unfenced(stage: Stage) -> WorkflowHandle[Any, Any]:
    """The fence does not hold, and the plan asks; a person gives up."""
    stage.script.on("judge_fence", {"held": None, "reason": "the recovery point is not listed"})
    handle = await stage.start_vm()
    await stage.until_phase(handle, Phase.NEEDS_ACTION)
    await stage.resolve(handle, "give_up")
    await handle.result()
    return handle


async def cancelled(stage: Stage) -> WorkflowHandle[Any, Any]:
    """A cancel in the middle of the failover, and another one during the undo."""
    gate = stage.script.gate("wait_for_job(UnplannedFailover)")
    back = stage.script.gate("start_vm")
    handle = await stage.start_vm()
    await gate.reached.wait()
    await handle.cancel()
    await back.reached.wait()
    await handle.cancel()
    back.open()
    with suppress(WorkflowFailureError):
        await handle.result()
    return handle


async def needs_operator(stage: Stage) -> WorkflowHandle[Any, Any]:
    """The source does not start any more, and a person keeps the target."""
    stage.script.on("verify_target", vm_failure("no such disk"))
    stage.script.on("start_vm", vm_failure("AllocationFailed"))
    handle = await stage.start_vm()
    await stage.until_phase(handle, Phase.NEEDS_ACTION)
    await stage.resolve(handle, "skip")
    await handle.result()
    return handle


async def plan(stage: Stage) -> WorkflowHandle[Any, Any]:
    """Three machines in two waves, of which one is not moved."""
    moved = make_plan({"database": ["db-01"], "web": ["app-01", "web-01"]})
    stage.script.on("configure_target", vm_failure(), when=lambda request: request.task.vm.name == "app-01")
    handle = await stage.start_plan(moved)
    for name in ("db-01", "web-01"):
        await stage.approve(stage.vm_of(moved, name))
    await handle.result()
    return handle


async def cancelled_plan(stage: Stage) -> WorkflowHandle[Any, Any]:
    """A plan that is cancelled while its machines wait for approval."""
    moved = make_plan({"only": ["app-01", "web-01"]})
    handle = await stage.start_plan(moved)
    for vm in moved.vms:
        await stage.until_phase(stage.vm_of(moved, vm.name), Phase.AWAITING_APPROVAL)
    await handle.cancel()
    with suppress(WorkflowFailureError):
        await handle.result()
    return handle


async def joined(stage: Stage) -> WorkflowHandle[Any, Any]:
    """A machine of a plan, whose looks are joined: the history is the machine's."""
    moved = make_plan()
    await stage.start_plan(moved)
    handle = stage.vm_of(moved, "web-01")
    await stage.approve(handle)
    return handle


SCENARIOS: dict[str, Scenario] = {
    "migrated": migrated,
    "rejected": rejected,
    "failed_failover": failed_failover,
    "unfenced": unfenced,
    "cancelled": cancelled,
    "needs_operator": needs_operator,
    "plan": plan,
    "cancelled_plan": cancelled_plan,
    "joined": joined,
}
