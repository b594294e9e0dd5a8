"""Virtual machines, disks and network interfaces as ARM shows them: the fields that decisions need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arm import reads
from arm.reads import Json
from migration import power
from migration.ids import id_key
from migration.times import with_z

if TYPE_CHECKING:
    from arm.clients import AzureClients


_UNKNOWN = "PowerState/unknown"


@dataclass(frozen=True)
class AttachedDisk:
    """A disk of a virtual machine. *size_gib* and *type* come from the disk itself where it was read."""

    id: str
    is_os: bool
    size_gib: int | None = None
    type: str | None = None
    encryption_set: str | None = None
    """The set of the customer's own key."""


@dataclass(frozen=True)
class Machine:
    """A virtual machine and its instance view. *power_since* is Azure's time of the power state."""

    id: str
    region: str
    size: str
    zone: str | None
    os_type: str
    provisioning_state: str
    power_state: str
    power_since: str | None
    agent_ready: bool
    disks: tuple[AttachedDisk, ...]
    nic_ids: tuple[str, ...]
    agent: str = ""
    """What the agent says of itself, such as `Ready`; empty where there is none."""
    keeps_serial_log: bool = False
    """Whether Azure keeps its serial log, in an account of Azure's own."""
    unique_id: str | None = None
    """Azure's `vmId`, which no other machine ever has."""


@dataclass(frozen=True)
class Interface:
    """The primary address of a network interface."""

    id: str
    subnet_id: str
    address: str | None
    is_static: bool
    has_public_address: bool = False


async def read_machine(azure: AzureClients, vm_id: str) -> Machine | None:
    """Return a virtual machine, None where there is none."""
    document = await read_document(azure, vm_id)
    return None if document is None else machine_of(document)


async def read_document(azure: AzureClients, vm_id: str) -> Json | None:
    """Return the JSON of a virtual machine with its instance view, None where there is none."""
    return await reads.read(azure, vm_id, **{"$expand": "instanceView"})


async def just_read(azure: AzureClients, reader: str, vm_id: str) -> Json | None:
    """Return the JSON of a virtual machine as the step before has read it for *reader*; else read it."""
    handed = azure.handed.take(reader, [vm_id])
    return handed[id_key(vm_id)] if handed else await read_document(azure, vm_id)


async def read_disk(azure: AzureClients, disk: AttachedDisk) -> AttachedDisk | None:
    """Return *disk* with its size and type, None where the disk itself is not there."""
    document = await azure.together.read(disk.id)
    if document is None:
        return None
    properties = document.get("properties") or {}
    size, kind = properties.get("diskSizeGB"), (document.get("sku") or {}).get("name")
    encryption_set = (properties.get("encryption") or {}).get("diskEncryptionSetId")
    return AttachedDisk(disk.id, disk.is_os, None if size is None else int(size), kind, encryption_set)


async def read_interface(azure: AzureClients, nic_id: str) -> Interface | None:
    """Return a network interface, None where there is none."""
    document = await azure.together.read(nic_id)
    if document is None:
        return None
    configurations = (document.get("properties") or {}).get("ipConfigurations") or []
    all_properties = [configuration.get("properties") or {} for configuration in configurations]
    primary = next((one for one in all_properties if one.get("primary")), all_properties[0] if all_properties else {})
    return Interface(
        id=nic_id,
        subnet_id=str((primary.get("subnet") or {}).get("id") or ""),
        address=primary.get("privateIPAddress"),
        is_static=str(primary.get("privateIPAllocationMethod")).lower() == "static",
        has_public_address=any(one.get("publicIPAddress") for one in all_properties),
    )


def machine_of(document: Json) -> Machine:
    """Return what a virtual machine's JSON says."""
    properties = document.get("properties") or {}
    view = properties.get("instanceView") or {}
    storage = properties.get("storageProfile") or {}
    diagnostics = (properties.get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    state, since = _power(view)
    zones = document.get("zones") or []
    return Machine(
        id=str(document["id"]),
        region=str(document.get("location") or ""),
        size=str((properties.get("hardwareProfile") or {}).get("vmSize") or ""),
        zone=str(zones[0]) if zones else None,
        os_type=str((storage.get("osDisk") or {}).get("osType") or ""),
        provisioning_state=str(properties.get("provisioningState") or ""),
        power_state=state,
        power_since=since,
        agent_ready=_agent(view).lower() == "ready",
        disks=tuple(_disks(storage)),
        nic_ids=tuple(_nics(properties)),
        agent=_agent(view),
        keeps_serial_log=bool(diagnostics.get("enabled")) and not diagnostics.get("storageUri"),
        unique_id=properties.get("vmId"),
    )


def reached(machine: Machine | None, milestone: str) -> bool:
    """Tell whether a virtual machine stands where one waits for it to stand."""
    if machine is None:
        return milestone == "gone"
    state = machine.power_state.lower()
    if milestone == "running":
        return state == power.RUNNING.lower()
    if milestone == "serving":
        return state == power.RUNNING.lower() and machine.agent_ready
    return milestone == "deallocated" and state == power.DEALLOCATED.lower()


def is_short_of(document: Json, milestone: str) -> bool:
    """Tell whether a listing's entry suffices to say that a machine does not stand there yet.

    What it does not say, such as how the agent is, and what would decide something, only a read of the machine itself
    may say: a listing may lag.
    """
    machine = machine_of(document)
    state = machine.power_state.lower()
    if milestone == "gone":
        return True
    if milestone == "deallocated":
        return state not in {power.DEALLOCATED.lower(), _UNKNOWN.lower()}
    waits_for_agent = milestone == "serving" and state == power.RUNNING.lower() and bool(machine.agent)
    return state == power.STARTING.lower() or (waits_for_agent and not machine.agent_ready)


def _power(view: Json) -> tuple[str, str | None]:
    """Return the power state and its time.

    The time stands on the provisioning status that goes with it where the power status has none of its own.
    """
    statuses = view.get("statuses") or []
    codes = {str(status.get("code") or "").split("/")[0].lower(): status for status in statuses}
    status = codes.get("powerstate") or {}
    since = status.get("time") or (codes.get("provisioningstate") or {}).get("time")
    return str(status.get("code") or _UNKNOWN), with_z(since)


def _agent(view: Json) -> str:
    statuses = (view.get("vmAgent") or {}).get("statuses") or []
    told = [str(status.get("displayStatus") or "") for status in statuses]
    return next((text for text in told if text.lower() == "ready"), next(iter(told), ""))


def _disks(storage: Json) -> list[AttachedDisk]:
    os_disk, data = storage.get("osDisk") or {}, storage.get("dataDisks") or []
    attached = [(os_disk, True), *((disk, False) for disk in sorted(data, key=lambda disk: disk.get("lun") or 0))]
    return [
        AttachedDisk(
            str(disk["managedDisk"]["id"]), is_os, disk.get("diskSizeGB"), disk["managedDisk"].get("storageAccountType")
        )
        for disk, is_os in attached
        if (disk.get("managedDisk") or {}).get("id")
    ]


def _nics(properties: Json) -> list[str]:
    listed = (properties.get("networkProfile") or {}).get("networkInterfaces") or []
    listed = sorted(listed, key=lambda nic: not (nic.get("properties") or {}).get("primary", False))
    return [str(nic["id"]) for nic in listed]
