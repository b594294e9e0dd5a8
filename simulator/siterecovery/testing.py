"""Test failover: a copy of the machine in a network of its own, until it is cleaned up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.compute import machines
from simulator.compute.disks import delete_disk
from simulator.context import SITE_RECOVERY
from simulator.network.nics import delete_nic
from simulator.siterecovery import (
    affected,
    arm_writes,
    durations,
    estate,
    failures,
    jobs,
    linked,
    names,
    recovery_machines,
    recovery_points,
    target_checks,
)
from simulator.siterecovery.calls import missing_input, object_id, properties, require, require_instance_type
from simulator.siterecovery.failover import item_details, require_direction
from simulator.siterecovery.items import require_operation, target_of
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.refusals import JobFailureError

if TYPE_CHECKING:
    from simulator.provider import Call, Reply
    from simulator.store import Resource
    from simulator.world import World

IN_PROGRESS = "TestFailoverInProgress"
WAITING = "WaitingForCompletion"
CLEANING = "MarkedForDeletion"


def replication_protected_items_test_failover(call: Call) -> Reply:
    """Start a copy of the machine in the given network."""
    item = require(call, object_id(call, action=True))
    given = properties(call)
    require_direction(call, given)
    details = given.get("providerSpecificDetails") or {}
    require_instance_type(call, details, "A2A")
    network = given.get("networkId") or item.meta.get("test_network")
    if not isinstance(network, str) or not network:
        raise missing_input(call, "networkId")
    require_operation(call, item, "TestFailover")
    linked.require_right(call, "Microsoft.Network/virtualNetworks/subnets/join/action", network)
    return jobs.start(call, test_of(call.world, item, network, details.get("recoveryPointId")))


def test_of(world: World, item: Resource, network: str, point: str | None) -> Plan:
    """The job that makes the copy."""
    total = durations.seconds(world, "test_failover", item.id)
    make = ((0.35 * total, "asr.test_disks"), (0.15 * total, "asr.test_nics"), (0.25 * total, "asr.test_machine"))
    return Plan(
        scenario="TestFailover",
        friendly_name="Test failover",
        subject=item.id,
        target=target_of(item),
        tasks=(
            Task(
                "TestFailoverPreflightTask",
                "Prerequisites check for test failover",
                ((0.05 * total, "asr.test_check"),),
            ),
            Task("CreateTestVmTask", "Create test virtual machine", make),
            Task("PrepareTestVmTask", "Preparing the virtual machine", ((0.1 * total, None),)),
            Task("StartTestVmTask", "Start the virtual machine", ((0.1 * total, "asr.test_started"),)),
        ),
        on_success="asr.test_succeeded",
        on_failure="asr.test_failed",
        locks=(item.id,),
        args={"network": network, "point": point},
        details={
            "instanceType": "TestFailoverJobDetails",
            "testFailoverStatus": "NotStarted",
            "comments": None,
            "networkName": names.last(network),
            "networkFriendlyName": names.last(network),
            "networkType": "VmNetworkAsInput",
            "protectedItemDetails": [],
        },
        cancellable=True,
    )


@effect("asr.test_check")
def _check(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    job.affected = affected.by_item(world, item)
    network, point = world.store.get(job.args["network"]), job.args["point"]
    if network is None or estate.normal(network.location) != recovery_machines.location_of(world, item):
        raise JobFailureError(failures.target_missing("virtual network", names.last(job.args["network"])))
    chosen = recovery_points.find(world, item, point) if point else recovery_points.newest(world, item)
    if chosen is None:
        raise JobFailureError(failures.no_point(item.name))
    recovery_machines.check(world, item, test=True)
    target_checks.check_size(world, item)
    item.meta["failover_point"] = {"name": chosen[0], "time": chosen[1].isoformat()}
    item.meta["test"] = {"state": IN_PROGRESS, "job": job.name}
    world.store.save(item)


@effect("asr.test_disks")
def _disks(world: World, job: Job) -> None:
    recovery_machines.make_disks(world, world.store.require(job.subject), test=True)


@effect("asr.test_nics")
def _nics(world: World, job: Job) -> None:
    recovery_machines.make_nics(world, world.store.require(job.subject), test_network=job.args["network"])


@effect("asr.test_machine")
def _machine(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    recovery_machines.make_machine(world, item, test=True)


@effect("asr.test_started")
def _started(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    vm_id = recovery_machines.target_vm_id(item, test=True)
    machines.set_power_state(world, vm_id, machines.RUNNING)
    item.meta["test"]["vm"] = vm_id
    world.store.save(item)
    details = item_details(item, test_vm=names.last(vm_id), network=job.args["network"])
    job.details |= {"testFailoverStatus": "Completed", "protectedItemDetails": [details]}


@effect("asr.test_succeeded")
def _succeeded(world: World, job: Job) -> None:
    _wait_for_clean_up(world, job)


@effect("asr.test_failed")
def _failed(world: World, job: Job) -> None:
    """What was made stays until the clean-up; where nothing was, there is none."""
    item = world.store.get(job.subject)
    if item is not None and item.meta.get("test"):
        _wait_for_clean_up(world, job)


def _wait_for_clean_up(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    item.meta["test"]["state"] = WAITING
    item.meta["test"]["succeeded"] = not job.errors and not job.cancelled
    world.store.save(item)


def replication_protected_items_test_failover_cleanup(call: Call) -> Reply:
    """Delete the copy with its disks and NICs."""
    item = require(call, object_id(call, action=True))
    given: dict[str, Any] = (call.body or {}).get("properties") or {}
    require_operation(call, item, "TestFailoverCleanup")
    return jobs.start(call, cleanup_of(call.world, item, given.get("comments")))


def cleanup_of(world: World, item: Resource, comments: str | None) -> Plan:
    """The job that deletes the copy."""
    seconds = durations.seconds(world, "cleanup", item.id)
    return Plan(
        scenario="TestFailoverCleanup",
        friendly_name="Test failover cleanup",
        subject=item.id,
        target=target_of(item),
        tasks=(
            Task(
                "TestFailoverCleanupTask",
                "Cleaning up the test virtual machine",
                (
                    (0.1 * seconds, "asr.cleanup_begun"),
                    (0.6 * seconds, "asr.cleanup_machine"),
                    (0.3 * seconds, "asr.cleanup_rest"),
                ),
            ),
        ),
        on_success="asr.cleaned_up",
        on_failure="asr.cleanup_failed",
        locks=(item.id,),
        args={"comments": comments},
    )


@effect("asr.cleanup_begun")
def _cleanup_begun(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    job.affected = affected.by_item(world, item)
    item.meta["test"]["state"] = CLEANING
    world.store.save(item)


@effect("asr.cleanup_machine")
def _delete_machine(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    vm_id = recovery_machines.target_vm_id(item, test=True)
    arm_writes.admit_deletion(world, vm_id)
    if _is_ours(world, item, vm_id):
        machines.delete_vm(world, vm_id)


def _is_ours(world: World, item: Resource, id_: str) -> bool:
    found = world.store.get(id_)
    made = {other.lower() for other in item.meta.get("made") or []}
    return found is not None and id_.lower() in made and found.meta["created_by"] == SITE_RECOVERY


@effect("asr.cleanup_rest")
def _delete_rest(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    for nic in item.meta.get("nics") or []:
        nic_id = recovery_machines.target_nic_id(item, nic, test=True)
        if _is_ours(world, item, nic_id):
            arm_writes.admit_deletion(world, nic_id)
            delete_nic(world, nic_id)
    for disk in item.meta["disks"]:
        disk_id = recovery_machines.target_disk_id(disk, test=True)
        if _is_ours(world, item, disk_id):
            arm_writes.admit_deletion(world, disk_id)
            delete_disk(world, disk_id)


@effect("asr.cleaned_up")
def _cleaned_up(world: World, job: Job) -> None:
    item = world.store.require(job.subject)
    test = item.meta.pop("test")
    item.meta["failover_point"] = None
    item.meta["made"] = []
    if test.get("succeeded"):
        item.meta["last_test"] = world.now.isoformat()
    world.store.save(item)


@effect("asr.cleanup_failed")
def _cleanup_failed(world: World, job: Job) -> None:
    item = world.store.get(job.subject)
    if item is not None and item.meta.get("test"):
        item.meta["test"]["state"] = WAITING
        world.store.save(item)
