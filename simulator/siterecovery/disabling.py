"""Disabling replication: `remove` works inside the machine and so needs it to run, `purge` only forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.compute.extensions import delete_extension, extension_id
from simulator.siterecovery import affected, arm_writes, committing, durations, estate, failures, jobs, names, states
from simulator.siterecovery.calls import object_id, require
from simulator.siterecovery.items import require_operation, target_of
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.refusals import JobFailureError, TaskFailureError

if TYPE_CHECKING:
    from simulator.provider import Call, Reply
    from simulator.store import Resource
    from simulator.world import World


def replication_protected_items_delete(call: Call) -> Reply:
    """Disable replication (POST remove): the agent is uninstalled from inside the running machine."""
    item = require(call, object_id(call, action=True))
    require_operation(call, item, "DisableProtection")
    seconds = durations.seconds(call.world, "remove", item.id)
    tasks = (
        Task("DisableProtectionPreflightTask", "Prerequisites check", ((0.03 * seconds, "asr.disable_check"),)),
        Task(
            "UninstallMobilityServiceTask",
            "Uninstalling the Mobility Service",
            ((0.57 * seconds, "asr.disable_agent"),),
        ),
        Task("RemoveReplicaTask", "Removing the replica disks", ((0.3 * seconds, "asr.disable_replicas"),)),
        Task("DisableProtectionTask", "Disabling replication", ((0.1 * seconds, None),)),
    )
    return jobs.start(call, _plan(item, "DisableDr", "Disable replication", tasks))


def replication_protected_items_purge(call: Call) -> Reply:
    """Forget the item (DELETE), whatever its state: the machine is not touched, its agent stays."""
    item = require(call, object_id(call))
    jobs.refuse_if_busy(call, item.id)
    seconds = durations.seconds(call.world, "purge", item.id)
    tasks = (
        Task("PurgePreflightTask", "Prerequisites check", ((0.05 * seconds, "asr.disable_begun"),)),
        Task("PurgeReplicaTask", "Removing the replica disks", ((0.75 * seconds, "asr.disable_replicas"),)),
        Task("PurgeTask", "Removing the replicated item", ((0.2 * seconds, None),)),
    )
    return jobs.start(call, _plan(item, "PurgeDr", "Remove replicated item", tasks))


def _plan(item: Resource, scenario: str, friendly_name: str, tasks: tuple[Task, ...]) -> Plan:
    return Plan(
        scenario=scenario,
        friendly_name=friendly_name,
        subject=item.id,
        target=target_of(item),
        tasks=tasks,
        on_success="asr.disabled",
        on_failure="asr.disable_failed",
        locks=(item.id, item.meta["vm"]),
        args={"prior": item.meta["state"]},
    )


@effect("asr.disable_check")
def _check(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    job.affected = affected.by_item(world, item)
    vm_id = item.meta["vm"]
    if _agent_is_there(world, item) and not estate.is_running(world, vm_id):
        raise JobFailureError(failures.needs_running_vm(names.last(vm_id)))
    _begin(world, item)


def _agent_is_there(world: World, item: Resource) -> bool:
    """Whether something has to be uninstalled; where enabling failed before that, there is nothing."""
    if not world.store.exists(item.meta["vm"]):
        return False
    extension = extension_id(item.meta["vm"], f"SiteRecovery-{item.meta['os_type']}")
    return item.meta["state"] != states.ENABLING_FAILED or world.store.exists(extension)


@effect("asr.disable_begun")
def _begun(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    job.affected = affected.by_item(world, item)
    _begin(world, item)


def _begin(world: World, item: Resource) -> None:
    item.meta["state"] = states.DISABLING
    item.meta["frozen_at"] = item.meta.get("frozen_at") or world.now.isoformat()
    world.store.save(item)


@effect("asr.disable_agent")
def _uninstall(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    vm_id = item.meta["vm"]
    if not world.store.exists(vm_id):
        raise TaskFailureError(failures.source_gone(names.last(vm_id)))
    extension = extension_id(vm_id, f"SiteRecovery-{item.meta['os_type']}")
    if not world.store.exists(extension) and job.args["prior"] == states.ENABLING_FAILED:
        return
    if not estate.is_running(world, vm_id):
        raise JobFailureError(failures.needs_running_vm(names.last(vm_id)))
    arm_writes.admit_deletion(world, extension)
    delete_extension(world, vm_id, names.last(extension))


@effect("asr.disable_replicas")
def _delete_replicas(world: World, job: Job) -> None:
    committing.delete_replicas(world, world.store.require(job.subject))


@effect("asr.disabled")
def _disabled(world: World, job: Job) -> None:
    world.store.delete_tree(job.subject)


@effect("asr.disable_failed")
def _failed(world: World, job: Job) -> None:
    item = world.store.get(job.subject)
    if item is None:
        return
    untouched = item.meta["state"] != states.DISABLING
    item.meta["state"] = job.args["prior"] if untouched else states.DISABLING_FAILED
    world.store.save(item)
