"""Look at what a plan meets, for the list of what its run would do. It reads and never writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeats import beating
from activities.preflight import ANSWER_SECONDS, case_of
from arm import vault_reads
from arm.inventory import take_inventory
from migration.ids import ResourceId, id_key
from migration.inventory import UnaskedError
from migration.plan import Plan
from migration.rules.engine import judge
from migration.rules.needs import move_of
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
    shared, each = judge(case)
    moved = {found.name: found.already_migrated for found in each}
    move = move_of(case)
    found = [finding for vm in each for finding in vm.findings]
    return Survey(
        vms=[_vm(case, vm, already_migrated=moved[vm.name]) for vm in case.vms],
        there=sorted(move.there),
        fabrics=await _fabrics(azure, plan) if move.vault_is_there else {},
        blocking=sum(finding.blocks for finding in [*shared, *found]),
    )


def _vm(case: Case, vm: VmSpec, *, already_migrated: bool) -> SurveyedVm:
    try:
        source = source_vm(case.inventory, vm)
    except UnaskedError as error:
        return SurveyedVm(name=vm.name, already_migrated=already_migrated, unread=error.why)
    if source is None:
        return SurveyedVm(name=vm.name, already_migrated=already_migrated, unread="Azure knows no such virtual machine")
    return SurveyedVm(
        name=vm.name,
        os_type=source.os_type,
        size=source.size,
        disks=[SurveyedDisk(id=disk.id, size_gib=disk.size_gib, type=disk.type) for disk in source.disks],
        nic_ids=[nic.id for nic in source.nics],
        network_ids=list({id_key(nic.network_id): nic.network_id for nic in source.nics}.values()),
        already_migrated=already_migrated,
    )


async def _fabrics(azure: AzureClients, plan: Plan) -> dict[str, str]:
    found = {}
    for region in (plan.source.region, plan.target.region):
        fabric = await vault_reads.fabric_of_region(azure, plan.vault_id, region)
        if fabric:
            found[region] = ResourceId.parse(fabric).name
    return found
