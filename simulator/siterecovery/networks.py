"""Networks of a fabric (for Azure there is one, ``azureNetwork``) and the mappings between virtual networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.provider import Reply
from simulator.siterecovery import durations, jobs, names, refusals
from simulator.siterecovery.calls import (
    listing,
    missing_input,
    object_id,
    properties,
    require,
    require_instance_type,
    require_vault,
)
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.mappings import friendly_fabric
from simulator.siterecovery.views import show, view

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.store import Resource
    from simulator.world import World

AZURE_NETWORK = "azureNetwork"


@view(names.NETWORK_MAPPING)
def network_mapping_view(world: World, resource: Resource) -> dict[str, Any]:
    """The mapping; ids and names of networks come back in lower case, under another key than in the request."""
    meta = resource.meta
    primary, recovery = meta["primary_network"].lower(), meta["recovery_network"].lower()
    shown = {
        "state": "Paired",
        "primaryNetworkFriendlyName": names.last(primary),
        "primaryNetworkId": primary,
        "primaryFabricFriendlyName": friendly_fabric(world, resource.id),
        "recoveryNetworkFriendlyName": names.last(recovery),
        "recoveryNetworkId": recovery,
        "recoveryFabricArmId": meta["recovery_fabric"],
        "recoveryFabricFriendlyName": friendly_fabric(world, meta["recovery_fabric"]),
        "fabricSpecificSettings": {
            "instanceType": "AzureToAzure",
            "primaryFabricLocation": fabric_location(world, resource.id),
            "recoveryFabricLocation": fabric_location(world, meta["recovery_fabric"]),
        },
    }
    return {"type": names.NETWORK_MAPPING, "id": resource.id, "name": resource.name, "properties": shown}


def fabric_location(world: World, id_: str) -> str:
    """The region of the fabric that an object lies in."""
    fabric = world.store.glance(names.fabric_of(id_))
    return str(fabric.meta["location"]) if fabric else ""


def mapped_network(world: World, vault: str, primary_network: str, recovery_fabric: str) -> str | None:
    """The network that *primary_network* is mapped to in the fabric, or None."""
    for mapping in world.store.list(names.NETWORK_MAPPING, vault):
        meta = mapping.meta
        if paths.same(meta["primary_network"], primary_network) and paths.same(
            meta["recovery_fabric"], recovery_fabric
        ):
            return str(meta["recovery_network"])
    return None


def replication_network_mappings_create(call: Call) -> Reply:
    """Map a virtual network to one of the other region."""
    id_, given = object_id(call), properties(call)
    fabric = require(call, names.fabric_of(id_))
    details = given.get("fabricSpecificDetails")
    if not isinstance(details, dict):
        raise missing_input(call, "fabricSpecificDetails")
    require_instance_type(call, details, "AzureToAzure")
    for key, value in {**given, **details}.items():
        if key in {"primaryNetworkId", "recoveryNetworkId", "recoveryFabricName"} and not value:
            raise missing_input(call, key)
    for key in ("recoveryFabricName", "recoveryNetworkId"):
        if not given.get(key):
            raise missing_input(call, key)
    if not details.get("primaryNetworkId"):
        raise missing_input(call, "primaryNetworkId")
    recovery_fabric = require(call, f"{names.vault_id(id_)}/replicationFabrics/{given['recoveryFabricName']}")
    _require_network(call, details["primaryNetworkId"], fabric)
    _require_network(call, given["recoveryNetworkId"], recovery_fabric)
    _refuse_second_mapping(call, id_, details["primaryNetworkId"], recovery_fabric.id)
    args = {
        "primary_network": details["primaryNetworkId"],
        "recovery_network": given["recoveryNetworkId"],
        "recovery_fabric": recovery_fabric.id,
    }
    return _start(call, id_, "NetworkPairing", "Map Networks", "asr.network_mapping_written", args)


def _require_network(call: Call, network: str, fabric: Resource) -> None:
    found = call.world.store.get(network)
    location = str(fabric.meta["location"])
    if found is None or found.location.replace(" ", "").lower() != location:
        raise refusals.bad_request(
            call,
            "AzureNetworkNotFound",
            f"The virtual network '{network}' wasn't found in the location '{location}'.",
            "The virtual network doesn't exist, or it is in another region than the fabric.",
            "Specify an existing virtual network of the fabric's region.",
        )


def _refuse_second_mapping(call: Call, id_: str, primary_network: str, recovery_fabric: str) -> None:
    for mapping in call.world.store.list(names.NETWORK_MAPPING, names.vault_id(id_)):
        same_pair = paths.same(mapping.meta["primary_network"], primary_network) and paths.same(
            mapping.meta["recovery_fabric"], recovery_fabric
        )
        if same_pair and not paths.same(mapping.id, id_):
            raise refusals.bad_request(
                call,
                "NetworkAlreadyMapped",
                f"The virtual network '{names.last(primary_network)}' is already mapped by '{mapping.name}'.",
                "A virtual network can be mapped to only one recovery virtual network.",
                "Update or delete the existing network mapping.",
            )


def replication_network_mappings_update(call: Call) -> Reply:
    """Map the network to another one of the same fabric."""
    resource, given = require(call, object_id(call)), properties(call)
    args = dict(resource.meta)
    if given.get("recoveryFabricName"):
        args["recovery_fabric"] = require(
            call, f"{names.vault_id(resource.id)}/replicationFabrics/{given['recoveryFabricName']}"
        ).id
    if given.get("recoveryNetworkId"):
        args["recovery_network"] = given["recoveryNetworkId"]
    _require_network(call, args["recovery_network"], require(call, args["recovery_fabric"]))
    return _start(
        call, resource.id, "UpdateNetworkPairing", "Update network mapping", "asr.network_mapping_written", args
    )


def replication_network_mappings_delete(call: Call) -> Reply:
    """Delete the mapping; replicated items keep the network that they have."""
    resource = require(call, object_id(call))
    return _start(call, resource.id, "NetworkUnpairing", "Unmap Networks", "asr.tree_removed", {})


def _start(call: Call, id_: str, scenario: str, friendly_name: str, on_success: str, args: dict[str, Any]) -> Reply:
    kind = "network_mapping_delete" if on_success == "asr.tree_removed" else "network_mapping"
    plan = Plan(
        scenario=scenario,
        friendly_name=friendly_name,
        subject=id_,
        target=(names.last(id_), names.last(id_), "Network"),
        tasks=(Task(f"{scenario}Task", friendly_name, ((durations.seconds(call.world, kind, id_), None),)),),
        on_success=on_success,
        locks=(id_,),
        args=args,
    )
    return jobs.start(call, plan)


@effect("asr.network_mapping_written")
def _written(world: World, job: Job) -> None:
    if world.store.exists(names.fabric_of(job.subject)):
        world.store.put({"id": job.subject, "properties": {}}, dict(job.args))


def replication_network_mappings_get(call: Call) -> Reply:
    """Show the network mapping."""
    return Reply(200, show(call.world, require(call, object_id(call))))


def replication_network_mappings_list(call: Call) -> Reply:
    """List the vault's network mappings."""
    return _list(call, require_vault(call).id)


def replication_network_mappings_list_by_replication_networks(call: Call) -> Reply:
    """List the network mappings of the fabric's network."""
    network = object_id(call, action=True)
    require(call, names.fabric_of(network))
    return _list(call, network)


def _list(call: Call, scope: str) -> Reply:
    found = call.world.store.list(names.NETWORK_MAPPING, scope)
    return listing(call, [show(call.world, mapping) for mapping in found])


def _network(fabric_id: str) -> dict[str, Any]:
    return {
        "type": names.NETWORK,
        "id": f"{fabric_id}/replicationNetworks/{AZURE_NETWORK}",
        "name": AZURE_NETWORK,
        "properties": {"fabricType": "Azure", "subnets": [], "friendlyName": AZURE_NETWORK, "networkType": ""},
    }


def replication_networks_get(call: Call) -> Reply:
    """Show the fabric's one network."""
    fabric = require(call, names.fabric_of(object_id(call)))
    if call.params["network"].lower() != AZURE_NETWORK.lower():
        raise refusals.missing(call, call.params["network"])
    return Reply(200, _network(fabric.id))


def replication_networks_list_by_replication_fabrics(call: Call) -> Reply:
    """List the fabric's one network."""
    return listing(call, [_network(require(call, object_id(call, action=True)).id)])


def replication_networks_list(call: Call) -> Reply:
    """List the networks of the vault's fabrics."""
    vault = require_vault(call)
    return listing(call, [_network(fabric.id) for fabric in call.world.store.list(names.FABRIC, vault.id)])
