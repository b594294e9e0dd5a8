"""VM extensions: resources under their machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.compute.names import EXTENSION

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World


def extension_id(vm_id: str, name: str) -> str:
    """The id of a machine's extension."""
    return f"{vm_id.rstrip('/')}/extensions/{name}"


def put_extension(  # noqa: PLR0913 - each is one property of an extension
    world: World,
    vm_id: str,
    name: str,
    publisher: str,
    type_: str,
    settings: dict[str, Any] | None = None,
    provisioning_state: str = "Succeeded",
    *,
    type_handler_version: str = "1.0",
    created_by: str | None = None,
) -> Resource:
    """Create or replace an extension of a machine at once.

    It belongs to *created_by*, or to whoever acts now (an existing one keeps its owner).
    """
    machine = world.store.require(vm_id)
    document = {
        "name": name,
        "id": extension_id(machine.id, name),
        "type": EXTENSION,
        "location": machine.location,
        "properties": {
            "autoUpgradeMinorVersion": False,
            "provisioningState": provisioning_state,
            "publisher": publisher,
            "type": type_,
            "typeHandlerVersion": type_handler_version,
            "settings": settings or {},
        },
    }
    return world.store.put(document, None if created_by is None else {"created_by": created_by})


def delete_extension(world: World, vm_id: str, name: str) -> bool:
    """Delete an extension at once; tell whether it was there."""
    return world.store.delete(extension_id(vm_id, name))


def extensions_of(world: World, vm_id: str) -> list[Resource]:
    """The extensions of a machine, by name."""
    return sorted(world.store.list(EXTENSION, vm_id), key=lambda extension: extension.name.lower())
