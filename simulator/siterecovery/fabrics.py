"""Fabrics: one per Azure region that the vault replicates from or to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.provider import Reply
from simulator.siterecovery import durations, jobs, names, refusals, regions
from simulator.siterecovery.calls import listing_of, object_id, require, require_vault, section, unknown_instance_type
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.views import show, view

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.store import Resource
    from simulator.world import World


AZURE = "Azure"
HYPER_V = "HyperVSite"
PLAIN = "FabricSpecificCreationInput"
"""The input that has no details, with which a site of Hyper-V hosts is made."""


def target(id_: str, kind: str = "Server") -> tuple[str, str, str]:
    """What a job about the object says of its target."""
    return names.stable_uuid(names.asr_id(id_)), names.last(id_), kind


@view(names.FABRIC)
def fabric_view(world: World, resource: Resource) -> dict[str, Any]:
    """The fabric; ``containerIds`` end in identifiers, not in names."""
    location = resource.meta["location"]
    key = {"kekState": "None", "kekCertThumbprint": None}
    properties = {
        "friendlyName": regions.display_name(location) if location else resource.name,
        "encryptionDetails": dict(key),
        "rolloverEncryptionDetails": dict(key),
        "internalIdentifier": names.stable_uuid(resource.id),
        "bcdrState": "Valid",
        "customDetails": _custom_details(world, resource),
        "healthErrorDetails": [],
        "health": "Normal",
    }
    return {"name": resource.name, "type": names.FABRIC, "id": resource.id, "properties": properties}


def _custom_details(world: World, resource: Resource) -> dict[str, Any]:
    location = resource.meta["location"]
    if not location:
        return {"instanceType": HYPER_V, "hyperVHosts": []}
    containers = world.store.list(names.CONTAINER, resource.id)
    ids = [_container_id(resource, container) for container in containers]
    return {"instanceType": AZURE, "location": location, "containerIds": ids, "zones": []}


def _container_id(fabric: Resource, container: Resource) -> str:
    return f"{fabric.id}/replicationProtectionContainers/{names.stable_uuid(container.id)}"


def replication_fabrics_create(call: Call) -> Reply:
    """Create the fabric of a region, or a site of Hyper-V hosts; again for an existing one is taken, and as slow."""
    require_vault(call)
    location = _location(call, section(call, "customDetails"))
    id_ = object_id(call)
    old = call.world.store.get(id_)
    if old is not None and old.meta["location"] != location:
        message = f"The fabric '{old.name}' exists already for the location '{old.meta['location']}'."
        raise refusals.bad_request(call, "FabricLocationCannotBeChanged", message)
    work = Task(
        "CreateSiteTask",
        "Creating the site",
        ((durations.seconds(call.world, "fabric", id_), None),),
    )
    plan = Plan(
        scenario="CreateSite",
        friendly_name="Create a site",
        subject=id_,
        target=target(id_),
        tasks=(work,),
        on_success="asr.fabric_created",
        locks=(id_,),
        args={"location": location},
    )
    return jobs.start(call, plan)


def _location(call: Call, details: dict[str, Any]) -> str:
    """The region of the fabric to be; a site of Hyper-V hosts, which stays empty here, has none."""
    kind = str(details.get("instanceType") or "").lower()
    if kind in {HYPER_V.lower(), PLAIN.lower()}:
        return ""
    if kind != AZURE.lower():
        raise unknown_instance_type(call, details, (AZURE, HYPER_V))
    return regions.require_for_fabric(call, str(details.get("location") or ""))


@effect("asr.fabric_created")
def _created(world: World, job: Job) -> None:
    vault = world.store.get(job.vault)
    if vault is None:
        return
    if not vault.meta.get("asr_used"):
        vault.meta["asr_used"] = True
        world.store.save(vault)
    if not world.store.exists(job.subject):
        world.store.put({"id": job.subject, "properties": {}}, {"location": job.args["location"]})


def require_or_never_used(call: Call, id_: str) -> Resource:
    """The fabric or policy, 404, or the 400 of a vault in which Site Recovery was never used."""
    vault = require_vault(call)
    if not vault.meta.get("asr_used") and not call.world.store.exists(id_):
        raise refusals.never_used(call)
    return require(call, id_)


def replication_fabrics_get(call: Call) -> Reply:
    """Show the fabric."""
    return Reply(200, show(call.world, require_or_never_used(call, object_id(call))))


def replication_fabrics_list(call: Call) -> Reply:
    """List the vault's fabrics."""
    vault = require_vault(call)
    return listing_of(call, names.FABRIC, vault.id)


def replication_fabrics_delete(call: Call) -> Reply:
    """Remove the fabric (POST remove), refused while containers with replicated items are in it."""
    return _remove(call, object_id(call, action=True))


def replication_fabrics_purge(call: Call) -> Reply:
    """Remove the fabric (DELETE)."""
    return _remove(call, object_id(call))


def _remove(call: Call, id_: str) -> Reply:
    resource = require(call, id_)
    if call.world.store.list(names.CONTAINER, resource.id):
        raise refusals.in_use(call, resource.name, "protection containers")
    plan = Plan(
        scenario="DeleteSite",
        friendly_name="Delete a site",
        subject=resource.id,
        target=target(resource.id),
        tasks=(
            Task(
                "DeleteSiteTask",
                "Deleting the site",
                ((durations.seconds(call.world, "fabric_delete", resource.id), None),),
            ),
        ),
        on_success="asr.tree_removed",
        locks=(resource.id,),
    )
    return jobs.start(call, plan)


@effect("asr.tree_removed")
def tree_removed(world: World, job: Job) -> None:
    """Remove the job's subject and what lies under it (network mappings go with their fabric)."""
    world.store.delete_tree(job.subject)


def replication_fabrics_check_consistency(call: Call) -> Reply:
    """Check the fabric's consistency: a job that finds nothing."""
    resource = require(call, object_id(call, action=True))
    task = Task(
        "CheckConsistencyTask", "Checking the consistency", ((durations.seconds(call.world, "small", "c"), None),)
    )
    plan = Plan(
        scenario="FabricCheckConsistency",
        friendly_name="Check fabric consistency",
        subject=resource.id,
        target=target(resource.id),
        tasks=(task,),
        locks=(resource.id,),
    )
    return jobs.start(call, plan)
