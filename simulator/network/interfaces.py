"""The operations on network interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.compute.crud import merge, require_location
from simulator.network.addresses import check_address, next_address
from simulator.network.balancers import find_pool
from simulator.network.names import NIC, PUBLIC_IP
from simulator.network.nics import REFERENCES, delete_nic, ip_configuration, nic_document, save_nic
from simulator.network.operations import begin
from simulator.network.subnets import require_subnet
from simulator.operations import on_done
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

CREATE_SECONDS = 3
DELETE_SECONDS = 10
_KEPT = ("virtualMachine", "primary", "resourceGuid", "macAddress")
_READ_ONLY = {*_KEPT, "provisioningState", "ipConfigurations", "hostedWorkloads", "tapConfigurations"}


def network_interfaces_create_or_update(call: Call) -> Reply:
    """Create (201) or replace (200) a NIC; addresses are given out or checked here."""
    location = require_location(call)
    body = call.body_object()
    old = call.world.store.get(call.resource_id)
    document = _document(call.world, old.id if old else call.resource_id, location, body.get("properties") or {}, old)
    document["tags"] = body.get("tags") or {}
    save_nic(call.world, document)
    return begin(
        call,
        seconds=CREATE_SECONDS,
        done="network.provisioned",
        payload={"id": document["id"]},
        location=location,
        status=200 if old else 201,
        body=document,
    )


def network_interfaces_update_tags(call: Call) -> Reply:
    """Replace a NIC's tags."""
    nic = call.world.store.require(call.resource_id)
    if "tags" in call.body_object():
        nic.doc["tags"] = merge({}, call.body_object()["tags"] or {})
        call.world.store.save(nic)
    return Reply(200, nic.doc)


def network_interfaces_delete(call: Call) -> Reply:
    """Delete a NIC that no machine has (202), 204 where it is absent."""
    nic = call.world.store.get(call.resource_id)
    if nic is None:
        return Reply(204)
    _refuse_if_attached(nic)
    return begin(
        call, seconds=DELETE_SECONDS, done="network.nic_deleted", payload={"id": nic.id}, location=nic.location
    )


def _refuse_if_attached(nic: Resource) -> None:
    machine = (nic.properties.get("virtualMachine") or {}).get("id")
    if machine:
        raise ArmError(
            400,
            "NicInUse",
            f"Network Interface {nic.id} is used by existing resource {machine}. In order to delete the network "
            "interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.",
            details=[],
        )


@on_done("network.nic_deleted")
def _nic_deleted(world: World, payload: dict[str, Any]) -> None:
    nic = world.store.get(payload["id"])
    if nic is not None:
        _refuse_if_attached(nic)
        delete_nic(world, nic.id)


def _document(world: World, nic_id: str, location: str, given: dict[str, Any], old: Resource | None) -> dict[str, Any]:
    configurations = given.get("ipConfigurations") or []
    if not configurations:
        raise ArmError(
            400,
            "NetworkInterfaceMustHaveAtLeastOneIpConfiguration",
            f"Network interface {nic_id} must have at least one IP configuration.",
            details=[],
        )
    taken = [*(old.properties.get("ipConfigurations") or [])] if old else []
    made: list[dict[str, Any]] = []
    _check_references(world, nic_id, location, given, old)
    for index, entry in enumerate(configurations):
        made.append(_configuration(world, nic_id, entry, index, taken, made))
    kept = {key: old.properties[key] for key in _KEPT if key in old.properties} if old else {}
    settings = {key: value for key, value in given.items() if key not in _READ_ONLY and value is not None}
    document = nic_document(nic_id, location, made, {**settings, **kept})
    document["properties"]["provisioningState"] = "Updating"
    return document


def _check_references(world: World, nic_id: str, location: str, given: dict[str, Any], old: Resource | None) -> None:
    """Refuse a new reference to what is not there, lies in another region, or is another NIC's."""
    known = {id_.lower() for id_ in _referred(old.properties)} if old else set()
    for id_ in _referred(given):
        if id_.lower() in known:
            continue
        within = id_.rpartition("/backendAddressPools/")[0] or id_
        found = world.store.get(within)
        is_there = found is not None and (
            within == id_ or "applicationgateways" in id_.lower() or find_pool(world, id_)
        )
        if not is_there or found is None or found.location.lower() != location.lower():
            raise ArmError(
                400,
                "InvalidResourceReference",
                f"Resource {id_} referenced by resource {nic_id} was not found. Please make sure that the referenced "
                "resource exists, and that both resources are in the same region.",
                details=[],
            )
        holder = str((found.properties.get("ipConfiguration") or {}).get("id") or "")
        if found.type.lower() == PUBLIC_IP.lower() and holder and not holder.lower().startswith(nic_id.lower() + "/"):
            raise ArmError(
                400,
                "PublicIPAddressInUse",
                f"Resource {nic_id} is referencing public IP address {id_} that is already allocated to resource "
                f"{holder}.",
                details=[],
            )


def _referred(properties: dict[str, Any]) -> list[str]:
    """The ids of everything that a NIC refers to, besides subnets and its machine."""
    values = [properties.get("networkSecurityGroup")]
    for configuration in properties.get("ipConfigurations") or []:
        inner = configuration.get("properties") or {}
        for key in REFERENCES:
            values += inner[key] if isinstance(inner.get(key), list) else [inner.get(key)]
    return [str(value["id"]) for value in values if isinstance(value, dict) and value.get("id")]


def _configuration(
    world: World,
    nic_id: str,
    given: dict[str, Any],
    index: int,
    before: list[dict[str, Any]],
    made: list[dict[str, Any]],
) -> dict[str, Any]:
    inner = given.get("properties") or {}
    where = (inner.get("subnet") or {}).get("id")
    if not where:
        raise ArmError(400, "SubnetIdMissing", f"IP configuration of {nic_id} names no subnet.", details=[])
    require_subnet(world, where)
    name = given.get("name") or f"ipconfig{index + 1}"
    static = str(inner.get("privateIPAllocationMethod", "Dynamic")).lower() == "static"
    address = inner.get("privateIPAddress")
    if static and address:
        check_address(world, where, address, nic_id)
    else:
        address = _same_address(before, name, where) or next_address(world, where, made)
    extra = {key: inner[key] for key in REFERENCES if inner.get(key)}
    primary = bool(inner.get("primary", index == 0))
    return ip_configuration(nic_id, name, subnet_id=where, address=address, static=static, primary=primary, extra=extra)


def _same_address(before: list[dict[str, Any]], name: str, where: str) -> str | None:
    for configuration in before:
        inner = configuration["properties"]
        if configuration["name"] == name and inner["subnet"]["id"].lower() == where.lower():
            return str(inner["privateIPAddress"])
    return None


def network_interfaces_get(call: Call) -> Reply:
    """Answer with the NIC."""
    return Reply(200, call.world.store.require(call.resource_id).doc)


__all__ = [
    "NIC",
    "network_interfaces_create_or_update",
    "network_interfaces_delete",
    "network_interfaces_get",
    "network_interfaces_update_tags",
]
