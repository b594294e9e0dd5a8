"""Smaller operations on a replicated item: its disks, its agent, its health errors, repairing replication."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.compute.disks import delete_disk
from simulator.siterecovery import (
    causes,
    durations,
    enabling,
    enabling_checks,
    estate,
    item_settings,
    jobs,
    names,
    refusals,
    states,
)
from simulator.siterecovery.calls import missing_input, object_id, require, require_instance_type, section
from simulator.siterecovery.items import target_of
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.refusals import JobFailureError

if TYPE_CHECKING:
    from simulator.provider import Call, Reply
    from simulator.store import Resource
    from simulator.world import World


def _require_protected(call: Call, operation: str) -> Resource:
    item = require(call, object_id(call, action=True))
    jobs.refuse_if_busy(call, item.id)
    if states.state_of(call.world, item) != states.PROTECTED or item.meta.get("test"):
        raise refusals.not_allowed(call, item.name, operation, states.state_of(call.world, item))
    return item


def _start(
    call: Call,
    item: Resource,
    scenario: str,
    friendly_name: str,
    kind: str,
    effect_name: str | None,
    args: dict[str, Any] | None = None,
) -> Reply:
    seconds = durations.seconds(call.world, kind, item.id)
    plan = Plan(
        scenario=scenario,
        friendly_name=friendly_name,
        subject=item.id,
        target=target_of(item),
        tasks=(
            Task(f"{scenario}PreflightTask", "Prerequisites check", ((0.1 * seconds, None),)),
            Task(f"{scenario}Task", friendly_name, ((0.9 * seconds, effect_name),)),
        ),
        locks=(item.id,),
        args=args or {},
    )
    return jobs.start(call, plan)


def replication_protected_items_add_disks(call: Call) -> Reply:
    """Replicate more of the machine's disks."""
    item = _require_protected(call, "AddDisks")
    details = section(call, "providerSpecificDetails")
    require_instance_type(call, details, "A2A")
    if not details.get("vmManagedDisks"):
        raise missing_input(call, "vmManagedDisks")
    args = {"disks": details["vmManagedDisks"]}
    return _start(call, item, "AddDisks", "Add disks", "disks", "asr.disks_added", args)


@effect("asr.disks_added")
def _disks_added(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    source = estate.machine(world, item.meta["vm"])
    known = {disk.id.lower(): disk for disk in source.disks} if source else {}
    for entry in job.args["disks"]:
        found = known.get(str(entry["diskId"]).lower())
        if found is None:
            raise JobFailureError(causes.disk_not_found(names.last(item.meta["vm"]), names.last(entry["diskId"])))
        reason = enabling_checks.unsupported(found)
        if reason:
            raise JobFailureError(causes.disk_unsupported(found.name, reason))
        added = item_settings.disk_meta(world, entry, found)
        enabling.make_replica(world, item, added)
        item.meta["disks"].append(added)
        item.meta["excluded_luns"] = [lun for lun in item.meta["excluded_luns"] if lun != found.lun]
    world.store.save(item)


def replication_protected_items_remove_disks(call: Call) -> Reply:
    """Stop replicating some disks; the OS disk stays."""
    item = _require_protected(call, "RemoveDisks")
    details = section(call, "providerSpecificDetails")
    require_instance_type(call, details, "A2A")
    wanted = [str(id_).lower() for id_ in details.get("vmManagedDisksIds") or []]
    if not wanted:
        raise missing_input(call, "vmManagedDisksIds")
    return _start(call, item, "RemoveDisks", "Remove disks", "disks", "asr.disks_removed", {"disks": wanted})


@effect("asr.disks_removed")
def _disks_removed(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    kept = []
    for disk in item.meta["disks"]:
        if disk["id"].lower() not in job.args["disks"]:
            kept.append(disk)
        elif disk["kind"] == "OperatingSystem":
            raise JobFailureError(causes.os_disk_excluded(disk["name"]))
        else:
            delete_disk(world, disk["replica_id"])
            item.meta["excluded_luns"].append(disk["lun"])
    item.meta["disks"] = kept
    world.store.save(item)


def replication_protected_items_resolve_health_errors(call: Call) -> Reply:
    """Resolve health errors: those of Azure machines are not the customer's to resolve, so that nothing changes."""
    item = require(call, object_id(call, action=True))
    jobs.refuse_if_busy(call, item.id)
    return _start(call, item, "ResolveHealthErrors", "Resolve health errors", "small", None)


def replication_protected_items_repair_replication(call: Call) -> Reply:
    """Repair the replication."""
    item = _require_protected(call, "RepairReplication")
    return _start(call, item, "RepairReplication", "Repair replication", "repair", None)


def replication_protected_items_update_mobility_service(call: Call) -> Reply:
    """Update the agent inside the machine, which has to run."""
    item = _require_protected(call, "UpdateMobilityService")
    return _start(
        call, item, "UpdateMobilityService", "Update mobility service", "mobility_service", "asr.agent_updated"
    )


def replication_protected_items_reinstall_mobility_service(call: Call) -> Reply:
    """Install the agent anew, as its update does."""
    return replication_protected_items_update_mobility_service(call)


@effect("asr.agent_updated")
def _agent_updated(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    if not estate.is_running(world, item.meta["vm"]):
        raise JobFailureError(causes.vm_not_running(names.last(item.meta["vm"])))
    enabling_checks.check_guest(world, item)
