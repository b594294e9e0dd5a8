"""What is done for a consistency group as a whole, by its leader: one recovery plan fails it over and commits it."""

from __future__ import annotations

import asyncio

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.failover import COMMIT, FAILOVER
from activities.failures import refused
from activities.writing import INTENT_SETTLE_SECONDS, Write, Writer
from arm import items, jobs, machines, recovery_plans
from arm.clients import AzureClients
from arm.reads import Json
from arm.writes import Accepted, begin
from migration.consistency import ConsistencyGroup
from migration.ids import ResourceId, describe, id_key
from migration.models import Started, VmTask
from migration.requests import FailoverStarted, ItemState, OfGroup, RemoveRecoveryPlan

CREATE, DELETE = "CreateRecoveryPlan", "DeleteRecoveryPlan"


class GroupActivities:
    """The recovery plan of a consistency group. Each write happens once, however often it is asked for."""

    def __init__(self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._settle_seconds = settle_seconds
        self._writer = Writer(azure, settle_seconds)

    @activity.defn
    async def ensure_recovery_plan(self, request: OfGroup) -> Started:
        """Make the recovery plan, unless it is there with these members and no others."""
        task, group = request.task, _group(request)
        plan_id = group.recovery_plan_id(task.shared.vault_id)

        async def find() -> Started | None:
            plan = await recovery_plans.read_plan(self._azure, plan_id)
            if plan is None:
                return None
            odd = recovery_plans.lacks(plan, task, group)
            if odd:
                raise refused(
                    f"making {describe(plan_id)} for the consistency group {group.name}: it is there and differs by "
                    f"{', '.join(odd)}.",
                    plan_id,
                    remedy="Delete that recovery plan, then start the plan again.",
                )
            job = await jobs.working_on(self._azure, plan, plan_id)
            own = job if job is not None and job.scenario == CREATE else None
            return Started(resource_id=plan_id, job=own, existed=True)

        async def make() -> Accepted:
            return await self._begin("begin_create", plan_id, recovery_plans.create_body(task, group))

        return await self._writer.write(Write(plan_id, find, make, CREATE, _name(plan_id), creates=True))

    @activity.defn
    async def start_group_failover(self, request: OfGroup) -> FailoverStarted:
        """Fail all members over by the recovery plan; a failover that runs, or has ended for all, is adopted.

        Raises:
            ApplicationError: it cannot be begun for all; nothing was.
        """
        task, group = request.task, _group(request)
        plan_id = group.recovery_plan_id(task.shared.vault_id)
        before: list[str | None] = [None]
        doing = f"failing over the consistency group {group.name}"

        async def find() -> Started | None:
            running = await self._running(plan_id, FAILOVER, doing)
            if running is not None:
                return running
            states = await self._states(task, group, doing)
            if committed := [name for name, state in states.items() if state.committed]:
                raise refused(f"{doing}: {', '.join(committed)} is committed already.", plan_id)
            over = [name for name, state in states.items() if state.failed_over]
            if len(over) == len(states):
                job = await jobs.newest_job(self._azure, task.shared.vault_id, FAILOVER, _name(plan_id))
                return Started(resource_id=plan_id, job=job, existed=True)
            if over:
                others = [name for name in states if name not in over]
                told = f"{', '.join(over)} has failed over before, and {', '.join(others)} has not"
                raise refused(f"{doing}: {told}.", plan_id, remedy="All go back; start the plan again then.")
            source = await machines.read_machine(self._azure, task.vm.source_id)
            before[0] = source.power_state if source else None
            return None

        async def fail_over() -> Accepted:
            return await self._begin("begin_unplanned_failover", plan_id, recovery_plans.failover_body(task))

        write = Write(plan_id, find, fail_over, FAILOVER, _name(plan_id))
        return FailoverStarted(started=await self._writer.write(write), source_power_state_before=before[0])

    @activity.defn
    async def commit_group(self, request: OfGroup) -> Started:
        """Commit all members by the recovery plan. Where some are committed already, nothing is written for the others.

        Each member looks at its own item afterwards.
        """
        task, group = request.task, _group(request)
        plan_id = group.recovery_plan_id(task.shared.vault_id)
        doing = f"committing the consistency group {group.name}"

        async def find() -> Started | None:
            running = await self._running(plan_id, COMMIT, doing)
            if running is not None:
                return running
            states = await self._states(task, group, doing, may_be_gone=True)
            some = any(state.committed or not state.exists for state in states.values())
            return Started(resource_id=plan_id, existed=True) if some else None

        async def commit() -> Accepted:
            return await self._begin("begin_failover_commit", plan_id)

        return await self._writer.write(Write(plan_id, find, commit, COMMIT, _name(plan_id)))

    @activity.defn
    async def remove_recovery_plan(self, request: OfGroup) -> Started:
        """Remove the recovery plan; call it again until it answers that there is nothing to wait for."""
        return await self._remove(_group(request).recovery_plan_id(request.task.shared.vault_id))

    @activity.defn
    async def remove_recovery_plan_left(self, request: RemoveRecoveryPlan) -> Started:
        """Remove a recovery plan that a lost run left, the same way.

        Raises:
            ApplicationError: somebody has put another machine into it.
        """
        return await self._remove(request.id, request.item_ids)

    async def _remove(self, plan_id: str, only: list[str] | None = None) -> Started:
        async def find() -> Started | None:
            plan = await recovery_plans.read_plan(self._azure, plan_id)
            if plan is None:
                return Started(resource_id=plan_id)
            known = None if only is None else {id_key(one) for one in only}
            strange = [one for one in recovery_plans.items_of(plan) if known is not None and id_key(one) not in known]
            if strange:
                raise refused(f"removing {describe(plan_id)}: {describe(strange[0])} is in it now.", plan_id)
            job = await jobs.working_on(self._azure, plan, plan_id)
            return None if job is None else Started(resource_id=plan_id, job=job, existed=True)

        async def remove() -> Accepted:
            return await self._begin("begin_delete", plan_id)

        return await self._writer.write(Write(plan_id, find, remove, DELETE, _name(plan_id)))

    async def _running(self, plan_id: str, scenario: str, doing: str) -> Started | None:
        """Return the job of that kind which works on the recovery plan now."""
        plan = await self._read(plan_id, doing)
        job = await jobs.working_on(self._azure, plan, plan_id)
        if job is None or job.scenario != scenario:
            return None
        return Started(resource_id=plan_id, job=job, existed=True)

    async def _read(self, plan_id: str, doing: str) -> Json:
        plan = await recovery_plans.read_plan(self._azure, plan_id)
        if plan is None:
            # One reading that says so may be stale, and would undo the move.
            await asyncio.sleep(self._settle_seconds)
            plan = await recovery_plans.read_plan(self._azure, plan_id)
        if plan is None:
            raise refused(f"{doing}: {describe(plan_id)} is not there any more.", plan_id)
        return plan

    async def _states(
        self, task: VmTask, group: ConsistencyGroup, doing: str, *, may_be_gone: bool = False
    ) -> dict[str, ItemState]:
        ids = [task.item_of(member.source_id) for member in group.members]
        found = await asyncio.gather(*(items.read_state(self._azure, one) for one in ids))
        states = dict(zip(group.names, found, strict=True))
        gone = [name for name, state in states.items() if not state.exists]
        if gone and not may_be_gone:
            raise refused(f"{doing}: {', '.join(gone)} is not replicated any more.", task.vm.source_id)
        return states

    async def _begin(self, operation: str, plan_id: str, *body: Json) -> Accepted:
        plan = ResourceId.parse(plan_id)
        client = self._azure.site_recovery(plan.subscription).replication_recovery_plans
        path = [plan.resource_group, *(name for _, name in plan.names)]
        return await begin(getattr(client, operation), *path, *body)


def _group(request: OfGroup) -> ConsistencyGroup:
    group = request.task.group
    if group is None:
        raise ApplicationError("this virtual machine is in no consistency group", type="Refused", non_retryable=True)
    return group


def _name(plan_id: str) -> str:
    """Return the name under which Site Recovery shows the recovery plan."""
    return ResourceId.parse(plan_id).name
