"""Read where a plan stands: first from what Temporal itself recorded, then, where a worker answers, from the workflows.

Visibility and memo answer while no worker runs; queries know why something waits; heartbeats know how far a wait is.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.service import RPCError, RPCStatusCode

from console.connection import QUERY_TIMEOUT, RPC_TIMEOUT, Link, has_worker
from console.errors import InputError
from console.view import PlanView, VmView, outcome_of
from migration import names
from migration.models import Progress
from migration.phases import Outcome, Phase
from migration.report import MemoKeys, PlanStatus, PlanVm, VmStatus

T = TypeVar("T")
AT_ONCE = 20
"""Requests in flight: a plan of 50 must not flood a server that works for it."""
_WAIT_PREFIX = "wait_"


@dataclass(frozen=True)
class Recorded:
    """What Temporal itself knows of a plan: its workflow's description and its virtual machines' workflows."""

    plan: str
    description: WorkflowExecutionDescription | None
    memo: Mapping[str, Any]
    vms: Mapping[str, WorkflowExecution]
    """The latest run of each virtual machine's workflow that belongs to the plan's latest run, by workflow id."""

    @property
    def is_running(self) -> bool:
        """Whether the plan's own workflow runs."""
        return self.description is not None and self.description.status is WorkflowExecutionStatus.RUNNING


async def read_recorded(client: Client, plan: str) -> Recorded:
    """Return what Temporal recorded of *plan*.

    Raises:
        InputError: there is no such plan.
    """
    description = await _describe(client.get_workflow_handle(names.migrate_plan_id(plan)))
    latest = await _latest_vm_runs(client, plan)
    if description is None and not latest:
        raise InputError(await _unknown_plan(client, plan))
    memo = await description.memo() if description else {}
    vms = {key: run for key, run in latest.items() if _belongs(run, description)}
    return Recorded(plan, description, memo, vms)


async def _latest_vm_runs(client: Client, plan: str) -> dict[str, WorkflowExecution]:
    """Return the latest run of each virtual machine's workflow, as visibility knows them."""
    latest: dict[str, WorkflowExecution] = {}
    wanted = f"{names.ATTRIBUTE_PLAN} = '{plan}' AND WorkflowType = '{names.MIGRATE_VM}'"
    try:
        async for run in client.list_workflows(wanted, rpc_timeout=RPC_TIMEOUT):
            known = latest.get(run.id)
            if known is None or run.start_time > known.start_time:
                latest[run.id] = run
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        return {}  # The search attribute is not registered, so that no virtual machine can have one.
    return latest


async def read_plan(link: Link, plan: str, before: PlanView | None = None) -> PlanView:
    """Return all that can be known of *plan* now; what had ended in the view *before* is not read again.

    Raises:
        InputError: there is no such plan.
    """
    recorded = await read_recorded(link.client, plan)
    status, is_answered = await _plan_status(link, recorded)
    if not is_answered:
        return await _recorded_view(link.client, recorded)
    listed = status.vms if status else _listed_vms(recorded)
    ended = {vm.workflow_id: vm for vm in before.vms if vm.ended and vm.outcome} if before else {}
    fresh = await together(_vm(link.client, vm, recorded) for vm in listed if vm.workflow_id not in ended)
    views = ended | {vm.workflow_id: vm for vm in fresh}
    return _plan_view(recorded, status, tuple(views[vm.workflow_id] for vm in listed))


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results of *work*, a bounded number of which runs at once."""
    permits = asyncio.Semaphore(AT_ONCE)

    async def one(item: Coroutine[Any, Any, T]) -> T:
        async with permits:
            return await item

    return list(await asyncio.gather(*(one(item) for item in work)))


async def query(handle: WorkflowHandle[Any, Any], name: str, result_type: type[T]) -> T | None:
    """Return a query's answer; None where the workflow cannot give one, though a worker may be there.

    Raises:
        TimeoutError: no worker answered in time.
    """
    try:
        async with asyncio.timeout(QUERY_TIMEOUT.total_seconds()):
            answer: T = await handle.query(name, result_type=result_type, rpc_timeout=QUERY_TIMEOUT)
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


async def _plan_status(link: Link, recorded: Recorded) -> tuple[PlanStatus | None, bool]:
    """Return the plan's own answer, and whether a worker answers at all."""
    if not await has_worker(link):
        return None, False
    if recorded.description is None:
        return None, True
    handle = link.client.get_workflow_handle(recorded.description.id, run_id=recorded.description.run_id)
    try:
        return await query(handle, names.QUERY_STATUS, PlanStatus), True
    except TimeoutError:
        return None, False


async def _vm(client: Client, vm: PlanVm, recorded: Recorded) -> VmView:
    view = _of_plan_vm(vm)
    handle = client.get_workflow_handle(vm.workflow_id)
    description = await _describe(handle)
    if description is None or not _belongs(description, recorded.description):
        return view
    status = await _vm_status(client.get_workflow_handle(vm.workflow_id, run_id=description.run_id))
    view = _with_execution(view, description)
    if status is None:
        return replace(view, **_attributes(description))
    progress = await _progress(client, description)
    return _with_status(view, status, progress)


async def _vm_status(handle: WorkflowHandle[Any, Any]) -> VmStatus | None:
    try:
        return await query(handle, names.QUERY_STATUS, VmStatus)
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
        outcome=status.outcome or view.outcome or _outcome_while(status.phase),
        progress_percent=status.progress_percent if progress is None else progress.percent,
        rpo_seconds=status.rpo_seconds if progress is None or progress.rpo_seconds is None else progress.rpo_seconds,
        last_refusal=status.last_refusal,
        reason=status.reason or view.reason,
        choices=tuple(status.choices),
    )


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


def _of_plan_vm(vm: PlanVm) -> VmView:
    return VmView(
        name=vm.name,
        wave=vm.wave,
        id=vm.id,
        workflow_id=vm.workflow_id,
        phase=vm.phase,
        outcome=vm.outcome,
        reason=vm.reason,
        findings=tuple(vm.findings),
    )


def _plan_view(recorded: Recorded, status: PlanStatus | None, vms: tuple[VmView, ...]) -> PlanView:
    outcome = status.outcome if status else None
    if not recorded.is_running and outcome is None:
        outcome = outcome_of(vms)
    return PlanView(
        plan=recorded.plan,
        vms=vms,
        outcome=outcome,
        phase=status.phase if status else "",
        waiting_for=status.waiting_for if status else "",
        needs_action=status.needs_action if status else any(vm.needs_action for vm in vms),
        reason=status.reason if status else "",
        started=recorded.description.start_time if recorded.description else None,
        ended=recorded.description.close_time if recorded.description else None,
        is_running=recorded.is_running,
    )


async def _recorded_view(client: Client, recorded: Recorded) -> PlanView:
    vms = tuple(await together(_recorded_vm(client, vm, recorded) for vm in _listed_vms(recorded)))
    view = replace(_plan_view(recorded, None, vms), is_answered=False)
    if recorded.description is None or recorded.is_running:
        return view
    handle = client.get_workflow_handle(recorded.description.id, run_id=recorded.description.run_id)
    return replace(view, outcome=await _recorded_outcome(handle) or view.outcome)


async def _recorded_vm(client: Client, vm: PlanVm, recorded: Recorded) -> VmView:
    run = recorded.vms.get(vm.workflow_id)
    if run is None:
        return _of_plan_vm(vm)
    view = replace(_with_execution(_of_plan_vm(vm), run), **_attributes(run))
    if view.is_running:
        return view
    return replace(view, outcome=await _recorded_outcome(client.get_workflow_handle(run.id, run_id=run.run_id)))


async def _recorded_outcome(handle: WorkflowHandle[Any, Any]) -> Outcome | None:
    """Return the outcome in a closed workflow's result, which the history holds also while no worker runs."""
    try:
        result = await handle.result(rpc_timeout=RPC_TIMEOUT)
    except WorkflowFailureError:
        return None
    value = result.get("outcome") if isinstance(result, dict) else result
    return Outcome(value) if value in set(Outcome) else None


def _listed_vms(recorded: Recorded) -> list[PlanVm]:
    """Return the virtual machines that the memo names, wave by wave, then those that only visibility knows."""
    found = {
        names.migrate_vm_id(recorded.plan, name): (name, str(wave.get("wave", "")))
        for wave in recorded.memo.get(MemoKeys.SUMMARY, [])
        for name in wave.get("vms", [])
    }
    prefix = names.migrate_vm_id(recorded.plan, "")
    for workflow_id, run in sorted(recorded.vms.items()):
        wave = str(_attribute(run, names.ATTRIBUTE_WAVE) or "")
        found.setdefault(workflow_id, (workflow_id.removeprefix(prefix), wave))
    return [
        PlanVm(name=name, id="", wave=wave, workflow_id=workflow_id, phase=Phase.CHECKING)
        for workflow_id, (name, wave) in found.items()
    ]


def _with_execution(view: VmView, run: WorkflowExecution) -> VmView:
    return replace(
        view,
        started=run.start_time,
        ended=run.close_time,
        has_run=True,
        is_running=run.status is WorkflowExecutionStatus.RUNNING,
    )


def _attributes(run: WorkflowExecution) -> dict[str, Any]:
    """Return what the search attributes tell of a virtual machine."""
    word = _attribute(run, names.ATTRIBUTE_PHASE)
    phase = Phase(str(word)) if word in set(Phase) else Phase.CHECKING
    return {
        "phase": phase,
        "outcome": _outcome_while(phase),
        "needs_action": _attribute(run, names.ATTRIBUTE_NEEDS_ACTION) is True,
    }


def _outcome_while(phase: Phase) -> Outcome | None:
    """Return the outcome of what has not ended: it needs an operator as long as only `resolve` can move it."""
    return Outcome.NEEDS_OPERATOR if phase is Phase.NEEDS_ACTION else None


def _attribute(run: WorkflowExecution, name: str) -> object:
    return next((pair.value for pair in run.typed_search_attributes if pair.key.name == name), None)


def _belongs(run: WorkflowExecution, plan: WorkflowExecution | None) -> bool:
    """Tell whether a virtual machine's workflow is of the plan's latest run: begun by it, or adopted since it runs."""
    return plan is None or run.status is WorkflowExecutionStatus.RUNNING or run.start_time >= plan.start_time


async def _describe(handle: WorkflowHandle[Any, Any]) -> WorkflowExecutionDescription | None:
    try:
        return await handle.describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _unknown_plan(client: Client, plan: str) -> str:
    known = []
    async for run in client.list_workflows(
        f"WorkflowType = '{names.MIGRATE_PLAN}'", limit=200, rpc_timeout=RPC_TIMEOUT
    ):
        name = run.id.removeprefix(names.migrate_plan_id(""))
        if name not in known:
            known.append(name)
    there = f"the plans there are: {', '.join(known[:10])}" if known else "none was started yet"
    return f'reading plan "{plan}" in namespace "{client.namespace}": no such plan was started; {there}'
