"""A plan that runs under faults, with the person on duty who decides and moves it on, and what it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from migration import names
from migration.inputs import MigratePlanInput
from migration.report import PlanReport, PlanStatus, VmReport, VmStatus
from tests.chaos.checker.histories import History
from tests.e2e.estates import APPROVER, REQUESTER, Case
from tests.e2e.stack import reported

Line = dict[str, Any]
Deed = Callable[[Any, "Actor"], Awaitable[None]]
"""What is done while it runs, to its worker or to its machines; it is given the team."""

APPROVE, REJECT = "approve", "reject"
_SIGNALS = {APPROVE: names.SIGNAL_APPROVE_COMMIT, REJECT: names.SIGNAL_REJECT_COMMIT}
_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 10.0
_RPC = timedelta(seconds=10)


@dataclass
class Actor:
    """A plan in a subscription of its own, so that each of its requests is known by its path."""

    case: Case
    decisions: dict[str, str] = field(default_factory=dict)
    """What is said of a machine when it waits for that; `approve` where nothing is given."""
    faults: list[dict[str, Any]] = field(default_factory=list)
    """What the simulator is armed with, each with `vm`: whom alone it may concern, or None."""
    deaths: list[tuple[int, str]] = field(default_factory=list)
    """At which request the worker dies, counted from its start or its last death, and whether before or after it."""
    deeds: list[Deed] = field(default_factory=list)
    seconds_allowed: float = 480.0
    retries: int = 6
    """How often a person lets one workflow try again before giving it up."""
    lost: set[str] = field(default_factory=set)
    """Whom a person has given up or cancelled."""
    asked: int = 0
    """How often a person had to move it on."""
    error: str = ""
    seconds: float = 0.0
    struck: list[dict[str, Any]] = field(default_factory=list)
    before: list[dict[str, Any]] = field(default_factory=list)
    log: list[Line] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    histories: dict[str, History] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The expression of the paths of all its requests."""
        return f"^/subscriptions/{self.case.subscription}(/|$)"

    @property
    def outcomes(self) -> dict[str, str]:
        """How each machine ended."""
        return {vm["name"]: str(vm["outcome"]) for vm in self.report.get("vms", [])}

    def handle(self, client: Client, vm: str) -> WorkflowHandle[Any, Any]:
        """Return the workflow of a machine."""
        return client.get_workflow_handle(names.migrate_vm_id(self.case.name, vm))

    async def play(self, client: Client, team: Any) -> None:
        """Start the plan, do what a person on duty does, and keep what it leaves."""
        began = time.monotonic()
        doing = [asyncio.create_task(self._do(deed, team)) for deed in self.deeds]
        try:
            async with asyncio.timeout(self.seconds_allowed):
                await self._play(client)
        except TimeoutError:
            self.error = f"no end within {self.seconds_allowed:.0f} s; {await self._stands(client)}"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the trial's result, and others go on
            self.error = f"{type(error).__name__}: {error}; {await self._stands(client)}"
        finally:
            for task in doing:
                task.cancel()
            await asyncio.gather(*doing, return_exceptions=True)
        self.seconds = round(time.monotonic() - began, 1)

    async def _do(self, deed: Deed, team: Any) -> None:
        with contextlib.suppress(RPCError, ProcessLookupError):  # it has ended before
            await deed(team, self)

    async def _play(self, client: Client) -> None:
        case = self.case
        plan: WorkflowHandle[Any, Any] = await client.start_workflow(
            names.MIGRATE_PLAN,
            MigratePlanInput(plan=case.plan, requester=REQUESTER),
            id=names.migrate_plan_id(case.name),
            task_queue=names.WORKFLOW_TASK_QUEUE,
        )
        end = asyncio.create_task(plan.result())
        try:
            await self._attend(client, end)
            await end
        finally:
            end.cancel()
        whole = await reported(plan, PlanReport)
        handles = {vm: self.handle(client, vm) for vm in case.vms}
        vms = [await reported(handle, VmReport) for vm, handle in handles.items() if await _began(handle)]
        never = [vm.model_dump(mode="json") for vm in whole.vms if vm.name not in {one.name for one in vms}]
        told = [vm.model_dump(mode="json") for vm in vms]
        self.report = {**whole.model_dump(mode="json"), "vms": [*told, *({**vm, "resources": []} for vm in never)]}
        for handle in (plan, *(handles[vm.name] for vm in vms)):
            history = await handle.fetch_history()
            self.histories[handle.id] = History(handle.id, history.to_json_dict())

    async def _attend(self, client: Client, end: asyncio.Task[Any]) -> None:
        """Do what a person on duty does with whatever waits for one."""
        mine = f"(WorkflowId = '{names.migrate_plan_id(self.case.name)}' OR MigrationPlan = '{self.case.name}')"
        waiting = f"{mine} AND NeedsAction = true AND ExecutionStatus = 'Running'"
        answered: dict[str, float] = {}
        retries: dict[str, int] = {}
        while not end.done():
            await asyncio.wait({end}, timeout=_LOOK_SECONDS)
            with contextlib.suppress(RPCError, TimeoutError):  # a worker or a wire is out of order: look again
                async for found in client.list_workflows(waiting, rpc_timeout=_RPC):
                    if time.monotonic() - answered.get(found.id, float("-inf")) < _AGAIN_SECONDS:
                        continue
                    async with asyncio.timeout(_RPC.total_seconds()):
                        if await self._answer(client, found.id, retries):
                            answered[found.id] = time.monotonic()

    async def _answer(self, client: Client, workflow_id: str, retries: dict[str, int]) -> bool:
        """Decide, or let it try again; give up what does not come right. Return whether something was said."""
        handle = client.get_workflow_handle(workflow_id)
        kind: Any = PlanStatus if workflow_id.startswith("migrate-plan/") else VmStatus
        status = await handle.query(names.QUERY_STATUS, result_type=kind)
        vm = workflow_id.rpartition("/")[2]
        if status.phase == "awaiting_approval":
            await handle.signal(_SIGNALS[self.decisions.get(vm, APPROVE)], {"approver": APPROVER})
            return True
        choices = getattr(status, "choices", ("retry",))
        if not choices:
            return False
        self.asked += 1
        retries[workflow_id] = retries.get(workflow_id, 0) + 1
        word = "skip" if status.phase == "waiting_for_turn" else "retry"
        if word not in choices or retries[workflow_id] > self.retries:
            word = "give_up"
            self.lost.add(vm)
        await handle.execute_update(names.UPDATE_RESOLVE, {"action": word, "by": "operator", "reason": "chaos"})
        return True

    async def _stands(self, client: Client) -> str:
        told = []
        for vm in self.case.vms:
            try:
                async with asyncio.timeout(10):
                    status: VmStatus = await self.handle(client, vm).query(names.QUERY_STATUS, result_type=VmStatus)
                told.append(f"{vm} stands at {status.phase}: {status.waiting_for}")
            except Exception as error:  # noqa: BLE001 - it is only to tell more
                told.append(f"{vm}: {error}")
        return "; ".join(told)


async def _began(handle: WorkflowHandle[Any, Any]) -> bool:
    """Tell whether a workflow was ever started."""
    try:
        await handle.describe(rpc_timeout=_RPC)
    except RPCError as error:
        if "not found" in str(error).lower():
            return False
        raise
    return True
