"""The disks and NICs that a machine's JSON names: whether it may have them, and those that come with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute import machines
from simulator.compute.disks import create_disk
from simulator.compute.names import DISK, resource_id
from simulator.provider import ArmError, Call

if TYPE_CHECKING:
    from simulator.world import World

_IMAGE_SIZES_GB = {"Windows": 127, "Linux": 30}


def check_references(world: World, properties: dict[str, Any], owner: str = "") -> None:
    """Refuse a machine whose NICs or attached disks are absent or belong to another one than *owner*."""
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
        holder = resource.doc.get(key) or resource.properties.get(key)
        if holder and not paths.same(holder["id"] if isinstance(holder, dict) else str(holder), owner):
            code = "NicInUse" if key == "virtualMachine" else "AttachDiskWhileBeingDetached"
            raise ArmError(400, code, f"Resource {id_} is in use by another virtual machine.")


def complete_disks(call: Call, document: dict[str, Any], zone: str | None) -> None:
    """Make the managed disks that *document* asks for anew, and say of those it attaches what Azure says of them."""
    for position, disk in enumerate(machines.disk_references(document)):
        managed = disk.setdefault("managedDisk", {})
        if disk.get("createOption") == "Attach":
            _describe(call.world, disk)
        elif not call.world.store.exists(str(managed.get("id") or "")):
            _make(call, document, disk, position, zone)


def _describe(world: World, disk: dict[str, Any]) -> None:
    kept = world.store.get(str(disk["managedDisk"].get("id") or ""))
    if kept is None:
        return
    disk.setdefault("name", kept.name)
    disk.setdefault("deleteOption", "Detach")
    disk["diskSizeGB"] = kept.properties.get("diskSizeGB")
    disk["managedDisk"].setdefault("storageAccountType", (kept.doc.get("sku") or {}).get("name"))


def _put_after(disk: dict[str, Any], before: str, key: str, value: str) -> None:
    """Set *key*, where Azure shows it: right after *before*, if that is there."""
    rest = {name: kept for name, kept in disk.items() if name not in {before, key}}
    first = {before: disk[before]} if before in disk else {}
    disk.clear()
    disk.update({**first, key: value, **rest})


def _make(call: Call, document: dict[str, Any], disk: dict[str, Any], position: int, zone: str | None) -> None:
    managed = disk["managedDisk"]
    name = disk.get("name") or f"{document['name']}_disk{position + 1}_{call.world.new_guid().replace('-', '')}"
    _put_after(disk, "osType", "name", name)
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
