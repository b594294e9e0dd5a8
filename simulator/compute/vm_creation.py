"""Creating virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.clock import rfc_offset
from simulator.compute import machines
from simulator.compute.capacity import check_capacity
from simulator.compute.crud import require_location
from simulator.compute.disks import create_disk
from simulator.compute.names import DISK, VM, resource_id
from simulator.compute.operations import begin, finish, release
from simulator.compute.virtual_machines import update_machine
from simulator.operations import on_done, on_failed
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.world import World

CREATE_SECONDS = (40, 70)
_IMAGE_SIZES_GB = {"Windows": 127, "Linux": 30}


def virtual_machines_create_or_update(call: Call) -> Reply:
    """Create a machine (201) or change one (200)."""
    old = call.world.store.get(call.resource_id)
    if old is not None:
        return update_machine(call, old)
    location = require_location(call)
    body = call.body_object()
    properties = dict(body.get("properties") or {})
    size = str((properties.get("hardwareProfile") or {}).get("vmSize") or "Standard_D1_v2")
    zone = next(iter(body.get("zones") or []), None)
    problem = check_capacity(call.world, call.subscription, location, size, zone)
    if problem is not None:
        raise ArmError(409, *problem)
    _check_references(call.world, properties)
    document = _new_document(call, body, properties, location)
    _make_disks(call, document, zone)
    machine = call.world.store.put(document, {"created_by": call.world.created_by, "power_state": machines.STARTING})
    machines.note_attachments(call.world, machine)
    token = call.world.new_guid()
    machine = call.world.store.require(machine.id)
    machine.meta["busy"] = {"work": "create", "token": token}
    call.world.store.save(machine)
    return begin(
        call,
        seconds=call.world.duration(*CREATE_SECONDS, machine.id, "create"),
        done="compute.vm_created",
        payload={"vm": machine.id, "token": token},
        location=location,
        status=201,
        body=document,
        operation_id=token,
    )


def _new_document(call: Call, body: dict[str, Any], properties: dict[str, Any], location: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": call.params["vm"],
        "id": call.resource_id,
        "type": VM,
        "location": location,
        "tags": body.get("tags") or {},
    }
    for key in ("zones", "identity", "plan"):
        if body.get(key):
            document[key] = body[key]
    profile = dict(properties.get("osProfile") or {})
    if profile:
        profile.pop("adminPassword", None)
        properties["osProfile"] = {"secrets": [], "allowExtensionOperations": True, **profile}
    document["properties"] = {
        "vmId": call.world.new_guid(),
        **properties,
        "provisioningState": "Creating",
        "timeCreated": rfc_offset(call.world.now),
    }
    return document


def _check_references(world: World, properties: dict[str, Any]) -> None:
    """Refuse a machine whose NICs or attached disks are absent or belong to another one."""
    document = {"properties": properties}
    nics = [(reference["id"], "virtualMachine") for reference in machines.nic_references(document)]
    attached = [disk for disk in machines.disk_references(document) if disk.get("createOption") == "Attach"]
    disks = [((disk.get("managedDisk") or {}).get("id"), "managedBy") for disk in attached]
    for id_, key in (*nics, *disks):
        resource = world.store.get(id_ or "")
        if resource is None:
            raise ArmError(
                404,
                "NotFound" if key == "managedBy" else "InvalidResourceReference",
                f"Resource {id_} referenced by the virtual machine was not found.",
            )
        if resource.doc.get(key) or resource.properties.get(key):
            code = "NicInUse" if key == "virtualMachine" else "AttachDiskWhileBeingDetached"
            raise ArmError(400, code, f"Resource {id_} is in use by another virtual machine.")


def _make_disks(call: Call, document: dict[str, Any], zone: str | None) -> None:
    """Make the managed disks of a new machine that are not attached from elsewhere."""
    for position, disk in enumerate(machines.disk_references(document)):
        if disk.get("createOption") == "Attach":
            continue
        managed = disk.setdefault("managedDisk", {})
        kind = f"OsDisk_{position + 1}" if position == 0 else f"disk{position + 1}"
        name = disk.setdefault("name", f"{document['name']}_{kind}_{call.world.new_guid().replace('-', '')}")
        managed.setdefault("storageAccountType", "Standard_LRS")
        managed["id"] = resource_id(call.subscription, call.group, DISK, name)
        system = (disk.setdefault("osType", "Linux")) if position == 0 else None
        size_gb = int(disk.get("diskSizeGB") or _IMAGE_SIZES_GB.get(system or "", 32))
        disk["diskSizeGB"] = size_gb
        disk.setdefault("deleteOption", "Detach")
        create_disk(
            call.world,
            disk_id=managed["id"],
            location=document["location"],
            sku=managed["storageAccountType"],
            size_gb=size_gb,
            os_type=system,
            created_by=call.world.created_by,
            zone=zone,
            create_option=disk.get("createOption") or "Empty",
        )


@on_done("compute.vm_created")
def _created(world: World, payload: dict[str, Any]) -> None:
    machine = finish(world, payload)
    machine.properties["provisioningState"] = "Succeeded"
    world.store.save(machine)
    machines.set_power_state(world, machine.id, machines.RUNNING)


@on_failed("compute.vm_created")
def _not_created(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    machine = release(world, payload)
    if machine is not None:
        machine.meta["power_state"] = machines.STOPPED
        machine.properties["provisioningState"] = "Failed"
        world.store.save(machine)
