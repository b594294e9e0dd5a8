"""Reading, writing and deleting virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute import machines
from simulator.compute.capacity import check_capacity
from simulator.compute.crud import merge
from simulator.compute.disks import detach_disk
from simulator.compute.extensions import extensions_of
from simulator.compute.instance_view import instance_view
from simulator.compute.names import VM
from simulator.compute.operations import Work, begin, begin_on_machine, finish, refuse_if_busy, release
from simulator.compute.vm_disks import check_references, complete_disks
from simulator.managedidentity.identities import complete_identity
from simulator.operations import on_done, on_failed
from simulator.paging import page_of_resources
from simulator.provider import ArmError, Call, Reply
from simulator.resources.groups import before_group_deletion

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

UPDATE_SECONDS = (5, 15)
DELETE_SECONDS = (30, 60)


def shown(world: World, machine: Resource, *, view: bool) -> dict[str, Any]:
    """A machine as GET shows it, with its extensions, and on demand its instance view."""
    document = machine.doc
    busy = machine.meta.get("busy") or {}
    if busy and machine.properties.get("provisioningState") == "Succeeded":
        document["properties"]["provisioningState"] = "Deleting" if busy["work"] == "delete" else "Updating"
    if view:
        created = document["properties"].pop("timeCreated", None)
        document["properties"]["instanceView"] = instance_view(world, machine)
        if created is not None:
            document["properties"]["timeCreated"] = created
    extensions = extensions_of(world, machine.id)
    if extensions:
        document["resources"] = [extension.doc for extension in extensions]
    return document


def virtual_machines_get(call: Call) -> Reply:
    """Answer with the machine (`$expand=instanceView`: with its state of this moment)."""
    machine = call.world.store.require(call.resource_id)
    return Reply(200, shown(call.world, machine, view="instanceview" in call.query.get("$expand", "").lower()))


def virtual_machines_instance_view(call: Call) -> Reply:
    """Answer with the instance view alone."""
    return Reply(200, instance_view(call.world, call.world.store.require(call.parent_id)))


def virtual_machines_list(call: Call) -> Reply:
    """List the machines of a group or subscription; extensions by id only, as Azure lists them."""
    view = "instanceview" in call.query.get("$expand", "").lower() or call.query.get("statusonly", "") == "true"

    def entry(machine: Resource) -> dict[str, Any]:
        document = shown(call.world, machine, view=view)
        if "resources" in document:
            document["resources"] = [{"id": extension["id"]} for extension in document["resources"]]
        return document

    return page_of_resources(call, VM, paths.scope_of(call.path), entry)


def virtual_machines_update(call: Call) -> Reply:
    """Change a machine by PATCH."""
    return update_machine(call, call.world.store.require(call.resource_id))


def update_machine(call: Call, machine: Resource) -> Reply:
    """Change a machine as the body says (200); only tags and identity change at once."""
    body = call.body_object()
    refuse_if_busy(machine)
    given = {key: value for key, value in (body.get("properties") or {}).items() if key != "provisioningState"}
    merged = merge(machine.properties, given)
    size = str((merged.get("hardwareProfile") or {}).get("vmSize", ""))
    if size.lower() != str((machine.properties.get("hardwareProfile") or {}).get("vmSize", "")).lower():
        problem = check_capacity(call.world, call.subscription, machine.location, size, instead_of=machine.id)
        if problem is not None:
            raise ArmError(409, *problem)
    check_references(call.world, merged, machine.id)
    before = machines.disk_ids(machine.doc)
    machine.doc["properties"] = merged
    complete_disks(call, machine.doc, next(iter(machine.doc.get("zones") or []), None))
    if "tags" in body:
        machine.doc["tags"] = body["tags"] or {}
    if "identity" in body:
        _identify(call.world, machine, body["identity"] or {})
    call.world.store.save(machine)
    for gone in set(before) - set(machines.disk_ids(machine.doc)):
        detach_disk(call.world, gone)
    machines.note_attachments(call.world, machine)
    if not given:
        return Reply(200, shown(call.world, machine, view=False))
    token = call.world.new_guid()
    machine.meta["busy"] = {"work": "update", "token": token}
    call.world.store.save(machine)
    return begin(
        call,
        seconds=call.world.duration(*UPDATE_SECONDS, machine.id, "update"),
        done="compute.vm_updated",
        payload={"vm": machine.id, "token": token},
        location=machine.location,
        status=200,
        body=shown(call.world, call.world.store.require(machine.id), view=False),
        operation_id=token,
    )


def _identify(world: World, machine: Resource, given: dict[str, Any]) -> None:
    """Give a machine the identities of a body; its own keeps its principal."""
    own = (machine.doc.get("identity") or {}).get("principalId")
    completed = complete_identity(world, machine.id, {**given, "principalId": own})
    machine.doc.pop("identity", None)
    if completed:
        machine.doc["identity"] = completed


@on_done("compute.vm_updated")
def _updated(world: World, payload: dict[str, Any]) -> None:
    world.store.save(finish(world, payload))


@on_failed("compute.vm_updated")
def _not_updated(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    release(world, payload)


def virtual_machines_delete(call: Call) -> Reply:
    """Delete a machine (202); it takes the machine from whatever runs on it. 204 where it is absent."""
    machine = call.world.store.get(call.resource_id)
    if machine is None:
        return Reply(204)
    machine.meta.pop("busy", None)
    if str(machine.meta.get("power_state", "")).endswith("ing") and machine.meta["power_state"] != machines.RUNNING:
        machine.meta["power_state"] = machines.STOPPED
    seconds = call.world.duration(*DELETE_SECONDS, machine.id, "delete")
    return begin_on_machine(call, machine, Work("delete", seconds, "compute.vm_deleted"))


@on_done("compute.vm_deleted")
def _deleted(world: World, payload: dict[str, Any]) -> None:
    machine = world.store.get(payload["vm"])
    if machine is not None:
        machines.delete_vm(world, machine.id)


@on_failed("compute.vm_deleted")
def _not_deleted(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    release(world, payload)


@before_group_deletion
def _let_go(world: World, group_id: str) -> dict[str, ArmError]:
    """Delete the group's machines first, so that disks and NICs in other groups are free."""
    for machine in world.store.list(VM, group_id):
        machines.delete_vm(world, machine.id)
    return {}
