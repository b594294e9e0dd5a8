"""The production workflows on a worker, with stand-ins for Azure, and what a test does with them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Interceptor, UnsandboxedWorkflowRunner, Worker

from activities.approval import ApprovalActivities
from activities.courier import CourierActivities
from activities.fleet import FleetActivities
from console.starting import FIRST
from migration import names
from migration.models import VmTask
from migration.phases import Phase
from migration.plan import Plan
from migration.report import DecisionAnswer, PlanEnding, PlanReport, PlanStatus, VmEnding, VmReport, VmStatus
from tests.support.tenant import Tenant
from tests.workflows.fakes import activities_of
from tests.workflows.scenes import APPROVER, make_task, plan_input
from tests.workflows.script import Script
from tests.workflows.world import World
from worker import WORKFLOWS
from workflows.messages import IgnoreMisfits
from workflows.migrate_plan import MigratePlan
from workflows.migrate_vm import MigrateVm
from workflows.priorities import Priorities
from workflows.vm_claim import VmClaim

PATIENCE_SECONDS = 90
_CANCEL_REQUESTED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
_TASK_COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
PATIENCE = timedelta(seconds=PATIENCE_SECONDS)
QUICK_HEARTBEATS = timedelta(seconds=0.05)

_PAUSES_SECONDS = (0.02, 0.3)

VmHandle = WorkflowHandle[MigrateVm, VmEnding]
PlanHandle = WorkflowHandle[MigratePlan, PlanEnding]


class Stage:
    """A running worker, the cloud behind it, and the workflows that a test starts."""

    def __init__(self, environment: WorkflowEnvironment, world: World) -> None:
        self.environment = environment
        self.client: Client = environment.client
        self.world = world
        self._started: list[str] = []

    def let_run(self) -> None:
        """Leave what was started running at the end: another worker goes on with it."""
        self._started.clear()

    @property
    def script(self) -> Script:
        """What the stand-ins do, and did."""
        return self.world.script

    async def start_vm(self, task: VmTask | None = None) -> VmHandle:
        """Start the migration of one virtual machine."""
        task = task or make_task()
        workflow_id = names.migrate_vm_id(task.plan, task.vm.name)
        self._started.append(workflow_id)
        return await self.client.start_workflow(
            MigrateVm.run, task, id=workflow_id, task_queue=names.WORKFLOW_TASK_QUEUE
        )

    async def start_plan(self, plan: Plan) -> PlanHandle:
        """Start a plan."""
        self._started += [names.migrate_vm_id(plan.name, vm.name) for vm in plan.vms]
        self._started.append(names.migrate_plan_id(plan.name))
        return await self.client.start_workflow(
            MigratePlan.run,
            plan_input(plan),
            id=names.migrate_plan_id(plan.name),
            task_queue=names.WORKFLOW_TASK_QUEUE,
            task_timeout=PATIENCE,
            priority=FIRST,
        )

    def vm_of(self, plan: Plan, name: str) -> VmHandle:
        """Return the migration of one of a plan's virtual machines."""
        return self.client.get_workflow_handle_for(MigrateVm.run, names.migrate_vm_id(plan.name, name))

    async def status(self, handle: VmHandle) -> VmStatus:
        """Ask a virtual machine where it stands."""
        return await handle.query(MigrateVm.status)

    async def report(self, handle: VmHandle) -> VmReport:
        """Ask a virtual machine what happened."""
        return await handle.query(MigrateVm.report)

    async def plan_status(self, handle: PlanHandle) -> PlanStatus:
        """Ask a plan where it stands."""
        return await handle.query(MigratePlan.status)

    async def plan_report(self, handle: PlanHandle) -> PlanReport:
        """Ask a plan what happened."""
        return await handle.query(MigratePlan.report)

    async def until(self, handle: VmHandle, holds: Callable[[VmStatus], bool]) -> VmStatus:
        """Ask until the status *holds* what the test awaits; a migration that is not there yet is asked again."""
        last: VmStatus | None = None
        pause = longer_and_longer()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    with suppress(RPCError):
                        last = await self.status(handle)
                        if holds(last):
                            return last
                    await pause()
        except TimeoutError:
            raise AssertionError(f"the status stayed at {last}") from None

    async def until_plan(self, handle: PlanHandle, holds: Callable[[PlanStatus], bool]) -> None:
        """Ask until a plan's status *holds* what the test awaits."""
        pause = longer_and_longer()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds(await self.plan_status(handle)):
                await pause()

    async def until_phase(self, handle: VmHandle, phase: Phase) -> VmStatus:
        """Wait for a phase."""
        return await self.until(handle, lambda status: status.phase is phase)

    async def until_asked(self, handle: VmHandle, about: str = "") -> VmStatus:
        """Wait until a person must act, on what *about* names."""
        return await self.until(handle, lambda status: status.needs_action and about in status.waiting_for)

    async def until_true(self, holds: Callable[[], bool]) -> None:
        """Wait until the test's condition holds."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await asyncio.sleep(0.02)

    async def until_cancel_requested(self, handle: VmHandle) -> None:
        """Wait until the history tells of a cancel, and a worker has seen it."""
        pause = longer_and_longer()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                events = (await handle.fetch_history()).events
                asked = [event.event_id for event in events if event.event_type == _CANCEL_REQUESTED]
                seen = [event.event_id for event in events if event.event_type == _TASK_COMPLETED]
                if asked and seen and seen[-1] > asked[-1]:
                    return
                await pause()

    async def until_found(self, handle: VmHandle, *, phase: str, needs_action: bool) -> None:
        """Wait until visibility finds a migration by its phase and need."""
        query = (
            f"WorkflowId = '{handle.id}' AND {names.ATTRIBUTE_PHASE} = '{phase}' "
            f"AND {names.ATTRIBUTE_NEEDS_ACTION} = {str(needs_action).lower()}"
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not [found async for found in self.client.list_workflows(query)]:
                await asyncio.sleep(0.05)

    async def approve(self, handle: VmHandle, approver: str = APPROVER) -> VmEnding:
        """Approve the commit once it is waited for, and return the end."""
        await self.until_phase(handle, Phase.AWAITING_APPROVAL)
        await self.send(handle, names.SIGNAL_APPROVE_COMMIT, approver)
        return await handle.result()

    async def send(self, handle: VmHandle, signal: str, approver: str, **more: Any) -> None:
        """Send a decision as a signal."""
        await handle.signal(signal, {"approver": approver, **more})

    async def resolve(
        self, handle: WorkflowHandle[Any, Any], action: str, reason: str = "seen to it"
    ) -> DecisionAnswer:
        """Send a person's word on what holds."""
        message = {"action": action, "by": "olga@contoso.example", "reason": reason}
        answer: DecisionAnswer = await handle.execute_update(names.UPDATE_RESOLVE, message, result_type=DecisionAnswer)
        return answer

    async def end(self) -> None:
        """End what the test left running; its worker is about to go."""
        for workflow_id in self._started:
            try:
                await self.client.get_workflow_handle(workflow_id).terminate("the test is over")
            except RPCError:
                continue


def longer_and_longer() -> Callable[[], Awaitable[None]]:
    """Return what waits before the next look: a look costs the server and the worker whose work is awaited."""
    seconds, most = _PAUSES_SECONDS

    async def pause() -> None:
        nonlocal seconds
        await asyncio.sleep(seconds)
        seconds = min(seconds * 1.3, most)

    return pause


@asynccontextmanager
async def staged(
    environment: WorkflowEnvironment, world: World, interceptors: Sequence[Interceptor] = (), **options: Any
) -> AsyncIterator[Stage]:
    """Run the workflows over *world*; *options* go to the workflows' worker, *interceptors* beside production's."""
    stage = Stage(environment, world)
    world.approvals = ApprovalActivities(Tenant().desk(), environment.client)
    world.courier = CourierActivities(environment.client)
    world.fleet = FleetActivities(environment.client)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stage.end)
        for worker in _workers(environment.client, world, interceptors, options):
            await stack.enter_async_context(worker)
        yield stage
        await stage.end()
    assert [] == world.script.crashes


def _workers(
    client: Client, world: World, interceptors: Sequence[Interceptor], options: dict[str, Any]
) -> list[Worker]:
    workflows = Worker(
        client,
        task_queue=names.WORKFLOW_TASK_QUEUE,
        # The sandbox would import all workflows for each test, half of its price; replay and end-to-end runs have it.
        workflow_runner=UnsandboxedWorkflowRunner(),
        # Some tests change a limit while workflows run, which a replay would find changed from its beginning.
        sticky_queue_schedule_to_start_timeout=PATIENCE,
        # A mistake in a workflow ends it at once, instead of a test that waits for its timeout.
        **{"workflows": WORKFLOWS, "workflow_failure_exception_types": [Exception], **options},
        interceptors=[IgnoreMisfits(), Priorities(), *interceptors],
    )
    assert workflows._workflow_worker is not None
    # On a busy machine a task may take longer than Temporal's two seconds, and the interrupt harms the test's process.
    workflows._workflow_worker._deadlock_timeout_seconds = 60
    near = [
        Worker(
            client,
            task_queue=queue,
            activities=activities,
            max_heartbeat_throttle_interval=QUICK_HEARTBEATS,
            default_heartbeat_throttle_interval=QUICK_HEARTBEATS,
        )
        for queue, activities in activities_of(world).items()
    ]
    claims = Worker(
        client,
        task_queue=names.CLAIM_TASK_QUEUE,
        workflows=[VmClaim],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=0,
    )
    return [workflows, claims, *near]
