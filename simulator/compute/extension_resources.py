"""The operations on VM extensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.compute import machines
from simulator.compute.crud import merge
from simulator.compute.extensions import extensions_of, put_extension
from simulator.compute.operations import begin
from simulator.operations import on_done, on_failed
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.world import World

PUT_SECONDS = (30, 60)
DELETE_SECONDS = (20, 40)


def virtual_machine_extensions_list(call: Call) -> Reply:
    """List a machine's extensions."""
    machine = call.world.store.require(call.parent_id)
    return Reply(200, {"value": [extension.doc for extension in extensions_of(call.world, machine.id)]})


def _machine_id(call: Call) -> str:
    return call.parent_id.rpartition("/")[0]


def virtual_machine_extensions_get(call: Call) -> Reply:
    """Answer with an extension."""
    call.world.store.require(_machine_id(call))
    return Reply(200, call.world.store.require(call.resource_id).doc)


def virtual_machine_extensions_create_or_update(call: Call) -> Reply:
    """Install an extension (201) or change it (200); the machine has to run."""
    world = call.world
    machine = world.store.require(_machine_id(call))
    machines.require_running(machine)
    old = world.store.get(call.resource_id)
    given: dict[str, Any] = call.body_object().get("properties") or {}
    given = {key: value for key, value in given.items() if key != "protectedSettings"}
    properties = merge(old.properties if old else {}, given)
    if not properties.get("publisher") or not properties.get("type"):
        raise ArmError(400, "InvalidParameter", "Required parameter 'publisher' or 'type' is missing (null).")
    extension = put_extension(
        world,
        machine.id,
        call.params["extension"],
        properties["publisher"],
        properties["type"],
        properties.get("settings"),
        "Updating" if old else "Creating",
        type_handler_version=str(properties.get("typeHandlerVersion") or "1.0"),
    )
    return begin(
        call,
        seconds=world.duration(*PUT_SECONDS, extension.id),
        done="compute.extension_installed",
        payload={"id": extension.id},
        location=machine.location,
        status=200 if old else 201,
        body=extension.doc,
    )


@on_done("compute.extension_installed")
def _installed(world: World, payload: dict[str, Any]) -> None:
    _settle(world, payload["id"], "Succeeded")


@on_failed("compute.extension_installed")
def _not_installed(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    _settle(world, payload["id"], "Failed")


def _settle(world: World, id_: str, state: str) -> None:
    extension = world.store.get(id_)
    if extension is not None:
        extension.properties["provisioningState"] = state
        world.store.save(extension)


def virtual_machine_extensions_delete(call: Call) -> Reply:
    """Remove an extension (202), 204 where it is absent; the machine has to run."""
    extension = call.world.store.get(call.resource_id)
    if extension is None:
        return Reply(204)
    machines.require_running(call.world.store.require(_machine_id(call)))
    return begin(
        call,
        seconds=call.world.duration(*DELETE_SECONDS, extension.id, "delete"),
        done="compute.extension_removed",
        payload={"id": extension.id},
        location=extension.location,
    )


@on_done("compute.extension_removed")
def _removed(world: World, payload: dict[str, Any]) -> None:
    world.store.delete(payload["id"])
