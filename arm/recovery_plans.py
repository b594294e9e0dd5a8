"""Recovery plans: what fails the virtual machines of a consistency group over together, and what its job tells of each.

A recovery plan's job names, for each machine, the jobs that it began for it: one for shutdown and failover, or one for
each of both. Their tasks together say what a single machine's failover job says.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from arm import jobs, reads
from arm.fence import SHUT_DOWN
from migration.ids import ResourceId, same_id, vault_of

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from arm.reads import Json
    from migration.consistency import ConsistencyGroup
    from migration.models import VmTask

_SHUTDOWN_GROUP = "RecoveryPlanShutdownGroupTaskDetails"


def create_body(task: VmTask, group: ConsistencyGroup) -> Json:
    """Return the body that makes the recovery plan: all members in one group, so that they start side by side."""
    members = [{"id": task.item_of(member.source_id), "virtualMachineId": member.source_id} for member in group.members]
    return {
        "properties": {
            "primaryFabricId": task.shared.source_fabric_id,
            "recoveryFabricId": task.shared.target_fabric_id,
            "failoverDeploymentModel": "ResourceManager",
            "groups": [{"groupType": "Boot", "replicationProtectedItems": members}],
        }
    }


def failover_body(task: VmTask) -> Json:
    """Return the body that fails the group over.

    Where all sources are shut down first, the latest point of each has all that it wrote, and so they agree. Where they
    run on, only a point that the members share is consistent.
    """
    shut_down = task.failover.shut_down_source
    point = (
        {"recoveryPointType": "Latest", "multiVmSyncPointOption": "UsePerVmRecoveryPoint"}
        if shut_down
        else {"recoveryPointType": "LatestProcessed", "multiVmSyncPointOption": "UseMultiVmSyncRecoveryPoint"}
    )
    return {
        "properties": {
            "failoverDirection": "PrimaryToRecovery",
            "sourceSiteOperations": "Required" if shut_down else "NotRequired",
            "providerSpecificDetails": [{"instanceType": "A2A", **point}],
        }
    }


def lacks(plan: Json, task: VmTask, group: ConsistencyGroup) -> list[str]:
    """Return the members that a recovery plan has not, and the items that it has and that are no members'."""
    there = items_of(plan)
    wanted = {member.name: task.item_of(member.source_id) for member in group.members}
    absent = [name for name, item in wanted.items() if not any(same_id(item, one) for one in there)]
    strange = [one for one in there if not any(same_id(one, item) for item in wanted.values())]
    return absent + [ResourceId.parse(one).name for one in strange]


def items_of(plan: Json) -> list[str]:
    """Return the ids of what a recovery plan fails over."""
    groups = (plan.get("properties") or {}).get("groups") or []
    return [str(item["id"]) for one in groups for item in one.get("replicationProtectedItems") or []]


async def own_job(azure: AzureClients, job: Json, vm_name: str) -> Json:
    """Return what a recovery plan's job did with one machine, as that machine's own failover job would tell it."""
    named = [task for task in jobs.raw_tasks(job) if _is_about(task, vm_name)]
    ids = list(dict.fromkeys(str(_job_task(task)["jobId"]) for task in named))
    vault = vault_of(str(job["id"]))
    found = await asyncio.gather(*(jobs.read_job(azure, f"{vault}/replicationJobs/{_last(one)}") for one in ids))
    own = [document for document in found if document is not None]
    tasks = [task for document in own for task in (document["properties"].get("tasks") or [])]
    if not any(str(task.get("friendlyName")).lower() == SHUT_DOWN.lower() for task in tasks):
        tasks = [*_told_shutdowns(job, vm_name), *tasks]
    base = own[-1] if own else job
    return {**base, "properties": {**base["properties"], "tasks": tasks}}


def _told_shutdowns(job: Json, vm_name: str) -> list[Json]:
    """Return what the recovery plan itself says of the machine's shutdown, where no job of its own does."""
    groups = [task for task in jobs.raw_tasks(job) if task.get("taskType") == _SHUTDOWN_GROUP]
    lines = [line for group in groups for line in jobs.raw_tasks({"properties": {"tasks": [group]}})]
    return [{**line, "friendlyName": SHUT_DOWN} for line in lines if _is_about(line, vm_name)]


def _is_about(task: Json, vm_name: str) -> bool:
    told = _job_task(task)
    return bool(told.get("jobId")) and str(told.get("targetObjectName")).lower() == vm_name.lower()


def _job_task(task: Json) -> Json:
    return (task.get("customDetails") or {}).get("jobTask") or {}


def _last(resource_id: str) -> str:
    return resource_id.rsplit("/", 1)[-1]


async def read_plan(azure: AzureClients, plan_id: str) -> Json | None:
    """Return a recovery plan, None where there is none."""
    return await reads.read(azure, plan_id)
