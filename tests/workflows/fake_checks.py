"""Stand-ins for what looks at a plan and its machines before, between and after: checks, probes, ledgers."""

from typing import Any, TypeVar

from temporalio import activity

from activities.plans import OtherPlans, OtherPlansAnswer
from migration import ids, makings
from migration.cleaning import CleanSurvey, FindLeftovers
from migration.earlier import EarlierAnswer, EarlierRuns
from migration.findings import CheckGuest, CheckVm, PlanCheck, VmCheck, VmFindings
from migration.fleet_looks import Absent, CancelAgain, CancelVms, Ended, FindEnded, TurnAnswers, Untold
from migration.keeping import DeleteResources, KeepDisks
from migration.ledger_proof import LedgerProof, ListPlan, PlanListing, ProvePlan, around
from migration.models import Verification
from migration.plan import Plan
from migration.proofs import Isolation, ProbeResult, ProveIsolation, RunProbe
from migration.requests import (
    Observations,
    ObserveResources,
    VerifyTarget,
)
from migration.survey import Survey, SurveyedVm
from tests.workflows.scenes import plan_check
from tests.workflows.stand_in import StandIn
from tests.workflows.world import TARGET_RUNNING_SINCE

T = TypeVar("T")


class Preflight(StandIn):
    @activity.defn
    async def check_plan(self, plan: Plan) -> PlanCheck:
        """Find nothing."""
        return await self.play(plan, lambda: plan_check(plan))

    @activity.defn
    async def check_vm(self, request: CheckVm) -> VmCheck:
        """Find nothing, and the source as it is."""
        return await self.play(request, lambda: self._found(request))

    def _found(self, request: CheckVm) -> VmCheck:
        source, begins = self.world.source(request.task.vm), request.moment == "start"
        side = self.world.source_side if begins else None
        return VmCheck(findings=[], source=source, side=side, ahead=self._ahead(request) if request.ahead else None)

    def _ahead(self, request: CheckVm) -> Observations:
        task, source = request.task, self.world.source(request.task.vm)
        if request.moment == "start":
            made, near = makings.replication_entries(task, source), around(task, source)
        else:
            made, near = makings.failover_entries(task, source), None
        parts = [own for own in request.own_ids if ids.is_part_of(own, task.vm.source_id)]
        return self.world.seen(ObserveResources(ids=[*(entry.id for entry in made), *parts], around=near))


class Surveys(StandIn):
    @activity.defn
    async def survey_plan(self, plan: Plan) -> Survey:
        """Find each machine, and nothing of it."""
        return await self.play(plan, lambda: Survey(vms=[SurveyedVm(name=vm.name) for vm in plan.vms]))


class Guests(StandIn):
    @activity.defn
    async def check_guest(self, request: CheckGuest) -> VmFindings:
        """Find nothing."""
        return await self.play(request, lambda: VmFindings(name=request.vm.name))

    @activity.defn
    async def run_probe(self, request: RunProbe) -> ProbeResult:
        """Find that the probe holds."""
        probe = request.probe
        held = ProbeResult(name=probe.name, kind=probe.kind, where=probe.where, ok=True, attempts=1, evidence="held")
        return await self.play(request, lambda: held)


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

        return await self.play(request, answer)

    @activity.defn
    async def verify_test_copy(self, request: VerifyTarget) -> Verification:
        """Find the copy as wanted."""
        vm = request.task.vm

        def answer() -> Verification:
            state = self.world.power_of(vm.test_vm_id) or ""
            return Verification(mismatches=[], target_power_state=state, source_power_state="")

        return await self.play(request, answer)

    @activity.defn
    async def prove_isolation(self, request: ProveIsolation) -> Isolation:
        """Find the network isolated."""
        found = Isolation(network_id=request.network_id, isolated=True, evidence=["peerings: none"])
        return await self.play(request, lambda: found)


class Ledger(StandIn):
    @activity.defn
    async def observe_resources(self, request: ObserveResources) -> Observations:
        """Tell which are there."""
        return await self.play(request, lambda: self.world.seen(request))

    @activity.defn
    async def delete_resources(self, request: DeleteResources) -> None:
        """Delete them."""
        await self.play(request, lambda: self.world.remove(*request.ids))


class Snapshots(StandIn):
    @activity.defn
    async def keep_disks(self, request: KeepDisks) -> None:
        """Make the snapshots."""
        await self.play(request, lambda: self.world.make(*request.ids))


class Earlier(StandIn):
    @activity.defn
    async def read_earlier_runs(self, request: EarlierRuns) -> EarlierAnswer:
        """Know of no earlier run."""
        return await self.play(request, EarlierAnswer)


class Cleaning(StandIn):
    @activity.defn
    async def find_leftovers(self, request: FindLeftovers) -> CleanSurvey:
        """Find that lost runs left nothing."""
        return await self.play(request, CleanSurvey)


class Proofs(StandIn):
    @activity.defn
    async def list_plan(self, request: ListPlan) -> PlanListing:
        """Find nothing."""
        return await self.play(request, PlanListing)

    @activity.defn
    async def prove_plan(self, request: ProvePlan) -> LedgerProof:
        """Find nothing that no ledger names."""
        return await self.play(request, lambda: LedgerProof(proved=True))


class Fleet(StandIn):
    @activity.defn
    async def find_ended(self, request: FindEnded) -> Ended:
        """Look as the worker does."""
        return await self._real("find_ended", request, Ended)

    @activity.defn
    async def cancel_vms(self, request: CancelVms) -> Absent:
        """Cancel as the worker does."""
        return await self._real("cancel_vms", request, Absent)

    @activity.defn
    async def answer_turns(self, request: TurnAnswers) -> Untold:
        """Tell as the worker does."""
        return await self._real("answer_turns", request, Untold)

    @activity.defn
    async def cancel_again(self, request: CancelAgain) -> None:
        """Cancel as the worker does."""
        await self._real("cancel_again", request, object)

    async def _real(self, name: str, request: Any, _: type[T]) -> T:
        scripted: T | None = await self.play(request, lambda: None)
        assert self.world.fleet is not None
        return scripted or await getattr(self.world.fleet, name)(request)


class Plans(StandIn):
    @activity.defn
    async def other_plans_using(self, request: OtherPlans) -> OtherPlansAnswer:
        """Know of no other plan."""
        return await self.play(request, OtherPlansAnswer)
