"""Protection container mappings: which container replicates to which, by which policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.provider import Reply
from simulator.siterecovery import durations, jobs, names, refusals, regions
from simulator.siterecovery.calls import (
    listing,
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


def friendly_fabric(world: World, id_: str) -> str:
    """The display name of the region of the fabric that an object lies in."""
    fabric = world.store.get(names.fabric_of(id_))
    return regions.display_name(fabric.meta["location"]) if fabric else ""


@view(names.MAPPING)
def mapping_view(world: World, resource: Resource) -> dict[str, Any]:
    """The mapping with the friendly names of both sides."""
    meta = resource.meta
    automation = meta.get("automation") or {}
    details = {
        "instanceType": "A2A",
        "agentAutoUpdateStatus": automation.get("agentAutoUpdateStatus") or "Disabled",
        "automationAccountAuthenticationType": automation.get("automationAccountAuthenticationType") or "RunAsAccount",
        "automationAccountArmId": automation.get("automationAccountArmId"),
        "scheduleName": None,
        "jobScheduleName": None,
    }
    shown = {
        "targetProtectionContainerId": meta["target"],
        "targetProtectionContainerFriendlyName": names.last(meta["target"]),
        "providerSpecificDetails": details,
        "health": "Normal",
        "healthErrorDetails": [],
        "policyId": meta["policy"],
        "state": "Paired",
        "sourceProtectionContainerFriendlyName": names.last(names.container_of(resource.id)),
        "sourceFabricFriendlyName": friendly_fabric(world, resource.id),
        "targetFabricFriendlyName": friendly_fabric(world, meta["target"]),
        "policyFriendlyName": names.last(meta["policy"]),
    }
    return {"id": resource.id, "name": resource.name, "type": names.MAPPING, "properties": shown}


def find_mapping(world: World, source: str, target_container: str) -> Resource | None:
    """The mapping from one container to another, or None."""
    for mapping in world.store.list(names.MAPPING, source):
        if paths.same(mapping.meta["target"], names.asr_id(target_container)):
            return mapping
    return None


def _text(call: Call, key: str) -> str:
    value = properties(call).get(key)
    if not isinstance(value, str) or not value:
        raise missing_input(call, key)
    return value


def replication_protection_container_mappings_create(call: Call) -> Reply:
    """Map the container to another one; the same again is quick."""
    id_ = object_id(call)
    require(call, names.container_of(id_))
    policy = require(call, names.asr_id(_text(call, "policyId")))
    require_instance_type(call, policy.meta["input"], "A2A")
    target_container = require(call, names.asr_id(_text(call, "targetProtectionContainerId")))
    given = properties(call).get("providerSpecificInput") or {"instanceType": "A2A"}
    require_instance_type(call, given, "A2A")
    _refuse_other_mapping(call, id_, target_container.id)
    kind = "mapping_again" if call.world.store.exists(id_) else "mapping"
    seconds = durations.seconds(call.world, kind, id_)
    plan = Plan(
        scenario="AssociateProtectionProfile",
        friendly_name="Associate replication policy",
        subject=id_,
        target=target(policy.id, "ProtectionProfile"),
        tasks=(Task("AssociateProtectionProfileTask", "Associating the replication policy", ((seconds, None),)),),
        on_success="asr.mapping_created",
        locks=(id_,),
        args={"policy": policy.id, "target": target_container.id, "automation": given},
    )
    return jobs.start(call, plan)


def _refuse_other_mapping(call: Call, id_: str, target_container: str) -> None:
    other = find_mapping(call.world, names.container_of(id_), target_container)
    if other is not None and not paths.same(other.id, id_):
        raise refusals.bad_request(
            call,
            "ProtectionContainersAlreadyPaired",
            f"The protection containers are already mapped by '{other.name}'.",
            "A mapping between the two protection containers exists.",
            "Use the existing mapping.",
        )


@effect("asr.mapping_created")
def _created(world: World, job: Job) -> None:
    if world.store.exists(names.container_of(job.subject)):
        world.store.put({"id": job.subject, "properties": {}}, dict(job.args))


def replication_protection_container_mappings_update(call: Call) -> Reply:
    """Change the automatic update of the agents."""
    resource = require(call, object_id(call))
    given = properties(call).get("providerSpecificInput") or {}
    require_instance_type(call, given, "A2A")
    seconds = durations.seconds(call.world, "small", resource.id)
    plan = Plan(
        scenario="UpdateProtectionContainerMapping",
        friendly_name="Update protection container mapping",
        subject=resource.id,
        target=target(resource.meta["policy"], "ProtectionProfile"),
        tasks=(Task("UpdateMappingTask", "Updating the protection container mapping", ((seconds, None),)),),
        on_success="asr.mapping_updated",
        locks=(resource.id,),
        args={"automation": given},
    )
    return jobs.start(call, plan)


@effect("asr.mapping_updated")
def _updated(world: World, job: Job) -> None:
    resource = world.store.get(job.subject)
    if resource is not None:
        resource.meta["automation"] = {**(resource.meta.get("automation") or {}), **job.args["automation"]}
        world.store.save(resource)


def replication_protection_container_mappings_get(call: Call) -> Reply:
    """Show the mapping."""
    return Reply(200, show(call.world, require(call, object_id(call))))


def replication_protection_container_mappings_list(call: Call) -> Reply:
    """List the vault's mappings."""
    vault = require_vault(call)
    return listing_of(call, names.MAPPING, vault.id)


def replication_protection_container_mappings_list_by_replication_protection_containers(call: Call) -> Reply:
    """List the mappings of a container: those from it and those to it."""
    container = require(call, object_id(call, action=True))
    mappings = call.world.store.list(names.MAPPING, names.vault_id(container.id))
    ends = [
        mapping
        for mapping in mappings
        if paths.same(container.id, mapping.meta["target"]) or paths.within(mapping.id, container.id)
    ]
    return listing(call, [show(call.world, mapping) for mapping in ends])


def replication_protection_container_mappings_delete(call: Call) -> Reply:
    """Remove the mapping (POST remove), refused while items replicate over it."""
    return _remove(call, object_id(call, action=True))


def replication_protection_container_mappings_purge(call: Call) -> Reply:
    """Remove the mapping (DELETE)."""
    return _remove(call, object_id(call))


def _remove(call: Call, id_: str) -> Reply:
    resource = require(call, id_)
    container = names.container_of(resource.id)
    for item in call.world.store.list(names.ITEM, container):
        if paths.same(item.meta["recovery_container"], resource.meta["target"]):
            raise refusals.in_use(call, resource.name, "replicated items")
    seconds = durations.seconds(call.world, "mapping_delete", resource.id)
    plan = Plan(
        scenario="DissociateProtectionProfile",
        friendly_name="Dissociate replication policy",
        subject=resource.id,
        target=target(resource.meta["policy"], "ProtectionProfile"),
        tasks=(Task("DissociateProtectionProfileTask", "Dissociating the replication policy", ((seconds, None),)),),
        on_success="asr.tree_removed",
        locks=(resource.id,),
    )
    return jobs.start(call, plan)
