"""Stand-ins for Site Recovery: replication, failover, and the waits for them."""

from collections.abc import Callable
from typing import Any

from temporalio import activity

from migration import makings
from migration.ledger import Observation
from migration.models import FenceEvidence, JobResult, Started, VmTask
from migration.proofs import Boot, BootWait
from migration.requests import (
    ConfigureTarget,
    DisableReplication,
    EnableReplication,
    FailoverStarted,
    ItemState,
    JudgeFence,
    OfGroup,
    ReadItem,
    RemoveRecoveryPlan,
    Reprotect,
    StartFailover,
    TargetConfiguration,
)
from migration.waiting import (
    CopiesWatched,
    JobWait,
    JobWaited,
    ProtectedWait,
    ProtectedWaited,
    ResourcesWait,
    ResourcesWaited,
    VmWait,
    VmWaited,
    WatchCopies,
)
from tests.workflows.stand_in import StandIn
from tests.workflows.world import SOURCE_SERVING_SINCE, TARGET_RUNNING_SINCE, Item


class OnAnItem(StandIn):
    """What begins a job on a protected item."""

    async def _start(self, request: Any, scenario: str, do: Callable[[], None]) -> Started:
        def answer() -> Started:
            do()
            item = request.task.item_id
            return Started(resource_id=item, job=self.world.job(scenario, item))

        return await self.play(request, answer)


class Replication(OnAnItem):
    @activity.defn
    async def enable_replication(self, request: EnableReplication) -> Started:
        """Protect the machine."""
        return await self._start(request, "EnableDr", lambda: self.world.protect(request.task))

    @activity.defn
    async def configure_target(self, request: ConfigureTarget) -> Started:
        """Set up the target."""
        return await self._start(request, "UpdateVmProperties", lambda: None)

    @activity.defn
    async def read_target_configuration(self, request: ConfigureTarget) -> TargetConfiguration:
        """Read it back as wanted."""
        return await self.play(request, lambda: TargetConfiguration(mismatches=[]))

    @activity.defn
    async def disable_replication(self, request: DisableReplication) -> Started:
        """Remove the item, if it is there."""

        def answer() -> Started:
            item = request.task.item_id
            if item not in self.world.items:
                return Started(resource_id=item)
            self.world.unprotect(request.task)
            return Started(resource_id=item, job=self.world.job("DisableDr", item))

        return await self.play(request, answer)

    @activity.defn
    async def read_item(self, request: ReadItem) -> ItemState:
        """Tell what the item says; a job is told of once."""

        def answer() -> ItemState:
            item = self.world.items.get(request.task.item_id)
            if item is None:
                return ItemState(exists=False)
            job, item.running_job = item.running_job, None
            return ItemState(exists=True, failed_over=item.failed_over, committed=item.committed, current_job=job)

        return await self.play(request, answer)


class Reprotection(StandIn):
    @activity.defn
    async def reprotect(self, request: Reprotect) -> Started:
        """Turn the item round: it goes from here, and comes to be there with what replicating back makes."""
        task = request.task

        def answer() -> Started:
            self.world.unprotect(task)
            self.world.items[task.reversed.item_id] = Item(failed_over=False)
            self.world.make(*(entry.id for entry in makings.return_entries(task, request.source)))
            job = self.world.job("SwitchReplicationGroupProtection", task.item_id)
            return Started(resource_id=task.reversed.item_id, job=job)

        return await self.play(request, answer)


class Waits(StandIn):
    @activity.defn
    async def wait_for_job(self, request: JobWait) -> JobWaited:
        """Find the job ended well."""
        job = request.job
        result = JobResult(id=job.id, scenario=job.scenario, state="Succeeded", state_description="Completed")
        return await self.play(request, lambda: JobWaited(running=False, result=result, item=self._item(request)))

    def _item(self, request: JobWait) -> ItemState | None:
        item = self.world.items.get(request.item_id)
        if not request.item_id or item is None:
            return ItemState(exists=False) if request.item_id else None
        return ItemState(exists=True, failed_over=item.failed_over, committed=item.committed)

    @activity.defn
    async def wait_until_protected(self, request: ProtectedWait) -> ProtectedWaited:
        """Find the machine protected, and what was made for it."""

        def answer() -> ProtectedWaited:
            seen = [Observation(id=one, exists=self.world.is_there(one)) for one in request.observe]
            return ProtectedWaited(running=False, rpo_seconds=60, seen=seen)

        return await self.play(request, answer)

    @activity.defn
    async def wait_for_vm(self, request: VmWait) -> VmWaited:
        """Find the machine as waited for."""

        def answer() -> VmWaited:
            since = SOURCE_SERVING_SINCE if request.until == "serving" else TARGET_RUNNING_SINCE
            return VmWaited(running=False, power_state=self.world.power_of(request.vm_id), since=since)

        return await self.play(request, answer)

    @activity.defn
    async def watch_copies(self, request: WatchCopies) -> CopiesWatched:
        """Give the look back at once, without a note: only time passes while one copy runs."""
        if not self.world.script.has_rule("watch_copies", request):
            return CopiesWatched(running=True)
        return await self.play(request, lambda: CopiesWatched(running=True))

    @activity.defn
    async def wait_for_boot(self, request: BootWait) -> Boot:
        """Find the machine booted."""
        booted = Boot(ok=True, evidence="its agent reports Ready", agent="Ready")
        return await self.play(request, lambda: booted)

    @activity.defn
    async def wait_for_resources(self, request: ResourcesWait) -> ResourcesWaited:
        """Find the resources as waited for."""
        return await self.play(request, lambda: ResourcesWaited(running=False))


class Failover(OnAnItem):
    @activity.defn
    async def start_test_failover(self, request: StartFailover) -> Started:
        """Make the test machine."""
        return await self._start(request, "TestFailover", lambda: self.world.test_fail_over(request.task))

    @activity.defn
    async def clean_up_test_failover(self, request: StartFailover) -> Started:
        """Remove the test machine."""

        def answer() -> Started:
            item = request.task.item_id
            there = self.world.clean_up_test(request.task)
            job = self.world.job("TestFailoverCleanup", item) if there else None
            return Started(resource_id=item, job=job, existed=there)

        return await self.play(request, answer)

    @activity.defn
    async def start_failover(self, request: StartFailover) -> FailoverStarted:
        """Fail over; one that has ended is adopted."""

        def answer() -> FailoverStarted:
            item = request.task.item_id
            over = item in self.world.items and self.world.items[item].failed_over
            before = None if over else self.world.power_of(request.task.vm.source_id)
            if not over:
                self.world.fail_over(request.task)
            started = Started(resource_id=item, job=self.world.job("UnplannedFailover", item))
            return FailoverStarted(started=started, source_power_state_before=before)

        return await self.play(request, answer)

    @activity.defn
    async def find_failover(self, request: StartFailover) -> Started:
        """Find the job of the failover, if there was one."""

        def answer() -> Started:
            item = request.task.item_id
            there = self.world.items.get(item, Item()).failed_over
            return Started(resource_id=item, job=self.world.job("UnplannedFailover", item) if there else None)

        return await self.play(request, answer)

    @activity.defn
    async def judge_fence(self, request: JudgeFence) -> FenceEvidence:
        """Give the evidence."""
        return await self.play(request, lambda: self.world.fence_of(request.task.vm))

    @activity.defn
    async def commit_failover(self, request: StartFailover) -> Started:
        """Commit."""

        def commit() -> None:
            self.world.items.setdefault(request.task.item_id, Item()).committed = True

        return await self._start(request, "CommitFailover", commit)


class Groups(StandIn):
    """Recovery plans: what is done for all members of a consistency group at once."""

    @activity.defn
    async def ensure_recovery_plan(self, request: OfGroup) -> Started:
        """Make the recovery plan."""
        return await self.play(request, lambda: self.world.ensure(self._plan(request), "CreateRecoveryPlan"))

    @activity.defn
    async def start_group_failover(self, request: OfGroup) -> FailoverStarted:
        """Fail all members over that have not."""

        def answer() -> FailoverStarted:
            before = self.world.power_of(request.task.vm.source_id)
            for item, task in self._members(request).items():
                if not self.world.items[item].failed_over:
                    self.world.fail_over(task)
            job = self.world.job("UnplannedFailover", self._plan(request))
            return FailoverStarted(
                started=Started(resource_id=self._plan(request), job=job), source_power_state_before=before
            )

        return await self.play(request, answer)

    @activity.defn
    async def commit_group(self, request: OfGroup) -> Started:
        """Commit all members."""

        def answer() -> Started:
            for item in self._members(request):
                self.world.items[item].committed = True
            return Started(resource_id=self._plan(request), job=self.world.job("CommitFailover", self._plan(request)))

        return await self.play(request, answer)

    @activity.defn
    async def remove_recovery_plan_left(self, request: RemoveRecoveryPlan) -> Started:
        """No run asks for this."""
        return Started(resource_id=request.id)

    @activity.defn
    async def remove_recovery_plan(self, request: OfGroup) -> Started:
        """Remove the recovery plan, if it is there."""

        def answer() -> Started:
            plan = self._plan(request)
            if not self.world.is_there(plan):
                return Started(resource_id=plan)
            self.world.remove(plan)
            return Started(resource_id=plan, job=self.world.job("DeleteRecoveryPlan", plan))

        return await self.play(request, answer)

    def _plan(self, request: OfGroup) -> str:
        group = request.task.group
        assert group is not None
        return group.recovery_plan_id(request.task.shared.vault_id)

    def _members(self, request: OfGroup) -> dict[str, VmTask]:
        group = request.task.group
        assert group is not None
        items = [request.task.item_of(member.source_id) for member in group.members]
        return {item: self.world.tasks[item] for item in items}
