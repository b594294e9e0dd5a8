"""Failover and commit: the source is shut down, the machine is made on the recovery side, a person decides."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc7
from simulator.compute import machines
from simulator.compute.disks import delete_disk
from simulator.siterecovery import (
    affected,
    causes,
    durations,
    estate,
    jobs,
    names,
    recovery_machines,
    recovery_points,
    refusals,
    states,
)
from simulator.siterecovery.calls import missing_input, object_id, properties, require, require_instance_type, section
from simulator.siterecovery.items import require_operation, target_of
from simulator.siterecovery.jobs import Job, Plan, Task, effect
from simulator.siterecovery.refusals import JobFailureError, TaskFailureError

if TYPE_CHECKING:
    from simulator.provider import Call, Reply
    from simulator.store import Resource
    from simulator.world import World

SHUTDOWN = "ShutdownVmTask"
SYNCHRONISE = "SynchronizeLatestChangesTask"
PREFLIGHT_SECONDS = 1.6
START_SECONDS = 1.2


def replication_protected_items_unplanned_failover(call: Call) -> Reply:
    """Fail over: to the latest recovery point or a named one, with or without shutting the source down."""
    item = require(call, object_id(call, action=True))
    given = properties(call)
    require_direction(call, given)
    details = given.get("providerSpecificDetails")
    if not isinstance(details, dict):
        raise missing_input(call, "providerSpecificDetails")
    require_instance_type(call, details, "A2A")
    operations = given.get("sourceSiteOperations") or "NotRequired"
    if operations not in {"Required", "NotRequired"}:
        raise refusals.bad_request(call, "InvalidInput", "'sourceSiteOperations' must be 'Required' or 'NotRequired'.")
    require_operation(call, item, "UnplannedFailover")
    return jobs.start(call, _plan(call.world, item, details.get("recoveryPointId"), shut_down=operations == "Required"))


def require_direction(call: Call, given: dict[str, Any]) -> None:
    """Answer 400 unless the direction is the only one that Azure knows."""
    if given.get("failoverDirection") not in {None, "PrimaryToRecovery"}:
        raise refusals.bad_request(
            call,
            "InvalidFailoverDirection",
            f"The failover direction '{given['failoverDirection']}' isn't valid.",
            "A replicated Azure virtual machine is failed over from primary to recovery only.",
            "Specify 'PrimaryToRecovery'.",
        )


def _plan(world: World, item: Resource, point: str | None, *, shut_down: bool) -> Plan:
    main = durations.seconds(world, "failover", item.id) - PREFLIGHT_SECONDS - START_SECONDS
    shutdown = durations.seconds(world, "shutdown", item.id)
    steps = (
        (0.05 * main, "asr.failover_point"),
        (0.35 * main, "asr.failover_disks"),
        (0.15 * main, "asr.failover_nics"),
        (0.45 * main, "asr.failover_machine"),
    )
    synchronise = ((durations.seconds(world, "synchronise", item.id), "asr.failover_synchronised"),)
    stop = ((0.1 * shutdown, "asr.failover_stopping"), (0.9 * shutdown, "asr.failover_stopped"))
    return Plan(
        scenario="UnplannedFailover",
        friendly_name="Failover",
        subject=item.id,
        target=target_of(item),
        tasks=(
            Task(
                "FailoverPreflightTask",
                "Prerequisites check for failover",
                ((PREFLIGHT_SECONDS, "asr.failover_check"),),
            ),
            Task(SHUTDOWN, "Shut down the virtual machine", stop, skipped=not shut_down),
            Task(SYNCHRONISE, "Synchronizing the latest changes", synchronise, skipped=not shut_down),
            Task("StartFailoverTask", "Start failover", steps),
            Task("StartReplicaVmTask", "Start the replica virtual machine", ((START_SECONDS, "asr.failover_started"),)),
        ),
        on_success="asr.failed_over",
        on_failure="asr.failover_failed",
        locks=(item.id, item.meta["vm"]),
        args={"point": point, "prior": item.meta["state"]},
        details={"instanceType": "FailoverJobDetails", "protectedItemDetails": []},
        cancellable=True,
    )


@effect("asr.failover_check")
def _check(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    job.affected = affected.by_item(world, item)
    point = job.args["point"]
    if point and recovery_points.find(world, item, point) is None:
        raise JobFailureError(causes.no_point(item.name))
    recovery_machines.check(world, item, test=False)
    if not estate.is_running(world, item.meta["vm"]):
        job.skip(SHUTDOWN)
        job.skip(SYNCHRONISE)
    item.meta["state"] = states.FAILING_OVER
    world.store.save(item)


@effect("asr.failover_stopping")
def _stopping(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    if not machines.behaviour(world, item.meta["vm"]).get("shutdown_fails") and estate.is_running(
        world, item.meta["vm"]
    ):
        machines.set_power_state(world, item.meta["vm"], machines.DEALLOCATING)


@effect("asr.failover_stopped")
def _stopped(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    vm_id = item.meta["vm"]
    if machines.behaviour(world, vm_id).get("shutdown_fails"):
        job.skip(SYNCHRONISE)
        raise TaskFailureError(causes.shutdown_failed(names.last(vm_id)))
    if world.store.exists(vm_id):
        machines.set_power_state(world, vm_id, machines.DEALLOCATED)


@effect("asr.failover_synchronised")
def _synchronised(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    recovery_points.add_now(world, item)
    world.store.save(item)


@effect("asr.failover_point")
def _choose_point(world: World, job: Job) -> None:
    """Stop replication, and settle which point is used."""
    item = world.store.require(job.subject)
    point = job.args["point"]
    chosen = recovery_points.find(world, item, point) if point else recovery_points.newest(world, item)
    if chosen is None:
        raise JobFailureError(causes.no_point(item.name))
    item.meta["frozen_at"] = item.meta.get("frozen_at") or world.now.isoformat()
    item.meta["failover_point"] = {"name": chosen[0], "time": chosen[1].isoformat()}
    world.store.save(item)
    job.details["protectedItemDetails"] = [item_details(item, test_vm=None)]


def item_details(item: Resource, *, test_vm: str | None, network: str | None = None) -> dict[str, Any]:
    """What a failover's job says of the item and the recovery point used."""
    point = item.meta.get("failover_point")
    return {
        "name": item.name,
        "friendlyName": names.last(item.meta["vm"]),
        "testVmName": test_vm,
        "testVmFriendlyName": test_vm,
        "networkConnectionStatus": None,
        "networkFriendlyName": names.last(network) if network else None,
        "subnet": None,
        "recoveryPointId": recovery_points.point_id(item, point["name"]) if point else None,
        "recoveryPointTime": rfc7(datetime.fromisoformat(point["time"])) if point else None,
    }


@effect("asr.failover_disks")
def _disks(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    recovery_machines.check_size(world, item)
    recovery_machines.clear(world, item)
    recovery_machines.make_disks(world, item)


@effect("asr.failover_nics")
def _nics(world: World, job: Job) -> None:
    recovery_machines.make_nics(world, world.store.require(job.subject))


@effect("asr.failover_machine")
def _machine(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    recovery_machines.check_size(world, item)
    recovery_machines.make_machine(world, item)


@effect("asr.failover_started")
def _started(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    vm_id = recovery_machines.target_vm_id(item)
    if not world.store.exists(vm_id):
        raise JobFailureError(causes.vm_not_found(names.last(vm_id)))
    machines.set_power_state(world, vm_id, machines.RUNNING)


@effect("asr.failed_over")
def _failed_over(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    item.meta |= {
        "state": states.COMMIT_PENDING,
        "last_failover": world.now.isoformat(),
        "target_vm": recovery_machines.target_vm_id(item),
    }
    for disk in item.meta["disks"]:
        disk["target_id"] = recovery_machines.target_disk_id(disk)
    world.store.save(item)


@effect("asr.failover_failed")
def _failed(world: World, job: Job) -> None:
    """Leave everything where it is: a source that is off stays off, what was made stays."""
    item = world.store.get(job.subject)
    if item is None:
        return
    began = item.meta["state"] == states.FAILING_OVER
    item.meta["state"] = states.FAILOVER_FAILED if began else job.args["prior"]
    if began:
        item.meta["frozen_at"] = item.meta.get("frozen_at") or world.now.isoformat()
    if began and job.errors:
        item.meta["failure"] = {**job.errors[-1]["error"], "time": world.now.isoformat()}
    world.store.save(item)
    for vm_id, state in (
        (recovery_machines.target_vm_id(item), machines.STOPPED),
        (item.meta["vm"], machines.DEALLOCATED),
    ):
        if world.store.exists(vm_id) and machines.power_state(world, vm_id) in {
            machines.STARTING,
            machines.DEALLOCATING,
        }:
            machines.set_power_state(world, vm_id, state)


def replication_protected_items_failover_commit(call: Call) -> Reply:
    """Commit the failover: the recovery points go, and there is no way back to the source."""
    item = require(call, object_id(call, action=True))
    require_operation(call, item, "Commit")
    seconds = durations.seconds(call.world, "commit", item.id)
    plan = Plan(
        scenario="CommitFailover",
        friendly_name="Commit",
        subject=item.id,
        target=target_of(item),
        tasks=(
            Task("CommitFailoverPreflightTask", "Prerequisite check", ((0.2 * seconds, None),)),
            Task("CommitFailoverTask", "Commit", ((0.8 * seconds, "asr.committed"),)),
        ),
        locks=(item.id,),
    )
    return jobs.start(call, plan)


@effect("asr.committed")
def committed(world: World, job: Job) -> None:
    """Commit the job's item."""
    commit_item(world, world.store.require(job.args.get("old_item") or job.subject))


def commit_item(world: World, item: Resource) -> None:
    """Make the failover final: recovery points and replica disks go."""
    item.meta |= {"state": states.COMMITTED, "points_gone": True}
    world.store.save(item)
    delete_replicas(world, item)


def delete_replicas(world: World, item: Resource) -> None:
    """Delete the replica disks that this item made; a lock on them stops the job."""
    for disk in item.meta["disks"]:
        replica = world.store.get(disk["replica_id"])
        if replica is None or (replica.doc.get("tags") or {}).get("ASR-ReplicaDisk") != item.meta["management"]:
            continue
        lock = estate.lock_on(world, disk["replica_id"], "CanNotDelete", "ReadOnly")
        if lock:
            raise JobFailureError(causes.locked(disk["replica_id"], lock))
        delete_disk(world, disk["replica_id"])


def replication_protected_items_apply_recovery_point(call: Call) -> Reply:
    """Change the recovery point of a failover that is not committed: the machine is made anew."""
    item = require(call, object_id(call, action=True))
    point = properties(call).get("recoveryPointId")
    if not isinstance(point, str) or not point:
        raise missing_input(call, "recoveryPointId")
    require_instance_type(call, section(call, "providerSpecificDetails"), "A2A")
    require_operation(call, item, "ChangePit")
    seconds = durations.seconds(call.world, "apply_point", item.id)
    plan = Plan(
        scenario="ApplyRecoveryPoint",
        friendly_name="Change recovery point",
        subject=item.id,
        target=target_of(item),
        tasks=(
            Task("ApplyRecoveryPointPreflightTask", "Prerequisites check", ((0.05 * seconds, "asr.apply_check"),)),
            Task("ApplyRecoveryPointTask", "Changing the recovery point", ((0.95 * seconds, "asr.point_applied"),)),
        ),
        locks=(item.id,),
        args={"point": point},
        details={"instanceType": "FailoverJobDetails", "protectedItemDetails": []},
    )
    return jobs.start(call, plan)


@effect("asr.apply_check")
def _apply_check(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    if recovery_points.find(world, item, job.args["point"]) is None:
        raise JobFailureError(causes.no_point(item.name))


@effect("asr.point_applied")
def _point_applied(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    found = recovery_points.find(world, item, job.args["point"])
    if found is None:
        raise JobFailureError(causes.no_point(item.name))
    item.meta["failover_point"] = {"name": found[0], "time": found[1].isoformat()}
    world.store.save(item)
    recovery_machines.clear(world, item)
    recovery_machines.make_disks(world, item)
    vm_id = recovery_machines.make_machine(world, item)
    machines.set_power_state(world, vm_id, machines.RUNNING)
    job.details["protectedItemDetails"] = [item_details(item, test_vm=None)]
