"""What Site Recovery reads of the estate outside the vault: machines, disks, NICs, networks and locks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute import machines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.store import Resource
    from simulator.world import World

LOCK = "Microsoft.Authorization/locks"
GIB = 1 << 30


@dataclass(frozen=True)
class SourceDisk:
    """A managed disk of a machine."""

    id: str
    name: str
    kind: str
    """``OperatingSystem`` or ``Data``."""
    lun: int | None
    sku: str
    size_gb: int
    hyperv: str
    encryption_set: str | None
    traits: tuple[str, ...] = ()
    """What Site Recovery does not replicate: `a shared disk`, ..."""

    @property
    def capacity_bytes(self) -> int:
        """The capacity as Site Recovery reports it: two MiB more for the OS disk."""
        return self.size_gb * GIB + (2 << 20 if self.kind == "OperatingSystem" else 0)


@dataclass(frozen=True)
class Machine:
    """A machine as Site Recovery sees it."""

    resource: Resource
    size: str
    os_type: str
    disks: tuple[SourceDisk, ...]
    nic_ids: tuple[str, ...]
    zone: str | None
    unmanaged: str | None = None
    """The name of a disk that is a file in a storage account, if there is one."""

    @property
    def id(self) -> str:
        """The machine's id."""
        return self.resource.id

    @property
    def tags(self) -> dict[str, str]:
        """The machine's own tags."""
        return dict(self.resource.doc.get("tags") or {})


def normal(location: str) -> str:
    """A region's name as APIs take it."""
    return location.replace(" ", "").lower()


def machine(world: World, id_: str) -> Machine | None:
    """The machine, or None where it does not exist."""
    found = world.store.get(id_)
    if found is None or found.type.lower() != "microsoft.compute/virtualmachines":
        return None
    references = machines.disk_references(found.doc)
    zones = found.doc.get("zones") or []
    return Machine(
        resource=found,
        size=str((found.properties.get("hardwareProfile") or {}).get("vmSize", "")),
        os_type=machines.os_type(found),
        disks=tuple(disk for reference in references if (disk := _disk(world, reference)) is not None),
        nic_ids=tuple(reference["id"] for reference in machines.nic_references(found.doc)),
        zone=str(zones[0]) if zones else None,
        unmanaged=next((str(entry.get("name") or "vhd") for entry in references if entry.get("vhd")), None),
    )


def _disk(world: World, reference: dict[str, Any]) -> SourceDisk | None:
    managed = reference.get("managedDisk") or {}
    if not managed.get("id"):
        return None
    disk = world.store.get(managed["id"])
    properties = disk.properties if disk else {}
    sku = (disk.doc.get("sku") or {}).get("name") if disk else managed.get("storageAccountType")
    return SourceDisk(
        id=disk.id if disk else managed["id"],
        name=str(reference.get("name") or paths.parse(managed["id"]).name),
        kind="Data" if "lun" in reference else "OperatingSystem",
        lun=reference.get("lun"),
        sku=str(sku or "Standard_LRS"),
        size_gb=int(properties.get("diskSizeGB") or reference.get("diskSizeGB") or 30),
        hyperv=str(properties.get("hyperVGeneration") or "V1"),
        encryption_set=(properties.get("encryption") or {}).get("diskEncryptionSetId"),
        traits=tuple(_traits(reference, properties)),
    )


def _traits(reference: dict[str, Any], properties: dict[str, Any]) -> Iterator[str]:
    if int(properties.get("maxShares") or 1) > 1:
        yield "a shared disk"
    if reference.get("writeAcceleratorEnabled"):
        yield "a disk with write accelerator"
    if (reference.get("diffDiskSettings") or {}).get("option"):
        yield "an ephemeral OS disk"


def is_running(world: World, id_: str) -> bool:
    """Whether the machine exists and runs."""
    return world.store.exists(id_) and machines.power_state(world, id_) == machines.RUNNING


def subnet_names(world: World, network: str) -> list[str]:
    """The names of a virtual network's subnets, none where it is absent."""
    found = world.store.get(network)
    return [str(subnet["name"]) for subnet in (found.properties.get("subnets") or [])] if found else []


def choose_subnet(world: World, network: str, wanted: str | None) -> str | None:
    """The subnet of that name in the network; where none is named, its first one."""
    found = subnet_names(world, network)
    if wanted is None:
        return found[0] if found else None
    return next((name for name in found if name.lower() == wanted.lower()), None)


def lock_on(world: World, id_: str, *levels: str) -> str | None:
    """The id of a lock of one of *levels* that holds for the resource or group, or None."""
    wanted = {level.lower() for level in levels}
    for lock in world.store.list(LOCK):
        level = str(lock.properties.get("level", "")).lower()
        if level in wanted and paths.within(id_, paths.scope_of(lock.id)):
            return lock.id
    return None
