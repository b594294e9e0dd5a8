"""Virtual networks and their subnets."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute.crud import require_location
from simulator.network.addresses import addresses_of
from simulator.network.names import NIC, VNET, etag, stable_guid
from simulator.network.operations import begin
from simulator.network.subnets import subnet_document, subnets_of
from simulator.operations import on_done
from simulator.paging import page_of_resources
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

CREATE_SECONDS = 4
DELETE_SECONDS = 11


def vnet_document(vnet_id: str, location: str, spaces: list[str], subnets: list[dict[str, Any]]) -> dict[str, Any]:
    """Write the JSON of a virtual network."""
    return {
        "name": paths.parse(vnet_id).name,
        "id": vnet_id,
        "etag": etag(vnet_id),
        "type": VNET,
        "location": location,
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": stable_guid("vnet", vnet_id),
            "addressSpace": {"addressPrefixes": spaces},
            "subnets": subnets,
            "virtualNetworkPeerings": [],
            "enableDdosProtection": False,
        },
    }


def shown(world: World, vnet: Resource) -> dict[str, Any]:
    """A virtual network as GET shows it: each subnet with the IP configurations in it."""
    return _dressed(vnet, configurations_by_subnet(world))


def _dressed(vnet: Resource, used: dict[str, list[dict[str, str]]]) -> dict[str, Any]:
    for subnet in subnets_of(vnet):
        _show_configurations(subnet, used)
    whole = vnet_document(vnet.id, vnet.location, [], [])
    return {**whole, **vnet.doc, "properties": {**whole["properties"], **vnet.properties}}


def configurations_by_subnet(world: World) -> dict[str, list[dict[str, str]]]:
    """The references to all NICs' IP configurations by lower-cased subnet id."""
    used: dict[str, list[dict[str, str]]] = {}
    for nic in world.store.list(NIC):
        for configuration in nic.properties.get("ipConfigurations") or []:
            subnet = (configuration.get("properties", {}).get("subnet") or {}).get("id")
            if subnet:
                id_ = configuration.get("id") or f"{nic.id}/ipConfigurations/{configuration.get('name')}"
                used.setdefault(subnet.lower(), []).append({"id": id_})
    return used


def _show_configurations(subnet: dict[str, Any], used: dict[str, list[dict[str, str]]]) -> dict[str, Any]:
    references = used.get(subnet["id"].lower())
    if references:
        subnet["properties"]["ipConfigurations"] = references
    return subnet


def virtual_networks_get(call: Call) -> Reply:
    """Answer with the virtual network."""
    return Reply(200, shown(call.world, call.world.store.require(call.resource_id)))


def virtual_networks_list(call: Call) -> Reply:
    """List the virtual networks of a group or subscription."""
    scope = paths.scope_of(call.path)
    used = configurations_by_subnet(call.world)
    return page_of_resources(call, VNET, scope, lambda vnet: _dressed(vnet, used))


def virtual_networks_create_or_update(call: Call) -> Reply:
    """Create (201) or replace (200) a virtual network; subnets in use must stay."""
    body = call.body_object()
    given = body.get("properties") or {}
    spaces = (given.get("addressSpace") or {}).get("addressPrefixes") or []
    old = call.world.store.get(call.resource_id)
    location = require_location(call)
    _check_spaces(spaces, given.get("subnets") or [], paths.parse(call.path).name)
    vnet_id = old.id if old else call.resource_id
    kept = {subnet["name"].lower(): subnet for subnet in subnets_of(old)} if old else {}
    subnets = [
        subnet_document(vnet_id, entry["name"], entry.get("properties") or {}, "Updating")
        for entry in given.get("subnets") or []
    ]
    gone = set(kept) - {subnet["name"].lower() for subnet in subnets}
    for name in gone:
        refuse_if_used(call.world, kept[name])
    document = vnet_document(vnet_id, location, spaces, subnets)
    if body.get("tags") is not None:
        document["tags"] = body["tags"]
    for key in ("dhcpOptions", "enableDdosProtection", "flowTimeoutInMinutes", "encryption", "bgpCommunities"):
        if given.get(key) is not None:
            document["properties"][key] = given[key]
    document["properties"]["provisioningState"] = "Updating"
    call.world.store.put(document)
    return begin(
        call,
        seconds=CREATE_SECONDS,
        done="network.provisioned",
        payload={"id": vnet_id},
        location=location,
        status=200 if old else 201,
        body=document,
    )


def _check_spaces(spaces: list[str], subnets: list[dict[str, Any]], name: str) -> None:
    if not spaces:
        raise ArmError(400, "InvalidRequestFormat", "Cannot parse the request.", details=[])
    try:
        networks = [ipaddress.ip_network(space) for space in spaces]
        parts = [(subnet["name"], ipaddress.ip_network(prefix)) for subnet in subnets for prefix in _prefixes(subnet)]
    except ValueError as problem:
        raise ArmError(400, "InvalidCIDRNotation", f"The address prefix is invalid: {problem}.", details=[]) from None
    for index, (subnet, part) in enumerate(parts):
        if not any(part.version == network.version and part.subnet_of(network) for network in networks):  # type: ignore[arg-type]
            raise ArmError(
                400,
                "NetcfgInvalidSubnet",
                f"Subnet '{subnet}' is not valid because its IP address range is outside the IP address range of "
                f"virtual network '{name}'.",
                details=[],
            )
        if any(part.overlaps(other) for _, other in parts[:index]):
            message = f"Subnet '{subnet}' is not valid in virtual network '{name}'."
            raise ArmError(400, "NetcfgSubnetRangesOverlap", message, details=[])


def _prefixes(subnet: dict[str, Any]) -> list[str]:
    properties = subnet.get("properties") or {}
    return [properties["addressPrefix"]] if properties.get("addressPrefix") else properties.get("addressPrefixes") or []


def refuse_if_used(world: World, subnet: dict[str, Any]) -> None:
    """Refuse to remove a subnet that NICs are in: 400 `InUseSubnetCannotBeDeleted`."""
    for nic in world.store.list(NIC):
        for where, _ in addresses_of(nic.doc):
            if where.lower() == subnet["id"].lower():
                raise ArmError(
                    400,
                    "InUseSubnetCannotBeDeleted",
                    f"Subnet {subnet['name']} is in use by {nic.id} and cannot be deleted. In order to delete the "
                    "subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.",
                    details=[],
                )


def virtual_networks_delete(call: Call) -> Reply:
    """Delete a virtual network that nothing uses (202), 204 where it is absent."""
    vnet = call.world.store.get(call.resource_id)
    if vnet is None:
        return Reply(204)
    for subnet in subnets_of(vnet):
        refuse_if_used(call.world, subnet)
    payload = {"id": vnet.id}
    return begin(call, seconds=DELETE_SECONDS, done="network.deleted", payload=payload, location=vnet.location)


def subnets_get(call: Call) -> Reply:
    """Answer with a subnet."""
    return Reply(200, _show_configurations(_require(call), configurations_by_subnet(call.world)))


def subnets_list(call: Call) -> Reply:
    """List the subnets of a virtual network."""
    vnet = call.world.store.require(call.parent_id)
    used = configurations_by_subnet(call.world)
    return Reply(200, {"value": [_show_configurations(subnet, used) for subnet in subnets_of(vnet)]})


def subnets_create_or_update(call: Call) -> Reply:
    """Create (201) or replace (200) one subnet."""
    vnet = call.world.store.require(call.parent_id.rpartition("/")[0])
    name = call.params["subnet"]
    others = [subnet for subnet in subnets_of(vnet) if subnet["name"].lower() != name.lower()]
    given = call.body_object().get("properties") or {}
    spaces = vnet.properties["addressSpace"]["addressPrefixes"]
    _check_spaces(spaces, [*others, {"name": name, "properties": given}], vnet.name)
    existed = len(others) < len(subnets_of(vnet))
    document = subnet_document(vnet.id, name, given, "Updating")
    vnet.properties["subnets"] = [*others, document]
    call.world.store.save(vnet)
    return begin(
        call,
        seconds=CREATE_SECONDS,
        done="network.provisioned",
        payload={"id": vnet.id},
        location=vnet.location,
        status=200 if existed else 201,
        body=document,
    )


def subnets_delete(call: Call) -> Reply:
    """Delete a subnet that no NIC is in (202), 204 where it is absent."""
    vnet = call.world.store.require(call.parent_id.rpartition("/")[0])
    name = call.params["subnet"]
    subnet = next((entry for entry in subnets_of(vnet) if entry["name"].lower() == name.lower()), None)
    if subnet is None:
        return Reply(204)
    refuse_if_used(call.world, subnet)
    payload = {"id": vnet.id, "subnet": name}
    return begin(call, seconds=DELETE_SECONDS, done="network.subnet_deleted", payload=payload, location=vnet.location)


def _require(call: Call) -> dict[str, Any]:
    vnet = call.world.store.require(call.parent_id.rpartition("/")[0])
    name = call.params["subnet"]
    found = next((subnet for subnet in subnets_of(vnet) if subnet["name"].lower() == name.lower()), None)
    if found is None:
        raise ArmError(404, "NotFound", f"Resource {call.path} not found.", details=[])
    return found


@on_done("network.subnet_deleted")
def _subnet_deleted(world: World, payload: dict[str, Any]) -> None:
    vnet = world.store.get(payload["id"])
    if vnet is not None:
        kept = [subnet for subnet in subnets_of(vnet) if subnet["name"].lower() != payload["subnet"].lower()]
        vnet.properties["subnets"] = kept
        world.store.save(vnet)
