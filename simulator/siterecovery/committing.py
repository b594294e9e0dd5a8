"""After a failover: committing it, or changing the recovery point that it used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.compute import machines
from simulator.compute.disks import delete_disk
from simulator.siterecovery import arm_writes, durations, failures, jobs, recovery_machines, recovery_points, states
from simulator.siterecovery.calls import missing_input, object_id, properties, require, require_instance_type, section
from simulator.siterecovery.failover import item_details
from simulator.siterecovery.items import require_operation, target_of
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.refusals import JobFailureError

if TYPE_CHECKING:
    from simulator.provider import Call, Reply
    from simulator.store import Resource
    from simulator.world import World


def replication_protected_items_failover_commit(call: Call) -> Reply:
    """Commit the failover: the recovery points go, and there is no way back to the source."""
    item = require(call, object_id(call, action=True))
    require_operation(call, item, "Commit")
    return jobs.start(call, commit_of(call.world, item))


def commit_of(world: World, item: Resource) -> Plan:
    """The job that commits a failover."""
    seconds = durations.seconds(world, "commit", item.id)
    return Plan(
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
        arm_writes.admit_deletion(world, disk["replica_id"])
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
        raise JobFailureError(failures.no_point(item.name))


@effect("asr.point_applied")
def _point_applied(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    found = recovery_points.find(world, item, job.args["point"])
    if found is None:
        raise JobFailureError(failures.no_point(item.name))
    item.meta["failover_point"] = {"name": found[0], "time": found[1].isoformat()}
    world.store.save(item)
    recovery_machines.clear(world, item)
    recovery_machines.make_disks(world, item)
    vm_id = recovery_machines.make_machine(world, item)
    machines.set_power_state(world, vm_id, machines.RUNNING)
    job.details["protectedItemDetails"] = [item_details(item, test_vm=None)]
