"""Smaller operations on a replicated item: its disks, its agent, its health errors, repairing replication."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator.compute import machines
from simulator.compute.disks import delete_disk
from simulator.schedule import event_handler
from simulator.siterecovery import (
    added_disks,
    arm_writes,
    durations,
    enabling,
    enabling_checks,
    estate,
    failures,
    health,
    item_settings,
    jobs,
    names,
    refusals,
    replication_pace,
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
    return jobs.start(call, _plan(item, scenario, friendly_name, seconds, effect_name, args))


def _plan(
    item: Resource,
    scenario: str,
    friendly_name: str,
    seconds: float,
    effect_name: str | None,
    args: dict[str, Any] | None,
) -> Plan:
    return Plan(
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


def plan_of_added_disks(world: World, item: Resource, disks: list[dict[str, Any]]) -> Plan:
    """The job that replicates more disks."""
    seconds = durations.seconds(world, "disks", item.id)
    return _plan(item, "AddDisks", "Add disks", seconds, "asr.disks_added", {"disks": disks})


def replication_protected_items_add_disks(call: Call) -> Reply:
    """Replicate more of the machine's disks."""
    item = _require_protected(call, "AddDisks")
    details = section(call, "providerSpecificDetails")
    require_instance_type(call, details, "A2A")
    enabling.require_disks(call, details)
    return jobs.start(call, plan_of_added_disks(call.world, item, details["vmManagedDisks"]))


@effect("asr.disks_added")
def _disks_added(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    source = estate.machine(world, item.meta["vm"])
    known = {disk.id.lower(): disk for disk in source.disks} if source else {}
    for entry in job.args["disks"]:
        found = known.get(str(entry["diskId"]).lower())
        if found is None:
            raise JobFailureError(failures.disk_not_found(names.last(item.meta["vm"]), names.last(entry["diskId"])))
        reason = enabling_checks.unsupported(found)
        if reason:
            raise JobFailureError(failures.disk_unsupported(found.name, reason))
        if any(disk["id"].lower() == found.id.lower() for disk in item.meta["disks"]):
            continue
        added = item_settings.disk_meta(world, entry, found)
        enabling.admit_replica(world, item, added)
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
            raise JobFailureError(failures.os_disk_excluded(disk["name"]))
        else:
            arm_writes.admit_deletion(world, disk["replica_id"])
            delete_disk(world, disk["replica_id"])
            item.meta["excluded_luns"].append(disk["lun"])
    item.meta["disks"] = kept
    world.store.save(item)


def replication_protected_items_resolve_health_errors(call: Call) -> Reply:
    """Resolve health errors: the customer may dismiss the warning about added disks (153039), and no other."""
    item = require(call, object_id(call, action=True))
    jobs.refuse_if_busy(call, item.id)
    given = (call.body or {}).get("properties") or {}
    wanted = [str(error.get("healthErrorId", "")) for error in given.get("healthErrors") or []]
    args = {"errors": wanted}
    return _start(call, item, "ResolveHealthErrors", "Resolve health errors", "small", "asr.errors_resolved", args)


@effect("asr.errors_resolved")
def _errors_resolved(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    if health.ADDED_DISKS_ID in job.args["errors"]:
        item.meta["dismissed_luns"] = added_disks.unprotected_luns(world, item)
        world.store.save(item)


def replication_protected_items_repair_replication(call: Call) -> Reply:
    """Repair the replication: disks that have to be resynchronised are compared with the source anew."""
    item = _require_protected(call, "RepairReplication")
    return _start(call, item, "RepairReplication", "Repair replication", "repair", "asr.repaired")


@effect("asr.repaired")
def _repaired(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    disks = replication_pace.disks_to_resync(world, item)
    if not disks:
        return
    if not estate.is_running(world, item.meta["vm"]):
        raise JobFailureError(failures.vm_not_running(names.last(item.meta["vm"])))
    world.set_behaviour(item.meta["vm"], {**world.behaviour(item.meta["vm"]), "resync_required": False})
    seconds = durations.seconds(world, "resync", item.id)
    until = world.now + timedelta(seconds=seconds)
    item.meta["resynchronising"] = {
        "disks": sorted(disks),
        "since": world.now.isoformat(),
        "until": until.isoformat(),
    }
    world.store.save(item)
    world.schedule.after(seconds, "asr.resynchronised", {"item": item.id})


@event_handler("asr.resynchronised")
def _resynchronised(world: World, payload: dict[str, Any]) -> None:
    item = world.store.get(payload["item"])
    if item is not None and item.meta.pop("resynchronising", None):
        world.store.save(item)
        replication_pace.refresh(world, item)


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
        raise JobFailureError(failures.vm_not_running(names.last(item.meta["vm"])))
    enabling_checks.check_guest(world, item)
    if machines.behaviour(world, item.meta["vm"]).get("reboot_required"):
        jobs.warn(world, job, failures.reboot_wanted(names.last(item.meta["vm"])))
