"""Managed disks: their documents, and attaching them to machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.clock import rfc_offset
from simulator.compute.names import DISK, stable_guid

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

GIB = 1024**3
_PREMIUM_TIERS = (
    (4, "P1", 120, 25), (8, "P2", 120, 25), (16, "P3", 120, 25), (32, "P4", 120, 25), (64, "P6", 240, 50),
    (128, "P10", 500, 100), (256, "P15", 1100, 125), (512, "P20", 2300, 150), (1024, "P30", 5000, 200),
    (2048, "P40", 7500, 250), (4096, "P50", 7500, 250), (8192, "P60", 16000, 500), (16384, "P70", 18000, 750),
    (32767, "P80", 20000, 900),
)  # fmt: skip


def performance(sku: str, size_gb: int) -> dict[str, Any]:
    """What a disk of that kind and size gives: `diskIOPSReadWrite`, `diskMBpsReadWrite` and, if premium, `tier`."""
    if not sku.startswith("Premium_"):
        return {"diskIOPSReadWrite": 500, "diskMBpsReadWrite": 60}
    name, iops, mbps = next(
        ((tier, iops, mbps) for largest, tier, iops, mbps in _PREMIUM_TIERS if size_gb <= largest),
        _PREMIUM_TIERS[-1][1:],
    )
    return {"diskIOPSReadWrite": iops, "diskMBpsReadWrite": mbps, "tier": name}


def disk_document(  # noqa: PLR0913 - each is one property of a disk, all by name
    world: World,
    *,
    disk_id: str,
    location: str,
    sku: str,
    size_gb: int,
    os_type: str | None = None,
    hyperv: str | None = None,
    tags: dict[str, str] | None = None,
    zone: str | None = None,
    encryption_set_id: str | None = None,
    creation: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the JSON of a managed disk that no machine has yet."""
    document: dict[str, Any] = {"name": paths.parse(disk_id).name, "id": disk_id, "type": DISK, "location": location}
    document["tags"] = dict(tags or {})
    if zone is not None:
        document["zones"] = [zone]
    document["sku"] = {"name": sku, "tier": "Premium" if sku.startswith("Premium") else "Standard"}
    encryption: dict[str, Any] = {"type": "EncryptionAtRestWithPlatformKey"}
    if encryption_set_id is not None:
        encryption = {"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": encryption_set_id}
    system = {"osType": os_type, "hyperVGeneration": hyperv or "V1"} if os_type else {}
    document["properties"] = {
        **system,
        "creationData": creation or {"createOption": "Empty"},
        "diskSizeGB": size_gb,
        **performance(sku, size_gb),
        "encryption": encryption,
        "networkAccessPolicy": "AllowAll",
        "publicNetworkAccess": "Enabled",
        "timeCreated": rfc_offset(world.now),
        "provisioningState": "Succeeded",
        "diskState": "Unattached",
        "diskSizeBytes": size_gb * GIB,
        "uniqueId": stable_guid(disk_id, rfc_offset(world.now)),
    }
    return document


def create_disk(  # noqa: PLR0913 - each is one property of a disk, all by name
    world: World,
    *,
    disk_id: str,
    location: str,
    sku: str,
    size_gb: int,
    os_type: str | None = None,
    hyperv: str | None = None,
    created_by: str = "site-recovery",
    tags: dict[str, str] | None = None,
    zone: str | None = None,
    encryption_set_id: str | None = None,
    create_option: str = "Empty",
    source_id: str | None = None,
) -> Resource:
    """Create an unattached managed disk at once; *source_id* is what it was copied from."""
    creation: dict[str, Any] = {"createOption": create_option}
    if source_id is not None:
        creation["sourceResourceId"] = source_id
    document = disk_document(
        world,
        disk_id=disk_id,
        location=location,
        sku=sku,
        size_gb=size_gb,
        os_type=os_type,
        hyperv=hyperv,
        tags=tags,
        zone=zone,
        encryption_set_id=encryption_set_id,
        creation=creation,
    )
    return world.store.put(document, {"created_by": created_by})


def delete_disk(world: World, disk_id: str) -> bool:
    """Delete a disk at once, attached or not; tell whether it was there."""
    return world.store.delete(disk_id)


def attach_disk(world: World, disk_id: str, vm_id: str, *, reserved: bool = False) -> None:
    """Note that the machine has the disk (*reserved*: the machine is deallocated). An absent disk is no matter."""
    disk = world.store.get(disk_id)
    if disk is None:
        return
    state = "Reserved" if reserved else "Attached"
    if paths.same(str(disk.doc.get("managedBy") or "/"), vm_id) and disk.properties.get("diskState") == state:
        return
    disk.doc["managedBy"] = vm_id
    disk.properties["diskState"] = state
    world.store.save(disk)


def detach_disk(world: World, disk_id: str) -> None:
    """Note that no machine has the disk any more."""
    disk = world.store.get(disk_id)
    if disk is None:
        return
    disk.doc.pop("managedBy", None)
    disk.properties["diskState"] = "Unattached"
    world.store.save(disk)


def is_attached(disk: Resource) -> bool:
    """Whether a machine has the disk."""
    return bool(disk.doc.get("managedBy"))
