"""Public addresses and network security groups: what stands around a machine's NIC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute.crud import require_location
from simulator.network.names import NIC, NSG, PUBLIC_IP, etag, stable_guid
from simulator.network.operations import begin
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.world import World

CREATE_SECONDS = 4
DELETE_SECONDS = 10


def _document(call: Call, type_: str, location: str, properties: dict[str, Any]) -> dict[str, Any]:
    body = call.body_object()
    document: dict[str, Any] = {
        "name": paths.parse(call.path).name,
        "id": call.resource_id,
        "etag": etag(call.resource_id),
        "location": location,
        "tags": body.get("tags") or {},
        "properties": {"provisioningState": "Updating", "resourceGuid": stable_guid(type_, call.path), **properties},
        "type": type_,
    }
    for key in ("sku", "zones"):
        if body.get(key) is not None:
            document[key] = body[key]
    return document


def _put(call: Call, document: dict[str, Any]) -> Reply:
    existed = call.world.store.exists(call.resource_id)
    saved = call.world.store.put(document)
    return begin(
        call,
        seconds=CREATE_SECONDS,
        done="network.provisioned",
        payload={"id": saved.id},
        location=saved.location,
        status=200 if existed else 201,
        body=saved.doc,
    )


def public_ip_addresses_create_or_update(call: Call) -> Reply:
    """Create or replace a public address."""
    location = require_location(call)
    given = call.body_object().get("properties") or {}
    digits = stable_guid("public", call.path).replace("-", "")
    properties: dict[str, Any] = {
        "ipAddress": f"20.{int(digits[:2], 16)}.{int(digits[2:4], 16)}.{int(digits[4:6], 16) % 254 + 1}",
        "publicIPAddressVersion": given.get("publicIPAddressVersion") or "IPv4",
        "publicIPAllocationMethod": given.get("publicIPAllocationMethod") or "Dynamic",
        "idleTimeoutInMinutes": given.get("idleTimeoutInMinutes") or 4,
        "ipTags": [],
    }
    if given.get("dnsSettings"):
        properties["dnsSettings"] = given["dnsSettings"]
    document = _document(call, PUBLIC_IP, location, properties)
    document.setdefault("sku", {"name": "Basic", "tier": "Regional"})
    return _put(call, document)


def network_security_groups_create_or_update(call: Call) -> Reply:
    """Create or replace a network security group."""
    location = require_location(call)
    rules = [
        {
            "name": rule.get("name"),
            "id": f"{call.resource_id}/securityRules/{rule.get('name')}",
            "type": f"{NSG}/securityRules",
            "properties": {"provisioningState": "Succeeded", **(rule.get("properties") or {})},
        }
        for rule in (call.body_object().get("properties") or {}).get("securityRules") or []
    ]
    return _put(call, _document(call, NSG, location, {"securityRules": rules, "defaultSecurityRules": []}))


def _holders(world: World, id_: str, key: str) -> str | None:
    """The id of the NIC configuration (or NIC) that refers to the resource by *key*."""
    for nic in world.store.list(NIC):
        if paths.same(str((nic.properties.get(key) or {}).get("id") or "/"), id_):
            return nic.id
        for configuration in nic.properties.get("ipConfigurations") or []:
            if paths.same(str((configuration.get("properties", {}).get(key) or {}).get("id") or "/"), id_):
                return str(configuration["id"])
    return None


def _delete(call: Call, key: str, code: str, what: str) -> Reply:
    resource = call.world.store.get(call.resource_id)
    if resource is None:
        return Reply(204)
    holder = _holders(call.world, resource.id, key)
    if holder is not None:
        message = f"{what} {resource.id} can not be deleted since it is still allocated to resource {holder}."
        raise ArmError(400, code, message, details=[])
    return begin(
        call, seconds=DELETE_SECONDS, done="network.deleted", payload={"id": resource.id}, location=resource.location
    )


def public_ip_addresses_delete(call: Call) -> Reply:
    """Delete a public address that no NIC has."""
    return _delete(call, "publicIPAddress", "PublicIPAddressCannotBeDeleted", "Public IP address")


def network_security_groups_delete(call: Call) -> Reply:
    """Delete a network security group that no NIC has."""
    return _delete(call, "networkSecurityGroup", "InUseNetworkSecurityGroupCannotBeDeleted", "Network security group")
