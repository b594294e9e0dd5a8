"""Read where a plan stands: first from what Temporal itself recorded, then, where a worker answers, from the workflows.

Visibility and memo answer while no worker runs; queries know why something waits; heartbeats know how far a wait is.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.service import RPCError, RPCStatusCode

from console.connection import QUERY_TIMEOUT, RPC_TIMEOUT, Link, has_worker
from console.estimating import of_vm_alone, with_estimates
from console.fleets import LARGE, Choice, Detail, fleet_view
from console.recorded import (
    QUERIES_AT_ONCE,
    Recorded,
    belongs,
    describe,
    listed_vms,
    of_plan_vm,
    or_lost,
    outcome_while,
    plan_view,
    read_recorded,
    recorded_view,
    together,
    with_attributes,
    with_execution,
)
from console.view import PlanView, VmView
from migration import names
from migration.models import Progress
from migration.report import PlanStatus, PlanVm, VmStatus

T = TypeVar("T")
_WAIT_PREFIX = "wait_"


async def read_plan(
    link: Link,
    plan: str,
    before: PlanView | None = None,
    *,
    details_of_ended: bool = True,
    choice: Choice | None = None,
) -> PlanView:
    """Return all that can be known of *plan* now; what had ended in the view *before* is not read again.

    Without *details_of_ended* the plan's word is enough for what has ended: to ask such a workflow, a worker reads its
    whole history. Of a large plan only those are asked that the *choice* takes, or the first that need a person.

    Raises:
        InputError: there is no such plan.
    """
    recorded = await read_recorded(link.client, plan)
    if len(listed_vms(recorded)) > LARGE:
        return await _read_fleet(link, recorded, choice, before)
    status, is_answered = await _plan_status(link, recorded)
    if not is_answered:
        return await recorded_view(link.client, recorded, before)
    listed = status.vms if status else listed_vms(recorded)
    known = {vm.workflow_id: vm for vm in before.vms} if before else {}
    ended = {key: vm for key, vm in known.items() if vm.ended and vm.outcome}
    reading = (
        _vm(link.client, vm, recorded, known.get(vm.workflow_id), details_of_ended=details_of_ended)
        for vm in listed
        if vm.workflow_id not in ended
    )
    fresh = await together(reading, QUERIES_AT_ONCE)
    views = ended | {vm.workflow_id: vm for vm in fresh}
    view = plan_view(recorded, status, tuple(views[vm.workflow_id] for vm in listed))
    return with_estimates(view, status.outlook if status else None)


async def _read_fleet(link: Link, recorded: Recorded, choice: Choice | None, before: PlanView | None) -> PlanView:
    """Return the view of a large plan, which tells of each machine only at the first look, and at its end."""
    is_first = before is None or not recorded.is_running
    question = names.QUERY_STATUS if is_first else names.QUERY_OVERVIEW
    status, is_answered = await _plan_status(link, recorded, question)

    async def ask(vm: VmView) -> VmView:
        plan_vm = PlanVm(name=vm.name, id=vm.id, wave=vm.wave, workflow_id=vm.workflow_id, phase=vm.phase)
        view = await _vm(link.client, plan_vm, recorded, None, details_of_ended=True)
        return replace(view, eta=of_vm_alone(view, datetime.now(UTC)))

    return await fleet_view(recorded, status, Detail(ask, choice) if is_answered else None, before)


async def query(
    handle: WorkflowHandle[Any, Any], name: str, result_type: type[T], within: timedelta = QUERY_TIMEOUT
) -> T | None:
    """Return a query's answer; None where the workflow cannot give one, though a worker may be there.

    Raises:
        TimeoutError: no worker answered in time.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            answer: T = await handle.query(name, result_type=result_type, rpc_timeout=within)
            return answer
    except (WorkflowQueryFailedError, WorkflowQueryRejectedError):
        return None
    except RPCError as error:
        if error.status in {
            RPCStatusCode.DEADLINE_EXCEEDED,
            RPCStatusCode.FAILED_PRECONDITION,
            RPCStatusCode.CANCELLED,
        }:
            raise TimeoutError from error
        if error.status in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
            return None
        raise


async def _plan_status(
    link: Link, recorded: Recorded, question: str = names.QUERY_STATUS
) -> tuple[PlanStatus | None, bool]:
    """Return the plan's own answer, and whether a worker answers at all."""
    if not await has_worker(link):
        return None, False
    if recorded.description is None:
        return None, True
    handle = link.client.get_workflow_handle(recorded.description.id, run_id=recorded.description.run_id)
    try:
        return await query(handle, question, PlanStatus), True
    except TimeoutError:
        return None, False


async def _vm(
    client: Client, vm: PlanVm, recorded: Recorded, before: VmView | None, *, details_of_ended: bool
) -> VmView:
    """Return what a virtual machine tells; where it gives no answer, what it told *before* while it stands there."""
    view = of_plan_vm(vm)
    handle = client.get_workflow_handle(vm.workflow_id)
    description = await describe(handle)
    if description is None or not belongs(description, recorded.began):
        return view
    view = with_execution(view, description)
    if vm.outcome and view.ended and not details_of_ended:
        return view
    status = await _vm_status(client.get_workflow_handle(vm.workflow_id, run_id=description.run_id))
    if status is None:
        view = with_attributes(view, description)
        if before is not None and before.phase is view.phase and view.is_running:
            view = with_attributes(with_execution(before, description), description)
        return or_lost(replace(view, outcome=view.outcome or outcome_while(view.phase)), description)
    progress = await _progress(client, description)
    return or_lost(_with_status(view, status, progress), description)


async def _vm_status(handle: WorkflowHandle[Any, Any]) -> VmStatus | None:
    try:
        return await query(handle, names.QUERY_STATUS, VmStatus, RPC_TIMEOUT)
    except TimeoutError:
        return None


def _with_status(view: VmView, status: VmStatus, progress: Progress | None) -> VmView:
    return replace(
        view,
        wave=status.wave or view.wave,
        id=status.id or view.id,
        phase=status.phase,
        waiting_for=status.waiting_for,
        needs_action=status.needs_action,
        outcome=status.outcome or view.outcome or outcome_while(status.phase),
        progress_percent=status.progress_percent if progress is None else progress.percent,
        rpo_seconds=status.rpo_seconds if progress is None or progress.rpo_seconds is None else progress.rpo_seconds,
        last_refusal=status.last_refusal,
        reason=status.reason or view.reason,
        choices=tuple(status.choices),
        alarm=status.alarm,
        writes_since=_writes_since(status),
        parity=status.parity,
        approval=status.approval,
        outlook=status.outlook,
        progress=progress,
    )


def _writes_since(status: VmStatus) -> str | None:
    writes = status.target_writes
    return writes.since if writes is not None and writes.fate == "on_target" else None


async def _progress(client: Client, description: WorkflowExecutionDescription) -> Progress | None:
    """Return what the wait that runs now last told; None while nothing waits."""
    for activity in description.raw_description.pending_activities:
        if activity.activity_type.name.startswith(_WAIT_PREFIX) and activity.heartbeat_details.payloads:
            try:
                decoded = await client.data_converter.decode(activity.heartbeat_details.payloads[:1], [Progress])
            except (RuntimeError, ValueError, TypeError):
                return None
            return decoded[0] if isinstance(decoded[0], Progress) else None
    return None
