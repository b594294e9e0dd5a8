"""Failover: the source is shut down, what it wrote last is copied (``stopping``), and the machine is made.

The machine comes to be on the recovery side, with disks from the recovery point that is used.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc7
from simulator.compute import machines
from simulator.siterecovery import (
    affected,
    consistency_groups,
    durations,
    failures,
    jobs,
    names,
    recovery_machines,
    recovery_points,
    refusals,
    states,
    stopping,
    target_checks,
)
from simulator.siterecovery.calls import missing_input, object_id, properties, require, require_instance_type
from simulator.siterecovery.items import require_operation, target_of
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.refusals import JobFailureError, StepAgain

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.provider import Call, Reply
    from simulator.store import Resource
    from simulator.world import World

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
    consistency_groups.refuse_parts(call, [item])
    plan = failover_of(call.world, item, details.get("recoveryPointId"), shut_down=operations == "Required")
    return jobs.start(call, plan)


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


def failover_of(world: World, item: Resource, point: str | None, *, shut_down: bool) -> Plan:
    """The job of a failover."""
    main = durations.seconds(world, "failover", item.id) - PREFLIGHT_SECONDS - START_SECONDS
    steps = (
        (0.05 * main, "asr.failover_point"),
        (0.35 * main, "asr.failover_disks"),
        (0.15 * main, "asr.failover_nics"),
        (0.45 * main, "asr.failover_machine"),
    )
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
            *stopping.tasks_of(world, item, shut_down=shut_down),
            Task("StartFailoverTask", "Start failover", steps),
            Task("StartReplicaVmTask", "Start the replica virtual machine", ((START_SECONDS, "asr.failover_started"),)),
        ),
        on_success="asr.failed_over",
        on_failure="asr.failover_failed",
        locks=(item.id, item.meta["vm"]),
        args={"point": point},
        details={"instanceType": "FailoverJobDetails", "protectedItemDetails": []},
        cancellable=True,
    )


LOOK_AGAIN_SECONDS = 2.0
GATES: dict[str, Callable[[World, Job, Job], bool]] = {}
"""What a recovery plan makes its machines' jobs wait for, by name: whether plan and machine may go on."""


def wait_for_plan(world: World, job: Job, gate: str) -> None:
    """Where the job is part of a recovery plan's, let it wait until the plan's order allows it to go on."""
    plan = jobs.find(world, job.vault, job.args["plan"]) if job.args.get("plan") else None
    if plan is not None and plan.running and not GATES[gate](world, plan, job):
        raise StepAgain(LOOK_AGAIN_SECONDS)


@effect("asr.failover_check")
def _check(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    job.affected = affected.by_item(world, item)
    point = job.args["point"]
    if point and recovery_points.find(world, item, point) is None:
        raise JobFailureError(failures.no_point(item.name))
    recovery_machines.check(world, item, test=False)
    if not stopping.is_on(world, item.meta["vm"]):
        job.skip(stopping.SHUTDOWN)
    # Replication that an earlier failover stopped does not come back, so that there is nothing to synchronise.
    if not stopping.is_on(world, item.meta["vm"]) or item.meta.get("frozen_at"):
        job.skip(stopping.SYNCHRONISE)
    item.meta["state"] = states.FAILING_OVER
    item.meta.pop("failure", None)
    world.store.save(item)


@effect("asr.failover_point")
def _choose_point(world: World, job: Job) -> None:
    """Stop replication, and settle which point is used."""
    wait_for_plan(world, job, "all_shut_down")
    item = world.store.require(job.subject)
    point = job.args["point"]
    chosen = recovery_points.find(world, item, point) if point else recovery_points.newest(world, item)
    if chosen is None:
        raise JobFailureError(failures.no_point(item.name))
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
    target_checks.check_size(world, item)
    recovery_machines.clear(world, item)
    recovery_machines.make_disks(world, item)


@effect("asr.failover_nics")
def _nics(world: World, job: Job) -> None:
    recovery_machines.make_nics(world, world.store.require(job.subject))


@effect("asr.failover_machine")
def _machine(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    target_checks.check_size(world, item)
    if not recovery_machines.is_lost(world, item):
        recovery_machines.make_machine(world, item)


@effect("asr.failover_started")
def _started(world: World, job: Job) -> None:
    wait_for_plan(world, job, "earlier_groups_started")
    item = world.store.require(job.subject)
    vm_id = recovery_machines.target_vm_id(item)
    if recovery_machines.is_lost(world, item):
        return
    if not world.store.exists(vm_id):
        raise JobFailureError(failures.vm_not_found(names.last(vm_id)))
    if machines.behaviour(world, vm_id).get("start_fails"):
        message = f"Allocation failed. There is no capacity for the VM '{names.last(vm_id)}' in the region."
        raise JobFailureError(failures.azure_refused("AllocationFailed", message))
    machines.set_power_state(world, vm_id, machines.RUNNING)


@effect("asr.failed_over")
def _failed_over(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    item.meta |= {
        "state": states.COMMIT_PENDING,
        "last_failover": world.now.isoformat(),
        "target_vm": recovery_machines.target_vm_id(item),
    }
    job.description = stopping.job_description(world, item)
    for disk in item.meta["disks"]:
        disk["target_id"] = recovery_machines.target_disk_id(disk)
    world.store.save(item)


@effect("asr.failover_failed")
def _failed(world: World, job: Job) -> None:
    """Leave everything where it is: a source that is off stays off, what was made stays."""
    item = world.store.get(job.subject)
    if item is not None:
        leave_failed(world, item, job)


def leave_failed(world: World, item: Resource, job: Job) -> None:
    """Note that the item's failover failed or was cancelled, where it had begun: replication does not come back."""
    if item.meta["state"] != states.FAILING_OVER:
        return
    item.meta["state"] = states.FAILOVER_FAILED
    item.meta["frozen_at"] = item.meta.get("frozen_at") or world.now.isoformat()
    if job.errors:
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
