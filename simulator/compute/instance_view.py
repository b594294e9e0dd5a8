"""The instance view: what the platform sees of a machine at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.clock import rfc_offset, rfc_seconds
from simulator.compute import machines
from simulator.compute.extensions import extensions_of
from simulator.compute.guest import guest_of

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.store import Resource
    from simulator.world import World

_LINUX_AGENT, _WINDOWS_AGENT = "2.9.1.1", "2.7.41491.1083"
_PROVISIONED = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}


def instance_view(world: World, machine: Resource) -> dict[str, Any]:
    """Write the instance view of a machine; a deallocated one has no guest to tell of."""
    state = str(machine.meta.get("power_state", machines.RUNNING))
    since = machines.settled_at(machine) or world.now
    view: dict[str, Any] = {}
    if machine.properties.get("availabilitySet"):
        view |= {"platformUpdateDomain": 0, "platformFaultDomain": 0}
    if state == machines.RUNNING:
        view.update(_guest(world, machine))
    view["disks"] = [
        {"name": disk.get("name"), "statuses": [{**_PROVISIONED, "time": rfc_offset(since)}]}
        for disk in machines.disk_references(machine.doc)
    ]
    diagnostics = (machine.properties.get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    if diagnostics.get("enabled"):
        view["bootDiagnostics"] = _boot_diagnostics(machine, diagnostics)
    extensions = extensions_of(world, machine.id)
    if extensions and state == machines.RUNNING:
        view["extensions"] = [_extension_status(extension) for extension in extensions]
    view["hyperVGeneration"] = machine.meta.get("hyperv") or _generation(world, machine)
    view["statuses"] = [_provisioning_status(machine, since), _power_status(state)]
    return view


def _boot_diagnostics(machine: Resource, given: dict[str, Any]) -> dict[str, Any]:
    """The addresses in an account of the owner's; of Azure's own account nothing is shown here."""
    if not given.get("storageUri"):
        return {}
    store = f"{given['storageUri'].rstrip('/')}/bootdiagnostics-{machine.name.lower()}/{machine.name}"
    kinds = {"consoleScreenshotBlobUri": "screenshot.bmp", "serialConsoleLogBlobUri": "serialconsole.log"}
    return {key: f"{store}.{end}" for key, end in kinds.items()}


def _guest(world: World, machine: Resource) -> dict[str, Any]:
    guest = guest_of(world, machine.id)
    agent = machines.agent_state(world, machine)
    if agent == "missing":
        return {}
    view: dict[str, Any] = {"vmAgent": _agent(world, machine, agent)}
    if agent == "ready":
        view = {"computerName": guest.hostname, "osName": guest.os_name, "osVersion": guest.os_version, **view}
    return view


def _agent(world: World, machine: Resource, state: str) -> dict[str, Any]:
    time = rfc_seconds(world.now)[:-1] + "+00:00"
    if state != "ready":
        return {
            "vmAgentVersion": "Unknown",
            "statuses": [
                {
                    "code": "ProvisioningState/Unavailable",
                    "level": "Warning",
                    "displayStatus": "Not Ready",
                    "message": "VM status blob is found but not yet populated.",
                    "time": time,
                }
            ],
        }
    windows = machines.os_type(machine) == "Windows"
    message = "GuestAgent is running and processing the extensions." if windows else "Guest Agent is running"
    ready = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready"}
    return {
        "vmAgentVersion": _WINDOWS_AGENT if windows else _LINUX_AGENT,
        "statuses": [{**ready, "message": message, "time": time}],
        "extensionHandlers": [
            {
                "type": f"{extension.properties.get('publisher')}.{extension.properties.get('type')}",
                "typeHandlerVersion": extension.properties.get("typeHandlerVersion"),
                "status": ready,
            }
            for extension in extensions_of(world, machine.id)
        ],
    }


def _extension_status(extension: Resource) -> dict[str, Any]:
    failed = extension.properties.get("provisioningState") == "Failed"
    status = {"code": "ProvisioningState/failed/1", "level": "Error", "displayStatus": "Provisioning failed"}
    return {
        "name": extension.name,
        "type": f"{extension.properties.get('publisher')}.{extension.properties.get('type')}",
        "typeHandlerVersion": extension.properties.get("typeHandlerVersion"),
        "statuses": [status if failed else _PROVISIONED],
    }


def _generation(world: World, machine: Resource) -> str:
    ids = machines.disk_ids(machine.doc)
    disk = world.store.get(ids[0]) if ids else None
    return str(disk.properties.get("hyperVGeneration", "V1")) if disk else "V1"


def _provisioning_status(machine: Resource, since: datetime) -> dict[str, Any]:
    state = str(machine.properties.get("provisioningState", "Succeeded"))
    busy = machine.meta.get("busy") or {}
    if busy and state == "Succeeded":
        state = "Deleting" if busy.get("work") == "delete" else "Updating"
    if state == "Succeeded":
        return {**_PROVISIONED, "time": rfc_offset(since)}
    level = "Error" if state == "Failed" else "Info"
    text = "Provisioning failed" if state == "Failed" else state
    return {"code": f"ProvisioningState/{state.lower()}", "level": level, "displayStatus": text}


def _power_status(state: str) -> dict[str, Any]:
    return {"code": state, "level": "Info", "displayStatus": f"VM {state.rpartition('/')[2]}"}
