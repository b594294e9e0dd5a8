"""What Temporal itself recorded of a plan: memo, search attributes and results answer also while no worker runs."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode

from console.connection import RPC_TIMEOUT
from console.errors import InputError
from console.texts import words
from console.view import PlanView, VmView, outcome_of
from migration import names
from migration.phases import Outcome, Phase
from migration.report import MemoKeys, PlanStatus, PlanVm

T = TypeVar("T")
LOST = {
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed out",
    WorkflowExecutionStatus.FAILED: "failed",
}
"""How a workflow ends that had no chance to undo what it did."""
AT_ONCE = 20
"""Requests in flight: a plan of 50 must not flood a server that works for it."""
_PAGE = 1_000
"""The most that visibility lists in one answer: a plan of 5,000 takes five."""
QUERIES_AT_ONCE = 4
"""Queries in flight: a worker that reads 20 histories at once answers none of them in time."""


async def together(work: Iterable[Coroutine[Any, Any, T]], at_once: int = AT_ONCE) -> list[T]:
    """Return the results of *work*, a bounded number of which runs at once; an error of one ends the others first."""
    permits = asyncio.Semaphore(at_once)

    async def one(item: Coroutine[Any, Any, T]) -> T:
        try:
            async with permits:
                return await item
        finally:
            item.close()  # What an error elsewhere keeps from running would be warned about.

    tasks = [asyncio.ensure_future(one(item)) for item in work]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        # Temporal's client makes an error of a cancel; at the end of the event loop that would be a stack trace.
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


@dataclass(frozen=True)
class Recorded:
    """What Temporal itself knows of a plan: its workflow's description and its virtual machines' workflows."""

    plan: str
    description: WorkflowExecutionDescription | None
    memo: Mapping[str, Any]
    vms: Mapping[str, WorkflowExecution]
    """The latest run of each virtual machine's workflow that belongs to the plan's latest run, by workflow id."""

    @property
    def began(self) -> datetime | None:
        """When the plan began: its workflow's run may go on for earlier ones."""
        return began_of(self.description, self.memo)

    @property
    def is_running(self) -> bool:
        """Whether the plan's own workflow runs."""
        return self.description is not None and self.description.status is WorkflowExecutionStatus.RUNNING


async def read_recorded(client: Client, plan: str) -> Recorded:
    """Return what Temporal recorded of *plan*.

    Raises:
        InputError: there is no such plan.
    """
    description = await describe(client.get_workflow_handle(names.migrate_plan_id(plan)))
    latest = await _latest_vm_runs(client, plan)
    if description is None and not latest:
        raise InputError(await _unknown_plan(client, plan))
    memo = await description.memo() if description else {}
    began = began_of(description, memo)
    vms = {key: run for key, run in latest.items() if belongs(run, began)}
    return Recorded(plan, description, memo, vms)


async def recorded_view(client: Client, recorded: Recorded, before: PlanView | None) -> PlanView:
    """Return what Temporal recorded, and of what it did not, what was known *before*."""
    known = {vm.workflow_id: vm for vm in before.vms} if before else {}
    bases = [known.get(vm.workflow_id, of_plan_vm(vm)) for vm in listed_vms(recorded)]

    async def outcome(run: WorkflowExecution) -> Outcome | None:
        return await _recorded_outcome(client.get_workflow_handle(run.id, run_id=run.run_id))

    vms = tuple(await together(recorded_vm(base, recorded, outcome) for base in bases))
    view = replace(plan_view(recorded, None, vms), is_answered=False, phase=before.phase if before else "")
    if recorded.description is None or recorded.is_running:
        return view
    handle = client.get_workflow_handle(recorded.description.id, run_id=recorded.description.run_id)
    return replace(view, outcome=await _recorded_outcome(handle) or view.outcome)


async def recorded_vm(
    vm: VmView, recorded: Recorded, read_outcome: Callable[[WorkflowExecution], Awaitable[Outcome | None]]
) -> VmView:
    """Return a virtual machine as visibility knows it; how it ended is read from where the caller finds it."""
    run = recorded.vms.get(vm.workflow_id)
    if run is None:
        return vm
    view = with_attributes(with_execution(vm, run), run)
    if view.is_running:
        return replace(view, outcome=outcome_while(view.phase))
    return or_lost(replace(view, outcome=await read_outcome(run)), run)


def plan_view(recorded: Recorded, status: PlanStatus | None, vms: tuple[VmView, ...]) -> PlanView:
    """Return the view of a plan and its virtual machines, from its own *status* where it answered one."""
    outcome = status.outcome if status else None
    if not recorded.is_running and outcome is None:
        outcome = outcome_of(vms)
    how = LOST.get(recorded.description.status) if recorded.description and recorded.description.status else None
    return PlanView(
        plan=recorded.plan,
        vms=vms,
        outcome=outcome,
        phase=how or (status.phase if status else ""),
        waiting_for=status.waiting_for if status else "",
        needs_action=status.needs_action if status else any(vm.needs_action for vm in vms),
        reason=status.reason if status else "",
        started=recorded.began,
        ended=recorded.description.close_time if recorded.description else None,
        is_running=recorded.is_running,
        pauses=tuple(status.pauses) if status else (),
        held_gates=tuple(status.held_gates) if status else (),
        limits=tuple(status.limits) if status else (),
    )


def listed_vms(recorded: Recorded) -> list[PlanVm]:
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


def of_plan_vm(vm: PlanVm) -> VmView:
    """Return the view of what a plan knows of a virtual machine."""
    return VmView(
        name=vm.name,
        wave=vm.wave,
        id=vm.id,
        workflow_id=vm.workflow_id,
        phase=vm.phase,
        outcome=vm.outcome,
        reason=vm.reason,
        findings=tuple(vm.findings),
        copied_gib=vm.copied_gib,
        held=vm.held,
    )


def with_execution(view: VmView, run: WorkflowExecution) -> VmView:
    """Return *view* with when its workflow ran."""
    return replace(
        view,
        started=run.start_time,
        ended=run.close_time,
        has_run=True,
        is_running=run.status is WorkflowExecutionStatus.RUNNING,
    )


def with_attributes(view: VmView, run: WorkflowExecution) -> VmView:
    """Return *view* with what the search attributes tell, which of a run that goes on is not all there is to know."""
    word = _attribute(run, names.ATTRIBUTE_PHASE)
    return replace(
        view,
        phase=Phase(str(word)) if word in set(Phase) else Phase.CHECKING,
        needs_action=_attribute(run, names.ATTRIBUTE_NEEDS_ACTION) is True,
        is_answered=run.status is not WorkflowExecutionStatus.RUNNING,
    )


def or_lost(view: VmView, run: WorkflowExecution) -> VmView:
    """Return *view*, of a run that was lost without what it waited for: nobody can answer it any more."""
    how = LOST.get(run.status) if run.status else None
    if how is None or view.outcome not in {None, Outcome.NEEDS_OPERATOR}:
        return view
    told = (
        f"its workflow was {how} while {words(view.phase)}, and undid nothing: start the plan again, which goes on "
        "with it, or clean up (starter.py clean)"
    )
    return replace(
        view,
        lost=how,
        outcome=None,
        needs_action=True,
        waiting_for=told,
        reason=told,
        choices=(),
        last_refusal=None,
        parity=None,
        approval=None,
        outlook=None,
    )


def outcome_while(phase: Phase) -> Outcome | None:
    """Return the outcome of what has not ended: it needs an operator as long as only `resolve` can move it."""
    return Outcome.NEEDS_OPERATOR if phase is Phase.NEEDS_ACTION else None


def began_of(plan: WorkflowExecution | None, memo: Mapping[str, Any]) -> datetime | None:
    """Return when a plan began, whatever run of its workflow goes on with it now."""
    began = memo.get(MemoKeys.BEGAN)
    return datetime.fromisoformat(began) if isinstance(began, str) else plan.start_time if plan else None


def belongs(run: WorkflowExecution, began: datetime | None) -> bool:
    """Tell whether a virtual machine's workflow is of the plan that *began* then: begun by it, or adopted."""
    return began is None or run.status is WorkflowExecutionStatus.RUNNING or run.start_time >= began


async def describe(handle: WorkflowHandle[Any, Any]) -> WorkflowExecutionDescription | None:
    """Return the description of a workflow, None if there is none."""
    try:
        return await handle.describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _latest_vm_runs(client: Client, plan: str) -> dict[str, WorkflowExecution]:
    """Return the latest run of each virtual machine's workflow, as visibility knows them."""
    latest: dict[str, WorkflowExecution] = {}
    wanted = f"{names.ATTRIBUTE_PLAN} = '{plan}' AND WorkflowType = '{names.MIGRATE_VM}'"
    try:
        async for run in client.list_workflows(wanted, page_size=_PAGE, rpc_timeout=RPC_TIMEOUT):
            known = latest.get(run.id)
            if known is None or run.start_time > known.start_time:
                latest[run.id] = run
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        return {}  # The search attribute is not registered, so that no virtual machine can have one.
    return latest


async def _recorded_outcome(handle: WorkflowHandle[Any, Any]) -> Outcome | None:
    """Return the outcome in a closed workflow's result, which the history holds also while no worker runs."""
    try:
        result = await handle.result(rpc_timeout=RPC_TIMEOUT)
    except WorkflowFailureError:
        return None
    value = result.get("outcome") if isinstance(result, dict) else result
    return Outcome(value) if value in set(Outcome) else None


def _attribute(run: WorkflowExecution, name: str) -> object:
    return next((pair.value for pair in run.typed_search_attributes if pair.key.name == name), None)


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
