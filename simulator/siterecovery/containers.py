"""Protection containers: what groups the replicated items of a fabric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.provider import Reply
from simulator.siterecovery import durations, jobs, names, refusals, regions
from simulator.siterecovery.calls import (
    listing_of,
    missing_input,
    object_id,
    properties,
    require,
    require_instance_type,
    require_vault,
)
from simulator.siterecovery.fabrics import target
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.views import show, view

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.store import Resource
    from simulator.world import World


@view(names.CONTAINER)
def container_view(world: World, resource: Resource) -> dict[str, Any]:
    """The container; a mapping from or to it makes it paired."""
    role = _role(world, resource)
    fabric = world.store.get(names.fabric_of(resource.id))
    shown = {
        "fabricFriendlyName": regions.display_name(fabric.meta["location"]) if fabric else "",
        "friendlyName": resource.name,
        "fabricType": "Azure",
        "protectedItemCount": world.store.count(names.ITEM, resource.id),
        "pairingStatus": "Paired" if role else "NotPaired",
        "role": role,
        "fabricSpecificDetails": None,
    }
    return {"id": resource.id, "name": resource.name, "type": names.CONTAINER, "properties": shown}


def _role(world: World, resource: Resource) -> str:
    if world.store.list(names.MAPPING, resource.id):
        return "Primary"
    mappings = world.store.list(names.MAPPING, names.vault_id(resource.id))
    mapped_to = any(mapping.meta["target"].lower() == resource.id.lower() for mapping in mappings)
    return "Recovery" if mapped_to else ""


def replication_protection_containers_create(call: Call) -> Reply:
    """Create the container, or take the same input again."""
    id_ = object_id(call)
    fabric = require(call, names.fabric_of(id_))
    if not fabric.meta["location"]:
        message = "A protection container can be created only in an Azure fabric; a Hyper-V site has its own."
        raise refusals.bad_request(call, "OperationNotSupported", message)
    given = properties(call).get("providerSpecificInput")
    if not isinstance(given, list) or not given:
        raise missing_input(call, "providerSpecificInput")
    require_instance_type(call, given[0], "A2A")
    seconds = 10.0 if call.world.store.exists(id_) else durations.seconds(call.world, "container", id_)
    plan = Plan(
        scenario="CreateCloud",
        friendly_name="Create protection container",
        subject=id_,
        target=target(id_, "ProtectionContainer"),
        tasks=(Task("CreateCloudTask", "Creating the protection container", ((seconds, None),)),),
        on_success="asr.container_created",
        locks=(id_,),
    )
    return jobs.start(call, plan)


@effect("asr.container_created")
def _created(world: World, job: Job) -> None:
    if world.store.exists(names.fabric_of(job.subject)) and not world.store.exists(job.subject):
        world.store.put({"id": job.subject, "properties": {}}, {})


def replication_protection_containers_get(call: Call) -> Reply:
    """Show the container."""
    return Reply(200, show(call.world, require(call, object_id(call))))


def replication_protection_containers_list(call: Call) -> Reply:
    """List the vault's containers."""
    vault = require_vault(call)
    return listing_of(call, names.CONTAINER, vault.id)


def replication_protection_containers_list_by_replication_fabrics(call: Call) -> Reply:
    """List the fabric's containers."""
    fabric = require(call, object_id(call, action=True))
    return listing_of(call, names.CONTAINER, fabric.id)


def replication_protection_containers_delete(call: Call) -> Reply:
    """Remove the container (POST remove; there is no DELETE), refused while it is mapped or holds items."""
    resource = require(call, object_id(call, action=True))
    if call.world.store.list(names.ITEM, resource.id):
        raise refusals.in_use(call, resource.name, "replicated items")
    if _role(call.world, resource):
        raise refusals.in_use(call, resource.name, "protection container mappings")
    seconds = durations.seconds(call.world, "container_delete", resource.id)
    plan = Plan(
        scenario="DeleteCloud",
        friendly_name="Delete protection container",
        subject=resource.id,
        target=target(resource.id, "ProtectionContainer"),
        tasks=(Task("DeleteCloudTask", "Deleting the protection container", ((seconds, None),)),),
        on_success="asr.tree_removed",
        locks=(resource.id,),
    )
    return jobs.start(call, plan)


def replication_protection_containers_discover_protectable_item(call: Call) -> Reply:
    """Discover a protectable item: nothing that Azure fabrics do."""
    require(call, object_id(call, action=True))
    raise refusals.bad_request(
        call, "OperationNotSupported", "Discovering a protectable item isn't supported for an Azure fabric."
    )
