"""Find what lost runs of a plan left behind. Only what is proved counts; what cannot be proved is named and stays.

A run's history names what was absent before its steps. Where Temporal has lost it, the protected item proves what was
made for it, and our tag what we made ourselves; the names alone, and tags that Site Recovery copies, prove nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus

from activities.earlier import described, read_runs
from activities.finalised import snapshots_of_source
from activities.group_leftovers import GroupLooker
from activities.heartbeats import beating
from activities.leftovers import MachineLooker
from activities.plans import running_plans_using
from activities.shared_leftovers import SharedLooker
from arm import items
from migration import names
from migration.cleaning import CleanSurvey, FindLeftovers
from migration.earlier import EarlierAnswer
from migration.ids import ResourceId, describe
from migration.specs import vm_specs

if TYPE_CHECKING:
    from temporalio.client import Client

    from arm.clients import AzureClients
    from migration.models import VmSpec
    from migration.plan import Plan

_AT_ONCE = 4


class CleaningActivities:
    """Reads of what is left."""

    def __init__(self, azure: AzureClients, client: Client) -> None:
        self._azure = azure
        self._client = client

    @activity.defn
    async def find_leftovers(self, request: FindLeftovers) -> CleanSurvey:
        """Return what lost runs of a plan left behind, and what stays."""
        async with beating(list):
            refused = await self._running(request.plan, held=request.held)
            return CleanSurvey(refused=refused) if refused else await self._survey(request.plan)

    async def _survey(self, plan: Plan) -> CleanSurvey:
        protected = [item for vault in plan.vault_ids for item in await items.list_items(self._azure, vault)]
        specs, together, histories = vm_specs(plan), asyncio.Semaphore(_AT_ONCE), dict[str, EarlierAnswer]()

        async def one(spec: VmSpec) -> CleanSurvey:
            async with together:
                earlier = await read_runs(self._client, names.migrate_vm_id(plan.name, spec.name))
                histories[spec.name] = earlier
                found = await MachineLooker(self._azure, spec, earlier, protected).look()
                kept = await snapshots_of_source(self._azure, self._client, plan.name, spec.name)
                return found.model_copy(update={"untouched": [*found.untouched, *kept]})

        found = list(await asyncio.gather(*(one(spec) for spec in specs)))
        gone = [leftover.id for survey in found for leftover in survey.leftovers]
        groups = await GroupLooker(self._azure, plan.name, histories, specs, gone).look(plan.vault_ids, protected)
        earlier = await read_runs(self._client, names.migrate_plan_id(plan.name))
        others = await self._other_plans(plan)
        found.append(await SharedLooker(self._azure, plan, earlier, gone, others).look())
        known = {machine.name for survey in found for machine in survey.machines}
        return CleanSurvey(
            leftovers=[*groups.leftovers, *(leftover for survey in found for leftover in survey.leftovers)],
            untouched=[*groups.untouched, *(stays for survey in found for stays in survey.untouched)],
            machines=[
                *(machine for survey in found for machine in survey.machines),
                *(machine for machine in groups.machines if machine.name not in known),
            ],
            groups=groups.groups,
        )

    async def _running(self, plan: Plan, *, held: bool) -> str:
        """Return what of the plan runs, "" if nothing does."""
        if await self._runs(names.migrate_plan_id(plan.name)):
            return f"plan {plan.name} runs: cancel it, or wait for its end"
        for spec in vm_specs(plan):
            if await self._runs(names.migrate_vm_id(plan.name, spec.name)):
                return f"{spec.name} of plan {plan.name} runs: cancel it, or wait for its end"
            holder = "" if held else await self._holder(spec)
            # Whoever finalises holds a machine that has moved; what is left of that one is refused when it is claimed.
            if holder and not holder.startswith(names.finalise_vm_id(plan.name, "")):
                return f"{holder} holds {describe(spec.source_id)} now: wait for its end"
        return ""

    async def _runs(self, workflow_id: str) -> bool:
        return await self._running_parent(workflow_id) is not None

    async def _holder(self, spec: VmSpec) -> str:
        """Return the workflow that has claimed a source, "" where none has."""
        source = ResourceId.parse(spec.source_id)
        claim = names.vm_claim_id(source.subscription, source.resource_group or "", source.name)
        parent = await self._running_parent(claim)
        return "" if parent is None else parent or claim

    async def _running_parent(self, workflow_id: str) -> str | None:
        """Return the id of the parent of a running workflow, "" where it has none; None where nothing runs."""
        description = await described(self._client, workflow_id)
        if description is None or description.status is not WorkflowExecutionStatus.RUNNING:
            return None
        return description.parent_id or ""

    async def _other_plans(self, plan: Plan) -> dict[str, list[str]]:
        """Return the running plans that use each vault of this one."""
        return {vault: await running_plans_using(self._client, vault, plan.name) for vault in plan.vault_ids}
