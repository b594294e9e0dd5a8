"""Enabling replication: what is refused at once, and the job that installs the agent and makes the replica disks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.compute.disks import create_disk
from simulator.compute.extensions import extension_id, put_extension
from simulator.context import SITE_RECOVERY
from simulator.siterecovery import (
    affected,
    arm_writes,
    durations,
    enabling_checks,
    estate,
    failures,
    item_settings,
    jobs,
    linked,
    mappings,
    names,
    networks,
    refusals,
    replication,
    states,
    target_checks,
)
from simulator.siterecovery.calls import missing_input, object_id, properties, require, require_instance_type, section
from simulator.siterecovery.fabrics import target
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.refusals import JobFailureError

if TYPE_CHECKING:
    from simulator.provider import Call, Reply
    from simulator.store import Resource
    from simulator.world import World

PUBLISHER = "Microsoft.Azure.RecoveryServices.SiteRecovery"
PREREQUISITES_SECONDS = 5.0
ENABLE_SECONDS = 20.0
START_SECONDS = 10.0
STATES_SECONDS = 5.0


def replication_protected_items_create(call: Call) -> Reply:
    """Enable replication of a machine: 202 as soon as the request itself is sound."""
    id_ = object_id(call)
    require(call, names.container_of(id_))
    policy = _existing(call, properties(call).get("policyId"), "policyId")
    given = section(call, "providerSpecificDetails")
    require_instance_type(call, given, "A2A")
    for key in ("fabricObjectId", "recoveryResourceGroupId"):
        if not isinstance(given.get(key), str) or not given[key]:
            raise missing_input(call, key)
    recovery_container = _existing(call, given.get("recoveryContainerId"), "recoveryContainerId")
    _require_mapping(call, id_, recovery_container.id)
    require_disks(call, given)
    jobs.refuse_if_busy(call, id_)
    if call.world.store.exists(id_):
        raise refusals.exists_already(call, names.last(id_))
    linked.require_for_enabling(call, given)
    args = {"policy": policy.id, "recovery_container": recovery_container.id, "input": given}
    return jobs.start(call, plan(call.world, id_, args))


def _existing(call: Call, value: Any, key: str) -> Resource:
    if not isinstance(value, str) or not value:
        raise missing_input(call, key)
    return require(call, names.asr_id(value))


def _require_mapping(call: Call, id_: str, recovery_container: str) -> None:
    if mappings.find_mapping(call.world, names.container_of(id_), recovery_container) is None:
        raise refusals.bad_request(
            call,
            "ProtectionContainersNotPaired",
            "The source protection container isn't mapped to the recovery protection container.",
            "There is no protection container mapping between the two.",
            "Create a protection container mapping and retry the operation.",
        )


def require_disks(call: Call, given: dict[str, Any]) -> None:
    """Answer 400 unless the input names managed disks, each with cache account and group."""
    disks = given.get("vmManagedDisks")
    if not isinstance(disks, list) or not disks:
        raise refusals.bad_request(
            call,
            "VMDisksMissing",
            "Managed disk details not provided.",
            "The input has no details of the managed disks that are to be replicated.",
            "Specify 'vmManagedDisks' and retry the operation.",
        )
    for disk in disks:
        for key in ("diskId", "primaryStagingAzureStorageAccountId", "recoveryResourceGroupId"):
            if not disk.get(key):
                raise missing_input(call, key)


def plan(world: World, id_: str, args: dict[str, Any], *, seconds: float | None = None) -> Plan:
    """The job that enables replication as *id_*; *seconds* in all."""
    vm = str(args["input"]["fabricObjectId"])
    total = seconds or durations.seconds(world, "enable", vm)
    install = total - PREREQUISITES_SECONDS - ENABLE_SECONDS - START_SECONDS - STATES_SECONDS
    steps = (
        (0.2 * install, "asr.enable_extension"),
        (0.6 * install, "asr.enable_agent"),
        (0.2 * install, "asr.enable_replicas"),
    )
    return Plan(
        scenario="EnableDr",
        friendly_name="Enable replication",
        subject=id_,
        target=(target(vm)[0], names.last(vm), "ProtectionEntity"),
        tasks=(
            Task("EnableDrPreflightTask", "Prerequisites check", ((PREREQUISITES_SECONDS, "asr.enable_check"),)),
            Task("InstallMobilityServiceTask", "Installing Mobility Service and preparing target", steps),
            Task("EnableProtectionTask", "Enable replication", ((ENABLE_SECONDS, None),)),
            Task("StartInitialReplicationTask", "Starting initial replication", ((START_SECONDS, None),)),
            Task("UpdateProviderStatesTask", "Updating the provider states", ((STATES_SECONDS, None),)),
        ),
        on_success="asr.enabled",
        on_failure="asr.enable_failed",
        locks=(id_, vm),
        args=args,
        cancellable=True,
    )


KEPT_BY_ANOTHER_ATTEMPT = ("management", "correlation", "lifecycle", "multi_vm_group")
"""What an item keeps when its job is restarted: by the first, what the earlier attempt made is known again."""


@effect("asr.enable_check")
def _check(world: World, job: Job) -> None:
    old = world.store.get(job.subject)
    if old is not None and old.meta["state"] != states.ENABLING_FAILED:
        vault = names.last(names.vault_id(job.subject))
        raise JobFailureError(failures.protected_already(names.last(old.meta["vm"]), vault))
    meta = item_settings.new_meta(world, job.subject, job.args)
    if old is not None:
        meta |= {key: old.meta[key] for key in KEPT_BY_ANOTHER_ATTEMPT}
    item = world.store.put({"id": job.subject, "properties": {}}, meta)
    job.affected = affected.by_item(world, item)
    enabling_checks.check_source(world, item, job.args["input"])
    target_checks.check_target(world, item)
    world.store.save(item)


def extension_name(item: Resource) -> str:
    """The name of the agent's extension."""
    return f"SiteRecovery-{item.meta['os_type']}"


def write_extension(world: World, item: Resource, state: str) -> None:
    """Show the agent's extension on the machine in a provisioning state."""
    name, type_ = extension_name(item), str(item.meta["os_type"])
    settings = {
        "publicObject": None,
        "module": "a2a",
        "timeStamp": world.now.strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
        "commandToExecute": "InstallAndConfigure",
        "taskId": names.new_uuid(),
    }
    there = world.store.exists(extension_id(item.meta["vm"], name))
    owner = None if there else SITE_RECOVERY
    put_extension(world, item.meta["vm"], name, PUBLISHER, type_, settings, state, created_by=owner)


@effect("asr.enable_extension")
def _install(world: World, job: Job) -> None:
    install(world, world.store.require(job.subject))


def install(world: World, item: Resource) -> None:
    """Put the agent's extension on the machine, which has to run, and read the cache accounts' keys."""
    vm = item.meta["vm"]
    if not estate.is_running(world, vm):
        raise JobFailureError(failures.vm_not_running(names.last(vm)))
    location = world.store.require(vm).location
    kind = {"publisher": PUBLISHER, "type": str(item.meta["os_type"])}
    arm_writes.admit(world, extension_id(vm, extension_name(item)), location=location, properties=kind)
    for account in sorted({disk["cache"] for disk in item.meta["disks"]}):
        # Reading an account's keys is a POST, which a ReadOnly lock forbids too.
        arm_writes.refuse_locked(world, account, "ReadOnly")
    write_extension(world, item, "Creating")


@effect("asr.enable_agent")
def _configure(world: World, job: Job) -> None:
    configure(world, world.store.require(job.subject))


def configure(world: World, item: Resource) -> None:
    """Let the agent register from inside the machine; what stands against it leaves a failed extension behind."""
    if not estate.is_running(world, item.meta["vm"]):
        raise JobFailureError(failures.vm_not_running(names.last(item.meta["vm"])))
    try:
        enabling_checks.check_guest(world, item)
    except JobFailureError:
        write_extension(world, item, "Failed")
        raise
    write_extension(world, item, "Succeeded")


@effect("asr.enable_replicas")
def _make_replicas(world: World, job: Job) -> None:
    make_replicas(world, world.store.require(job.subject))


def make_replicas(world: World, item: Resource) -> None:
    """Create the replica disk of every replicated disk, or none."""
    for disk in item.meta["disks"]:
        admit_replica(world, item, disk)
    for disk in item.meta["disks"]:
        make_replica(world, item, disk)


def admit_replica(world: World, item: Resource, disk: dict[str, Any]) -> None:
    """Fail the job where the replica of *disk* cannot be made: a leftover has its name, a lock or policy forbids it."""
    replica = world.store.get(disk["replica_id"])
    if replica is not None and not _is_own(replica, item):
        raise JobFailureError(failures.replica_exists(names.last(disk["replica_id"])))
    # The source's disk is opened for reading, which is a POST: a ReadOnly lock forbids it.
    arm_writes.refuse_locked(world, disk["id"], "ReadOnly")
    location = networks.fabric_location(world, item.meta["recovery_container"])
    arm_writes.admit(world, disk["replica_id"], location=location, sku={"name": disk["replica_sku"]}, tags=_tags(item))


def _is_own(replica: Resource, item: Resource) -> bool:
    return bool((replica.doc.get("tags") or {}).get("ASR-ReplicaDisk") == item.meta["management"])


def _tags(item: Resource) -> dict[str, str]:
    return {"ASR-ReplicaDisk": item.meta["management"]}


def make_replica(world: World, item: Resource, disk: dict[str, Any]) -> None:
    """Create the replica disk that *disk* is copied to, unless an earlier attempt of this item did."""
    if world.store.exists(disk["replica_id"]):
        return
    create_disk(
        world,
        disk_id=disk["replica_id"],
        location=networks.fabric_location(world, item.meta["recovery_container"]),
        sku=disk["replica_sku"],
        size_gb=disk["size_gb"],
        os_type=item.meta["os_type"] if disk["kind"] == "OperatingSystem" else None,
        hyperv=disk["hyperv"],
        created_by=SITE_RECOVERY,
        tags=_tags(item),
        zone=item.meta.get("zone"),
        encryption_set_id=disk.get("encryption_set"),
        create_option="Empty",
    )


@effect("asr.enabled")
def _enabled(world: World, job: Job) -> None:
    finish(world, world.store.require(job.subject))


def finish(world: World, item: Resource) -> None:
    """End the enabling: the initial replication begins."""
    item.meta["enabled_at"] = world.now.isoformat()
    replication.begin(world, item)


@effect("asr.enable_failed")
def _enable_failed(world: World, job: Job) -> None:
    item = world.store.get(job.subject)
    if item is None:
        item = world.store.put(
            {"id": job.subject, "properties": {}}, item_settings.new_meta(world, job.subject, job.args)
        )
    if item.meta["state"] in {states.ENABLING, states.ENABLING_FAILED}:
        mark_failed(world, item, job)


def mark_failed(world: World, item: Resource, job: Job) -> None:
    """Leave the item behind as failed: it blocks the next attempt until it is removed."""
    item.meta["state"] = states.ENABLING_FAILED
    if job.errors:
        item.meta["failure"] = {**job.errors[-1]["error"], "time": world.now.isoformat()}
    world.store.save(item)
