"""A seeded VM made whole: what its JSON names but the seed lacks is made from the machine itself.

It takes the JSON of `az vm show` (flattened, with nulls and `resourceGroup` keys; `-d` adds power state and addresses)
and that of ARM's GET, with or without instance view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute import machines
from simulator.compute.disks import disk_document
from simulator.compute.flattened import unflatten
from simulator.compute.names import DISK, EXTENSION, resource_id
from simulator.managedidentity.identities import make_identities
from simulator.network.seeding import complete_nic

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

_STARTING_SIZE_GB = {"Windows": 127, "Linux": 30}
_DATA_DISK_SIZE_GB = 128


def complete(world: World, vm_doc: dict[str, Any]) -> Resource:
    """Store the machine in ARM's shape and make its disks, NICs, network and extensions where they are absent."""
    document = unflatten(vm_doc)
    properties = document["properties"]
    extended = properties.pop("extended", None) or {}
    view = properties.pop("instanceView", None) or extended.get("instanceView") or {}
    extensions = document.pop("resources", None) or []
    _arrange_nics(document)
    _fill_in(world, document)
    old = world.store.get(document["id"])
    machine = world.store.put(document, _meta(world, document["id"], vm_doc, view, dict(old.meta) if old else {}))
    _make_disks(world, machine, str(view.get("hyperVGeneration") or "V1"))
    addresses = [address.strip() for address in str(vm_doc.get("privateIps") or "").split(",") if address.strip()]
    for position, reference in enumerate(machines.nic_references(machine.doc)):
        address = addresses[position] if position < len(addresses) else None
        complete_nic(world, reference["id"], machine.id, machine.location, address=address)
    machines.note_attachments(world, machine)
    _make_extensions(world, machine, extensions)
    make_identities(world, machine)
    return machine


def _meta(
    world: World, vm_id: str, shown: dict[str, Any], view: dict[str, Any], meta: dict[str, Any]
) -> dict[str, Any]:
    state = _power_state(world.behaviour(vm_id).get("power_state")) or _state_of_view(view)
    state = state or _power_state(shown.get("powerState"))
    meta["power_state"] = state or meta.get("power_state") or machines.RUNNING
    if meta["power_state"] == machines.RUNNING:
        meta.pop("stopped_since", None)
    else:
        meta.setdefault("stopped_since", world.now.isoformat())
    meta.setdefault("settled_at", world.now.isoformat())
    if view.get("osName"):
        meta["os_name"], meta["os_version"] = view["osName"], view.get("osVersion")
    if view.get("hyperVGeneration"):
        meta["hyperv"] = view["hyperVGeneration"]
    return meta


def _power_state(text: Any) -> str | None:
    """Read `running`, `VM running` or `PowerState/running`."""
    if not text:
        return None
    return "PowerState/" + str(text).rpartition("/")[2].rpartition(" ")[2].lower()


def _state_of_view(view: dict[str, Any]) -> str | None:
    # Resource Graph has the state by itself, Compute among the statuses.
    statuses = [view.get("powerState") or {}, *(view.get("statuses") or [])]
    codes = (str(status.get("code", "")) for status in statuses)
    return _power_state(next((code for code in codes if code.startswith("PowerState/")), None))


def _arrange_nics(document: dict[str, Any]) -> None:
    """Put `primary` and `deleteOption`, which the CLI prints flat, where ARM has them."""
    for reference in machines.nic_references(document):
        for key in ("primary", "deleteOption"):
            if key in reference:
                reference.setdefault("properties", {})[key] = reference.pop(key)


def _fill_in(world: World, document: dict[str, Any]) -> None:
    """Give the machine what every machine has: ids of its disks, a vmId, a state."""
    parsed = paths.parse(document["id"])
    properties = document["properties"]
    properties.setdefault("vmId", machines.hardware_guid(document["id"]))
    properties.setdefault("provisioningState", "Succeeded")
    properties.setdefault("storageProfile", {}).setdefault("dataDisks", [])
    properties.setdefault("networkProfile", {}).setdefault("networkInterfaces", [])
    profile = properties["storageProfile"]
    profile.setdefault("osDisk", {"osType": "Linux", "createOption": "FromImage"})
    for position, disk in enumerate(machines.disk_references(document)):
        default = f"{parsed.name}_OsDisk_1" if position == 0 else f"{parsed.name}_DataDisk_{position - 1}"
        managed = disk.setdefault("managedDisk", {})
        if not managed.get("id"):
            name = disk.get("name") or default
            managed["id"] = resource_id(parsed.subscription, parsed.group, DISK, name)
        disk.setdefault("name", paths.parse(managed["id"]).name)
        disk.setdefault("caching", "ReadWrite" if position == 0 else "None")
        _take_from_disk(world, disk, managed)


def _take_from_disk(world: World, disk: dict[str, Any], managed: dict[str, Any]) -> None:
    seeded = world.store.get(managed["id"])
    if seeded is None:
        return
    properties = unflatten(seeded.doc)["properties"]
    sku = seeded.doc.get("sku") or {}
    managed.setdefault("storageAccountType", sku.get("name", "Premium_LRS"))
    if properties.get("diskSizeGB"):
        disk.setdefault("diskSizeGB", properties["diskSizeGB"])


def _make_disks(world: World, machine: Resource, hyperv: str) -> None:
    zones = machine.doc.get("zones") or [None]
    for position, disk in enumerate(machines.disk_references(machine.doc)):
        managed = disk["managedDisk"]
        seeded = world.store.get(managed["id"])
        system = machines.os_type(machine) if position == 0 else None
        default_gb = _STARTING_SIZE_GB.get(system, _STARTING_SIZE_GB["Linux"]) if system else _DATA_DISK_SIZE_GB
        document = disk_document(
            world,
            disk_id=managed["id"],
            location=machine.location,
            sku=managed.get("storageAccountType") or "Premium_LRS",
            size_gb=int(disk.get("diskSizeGB") or default_gb),
            os_type=system,
            hyperv=hyperv,
            tags=machine.doc.get("tags"),
            zone=zones[0],
            encryption_set_id=(managed.get("diskEncryptionSet") or {}).get("id"),
            creation={"createOption": "FromImage" if position == 0 else "Empty"},
        )
        given = seeded.doc if seeded is not None else {}
        properties = {**document["properties"], **(given.get("properties") or {})}
        world.store.put({**document, **given, "properties": properties})


def _make_extensions(world: World, machine: Resource, extensions: list[dict[str, Any]]) -> None:
    for extension in extensions:
        name = extension.get("name") or paths.parse(extension["id"]).name
        id_ = f"{machine.id}/extensions/{name}"
        known = world.store.get(id_)
        if known is not None and known.properties.get("publisher"):
            continue
        order = {"name": name, "id": id_, "type": EXTENSION, "location": machine.location}
        arranged = unflatten({**order, **extension, "id": id_, "name": name, "type": EXTENSION})
        # The CLI prints the extension's own type (`CustomScript`) under other keys than ARM does.
        kinds = [arranged["properties"].pop(key, None) for key in ("typePropertiesType", "virtualMachineExtensionType")]
        if any(kinds):
            arranged["properties"].setdefault("type", next(kind for kind in kinds if kind))
        arranged["properties"].setdefault("provisioningState", "Succeeded")
        if known is not None:
            arranged = {**known.doc, **arranged, "properties": {**known.properties, **arranged["properties"]}}
        world.store.put(arranged)
