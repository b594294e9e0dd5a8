"""Look at what a plan meets, for the list of what its run would do. It reads and never writes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeats import beating
from activities.preflight import ANSWER_SECONDS, case_of
from arm import vault_reads
from arm.inventory import take_inventory
from migration.facts import UnaskedError
from migration.ids import ResourceId, id_key
from migration.plan import Plan
from migration.rules.engine import judge
from migration.rules.needs import moves_of
from migration.rules.placing import placed
from migration.rules.sources import source_vm
from migration.survey import Survey, SurveyedDisk, SurveyedVm

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from migration.models import VmSpec
    from migration.rules.case import Case


class SurveyActivities:
    """Surveys of plans."""

    def __init__(self, azure: AzureClients) -> None:
        self._azure = azure

    @activity.defn
    async def survey_plan(self, plan: Plan) -> Survey:
        """Return what a run of the plan would find: its machines, and the shared resources that are there."""
        async with beating(list):
            return await survey(self._azure, plan)


async def survey(azure: AzureClients, plan: Plan) -> Survey:
    """Return what a run of the plan would find."""
    case = case_of(plan)
    await azure.greet(ANSWER_SECONDS)
    await take_inventory(azure, case)
    case = placed(case)
    shared, each = judge(case)
    moved = {found.name: found.already_migrated for found in each}
    moves = moves_of(case)
    there = [move.vault_id for move in moves if move.vault_is_there]
    fabrics = await asyncio.gather(*(_fabrics(azure, plan, vault_id) for vault_id in there))
    found = [finding for vm in each for finding in vm.findings]
    return Survey(
        vms=[_vm(case, vm, already_migrated=moved[vm.name]) for vm in case.vms],
        there=sorted({key for move in moves for key in move.there}),
        fabrics_of={id_key(vault_id): found for vault_id, found in zip(there, fabrics, strict=True)},
        blocking=sum(finding.blocks for finding in [*shared, *found]),
    )


def _vm(case: Case, vm: VmSpec, *, already_migrated: bool) -> SurveyedVm:
    try:
        source = source_vm(case.inventory, vm)
    except UnaskedError as error:
        return SurveyedVm(name=vm.name, already_migrated=already_migrated, unread=error.why, place=case.place_of(vm))
    if source is None:
        why = "Azure knows no such virtual machine"
        return SurveyedVm(name=vm.name, already_migrated=already_migrated, unread=why, place=case.place_of(vm))
    return SurveyedVm(
        name=vm.name,
        os_type=source.os_type,
        size=source.size,
        disks=[SurveyedDisk(id=disk.id, size_gib=disk.size_gib, type=disk.type) for disk in source.disks],
        nic_ids=[nic.id for nic in source.nics],
        network_ids=list({id_key(nic.network_id): nic.network_id for nic in source.nics}.values()),
        already_migrated=already_migrated,
        place=case.place_of(vm),
    )


async def _fabrics(azure: AzureClients, plan: Plan, vault_id: str) -> dict[str, str]:
    found = {}
    for region in (plan.source.region, plan.target.region):
        fabric = await vault_reads.fabric_of_region(azure, vault_id, region)
        if fabric:
            found[region] = ResourceId.parse(fabric).name
    return found
