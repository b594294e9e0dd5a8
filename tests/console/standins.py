"""Workflows under the real names that behave as a virtual machine's name asks; the command line sees their answers.

A name begins with what the virtual machine does: `web` waits for approval, `fast` migrates by itself, `copying` stays
at 42 % until it is cancelled, `stuck` needs an operator, `refused` never starts, `failing` cannot answer queries, nor
can `mute`, which waits for approval.
"""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from migration import ids, names
    from migration.chain import evidence
    from migration.cleaning import CleanAnswer, CleanRequest, Leftover, Untouched
    from migration.findings import PlanCheck, VmFindings
    from migration.inputs import MigratePlanInput
    from migration.models import FenceEvidence, Finding, Progress
    from migration.phases import Outcome, Phase, common_outcome
    from migration.plan import Plan
    from migration.report import (
        Decision,
        DecisionAnswer,
        DecisionMessage,
        MemoKeys,
        PhaseSpan,
        PlanReport,
        PlanStatus,
        PlanVm,
        ReportedResource,
        Resolution,
        VmReport,
        VmStatus,
        as_json,
        plan_evidence,
    )
    from migration.steering import Part, Pause, SetConcurrency, Steer
    from migration.survey import Survey, SurveyedDisk, SurveyedVm

APPROVER = "approver@contoso.example"
RUNNING_SINCE = "2026-03-01T10:02:00.1234567Z"
PHASE = SearchAttributeKey.for_keyword(names.ATTRIBUTE_PHASE)
NEEDS_ACTION = SearchAttributeKey.for_bool(names.ATTRIBUTE_NEEDS_ACTION)
COPYING = Progress(percent=42, rpo_seconds=30)


def finding(severity: str, subject: str) -> Finding:
    """Return a finding of *severity*."""
    return Finding.model_validate(
        {
            "rule": "quota",
            "severity": severity,
            "subject": subject,
            "evidence": "2 of 4 cores left",
            "remedy": "raise it",
        }
    )


@activity.defn
async def wait_until_protected() -> None:
    """Heartbeat as a wait does, until it is cancelled."""
    while True:
        activity.heartbeat(COPYING)
        await asyncio.sleep(0.2)


@workflow.defn(name=names.MIGRATE_VM)
class StandInVm:
    """A virtual machine whose name says what it does."""

    @workflow.init
    def __init__(self, plan: str, vm: PlanVm) -> None:
        """Begin in phase checking."""
        self._plan = plan
        self._vm = vm
        self._phase = Phase.CHECKING
        self._outcome: Outcome | None = None
        self._waiting_for = ""
        self._decisions: list[Decision] = []
        self._resolution: Resolution | None = None
        self._choices = ["retry", "give_up"]

    @workflow.run
    async def run(self, plan: str, vm: PlanVm) -> dict[str, str]:
        """Do what the name says and return the outcome."""
        del plan
        kind = vm.name.split("-")[0]
        if kind == "copying":
            self._enter(Phase.REPLICATING)
            await workflow.execute_activity(
                wait_until_protected,
                start_to_close_timeout=timedelta(hours=1),
                heartbeat_timeout=timedelta(seconds=5),
                cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
            )
        if kind == "stuck":
            self._enter(Phase.NEEDS_ACTION, "an operator: the source does not start", needs_action=True)
            await workflow.wait_condition(lambda: self._resolution is not None)
            return self._end(Outcome.NEEDS_OPERATOR)
        if kind in {"web", "mute", "deaf"}:
            self._enter(Phase.AWAITING_APPROVAL, f"approval by {APPROVER}", needs_action=True)
            await workflow.wait_condition(lambda: any(decision.counted for decision in self._decisions))
            approved = self._decisions[-1].decision == "approve"
            return self._end(Outcome.MIGRATED if approved else Outcome.ROLLED_BACK)
        return self._end(Outcome.MIGRATED)

    def _enter(self, phase: Phase, waiting_for: str = "", *, needs_action: bool = False) -> None:
        self._phase, self._waiting_for = phase, waiting_for
        workflow.upsert_search_attributes([PHASE.value_set(phase.value), NEEDS_ACTION.value_set(needs_action)])

    def _end(self, outcome: Outcome) -> dict[str, str]:
        self._enter(Phase.DONE)
        self._outcome = outcome
        left = {MemoKeys.EVIDENCE: evidence(as_json(self.report())), MemoKeys.MOVED: {"outcome": outcome.value}}
        workflow.upsert_memo(left)
        return {"outcome": outcome.value}

    @workflow.query
    def status(self) -> VmStatus:
        """Answer where it stands."""
        if self._vm.name.startswith(("failing", "mute")):
            raise ApplicationError("this one cannot answer")
        refused = [decision.reason for decision in self._decisions if not decision.counted]
        return VmStatus(
            plan=self._plan,
            name=self._vm.name,
            wave=self._vm.wave,
            id=self._vm.id,
            phase=self._phase,
            waiting_for=self._waiting_for,
            needs_action=self._phase in {Phase.NEEDS_ACTION, Phase.AWAITING_APPROVAL},
            outcome=self._outcome,
            last_refusal=refused[-1] if refused else None,
            choices=self._choices if self._phase is Phase.NEEDS_ACTION else [],
        )

    @workflow.query
    def report(self) -> VmReport:
        """Answer what happened, with the kind of names and comments that strangers choose."""
        return VmReport(
            name=self._vm.name,
            id=self._vm.id,
            wave=self._vm.wave,
            run_id=workflow.info().run_id,
            outcome=self._outcome,
            downtime_seconds=185 if self._outcome is Outcome.MIGRATED else None,
            data_loss_seconds=0 if self._outcome is Outcome.MIGRATED else None,
            phases=[
                PhaseSpan(name=Phase.REPLICATING, started="2026-03-01T09:00:00Z", ended="2026-03-01T10:00:00Z"),
                PhaseSpan(name=Phase.FAILING_OVER, started="2026-03-01T10:00:00Z", ended="2026-03-01T10:03:00Z"),
            ],
            approval=next((decision for decision in self._decisions if decision.counted), None),
            decisions=self._decisions,
            fence=FenceEvidence(held=True, reason="the source is deallocated.", target_running_since=RUNNING_SINCE),
            resources=[
                ReportedResource(
                    id=self._vm.id,
                    type="Microsoft.Compute/virtualMachines",
                    created_by="site_recovery",
                    state="created",
                )
            ],
        )

    @workflow.update
    async def decide_commit(self, message: DecisionMessage) -> DecisionAnswer:
        """Judge a decision; one whose name says so never gets that far."""
        await workflow.wait_condition(lambda: not self._vm.name.startswith("deaf"))
        counted = message.approver == APPROVER
        reason = "it counts" if counted else f"refused: {message.approver} is not an approver"
        self._decisions.append(
            Decision(
                approver=message.approver,
                decision=message.decision or "",
                comment=message.comment,
                at="2026-03-01T11:00:00Z",
                counted=counted,
                reason=reason,
                by="update",
            )
        )
        return DecisionAnswer(counted=counted, reason=reason)

    @workflow.update
    def resolve(self, resolution: Resolution) -> DecisionAnswer:
        """Take what an operator chose."""
        if resolution.action not in self._choices or self._phase is not Phase.NEEDS_ACTION:
            return DecisionAnswer(counted=False, reason=f"{resolution.action} is no choice now")
        self._resolution = resolution
        return DecisionAnswer(counted=True, reason="recorded")

    @resolve.validator
    def _may_resolve(self, resolution: Resolution) -> None:
        if resolution.reason == "malformed":
            raise ApplicationError("the message is malformed")


@workflow.defn(name=names.MIGRATE_PLAN)
class StandInPlan:
    """A plan that runs its virtual machines all at once."""

    @workflow.init
    def __init__(self, start: MigratePlanInput) -> None:
        """Begin with every virtual machine in phase checking."""
        plan = start.plan
        self._name, self._hash, self._requester = plan.name, plan.content_hash, start.requester
        self._held = "held" in plan.name
        self._outcome: Outcome | None = None
        self._runs: dict[str, str] = {}
        self._pauses: list[Pause] = []
        self._vms = {
            vm.name: PlanVm(
                name=vm.name,
                id=plan.source_id(vm),
                wave=wave.name,
                workflow_id=names.migrate_vm_id(plan.name, vm.name),
                phase=Phase.CHECKING,
            )
            for wave in plan.waves
            for vm in wave.vms
        }

    @workflow.run
    async def run(self, start: MigratePlanInput) -> dict[str, str]:
        """Run the children and return the common outcome."""
        del start
        await workflow.wait_condition(lambda: not self._held)
        outcomes = await asyncio.gather(*(self._one(vm) for vm in list(self._vms.values())))
        self._outcome = common_outcome(outcomes)
        workflow.upsert_memo({MemoKeys.EVIDENCE: plan_evidence(self.report(), self._runs)})
        return {"outcome": self._outcome.value}

    async def _one(self, vm: PlanVm) -> Outcome:
        if vm.name.startswith("refused"):
            done = {"outcome": Outcome.REFUSED.value}
            update = {"reason": "no quota", "findings": [finding("blocking", vm.name)]}
        else:
            done, update = await self._child(vm), {}
        outcome = Outcome(done["outcome"])
        self._vms[vm.name] = vm.model_copy(update={"phase": Phase.DONE, "outcome": outcome, **update})
        return outcome

    async def _child(self, vm: PlanVm) -> dict[str, str]:
        words = {names.ATTRIBUTE_PLAN: self._name, names.ATTRIBUTE_WAVE: vm.wave, names.ATTRIBUTE_VM: vm.name}
        pairs = [SearchAttributePair(SearchAttributeKey.for_keyword(key), value) for key, value in words.items()]
        handle = await workflow.start_child_workflow(
            names.MIGRATE_VM,
            args=[self._name, vm],
            id=vm.workflow_id,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            search_attributes=TypedSearchAttributes(pairs),
            result_type=dict[str, str],
        )
        self._runs[vm.name] = handle.first_execution_run_id or ""
        done: dict[str, str] = await handle
        return done

    @workflow.query
    def status(self) -> PlanStatus:
        """Answer where it stands."""
        return PlanStatus(
            plan=self._name,
            phase="done" if self._outcome else "moving",
            waiting_for="Create the vault: denied" if self._held else "",
            needs_action=self._held,
            outcome=self._outcome,
            vms=list(self._vms.values()),
            pauses=self._pauses,
        )

    @workflow.update
    def resolve(self, resolution: Resolution) -> DecisionAnswer:
        """Go on."""
        self._held = False
        return DecisionAnswer(counted=True, reason=f"{resolution.action} recorded")

    @workflow.update
    def pause(self, message: Steer) -> DecisionAnswer:
        """Pause."""
        part = Part(kind="wave" if message.wave else "plan", name=message.wave or "")
        self._pauses = [Pause(part=part, by=message.by, at=RUNNING_SINCE, reason=message.reason)]
        return DecisionAnswer(counted=True, reason=f"{part.told} is paused")

    @workflow.update
    def resume(self, message: Steer) -> DecisionAnswer:
        """Go on with what is paused."""
        if not self._pauses:
            return DecisionAnswer(counted=False, reason=f"the wave of {message.vm} holds it")
        self._pauses = []
        return DecisionAnswer(counted=True, reason="it goes on")

    @workflow.update
    def set_concurrency(self, message: SetConcurrency) -> DecisionAnswer:
        """Repeat what was wanted."""
        return DecisionAnswer(counted=True, reason=f"{message.vault}: {message.replication}, {message.cutover}")

    @workflow.query
    def report(self) -> PlanReport:
        """Answer what happened."""
        return PlanReport(
            plan=self._name,
            plan_hash=self._hash,
            run_id=workflow.info().run_id,
            outcome=self._outcome,
            started="2026-03-01T09:00:00Z",
            ended="2026-03-01T11:00:00Z" if self._outcome else None,
            reason=f"started by {self._requester}",
            vms=list(self._vms.values()),
        )


@workflow.defn(name=names.CHECK_PLAN)
class StandInCheck:
    """A check that finds what the virtual machines' names ask for."""

    @workflow.run
    async def run(self, plan: Plan) -> PlanCheck:
        """Return a finding for each name that asks for one."""
        if any(vm.name.startswith("failing") for vm in plan.vms):
            raise ApplicationError(
                "reading vaults: denied; renew the secret", type="EnvironmentFailure", non_retryable=True
            )
        kinds = {"refused": "blocking", "copying": "warning", "stuck": "unknown"}
        found = [
            VmFindings(
                name=vm.name,
                findings=[finding(kinds[kind], f"virtualMachines {vm.name}")]
                if (kind := vm.name.split("-")[0]) in kinds
                else [],
                already_migrated=vm.name.startswith("fast"),
            )
            for vm in plan.vms
        ]
        return PlanCheck(findings=[], vms=found)


@workflow.defn(name=names.CLEAN_PLAN)
class StandInClean:
    """A clean that finds what the machines' names ask for: `web` left a disk, `stuck` one that does not go.

    Of `moved` the source's disk stays on purpose.
    """

    @workflow.run
    async def run(self, request: CleanRequest) -> CleanAnswer:
        """Return what was left, and what went of what was confirmed."""
        plan, vms = request.plan, [vm.name for vm in request.plan.vms]
        if any(name.startswith("copying") for name in vms):
            return CleanAnswer(plan=plan.name, refused=f"plan {plan.name} runs: cancel it")
        if any(name.startswith("failing") for name in vms):
            raise ApplicationError("reading vaults: denied", type="EnvironmentFailure", non_retryable=True)
        found = [_leftover(plan, name) for name in vms if name.startswith(("web", "stuck"))]
        stays = [one for one in found if one.vm.startswith("stuck") and one.id in request.confirmed]
        left = [Untouched(id=one.id, why="it is locked", command=f"az disk delete --ids {one.id}") for one in stays]
        gone = [one.id for one in found if one.id in request.confirmed and one not in stays]
        look_alike = Untouched(id=f"{found[0].id}-2", why="cannot be proved ours", command="az x") if found else None
        untouched = [look_alike] if look_alike else []
        disk = ids.disk_id(plan.subscription, plan.source.resource_group, "moved-os")
        source_disk = Untouched(
            id=disk,
            why="disk of a source that is switched off",
            on_purpose=True,
            type="Microsoft.Compute/disks",
            size_gib=200,
            sku="Premium_LRS",
        )
        untouched += [source_disk for name in vms if name.startswith("moved")]
        return CleanAnswer(plan=plan.name, leftovers=found, untouched=untouched, deleted=gone, left=left)


def _leftover(plan: Plan, name: str) -> Leftover:
    disk_id = ids.disk_id(plan.subscription, plan.target.resource_group, f"{name}-os-ASRReplica")
    return Leftover(
        id=disk_id,
        type="Microsoft.Compute/disks",
        vm=name,
        why="in the run's ledger: replica disk",
        since=RUNNING_SINCE,
        size_gib=100,
        sku="Premium_LRS",
    )


@workflow.defn(name=names.SURVEY_PLAN)
class StandInSurvey:
    """A survey that finds a machine with one disk for each name, but for those that nobody can read."""

    @workflow.run
    async def run(self, plan: Plan) -> Survey:
        """Return the machines."""
        if any(vm.name.startswith("failing") for vm in plan.vms):
            raise ApplicationError(
                "reading vaults: denied; renew the secret", type="EnvironmentFailure", non_retryable=True
            )
        return Survey(vms=[_surveyed(plan, vm.name) for vm in plan.vms], blocking=2)


def _surveyed(plan: Plan, name: str) -> SurveyedVm:
    if name.startswith("stuck"):
        return SurveyedVm(name=name, unread="reading it: denied")
    disk_id = ids.disk_id(plan.subscription, plan.source.resource_group, f"{name}-os")
    disk = SurveyedDisk(id=disk_id, size_gib=64, type="Premium_LRS")
    return SurveyedVm(name=name, disks=[disk], already_migrated=name.startswith("fast"))
