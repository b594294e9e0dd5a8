"""Boot diagnostics and the sizes to which a machine may change.

The seed's behaviour `serial_log` of a machine is `login` (what a machine that boots prints), `panic`, `emergency`, or
the text itself. The blobs lie below a prefix of this cloud's own address; a signature opens them, no token.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.clock import rfc_seconds
from simulator.compute import machines, quotas
from simulator.compute.names import stable_guid
from simulator.compute.offers import size_document
from simulator.compute.sizes import SIZES
from simulator.provider import Call, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.store import Resource
    from simulator.world import World

BLOBS = "/_blobs/"
_KINDS = {"consoleScreenshotBlobUri": "screenshot.bmp", "serialConsoleLogBlobUri": "serialconsole.log"}
_VALID_MINUTES = 120
_LOGS = {
    "panic": "[    2.113] VFS: Cannot open root device\n"
    "[    2.114] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n",
    "emergency": "[   93.402] systemd[1]: Timed out waiting for device dev-sdc1.device\n"
    "You are in emergency mode.\nGive root password for maintenance\n(or press Control-D to continue):\n",
}


def virtual_machines_retrieve_boot_diagnostics_data(call: Call) -> Reply:
    """Give signed addresses of the screenshot and the serial log; nothing is there without boot diagnostics."""
    world, machine = call.world, call.world.store.require(call.parent_id)
    until = rfc_seconds(world.now + timedelta(minutes=_VALID_MINUTES))
    store = f"{world.endpoint}{BLOBS}{machine.id.strip('/')}"
    signed = f"sv=2021-08-06&se={until}&sig={_signature(machine, until)}"
    return Reply(200, {key: f"{store}/{end}?{signed}" for key, end in _KINDS.items()})


def blob(world: World, path: str, query: Mapping[str, str]) -> tuple[int, str]:
    """Status and text of a blob: 403 without a valid signature, 404 where nothing was printed."""
    vm_id, _, kind = f"/{path.removeprefix(BLOBS)}".rpartition("/")
    machine = world.store.get(vm_id)
    until = query.get("se", "")
    if machine is None or query.get("sig") != _signature(machine, until) or until < rfc_seconds(world.now):
        return 403, "AuthenticationFailed"
    settings = (machine.properties.get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    if (
        not settings.get("enabled")
        or kind != "serialconsole.log"
        or machine.meta.get("power_state", machines.RUNNING) != machines.RUNNING
    ):
        return 404, "BlobNotFound"
    return 200, _serial_log(world, machine)


def _serial_log(world: World, machine: Resource) -> str:
    given = str(machines.behaviour(world, machine.id).get("serial_log") or "login")
    kernel = "[    0.000] Linux version 5.15.0-1053-azure\n"
    if given != "login":
        return (_LOGS.get(given) and kernel + _LOGS[given]) or given
    booted = machines.agent_state(world, machine) == "ready"
    return f"{kernel}[    1.204] systemd[1]: Starting\n" + (f"\n{machine.name} login: \n" if booted else "")


def _signature(machine: Resource, until: str) -> str:
    return stable_guid("serial log", machine.id, str(machine.properties.get("vmId", "")), until)


def virtual_machines_list_available_sizes(call: Call) -> Reply:
    """List the sizes that the region of a machine offers."""
    machine = call.world.store.require(call.parent_id)
    sizes = (
        size for size in SIZES.values() if quotas.is_offered(call.world, call.subscription, machine.location, size.name)
    )
    return Reply(200, {"value": [size_document(size) for size in sizes]})
