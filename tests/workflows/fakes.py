"""A stand-in for each class of activities, under the real names, over one little cloud.

Each takes and gives the real values, records its calls in order, and reacts as the test's script tells.
"""

from collections.abc import Callable
from typing import Any

from temporalio import activity

from activities.approval import ApprovalActivities
from activities.plans import OtherPlans, OtherPlansAnswer
from migration import ids, names
from migration.approvals import Desk, OpenDesk, Verified, VerifyApproval
from migration.cleaning import CleanSurvey, FindLeftovers
from migration.earlier import EarlierAnswer, EarlierRuns
from migration.findings import CheckGuest, CheckVm, PlanCheck, VmFindings
from migration.hooks import HookRan, RunHook
from migration.keeping import DeleteResources, KeepDisks
from migration.ledger import Observation
from migration.ledger_proof import LedgerProof, ListPlan, PlanListing, ProvePlan
from migration.models import FenceEvidence, JobResult, PowerStates, Started, Verification, VmCheck
from migration.notices import SendNotification
from migration.plan import Plan
from migration.power import DEALLOCATED, RUNNING
from migration.proofs import Boot, BootWait, Isolation, ProbeResult, ProveIsolation, RunProbe
from migration.requests import (
    ConfigureTarget,
    DisableReplication,
    EnableReplication,
    FailoverStarted,
    ItemState,
    JudgeFence,
    Observations,
    ObserveResources,
    PowerChange,
    ReadItem,
    ReadParts,
    ReadPower,
    Reprotect,
    StartFailover,
    TargetConfiguration,
    VerifyTarget,
    VmParts,
)
from migration.sharing import (
    CacheAccountWanted,
    ContainerMappingWanted,
    ContainerWanted,
    FabricWanted,
    NetworkMappingWanted,
    PolicyWanted,
    RemoveShared,
    ResourceGroupWanted,
    VaultUse,
    VaultUseAnswer,
    VaultWanted,
)
from migration.survey import Survey, SurveyedVm
from migration.waiting import (
    CopiesWatched,
    JobWait,
    JobWaited,
    LookAtWindow,
    ProtectedWait,
    ProtectedWaited,
    ResourcesWait,
    ResourcesWaited,
    VmWait,
    VmWaited,
    WatchCopies,
)
from migration.windows import Standing
from tests.workflows.fake_parity import Parities
from tests.workflows.scenes import plan_check
from tests.workflows.world import SOURCE_SERVING_SINCE, TARGET_RUNNING_SINCE, Item, World
from workflows import belongings


class StandIn:
    """What all stand-ins share."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def play(self, request: Any, answer: Callable[[], Any]) -> Any:
        """Record the call of the activity that runs, and answer."""
        return await self.world.script.play(activity.info().activity_type, request, answer)


class Preflight(StandIn):
    @activity.defn
    async def check_plan(self, plan: Plan) -> PlanCheck:
        """Find nothing."""
        answer: PlanCheck = await self.play(plan, lambda: plan_check(plan))
        return answer

    @activity.defn
    async def check_vm(self, request: CheckVm) -> VmCheck:
        """Find nothing, and the source as it is."""
        answer: VmCheck = await self.play(request, lambda: self._found(request))
        return answer

    def _found(self, request: CheckVm) -> VmCheck:
        side = self.world.source_side if request.moment == "start" else None
        return VmCheck(findings=[], source=self.world.source(request.task.vm), side=side)


class Surveys(StandIn):
    @activity.defn
    async def survey_plan(self, plan: Plan) -> Survey:
        """Find each machine, and nothing of it."""
        answer: Survey = await self.play(plan, lambda: Survey(vms=[SurveyedVm(name=vm.name) for vm in plan.vms]))
        return answer


class Guests(StandIn):
    @activity.defn
    async def check_guest(self, request: CheckGuest) -> VmFindings:
        """Find nothing."""
        answer: VmFindings = await self.play(request, lambda: VmFindings(name=request.vm.name))
        return answer

    @activity.defn
    async def run_probe(self, request: RunProbe) -> ProbeResult:
        """Find that the probe holds."""
        probe = request.probe
        held = ProbeResult(name=probe.name, kind=probe.kind, where=probe.where, ok=True, attempts=1, evidence="held")
        answer: ProbeResult = await self.play(request, lambda: held)
        return answer


class Vault(StandIn):
    @activity.defn
    async def ensure_resource_group(self, wanted: ResourceGroupWanted) -> Started:
        """Make a resource group."""
        group = ids.resource_group_id(wanted.subscription, wanted.name)
        return await self._ensure(wanted, group)

    @activity.defn
    async def ensure_vault(self, wanted: VaultWanted) -> Started:
        """Make a vault."""
        return await self._ensure(wanted, wanted.vault_id)

    @activity.defn
    async def ensure_fabric(self, wanted: FabricWanted) -> Started:
        """Make a fabric."""
        return await self._ensure(wanted, ids.fabric_id(wanted.vault_id, names.fabric_name(wanted.region)), "Fabric")

    @activity.defn
    async def ensure_policy(self, wanted: PolicyWanted) -> Started:
        """Make the policy."""
        policy = f"{wanted.vault_id}/replicationPolicies/{names.POLICY_NAME}"
        return await self._ensure(wanted, policy, "Policy")

    @activity.defn
    async def ensure_container(self, wanted: ContainerWanted) -> Started:
        """Make a container."""
        container = ids.container_id(wanted.fabric_id, names.container_name(wanted.region))
        return await self._ensure(wanted, container, "Container")

    @activity.defn
    async def ensure_container_mapping(self, wanted: ContainerMappingWanted) -> Started:
        """Map one container to another."""
        mapping = f"{wanted.source_container_id}/replicationProtectionContainerMappings/{wanted.name}"
        return await self._ensure(wanted, mapping, "ContainerMapping")

    @activity.defn
    async def ensure_network_mapping(self, wanted: NetworkMappingWanted) -> Started:
        """Map one network to another."""
        name = names.network_mapping_name(wanted.source_network_id, wanted.target_network_id)
        parent = f"{wanted.source_fabric_id}/replicationNetworks/azureNetwork"
        return await self._ensure(wanted, f"{parent}/replicationNetworkMappings/{name}", "NetworkMapping")

    @activity.defn
    async def ensure_cache_account(self, wanted: CacheAccountWanted) -> Started:
        """Make the cache account."""
        return await self._ensure(wanted, wanted.account_id)

    @activity.defn
    async def read_vault_use(self, request: VaultUse) -> VaultUseAnswer:
        """Tell which items the vault protects."""

        def answer() -> VaultUseAnswer:
            inside = [item for item in self.world.items if item.lower().startswith(request.vault_id.lower())]
            return VaultUseAnswer(exists=self.world.is_there(request.vault_id), item_ids=inside)

        used: VaultUseAnswer = await self.play(request, answer)
        return used

    @activity.defn
    async def remove_shared(self, request: RemoveShared) -> Started:
        """Remove one thing."""

        def answer() -> Started:
            there = self.world.is_there(request.id)
            self.world.remove(request.id)
            return Started(resource_id=request.id, existed=there)

        removed: Started = await self.play(request, answer)
        return removed

    async def _ensure(self, wanted: Any, resource_id: str, scenario: str = "") -> Started:
        started: Started = await self.play(wanted, lambda: self.world.ensure(resource_id, scenario))
        return started


class Replication(StandIn):
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
        answer: TargetConfiguration = await self.play(request, lambda: TargetConfiguration(mismatches=[]))
        return answer

    @activity.defn
    async def disable_replication(self, request: DisableReplication) -> Started:
        """Remove the item, if it is there."""

        def answer() -> Started:
            item = request.task.item_id
            if item not in self.world.items:
                return Started(resource_id=item)
            self.world.unprotect(request.task)
            return Started(resource_id=item, job=self.world.job("DisableDr", item))

        started: Started = await self.play(request, answer)
        return started

    @activity.defn
    async def read_item(self, request: ReadItem) -> ItemState:
        """Tell what the item says; a job is told of once."""

        def answer() -> ItemState:
            item = self.world.items.get(request.task.item_id)
            if item is None:
                return ItemState(exists=False)
            job, item.running_job = item.running_job, None
            return ItemState(exists=True, failed_over=item.failed_over, committed=item.committed, current_job=job)

        state: ItemState = await self.play(request, answer)
        return state

    async def _start(self, request: Any, scenario: str, do: Callable[[], None]) -> Started:
        def answer() -> Started:
            do()
            item = request.task.item_id
            return Started(resource_id=item, job=self.world.job(scenario, item))

        started: Started = await self.play(request, answer)
        return started


class Reprotection(StandIn):
    @activity.defn
    async def reprotect(self, request: Reprotect) -> Started:
        """Turn the item round: it goes from here, and comes to be there with what replicating back makes."""
        task = request.task

        def answer() -> Started:
            self.world.unprotect(task)
            self.world.items[task.reversed.item_id] = Item(failed_over=False)
            self.world.make(*(entry.id for entry in belongings.return_entries(task, request.source)))
            job = self.world.job("SwitchReplicationGroupProtection", task.item_id)
            return Started(resource_id=task.reversed.item_id, job=job)

        started: Started = await self.play(request, answer)
        return started


class Waits(StandIn):
    @activity.defn
    async def wait_for_job(self, request: JobWait) -> JobWaited:
        """Find the job ended well."""
        job = request.job
        result = JobResult(id=job.id, scenario=job.scenario, state="Succeeded", state_description="Completed")
        answer: JobWaited = await self.play(request, lambda: JobWaited(running=False, result=result))
        return answer

    @activity.defn
    async def wait_until_protected(self, request: ProtectedWait) -> ProtectedWaited:
        """Find the machine protected."""
        answer: ProtectedWaited = await self.play(request, lambda: ProtectedWaited(running=False, rpo_seconds=60))
        return answer

    @activity.defn
    async def wait_for_vm(self, request: VmWait) -> VmWaited:
        """Find the machine as waited for."""

        def answer() -> VmWaited:
            since = SOURCE_SERVING_SINCE if request.until == "serving" else TARGET_RUNNING_SINCE
            return VmWaited(running=False, power_state=self.world.power_of(request.vm_id), since=since)

        waited: VmWaited = await self.play(request, answer)
        return waited

    @activity.defn
    async def watch_copies(self, request: WatchCopies) -> CopiesWatched:
        """Give the look back at once, without a note: only time passes while one copy runs."""
        if not self.world.script.has_rule("watch_copies", request):
            return CopiesWatched(running=True)
        seen: CopiesWatched = await self.play(request, lambda: CopiesWatched(running=True))
        return seen

    @activity.defn
    async def wait_for_boot(self, request: BootWait) -> Boot:
        """Find the machine booted."""
        booted = Boot(ok=True, evidence="its agent reports Ready", agent="Ready")
        answer: Boot = await self.play(request, lambda: booted)
        return answer

    @activity.defn
    async def wait_for_resources(self, request: ResourcesWait) -> ResourcesWaited:
        """Find the resources as waited for."""
        answer: ResourcesWaited = await self.play(request, lambda: ResourcesWaited(running=False))
        return answer


class Failover(StandIn):
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

        started: Started = await self.play(request, answer)
        return started

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

        started: FailoverStarted = await self.play(request, answer)
        return started

    @activity.defn
    async def find_failover(self, request: StartFailover) -> Started:
        """Find the job of the failover, if there was one."""

        def answer() -> Started:
            item = request.task.item_id
            there = self.world.items.get(item, Item()).failed_over
            return Started(resource_id=item, job=self.world.job("UnplannedFailover", item) if there else None)

        found: Started = await self.play(request, answer)
        return found

    @activity.defn
    async def judge_fence(self, request: JudgeFence) -> FenceEvidence:
        """Give the evidence."""
        evidence: FenceEvidence = await self.play(request, lambda: self.world.fence_of(request.task.vm))
        return evidence

    @activity.defn
    async def commit_failover(self, request: StartFailover) -> Started:
        """Commit."""

        def commit() -> None:
            self.world.items.setdefault(request.task.item_id, Item()).committed = True

        return await self._start(request, "CommitFailover", commit)

    async def _start(self, request: Any, scenario: str, do: Callable[[], None]) -> Started:
        def answer() -> Started:
            do()
            item = request.task.item_id
            return Started(resource_id=item, job=self.world.job(scenario, item))

        started: Started = await self.play(request, answer)
        return started


class Power(StandIn):
    @activity.defn
    async def deallocate_vm(self, request: PowerChange) -> Started:
        """Stop a machine, if it is there."""
        return await self._turn(request, DEALLOCATED)

    @activity.defn
    async def start_vm(self, request: PowerChange) -> Started:
        """Start a machine, if it is there."""
        return await self._turn(request, RUNNING)

    @activity.defn
    async def read_power(self, request: ReadPower) -> PowerStates:
        """Read both sides."""

        def answer() -> PowerStates:
            power = self.world.power_of
            return PowerStates(source=power(request.source_id), target=power(request.target_id))

        states: PowerStates = await self.play(request, answer)
        return states

    @activity.defn
    async def read_parts(self, request: ReadParts) -> VmParts:
        """Tell of a machine without parts of other names than predicted."""
        parts: VmParts = await self.play(request, lambda: VmParts(exists=self.world.is_there(request.vm_id)))
        return parts

    async def _turn(self, request: PowerChange, state: str) -> Started:
        def answer() -> Started:
            there = self.world.power_of(request.vm_id) is not None
            if there:
                self.world.power[ids.id_key(request.vm_id)] = state
            return Started(resource_id=request.vm_id, existed=there)

        started: Started = await self.play(request, answer)
        return started


class Verifier(StandIn):
    @activity.defn
    async def verify_target(self, request: VerifyTarget) -> Verification:
        """Find the target as wanted."""
        vm = request.task.vm

        def answer() -> Verification:
            return Verification(
                mismatches=[],
                target_power_state=self.world.power_of(vm.target_id) or "",
                source_power_state=self.world.power_of(vm.source_id) or "",
                running_since=TARGET_RUNNING_SINCE,
            )

        seen: Verification = await self.play(request, answer)
        return seen

    @activity.defn
    async def verify_test_copy(self, request: VerifyTarget) -> Verification:
        """Find the copy as wanted."""
        vm = request.task.vm

        def answer() -> Verification:
            state = self.world.power_of(vm.test_vm_id) or ""
            return Verification(mismatches=[], target_power_state=state, source_power_state="")

        seen: Verification = await self.play(request, answer)
        return seen

    @activity.defn
    async def prove_isolation(self, request: ProveIsolation) -> Isolation:
        """Find the network isolated."""
        found = Isolation(network_id=request.network_id, isolated=True, evidence=["peerings: none"])
        answer: Isolation = await self.play(request, lambda: found)
        return answer


class Approvals(StandIn):
    @activity.defn
    async def open_desk(self, request: OpenDesk) -> Desk:
        """Tell how tokens may be sent."""
        scripted: Desk | None = await self.play(request, lambda: None)
        return scripted or await self._real.open_desk(request)

    @activity.defn
    async def verify_approval(self, request: VerifyApproval) -> Verified:
        """Verify as the worker does."""
        scripted: Verified | None = await self.play(request, lambda: None)
        return scripted or await self._real.verify_approval(request)

    @property
    def _real(self) -> ApprovalActivities:
        assert self.world.approvals is not None
        return self.world.approvals


class Ledger(StandIn):
    @activity.defn
    async def observe_resources(self, request: ObserveResources) -> Observations:
        """Tell which are there."""

        def answer() -> Observations:
            seen = [Observation(id=one, exists=self.world.is_there(one)) for one in request.ids]
            return Observations(seen=seen, around=self.world.around(request.around))

        seen: Observations = await self.play(request, answer)
        return seen

    @activity.defn
    async def delete_resources(self, request: DeleteResources) -> None:
        """Delete them."""
        await self.play(request, lambda: self.world.remove(*request.ids))


class Snapshots(StandIn):
    @activity.defn
    async def keep_disks(self, request: KeepDisks) -> None:
        """Make the snapshots."""
        await self.play(request, lambda: self.world.make(*request.ids))


class Hooks(StandIn):
    @activity.defn
    async def run_hook(self, request: RunHook) -> HookRan:
        """Run it well."""
        ran: HookRan = await self.play(request, lambda: HookRan(output="done"))
        return ran


class Notifications(StandIn):
    @activity.defn
    async def send_notification(self, request: SendNotification) -> None:
        """Tell."""
        await self.play(request, lambda: None)


class Windows(StandIn):
    @activity.defn
    async def look_at_window(self, request: LookAtWindow) -> Standing:
        """Look as the real one does: it asks nobody."""
        seen: Standing = await self.play(request, lambda: request.schedule.look(request.at))
        return seen


class Earlier(StandIn):
    @activity.defn
    async def read_earlier_runs(self, request: EarlierRuns) -> EarlierAnswer:
        """Know of no earlier run."""
        answer: EarlierAnswer = await self.play(request, EarlierAnswer)
        return answer


class Cleaning(StandIn):
    @activity.defn
    async def find_leftovers(self, request: FindLeftovers) -> CleanSurvey:
        """Find that lost runs left nothing."""
        answer: CleanSurvey = await self.play(request, CleanSurvey)
        return answer


class Proofs(StandIn):
    @activity.defn
    async def list_plan(self, request: ListPlan) -> PlanListing:
        """Find nothing."""
        answer: PlanListing = await self.play(request, PlanListing)
        return answer

    @activity.defn
    async def prove_plan(self, request: ProvePlan) -> LedgerProof:
        """Find nothing that no ledger names."""
        answer: LedgerProof = await self.play(request, lambda: LedgerProof(proved=True))
        return answer


class Plans(StandIn):
    @activity.defn
    async def other_plans_using(self, request: OtherPlans) -> OtherPlansAnswer:
        """Know of no other plan."""
        answer: OtherPlansAnswer = await self.play(request, OtherPlansAnswer)
        return answer


def activities_of(world: World) -> dict[str, list[Callable[..., Any]]]:
    """Return the stand-ins by task queue."""
    kinds: list[type[StandIn]] = [Preflight, Surveys, Vault, Replication, Failover, Power, Verifier, Ledger, Snapshots]
    near = [kind(world) for kind in (*kinds, Reprotection, Plans, Earlier, Cleaning, Proofs, Approvals, Windows)]
    return {
        names.AZURE_TASK_QUEUE: [method for one in [*near, Parities(world)] for method in _methods(one)],
        names.WAIT_TASK_QUEUE: [*_methods(Waits(world)), *_methods(Hooks(world)), *_methods(Notifications(world))],
        names.GUEST_TASK_QUEUE: _methods(Guests(world)),
    }


def _methods(stand_in: object) -> list[Callable[..., Any]]:
    found = [getattr(stand_in, name) for name in dir(stand_in) if not name.startswith("_")]
    return [method for method in found if hasattr(method, "__temporal_activity_definition")]
