"""A new build of the worker with a changed workflow, while runs of the old one are open: on Temporal's own server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from migration.phases import Outcome, Phase
from tests.conftest import own_client
from tests.support.remains import bare
from tests.workflows.builds import PATCH, Patched, Unpatched
from tests.workflows.scenes import make_task
from tests.workflows.stage import Stage, VmHandle, staged
from tests.workflows.world import World
from worker import WORKFLOWS
from workflows.migrate_vm import MigrateVm

_FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
_NONDETERMINISTIC = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR


@asynccontextmanager
async def build(server: WorkflowEnvironment, world: World, migrate_vm: type[MigrateVm]) -> AsyncIterator[Stage]:
    """Run a build of the worker, with production's handling of errors; its runs stay when it goes."""
    workflows = [migrate_vm if one is MigrateVm else one for one in WORKFLOWS]
    own = WorkflowEnvironment.from_client(await own_client(server))
    async with staged(own, world, workflows=workflows, workflow_failure_exception_types=[]) as stage:
        yield stage
        stage.let_run()


async def has_pause(handle: VmHandle) -> bool:
    """Whether the new build's pause stands in a history, behind the mark of its patch."""
    return PATCH in bare((await handle.fetch_history()).to_json_dict())


async def failed_task(handle: VmHandle) -> "WorkflowTaskFailedCause.ValueType":
    """Wait until a workflow task has failed, and return why."""
    async with asyncio.timeout(30):
        while True:
            events = (await handle.fetch_history()).events
            failed = [event for event in events if event.event_type == _FAILED]
            if failed:
                return failed[-1].workflow_task_failed_event_attributes.cause
            await asyncio.sleep(0.05)


async def test_runs_of_the_old_build_go_on_in_a_new_one(dev_server: WorkflowEnvironment, world: World) -> None:
    """Behind a patch a change leaves them as they were, and is there for what begins anew."""
    async with build(dev_server, world, MigrateVm) as old:
        kept, broken = [await old.start_vm(make_task()) for _ in range(2)]
        for handle in (kept, broken):
            await old.until_phase(handle, Phase.AWAITING_APPROVAL)
    async with build(dev_server, world, Patched) as new:
        ended = await new.approve(kept)
        fresh = await new.start_vm(make_task())
        begun = await new.approve(fresh)

    assert [Outcome.MIGRATED] * 2 == [ended.outcome, begun.outcome]
    assert [False, True] == [await has_pause(kept), await has_pause(fresh)]

    # Without the patch nothing is lost either: the run stands still until a build that knows it is back.
    async with build(dev_server, world, Unpatched) as wrong:
        await wrong.send(broken, "approve_commit", "approver@contoso.example")
        assert _NONDETERMINISTIC == await failed_task(broken)
        assert WorkflowExecutionStatus.RUNNING == (await broken.describe()).status
    async with build(dev_server, world, MigrateVm):
        assert Outcome.MIGRATED == (await broken.result()).outcome
