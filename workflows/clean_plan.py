"""Removes what lost runs of a plan left behind: only what a person confirmed, and only what is still proved then."""

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.cleaning import CleaningActivities
    from activities.groups import GroupActivities
    from activities.parity import ParityActivities
    from migration import ids, names
    from migration.cleaning import (
        RECOVERY_PLANS,
        RESTORED_TYPES,
        CleanAnswer,
        CleanRequest,
        CleanSurvey,
        FindLeftovers,
        GroupLeft,
        Leftover,
        MachineLeft,
        Untouched,
        removal_command,
    )
    from migration.ids import describe, id_key
    from migration.ledger import LedgerEntry
    from migration.models import SharedResources, VmSpec, VmTask
    from migration.parity.requests import TakeBackRestored
    from migration.plan import Plan
    from migration.requests import RemoveRecoveryPlan
    from migration.specs import vm_specs
    from migration.vaults import planned_vaults
from workflows.belongings import Belongings
from workflows.engine import Engine, reason_of
from workflows.failures import vm_failure
from workflows.preparation import Preparation
from workflows.replication import Replication
from workflows.vm_claim import start_claim

_ROUNDS = 4
"""The removal of a recovery plan, the reading that proves it, and both once more."""
_SNAPSHOTS = frozenset({"microsoft.compute/snapshots"})


class _Details:
    """Where a clean shows what it waits for. It asks nobody: what does not go is told in the answer."""

    def show(self, *, waiting_for: str = "", needs_action: bool = False, choices: tuple[str, ...] = ()) -> None:
        """Tell what is waited for."""
        del needs_action, choices
        workflow.set_current_details(waiting_for or "Cleaning")

    def ask_person(self) -> Callable[[], None]:
        """Ask nobody."""
        return lambda: None


class _Impatient(Engine):
    """An engine that ends where others would hold: who cleans sits in front of it, and tries again."""

    async def hold(self, waiting_for: str, *_: object, **__: object) -> str:
        """Fail with what would be waited for."""
        raise vm_failure(waiting_for)


@workflow.defn(name=names.CLEAN_PLAN)
class CleanPlan:
    """Looks what is left, and removes what was confirmed while it claims each machine."""

    @workflow.run
    async def run(self, request: CleanRequest) -> CleanAnswer:
        """Return what is left; with a confirmation, what was removed of it."""
        plan = request.plan
        survey = await self._find(plan, held=False)
        if survey.refused or not request.confirmed:
            return _answer(plan, survey)
        confirmed = {id_key(one) for one in request.confirmed}
        refused = await self._claim(plan, survey.machines)
        if refused:
            return _answer(plan, survey.model_copy(update={"refused": refused}))
        survey = await self._find(plan, held=True)
        if survey.refused:
            return _answer(plan, survey)
        chosen = [leftover for leftover in survey.leftovers if id_key(leftover.id) in confirmed]
        return await self._remove(plan, survey, chosen)

    async def _find(self, plan: Plan, *, held: bool) -> CleanSurvey:
        return await self._engine().call(
            CleaningActivities.find_leftovers, FindLeftovers(plan=plan, held=held), f"See what is left of {plan.name}"
        )

    def _engine(self) -> Engine:
        return _Impatient(_Details())

    async def _claim(self, plan: Plan, machines: list[MachineLeft]) -> str:
        """Keep each machine from being moved meanwhile; the claims end with this workflow."""
        specs = {spec.name: spec for spec in vm_specs(plan)}
        for machine in machines:
            source = ids.ResourceId.parse(specs[machine.name].source_id)
            try:
                await start_claim(source, f"Claim on {source}: cleaning")
            except WorkflowAlreadyStartedError:
                return f"a run has just claimed {source}: nothing was removed"
        return ""

    async def _remove(self, plan: Plan, survey: CleanSurvey, chosen: list[Leftover]) -> CleanAnswer:
        why: dict[str, str] = {}
        specs = {spec.name: spec for spec in vm_specs(plan)}
        grouped = await self._remove_recovery_plans(survey, chosen, why)
        for machine in survey.machines:
            mine = [leftover for leftover in chosen if leftover.vm == machine.name]
            if machine.name in grouped:
                why |= dict.fromkeys((id_key(one.id) for one in mine), grouped[machine.name])
                continue
            try:
                await self._remove_machine(_task(plan, specs[machine.name], machine), machine, mine)
            except FailureError as error:
                why |= dict.fromkeys((id_key(one.id) for one in mine), reason_of(error))
        preparation = Preparation(plan, self._engine())
        shared = [one for one in chosen if not one.vm and one.type.lower() != RECOVERY_PLANS]
        preparation.entries = [_entry(leftover, "plan") for leftover in shared]
        try:
            await preparation.tidy_up()
        except FailureError as error:
            why |= dict.fromkeys((id_key(entry.id) for entry in preparation.entries), reason_of(error))
        why |= {id_key(entry.id): entry.why for entry in preparation.entries if entry.state == "left"}
        return await self._told(plan, survey, chosen, why)

    async def _remove_recovery_plans(
        self, survey: CleanSurvey, chosen: list[Leftover], why: dict[str, str]
    ) -> dict[str, str]:
        """Remove the recovery plans that were confirmed; return by name why machines stay whose own is there still."""
        confirmed, stays = {id_key(one.id) for one in chosen}, dict[str, str]()
        for group in survey.groups:
            told = f"{describe(group.id)} is there still, and goes before it"
            if id_key(group.id) in confirmed:
                try:
                    await self._remove_recovery_plan(group)
                    continue
                except FailureError as error:
                    why[id_key(group.id)] = reason_of(error)
            stays |= dict.fromkeys(group.members, told)
        return stays

    async def _remove_recovery_plan(self, group: GroupLeft) -> None:
        engine, request = self._engine(), RemoveRecoveryPlan(id=group.id, item_ids=group.item_ids)
        name = ids.ResourceId.parse(group.id).name
        for _ in range(_ROUNDS):
            started = await engine.call(
                GroupActivities.remove_recovery_plan_left, request, f"Remove the recovery plan {name}"
            )
            if started.job is None:
                return
            await engine.wait_for_job(started.job, f"Until the recovery plan {name} is removed", accept_failure=True)
        raise vm_failure(f"removing {describe(group.id)}: it is still there after its removal was reported done")

    async def _remove_machine(self, task: VmTask, machine: MachineLeft, chosen: list[Leftover]) -> None:
        """End the protection before what was made for it goes; without the one the other stays."""
        engine = self._engine()
        belongings = Belongings(engine)
        belongings.spare_running = True
        belongings.entries = [_entry(leftover, "site_recovery") for leftover in chosen]
        replication = Replication(task, engine, belongings)
        replication.failover_is_ours = machine.moved
        restored = [one.id for one in chosen if one.type.lower() in RESTORED_TYPES]
        if restored:
            request = TakeBackRestored(vm=task.vm, ids=restored)
            await engine.call(ParityActivities.take_back_restored, request, "Delete what restoring made")
        if machine.item_id is not None:
            if not any(ids.same_id(machine.item_id, leftover.id) for leftover in chosen):
                return
            if machine.test_pending:
                await replication.clean_up_test_failover()
            await replication.disable_replication()
        await belongings.remove(also=_SNAPSHOTS)

    async def _told(self, plan: Plan, survey: CleanSurvey, chosen: list[Leftover], why: dict[str, str]) -> CleanAnswer:
        await workflow.sleep(timedelta(seconds=1), summary="Until listings show what went")
        after = await self._find(plan, held=True)
        still = {id_key(leftover.id) for leftover in after.leftovers} | {id_key(one.id) for one in after.untouched}
        left = [
            Untouched(
                id=one.id,
                why=why.get(id_key(one.id)) or "it is there still",
                command=removal_command(one.id),
            )
            for one in chosen
            if id_key(one.id) in still or id_key(one.id) in why
        ]
        stays = {id_key(one.id) for one in left}
        deleted = [one.id for one in chosen if id_key(one.id) not in stays]
        return _answer(plan, survey).model_copy(update={"deleted": deleted, "left": left})


def _answer(plan: Plan, survey: CleanSurvey) -> CleanAnswer:
    return CleanAnswer(plan=plan.name, refused=survey.refused, leftovers=survey.leftovers, untouched=survey.untouched)


def _entry(leftover: Leftover, creator: str) -> LedgerEntry:
    return LedgerEntry.model_validate(
        {"id": leftover.id, "type": leftover.type, "created_by": creator, "state": "created", "why": leftover.why}
    )


def _task(plan: Plan, spec: VmSpec, machine: MachineLeft) -> VmTask:
    """Return what addresses a machine's protection as it is, whatever the vault's fabrics are called."""
    theirs = machine.item_id and ids.vault_of(machine.item_id)
    vaults = planned_vaults(plan)
    vault = next((one for one in vaults if ids.same_id(one.id, theirs)), vaults[plan.named_vaults.get(spec.name, 0)])
    source = ids.fabric_id(vault.id, names.fabric_name(plan.source.region))
    target = ids.fabric_id(vault.id, names.fabric_name(plan.target.region))
    shared = SharedResources(
        vault_id=vault.id,
        policy_id=f"{vault.id}/replicationPolicies/{names.POLICY_NAME}",
        source_fabric_id=source,
        target_fabric_id=target,
        source_container_id=ids.container_id(source, names.container_name(plan.source.region)),
        target_container_id=ids.container_id(target, names.container_name(plan.target.region)),
        cache_account_id=vault.account(plan.source.region),
    )
    return VmTask(
        plan=plan.name,
        plan_hash=plan.content_hash,
        vm=spec,
        shared=shared,
        approval=plan.approval,
        failover=plan.failover,
        adopted_item_id=machine.item_id,
    )
