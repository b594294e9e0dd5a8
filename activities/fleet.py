"""Looks at the workflows of a plan's virtual machines, tells and cancels them: thousands, without an event for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.heartbeats import beating
from migration import names
from migration.fleet_looks import (
    Absent,
    CancelAgain,
    CancelVms,
    Ended,
    EndedVm,
    FindEnded,
    TurnAnswers,
    Untold,
)
from migration.phases import Outcome
from migration.report import MemoKeys

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowExecutionDescription

MOST_DESCRIBED = 200
"""How many that visibility does not list as running are looked at in one go; the next look goes on with the rest."""
_PAGE = 1_000
_AT_ONCE = 20
_FULL = "limit for signal events"
"""What the error says of a workflow that a server lets have no more signals."""
_LOST = {
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed out",
    WorkflowExecutionStatus.FAILED: "failed",
}


class FleetActivities:
    """Reads of Temporal's visibility, signals and cancels, for a whole plan."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def find_ended(self, request: FindEnded) -> Ended:
        """Return which virtual machines have ended. Visibility is late: what it does not list is looked at itself."""
        async with beating(list):
            running = f"{_of(request.plan)} AND ExecutionStatus = 'Running'"
            if (await self._client.count_workflows(running)).count == request.running:
                return Ended()
            listed = {run.id async for run in self._client.list_workflows(running, page_size=_PAGE)}
            missing = [vm for vm in request.vms if names.migrate_vm_id(request.plan, vm) not in listed]
            seen = [await self._end_of(request.plan, vm) for vm in missing[:MOST_DESCRIBED]]
        return Ended(vms=[one for one in seen if one is not None])

    @activity.defn
    async def cancel_vms(self, request: CancelVms) -> Absent:
        """Cancel virtual machines, and return those of whom no workflow runs. A second cancel changes nothing."""
        # As Temporal words it where a workflow cancels another: by this a machine knows that its plan was cancelled.
        told = f"Cancel requested by workflow with run id {activity.info().workflow_run_id} with reason:"

        async def cancel(vm: str) -> bool:
            return await self._cancelled(names.migrate_vm_id(request.plan, vm), f"{told}{request.reason}")

        return Absent(vms=await _failing(cancel, request.vms))

    @activity.defn
    async def answer_turns(self, request: TurnAnswers) -> Untold:
        """Tell virtual machines what becomes of their turns. A second answer changes nothing; who has ended needs none.

        Returns those that take no more signals.
        """

        async def tell(vm: str) -> bool:
            handle = self._client.get_workflow_handle(names.migrate_vm_id(request.plan, vm))
            try:
                await handle.signal(names.SIGNAL_TURN_GRANTED, request.answers[vm])
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND and _FULL not in error.message.lower():
                    raise
                return error.status is RPCStatusCode.NOT_FOUND
            return True

        return Untold(vms=await _failing(tell, request.answers))

    @activity.defn
    async def cancel_again(self, request: CancelAgain) -> None:
        """Cancel the plan's own workflow, so that it ends as what it is: cancelled."""
        await self._cancelled(names.migrate_plan_id(request.plan), request.reason)

    async def _cancelled(self, workflow_id: str, reason: str) -> bool:
        try:
            await self._client.get_workflow_handle(workflow_id).cancel(reason=reason)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def _end_of(self, plan: str, vm: str) -> EndedVm | None:
        try:
            found = await self._client.get_workflow_handle(names.migrate_vm_id(plan, vm)).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return EndedVm(name=vm, why="Temporal keeps no workflow of it")
            raise
        return None if found.status is WorkflowExecutionStatus.RUNNING else await _ending(vm, found)


async def _failing(do: Callable[[str], Awaitable[bool]], vms: Iterable[str]) -> list[str]:
    """Do something for each, many at once; return those for whom it could not be done."""
    permits = asyncio.Semaphore(_AT_ONCE)

    async def one(vm: str) -> str | None:
        async with permits:
            return None if await do(vm) else vm

    async with beating(list):
        done = await asyncio.gather(*(one(vm) for vm in vms))
    return [vm for vm in done if vm is not None]


async def _ending(vm: str, found: WorkflowExecutionDescription) -> EndedVm:
    if found.status in _LOST:
        return EndedVm(name=vm, why=f"its workflow was {_LOST[found.status]}, and told nothing")
    moved: Any = (await found.memo()).get(MemoKeys.MOVED)
    word = moved.get("outcome") if isinstance(moved, Mapping) else None
    if word in set(Outcome):
        return EndedVm(name=vm, outcome=Outcome(word))
    if found.status is WorkflowExecutionStatus.CANCELED:
        return EndedVm(name=vm, outcome=Outcome.ROLLED_BACK, why="it was cancelled")
    return EndedVm(name=vm, why="it ended without a word")


def _of(plan: str) -> str:
    return f"{names.ATTRIBUTE_PLAN} = '{plan}' AND WorkflowType = '{names.MIGRATE_VM}'"
