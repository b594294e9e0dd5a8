"""Test failover, failover, the fence and commit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.failures import VM_FAILURE, refused
from activities.heartbeats import beating
from activities.writing import INTENT_SETTLE_SECONDS, Write, Writer
from arm import fence, items, jobs, machines, recovery_plans
from arm.clients import AzureClients
from arm.handover import FAILING_OVER, FENCE, VERIFYING
from arm.reads import Json
from arm.writes import Accepted, begin
from migration import power
from migration.ids import ResourceId, describe
from migration.models import FenceEvidence, Started, VmTask
from migration.requests import FailoverStarted, ItemState, JudgeFence, StartFailover

if TYPE_CHECKING:
    from collections.abc import Callable

ENABLING, FAILOVER, COMMIT = "EnableDr", "UnplannedFailover", "CommitFailover"
TEST_FAILOVER, TEST_CLEANUP = "TestFailover", "TestFailoverCleanup"
NOT_FAILED_OVER = "NotFailedOver"


class FailoverActivities:
    """The cutover of one virtual machine."""

    def __init__(
        self,
        azure: AzureClients,
        settle_seconds: float = INTENT_SETTLE_SECONDS,
        stop_looking: Callable[[str], None] = lambda _source_id: None,
    ) -> None:
        """*stop_looking* is told the source of what is committed: whoever waited for the approval has left."""
        self._azure = azure
        self._settle_seconds = settle_seconds
        self._stop_looking = stop_looking
        self._writer = Writer(azure, settle_seconds)

    @activity.defn
    async def start_test_failover(self, request: StartFailover) -> Started:
        """Start a test failover into the isolated network; one that runs or waits for its clean-up is adopted."""
        task = request.task
        network = task.vm.test_network_id
        if network is None:
            raise self._refusal(task, "starting the test failover", "the plan names no test network.")

        async def find() -> Started | None:
            state = await self._state(task, "starting the test failover")
            if _runs(state, TEST_FAILOVER):
                return _adopted(task, state)
            if state.test_failover_state in items.TEST_FAILOVER_DONE:
                return None
            return await self._finished(task, TEST_FAILOVER)

        async def test() -> Accepted:
            body = {
                "properties": {
                    "failoverDirection": "PrimaryToRecovery",
                    "networkType": "VmNetworkAsInput",
                    "networkId": network,
                    "providerSpecificDetails": {"instanceType": "A2A"},
                }
            }
            return await self._begin("begin_test_failover", task, body)

        return await self._writer.write(Write(task.item_id, find, test, TEST_FAILOVER, _vm_name(task)))

    @activity.defn
    async def clean_up_test_failover(self, request: StartFailover) -> Started:
        """Remove what a test failover made; where there is nothing to remove, say so."""
        task = request.task

        async def find() -> Started | None:
            state = await items.read_state(self._azure, task.item_id)
            if _untested(state) and request.settled:
                await asyncio.sleep(self._settle_seconds)
                state = await items.read_state(self._azure, task.item_id)
            if _runs(state, TEST_CLEANUP):
                return _adopted(task, state)
            return Started(resource_id=task.item_id) if _untested(state) else None

        async def clean_up() -> Accepted:
            return await self._begin(
                "begin_test_failover_cleanup", task, {"properties": {"comments": "Test ended; cleaned up"}}
            )

        return await self._writer.write(Write(task.item_id, find, clean_up, TEST_CLEANUP, _vm_name(task)))

    @activity.defn
    async def start_failover(self, request: StartFailover) -> FailoverStarted:
        """Fail over to the latest recovery point; a failover of this item that runs or has ended is adopted."""
        task = request.task
        before: list[str | None] = [None]

        async def find() -> Started | None:
            state = await self._state(task, "failing over")
            if state.committed:
                raise self._refusal(task, "failing over", "an earlier failover of it is committed.")
            if _runs(state, FAILOVER):
                return _adopted(task, state)
            if state.failed_over:
                return await self._finished(task, FAILOVER)
            # How it stood before, for the way back: the check right before has read that too.
            source = await machines.just_read(self._azure, FAILING_OVER, task.vm.source_id)
            before[0] = machines.machine_of(source).power_state if source else None
            return None

        async def fail_over() -> Accepted:
            body = {
                "properties": {
                    "failoverDirection": "PrimaryToRecovery",
                    "sourceSiteOperations": "Required" if task.failover.shut_down_source else "NotRequired",
                    "providerSpecificDetails": {"instanceType": "A2A"},
                }
            }
            return await self._begin("begin_unplanned_failover", task, body)

        write = Write(task.item_id, find, fail_over, FAILOVER, _vm_name(task))
        return FailoverStarted(started=await self._writer.write(write), source_power_state_before=before[0])

    @activity.defn
    async def find_failover(self, request: StartFailover) -> Started:
        """Return the job of the failover of this item, however it ended; None as its job where there was none.

        The name of a virtual machine outlives its item, so a failover of an earlier item is not this one's.
        """
        task = request.task
        async with beating(list):
            name = _vm_name(task)
            job = await jobs.newest_job(self._azure, task.shared.vault_id, FAILOVER, name, since=ENABLING)
        return Started(resource_id=task.item_id, job=job, existed=job is not None)

    @activity.defn
    async def judge_fence(self, request: JudgeFence) -> FenceEvidence:
        """Tell whether the source had stopped before its copy took over."""
        task = request.task
        async with beating(list):
            job, *both = await asyncio.gather(
                jobs.read_job(self._azure, request.job.id),
                machines.read_document(self._azure, task.vm.source_id),
                machines.just_read(self._azure, FENCE, task.vm.target_id),
            )
            source, target = (None if one is None else machines.machine_of(one) for one in both)
            if job is not None and task.group is not None:
                job = await recovery_plans.own_job(self._azure, job, _vm_name(task))
            point = (jobs.recovery_point_time(job) if job else None) or await items.recovery_point_time(
                self._azure, task.item_id
            )
        verdict = fence.judge(fence.Evidence(job, point, source, target, asked=task.failover.shut_down_source))
        if verdict.held and target and power.is_running(target.power_state):
            # Nothing is done between here and the verification where all is well.
            self._azure.handed.put(VERIFYING, dict(zip([task.vm.source_id, task.vm.target_id], both, strict=True)))
        return verdict

    @activity.defn
    async def commit_failover(self, request: StartFailover) -> Started:
        """Commit the failover: from here there is no way back.

        Raises:
            ApplicationError: `NotFailedOver`: there is nothing to commit.
        """
        task = request.task
        self._stop_looking(task.vm.source_id)

        async def find() -> Started | None:
            state = await self._state(task, "committing the failover")
            if state.committed:
                return Started(resource_id=task.item_id, existed=True)
            if _runs(state, COMMIT):
                return _adopted(task, state)
            if not state.failed_over:
                told = f"it is {state.protection_state or 'not protected'}, with no failover to commit."
                raise self._refusal(task, "committing the failover", told, NOT_FAILED_OVER)
            return None

        async def commit() -> Accepted:
            return await self._begin("begin_failover_commit", task)

        return await self._writer.write(Write(task.item_id, find, commit, COMMIT, _vm_name(task)))

    async def _state(self, task: VmTask, doing: str) -> ItemState:
        state = await items.read_state(self._azure, task.item_id)
        if not state.exists:
            # One reading that says so may be stale, and would undo the move.
            await asyncio.sleep(self._settle_seconds)
            state = await items.read_state(self._azure, task.item_id)
        if not state.exists:
            raise self._refusal(task, doing, "it is not replicated any more.")
        return state

    async def _finished(self, task: VmTask, scenario: str) -> Started:
        """Return the job of what the item says has been done; None as its job where the vault does not keep it."""
        job = await jobs.newest_job(self._azure, task.shared.vault_id, scenario, _vm_name(task), since=ENABLING)
        return Started(resource_id=task.item_id, job=job, existed=True)

    def _refusal(self, task: VmTask, doing: str, why: str, kind: str = VM_FAILURE) -> ApplicationError:
        return refused(f"{doing} of {describe(task.vm.source_id)}: {why}", task.vm.source_id, kind)

    async def _begin(self, operation: str, task: VmTask, *body: Json) -> Accepted:
        item = ResourceId.parse(task.item_id)
        client = self._azure.site_recovery(item.subscription).replication_protected_items
        path = [item.resource_group, *(name for _, name in item.names)]
        return await begin(getattr(client, operation), *path, *body)


def _untested(state: ItemState) -> bool:
    """Tell whether no test failover runs or waits for its clean-up; where there is no item, there is none."""
    under_way = _runs(state, TEST_FAILOVER) or _runs(state, TEST_CLEANUP)
    return state.test_failover_state in items.TEST_FAILOVER_DONE and not under_way


def _runs(state: ItemState, scenario: str) -> bool:
    return state.current_job is not None and state.current_job.scenario == scenario


def _adopted(task: VmTask, state: ItemState) -> Started:
    return Started(resource_id=task.item_id, job=state.current_job, existed=True)


def _vm_name(task: VmTask) -> str:
    """Return the name under which Site Recovery shows the virtual machine."""
    return ResourceId.parse(task.vm.source_id).name
