"""User-assigned identities, and the identity block of a machine as Azure completes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute.crud import require_location
from simulator.compute.names import stable_guid
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"


def user_assigned_identities_create_or_update(call: Call) -> Reply:
    """Create (201) or change (200) an identity."""
    location = require_location(call)
    existed = call.world.store.exists(call.resource_id)
    document = identity_document(call.world, call.resource_id, location)
    document["tags"] = call.body_object().get("tags") or {}
    return Reply(200 if existed else 201, call.world.store.put(document).doc)


def identity_document(world: World, id_: str, location: str) -> dict[str, Any]:
    """Write the JSON of an identity; its principal and application follow from its id."""
    return {
        "location": location,
        "tags": {},
        "id": id_,
        "name": paths.parse(id_).name,
        "type": IDENTITY,
        "properties": {"tenantId": world.tenant_id, **_principals(id_)},
    }


def _principals(id_: str) -> dict[str, str]:
    key = id_.lower()
    return {"principalId": stable_guid("principal", key), "clientId": stable_guid("client", key)}


def complete_identity(world: World, machine_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return a machine's identity with its principals, as Azure shows it; 400 where an identity is not there."""
    kinds = str(given.get("type") or "None")
    if kinds.lower() == "none":
        return {}
    shown: dict[str, Any] = {"type": kinds}
    if "systemassigned" in kinds.lower():
        tenant = given.get("tenantId") or world.tenant_id
        shown |= {"principalId": given.get("principalId") or world.new_guid(), "tenantId": tenant}
    users = given.get("userAssignedIdentities") or {}
    if users:
        shown["userAssignedIdentities"] = {id_: _assigned(world, machine_id, id_) for id_ in users}
    return shown


def _assigned(world: World, machine_id: str, id_: str) -> dict[str, str]:
    found = world.store.get(id_)
    if found is None:
        raise ArmError(
            400,
            "FailedIdentityOperation",
            f"Identity operation for resource '{machine_id}' failed with error 'Failed to perform resource identity "
            f'operation. Status: \'BadRequest\'. Response: \'{{"error":{{"code":"BadRequest","message":"Resource '
            f"'{id_}' was not found.\"}}}}'.'.",
        )
    return {key: str(found.properties[key]) for key in ("principalId", "clientId")}


def make_identities(world: World, machine: Resource) -> None:
    """Make the identities that a seeded machine names but the seed lacks, and complete the machine's own block."""
    given = machine.doc.get("identity")
    if not given:
        return
    for id_, shown in (given.get("userAssignedIdentities") or {}).items():
        known = world.store.get(id_)
        made = identity_document(world, id_, known.location if known and known.location else machine.location)
        if known is None or not known.properties.get("principalId"):
            told = {key: value for key, value in (shown or {}).items() if value}
            world.store.put(
                made | {"properties": {**made["properties"], **told, **(known.properties if known else {})}}
            )
    own = given.get("principalId") or stable_guid("own principal", machine.id.lower())
    machine.doc["identity"] = complete_identity(world, machine.id, {**given, "principalId": own})
    world.store.save(machine)
