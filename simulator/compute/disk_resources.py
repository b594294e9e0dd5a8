"""The operations on managed disks and snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.clock import rfc_offset
from simulator.compute.crud import merge, require_location
from simulator.compute.disks import GIB, delete_disk, disk_document, is_attached, performance
from simulator.compute.names import SNAPSHOT, stable_guid
from simulator.compute.operations import begin
from simulator.operations import on_done
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

PUT_SECONDS = 3
DELETE_SECONDS = 4
SNAPSHOT_SECONDS = 6
_READ_ONLY = {"provisioningState", "diskState", "timeCreated", "uniqueId", "diskSizeBytes"}


def disks_create_or_update(call: Call) -> Reply:
    """Create or replace a managed disk (202)."""
    location = require_location(call)
    body = call.body_object()
    given = {key: value for key, value in (body.get("properties") or {}).items() if key not in _READ_ONLY}
    creation = given.get("creationData") or {}
    old = call.world.store.get(call.resource_id)
    if old is not None:
        return _change(call, old, {**body, "properties": given})
    if not creation.get("createOption"):
        raise ArmError(400, "InvalidParameter", "Required parameter 'disk.creationData' is missing (null).")
    source = _source(call.world, creation)
    size_gb = int(given.get("diskSizeGB") or (source.properties.get("diskSizeGB") if source else 0) or 0)
    if size_gb == 0:
        raise ArmError(400, "InvalidParameter", "Required parameter 'disk.diskSizeGB' is missing (null).")
    document = disk_document(
        call.world,
        disk_id=call.resource_id,
        location=location,
        size_gb=size_gb,
        sku=str((body.get("sku") or {}).get("name") or "Standard_LRS"),
        os_type=given.get("osType") or (source.properties.get("osType") if source else None),
        hyperv=given.get("hyperVGeneration") or (source.properties.get("hyperVGeneration") if source else None),
        tags=body.get("tags"),
        zone=next(iter(body.get("zones") or []), None),
        encryption_set_id=(given.get("encryption") or {}).get("diskEncryptionSetId"),
        creation=creation,
    )
    document["properties"]["provisioningState"] = "Updating"
    call.world.store.put(document)
    return _provision(call, document, PUT_SECONDS)


def _source(world: World, creation: dict[str, Any]) -> Resource | None:
    """What the disk is copied from; 404 where it is named and absent."""
    source = creation.get("sourceResourceId")
    return world.store.require(str(source)) if source else None


def disks_update(call: Call) -> Reply:
    """Change a managed disk by PATCH (202)."""
    return _change(call, call.world.store.require(call.resource_id), call.body_object())


def _change(call: Call, disk: Resource, body: dict[str, Any]) -> Reply:
    given = {key: value for key, value in (body.get("properties") or {}).items() if key not in _READ_ONLY}
    given.pop("creationData", None)
    size_gb = int(given.get("diskSizeGB") or disk.properties.get("diskSizeGB") or 0)
    if size_gb < int(disk.properties.get("diskSizeGB") or 0):
        raise ArmError(400, "OperationNotAllowed", f"Disk '{disk.name}' cannot be shrunk.")
    disk.doc["properties"] = merge(disk.properties, given)
    if body.get("sku"):
        disk.doc["sku"] = {"name": body["sku"]["name"], "tier": str(body["sku"]["name"]).partition("_")[0]}
    sku = str((disk.doc.get("sku") or {}).get("name"))
    disk.properties.update({**performance(sku, size_gb), "diskSizeBytes": size_gb * GIB})
    if "tags" in body:
        disk.doc["tags"] = body["tags"] or {}
    disk.properties["provisioningState"] = "Updating"
    call.world.store.save(disk)
    return _provision(call, disk.doc, PUT_SECONDS)


def _provision(call: Call, document: dict[str, Any], seconds: float) -> Reply:
    """Begin the operation that makes of what is stored something provisioned (202)."""
    return begin(
        call,
        seconds=seconds,
        done="compute.provisioned",
        payload={"id": document["id"]},
        location=document["location"],
        body=document,
    )


@on_done("compute.provisioned")
def _provisioned(world: World, payload: dict[str, Any]) -> dict[str, Any] | None:
    resource = world.store.get(payload["id"])
    if resource is None:
        return None
    resource.properties["provisioningState"] = "Succeeded"
    return world.store.save(resource).doc


def disks_delete(call: Call) -> Reply:
    """Delete a managed disk that no machine has (202), 204 where it is absent."""
    disk = call.world.store.get(call.resource_id)
    if disk is None:
        return Reply(204)
    _refuse_if_attached(disk)
    return begin(
        call, seconds=DELETE_SECONDS, done="compute.disk_deleted", payload={"id": disk.id}, location=disk.location
    )


def _refuse_if_attached(disk: Resource) -> None:
    if is_attached(disk):
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Disk {disk.name} is attached to VM {disk.doc['managedBy']}.",
        )


@on_done("compute.disk_deleted")
def _disk_deleted(world: World, payload: dict[str, Any]) -> None:
    disk = world.store.get(payload["id"])
    if disk is not None:
        _refuse_if_attached(disk)
        delete_disk(world, disk.id)


def snapshots_create_or_update(call: Call) -> Reply:
    """Take a snapshot of a disk (202)."""
    location = require_location(call)
    body = call.body_object()
    given = body.get("properties") or {}
    creation = given.get("creationData") or {}
    old = call.world.store.get(call.resource_id)
    if old is not None:
        return _change_snapshot(call, old, creation)
    source = call.world.store.require(str(creation.get("sourceResourceId") or ""))
    size_gb = int(source.properties.get("diskSizeGB") or 0)
    system = {key: source.properties[key] for key in ("osType", "hyperVGeneration") if key in source.properties}
    document: dict[str, Any] = {
        "name": paths.parse(call.path).name,
        "id": call.resource_id,
        "type": SNAPSHOT,
        "location": location,
        "tags": body.get("tags") or {},
        "sku": body.get("sku") or {"name": "Standard_LRS", "tier": "Standard"},
        "properties": {
            **system,
            "creationData": {
                "createOption": creation.get("createOption") or "Copy",
                "sourceResourceId": source.id,
                "sourceUniqueId": source.properties.get("uniqueId"),
            },
            "diskSizeGB": size_gb,
            "encryption": source.properties.get("encryption") or {"type": "EncryptionAtRestWithPlatformKey"},
            "incremental": bool(given.get("incremental", False)),
            "networkAccessPolicy": "AllowAll",
            "publicNetworkAccess": "Enabled",
            "timeCreated": rfc_offset(call.world.now),
            "provisioningState": "Updating",
            "diskState": "Unattached",
            "diskSizeBytes": size_gb * GIB,
            "uniqueId": stable_guid(call.resource_id, rfc_offset(call.world.now)),
        },
    }
    call.world.store.put(document)
    return _provision(call, document, SNAPSHOT_SECONDS)


def _change_snapshot(call: Call, snapshot: Resource, creation: dict[str, Any]) -> Reply:
    """Take new tags (202); a snapshot keeps what it was taken of (409)."""
    source = str(creation.get("sourceResourceId") or "")
    if source and not paths.same(source, str(snapshot.properties["creationData"]["sourceResourceId"])):
        raise ArmError(
            409,
            "PropertyChangeNotAllowed",
            "Changing property 'snapshot.properties.creationData.sourceResourceId' is not allowed.",
        )
    snapshot.doc["tags"] = call.body_object().get("tags") or {}
    call.world.store.save(snapshot)
    return _provision(call, snapshot.doc, PUT_SECONDS)


def snapshots_delete(call: Call) -> Reply:
    """Delete a snapshot (202), 204 where it is absent."""
    snapshot = call.world.store.get(call.resource_id)
    if snapshot is None:
        return Reply(204)
    return begin(
        call,
        seconds=DELETE_SECONDS,
        done="compute.snapshot_deleted",
        payload={"id": snapshot.id},
        location=snapshot.location,
    )


@on_done("compute.snapshot_deleted")
def _snapshot_deleted(world: World, payload: dict[str, Any]) -> None:
    world.store.delete(payload["id"])
