"""Creating virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.clock import rfc_offset
from simulator.compute import images, machines
from simulator.compute.capacity import check_capacity
from simulator.compute.crud import require_location
from simulator.compute.names import VM
from simulator.compute.operations import begin, finish, release
from simulator.compute.sizes import find_size
from simulator.compute.virtual_machines import update_machine
from simulator.compute.vm_disks import check_references, complete_disks
from simulator.managedidentity.identities import complete_identity
from simulator.operations import on_done, on_failed
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.world import World

CREATE_SECONDS = (40, 70)


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
    check_references(call.world, properties)
    document = _new_document(call, body, properties, location)
    complete_disks(call, document, zone)
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
    for key in ("zones", "plan"):
        if body.get(key):
            document[key] = body[key]
    if body.get("identity"):
        document["identity"] = complete_identity(call.world, call.resource_id, body["identity"])
    if properties.get("osProfile"):
        properties["osProfile"] = _os_profile(properties["osProfile"])
    image = images.find((properties.get("storageProfile") or {}).get("imageReference") or {})
    document["properties"] = {
        "vmId": call.world.new_guid(),
        **{key: properties[key] for key in ORDER if key in properties},
        **{key: value for key, value in properties.items() if key not in ORDER},
        "provisioningState": "Creating",
        "timeCreated": rfc_offset(call.world.now),
    }
    if image is not None:
        document["properties"]["storageProfile"] = _from_image(properties, image)
    return document


ORDER = ("hardwareProfile", "storageProfile", "osProfile", "networkProfile")
"""The order in which Azure shows what callers write in any."""
PATCHING = {"patchMode": "ImageDefault", "assessmentMode": "ImageDefault"}


def _os_profile(given: dict[str, Any]) -> dict[str, Any]:
    """The profile as Azure completes it; a password is never shown again."""
    profile = {key: value for key, value in given.items() if key != "adminPassword"}
    linux = profile.get("linuxConfiguration")
    if isinstance(linux, dict):
        keys = (linux.get("ssh") or {}).get("publicKeys") or []
        if keys:
            linux = {**linux, "ssh": {"publicKeys": [{"path": key.get("path"), **key} for key in keys]}}
        kept = {"provisionVMAgent": True, "patchSettings": PATCHING, "enableVMAgentPlatformUpdates": False}
        profile["linuxConfiguration"] = {**linux, **{key: linux.get(key, value) for key, value in kept.items()}}
    rest = {"secrets": [], "allowExtensionOperations": True, "requireGuestProvisionSignal": True}
    return {**profile, **{key: profile.get(key, value) for key, value in rest.items()}}


def _from_image(properties: dict[str, Any], image: images.Image) -> dict[str, Any]:
    """The disks of a machine made from a marketplace image: the exact version, the system, what was left out."""
    profile = dict(properties["storageProfile"])
    size = find_size(str((properties.get("hardwareProfile") or {}).get("vmSize") or ""))
    sku = "Premium_LRS" if size is not None and size.premium_io else "Standard_LRS"
    given = dict(profile.get("osDisk") or {})
    managed = {"storageAccountType": sku, **(given.pop("managedDisk", None) or {})}
    disk = {
        "osType": image.system,
        **({"name": given["name"]} if given.get("name") else {}),
        "createOption": "FromImage",
        "caching": given.get("caching") or "ReadWrite",
        "managedDisk": managed,
        "deleteOption": given.get("deleteOption") or "Detach",
    }
    reference = {**profile["imageReference"], "exactVersion": image.version}
    rest = {key: value for key, value in given.items() if key not in disk and key != "createOption"}
    return {"imageReference": reference, "osDisk": {**disk, **rest}, "dataDisks": profile.get("dataDisks") or []}


@on_done("compute.vm_created")
def _created(world: World, payload: dict[str, Any]) -> None:
    machine = finish(world, payload)
    machine.properties["provisioningState"] = "Succeeded"
    world.store.save(machine)
    machines.set_power_state(world, machine.id, machines.RUNNING)
    machine = world.store.require(machine.id)
    # Azure calls a machine created once its agent has reported.
    machine.meta.pop("agent_ready_at", None)
    world.store.save(machine)


@on_failed("compute.vm_created")
def _not_created(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    machine = release(world, payload)
    if machine is not None:
        machine.meta["power_state"] = machines.STOPPED
        machine.properties["provisioningState"] = "Failed"
        world.store.save(machine)
