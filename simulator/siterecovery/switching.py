"""Reprotecting: replication the other way round, which gives the item a new home in the other container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.siterecovery import (
    affected,
    committing,
    durations,
    enabling,
    estate,
    failures,
    item_settings,
    jobs,
    names,
    nics,
    refusals,
    states,
    target_checks,
)
from simulator.siterecovery.calls import missing_input, object_id, properties, require, require_instance_type, section
from simulator.siterecovery.items import target_of
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.mappings import find_mapping
from simulator.siterecovery.refusals import JobFailureError
from simulator.store import Resource

if TYPE_CHECKING:
    from simulator.provider import Call, Reply
    from simulator.world import World

KEPT = (
    "initial_primary",
    "initial_recovery",
    "initial_zone",
    "initial_recovery_zone",
    "multi_vm_group",
    "multi_vm_group_name",
    "lifecycle",
    "generation",
)


def replication_protected_items_reprotect(call: Call) -> Reply:
    """Refuse: this door knows unmanaged disks only, and there are none any more."""
    require(call, object_id(call, action=True))
    raise refusals.bad_request(
        call,
        "VMDisksMissing",
        "Managed disk details not provided.",
        "The virtual machine has managed disks, whose details this operation doesn't take.",
        "Use the operation 'switchprotection' of the protection container.",
    )


def replication_protection_containers_switch_protection(call: Call) -> Reply:
    """Reprotect an item of this container: it disappears here and appears in the container it was failed over to."""
    container = require(call, object_id(call, action=True))
    name = properties(call).get("replicationProtectedItemName")
    if not isinstance(name, str) or not name:
        raise missing_input(call, "replicationProtectedItemName")
    item = require(call, f"{container.id}/replicationProtectedItems/{name}")
    given = section(call, "providerSpecificDetails")
    require_instance_type(call, given, "A2A")
    jobs.refuse_if_busy(call, item.id)
    if item.meta["state"] not in {states.COMMIT_PENDING, states.COMMITTED}:
        raise refusals.not_allowed(call, item.name, "ReverseReplicate", states.state_of(call.world, item))
    enabling.require_disks(call, given)
    return jobs.start(call, _plan(call, container, item, given))


def _plan(call: Call, container: Resource, item: Resource, given: dict[str, Any]) -> Plan:
    policy = require(call, names.asr_id(str(given.get("policyId") or item.meta["policy"])))
    recovery_container = require(call, names.asr_id(str(given.get("recoveryContainerId") or container.id)))
    source_container = item.meta["recovery_container"]
    if find_mapping(call.world, source_container, recovery_container.id) is None:
        raise refusals.bad_request(
            call, "ProtectionContainersNotPaired", "There is no protection container mapping for the reverse direction."
        )
    new_id = f"{source_container}/replicationProtectedItems/{item.name}"
    args = {
        "item": new_id,
        "old_item": item.id,
        "policy": policy.id,
        "recovery_container": recovery_container.id,
        "input": _enable_input(item, given),
        "management": names.new_uuid(),
    }
    return Plan(
        scenario="SwitchReplicationGroupProtection",
        friendly_name="Reprotect",
        subject=container.id,
        target=target_of(item),
        tasks=_tasks(
            durations.seconds(call.world, "reprotect", item.id), commits=item.meta["state"] != states.COMMITTED
        ),
        on_success="asr.reprotected",
        on_failure="asr.reprotect_failed",
        locks=(item.id, new_id, item.meta["target_vm"]),
        args=args,
        details={"newReplicationProtectedItemId": new_id, "instanceType": "SwitchProtectionJobDetails"},
        cancellable=True,
    )


def _tasks(total_seconds: float, *, commits: bool) -> tuple[Task, ...]:
    preflight = ((2.0, "asr.reprotect_check"),)
    protect = (
        (3.0, "asr.reprotect_begun"),
        (0.25 * total_seconds, "asr.reprotect_extension"),
        (0.45 * total_seconds, "asr.reprotect_agent"),
        (0.25 * total_seconds, "asr.reprotect_rehome"),
    )
    return (
        Task("SwitchReplicationGroupProtectionPreflightTask", "Prerequisite check", preflight),
        Task("CommitFailoverTask", "Committing failover", ((8.0, "asr.committed"),), skipped=not commits),
        Task("DiscoverReplicaTask", "Discovering replica virtual machine", ((0.4, None),)),
        Task("GetSwitchProtectionRequirementsTask", "Getting reprotection requirements", ((0.6, None),)),
        Task("ProtectReplicaTask", "Reprotecting virtual machine (1)", protect),
    )


def _enable_input(item: Resource, given: dict[str, Any]) -> dict[str, Any]:
    return {
        **given,
        "fabricObjectId": item.meta["target_vm"],
        "recoveryResourceGroupId": given.get("recoveryResourceGroupId") or item.meta["vm"].split("/providers/")[0],
    }


@effect("asr.reprotect_check")
def _check(world: World, job: Job) -> None:
    old = world.store.require(job.args["old_item"])
    job.affected = affected.by_item(world, old)
    if not estate.is_running(world, old.meta["target_vm"]):
        raise JobFailureError(failures.vm_not_running(names.last(old.meta["target_vm"])))


@effect("asr.reprotect_begun")
def _begun(world: World, job: Job) -> None:
    new = _prospect(world, job)
    target_checks.check_target(world, new)
    _start_child(world, job, new)


def _prospect(world: World, job: Job) -> Resource:
    """The item that is to be: in the other container, replicating the failed-over machine back. Not stored yet."""
    old = world.store.require(job.args["old_item"])
    kept = {key: old.meta[key] for key in KEPT if key in old.meta}
    original = estate.machine(world, old.meta["vm"])
    kept |= {
        "reversed": True,
        "target_name": names.last(old.meta["vm"]),
        "test_name": f"{names.last(old.meta['vm'])}-test",
        "originals": _originals(old, original),
    }
    job.args["meta"] = kept
    meta = item_settings.new_meta(world, job.args["item"], job.args)
    for disk in meta["disks"]:
        disk["replica_id"] = f"{disk['group']}/providers/Microsoft.Compute/disks/{disk['name'].lower()}-ASRReplica"
        disk["original_target"] = _original_disk(old, disk)
    meta["nics"] = _sketches(world, meta, original)
    identity = {"id": job.args["item"], "name": names.last(job.args["item"]), "type": names.ITEM, "properties": {}}
    return Resource(identity, meta | {"management": job.args["management"]})


@effect("asr.reprotect_rehome")
def _rehome(world: World, job: Job) -> None:
    """Replace the item by the one in the other container; what stands against it leaves the old one as it was."""
    old, new = world.store.require(job.args["old_item"]), _prospect(world, job)
    target_checks.check_target(world, new)
    for disk in new.meta["disks"]:
        enabling.admit_replica(world, new, disk)
    committing.delete_replicas(world, old)
    world.store.delete_tree(old.id)
    item = world.store.put({"id": new.id, "properties": {}}, new.meta)
    enabling.make_replicas(world, item)


def _originals(old: Resource, original: estate.Machine | None) -> list[str]:
    disks = [disk["id"] for disk in old.meta["disks"]]
    return [old.meta["vm"], *disks, *(original.nic_ids if original else ())]


def _original_disk(old: Resource, disk: dict[str, Any]) -> str | None:
    for other in old.meta["disks"]:
        if paths.same(str(other.get("target_id") or "/"), disk["id"]):
            return str(other["id"])
    return None


def _sketches(world: World, meta: dict[str, Any], original: estate.Machine | None) -> list[dict[str, Any]]:
    back = estate.machine(world, meta["vm"])
    pairs = zip(original.nic_ids, back.nic_ids, strict=False) if original and back else ()
    found = []
    for original_id, current_id in pairs:
        nic = world.store.get(original_id)
        if nic is None:
            continue
        configurations = nic.properties.get("ipConfigurations") or [{}]
        subnet_id = str((configurations[0].get("properties", {}).get("subnet") or {}).get("id", ""))
        network, subnet = nics.network_of(subnet_id) or None, names.last(subnet_id) or None
        meta["network"], meta["subnet"] = meta.get("network") or network, meta.get("subnet") or subnet
        found.append(nics.sketch(nic, network=network, subnet=subnet, of=current_id))
    return found


def _start_child(world: World, job: Job, item: Resource) -> None:
    """Show the enabling inside the reprotection as a job of its own, as Azure does."""
    seconds = sum(float(step[0]) for step in job.task["steps"][1:])
    plan = Plan(
        scenario="EnableDr",
        friendly_name="Enable replication",
        subject=item.id,
        target=target_of(item, "Vm"),
        tasks=(Task("EnableProtectionTask", "Enable replication", ((seconds, None),)),),
    )
    child = jobs.launch(world, plan)
    job.args["child"] = child.name
    job.task["children"] = [
        {
            "jobId": child.id,
            "jobFriendlyName": child.friendly_name,
            "targetObjectId": child.target[0],
            "targetObjectName": child.target[1],
            "targetInstanceType": child.target[2],
            "jobScenarioName": child.scenario,
        }
    ]


@effect("asr.reprotect_extension")
def _extension(world: World, job: Job) -> None:
    enabling.install(world, _prospect(world, job))


@effect("asr.reprotect_agent")
def _agent(world: World, job: Job) -> None:
    enabling.configure(world, _prospect(world, job))


@effect("asr.reprotected")
def _reprotected(world: World, job: Job) -> None:
    enabling.finish(world, world.store.require(job.args["item"]))


@effect("asr.reprotect_failed")
def _failed(world: World, job: Job) -> None:
    child = jobs.find(world, job.vault, job.args["child"]) if "child" in job.args else None
    if child is not None and child.running:
        world.schedule.cancel(child.event)
        error = job.errors[-1]["error"] if job.errors else {"code": "OperationCanceled", "message": "Cancelled."}
        jobs.fail(world, child, refusals.AsrError(**error))
        jobs.save(world, child)
    item = world.store.get(job.args["item"])
    if item is not None and item.meta["state"] == states.ENABLING:
        enabling.mark_failed(world, item, job)
    old = world.store.get(job.args["old_item"])
    if old is not None and job.errors:
        old.meta["failure"] = {**job.errors[-1]["error"], "time": world.now.isoformat()}
        world.store.save(old)
