"""Boot diagnostics and the sizes to which a machine may change."""

from __future__ import annotations

from simulator.compute import quotas
from simulator.compute.offers import size_document
from simulator.compute.sizes import SIZES
from simulator.provider import Call, Reply


def virtual_machines_retrieve_boot_diagnostics_data(call: Call) -> Reply:
    """Give addresses of the screenshot and the serial log (nothing is there: it is another host)."""
    machine = call.world.store.require(call.parent_id)
    store = f"https://boot.blob.core.windows.net/bootdiagnostics-{machine.name.lower()}/{machine.name}"
    return Reply(
        200,
        {
            "consoleScreenshotBlobUri": f"{store}.screenshot.bmp",
            "serialConsoleLogBlobUri": f"{store}.serialconsole.log",
        },
    )


def virtual_machines_list_available_sizes(call: Call) -> Reply:
    """List the sizes that the region of a machine offers."""
    machine = call.world.store.require(call.parent_id)
    sizes = (
        size for size in SIZES.values() if quotas.is_offered(call.world, call.subscription, machine.location, size.name)
    )
    return Reply(200, {"value": [size_document(size) for size in sizes]})
