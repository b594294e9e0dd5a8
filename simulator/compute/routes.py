"""The route table of Microsoft.Compute."""

from __future__ import annotations

from simulator.compute import (
    diagnostics,
    disk_resources,
    extension_resources,
    images,
    offers,
    power,
    run_command,
    throttle,
    virtual_machines,
    vm_creation,
)
from simulator.compute.crud import delete_now, get_resource, list_resources, update_tags
from simulator.compute.names import AVAILABILITY_SET, DISK, DISK_ENCRYPTION_SET, SNAPSHOT, VM
from simulator.compute.operations import operations_get
from simulator.provider import Route

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_PLACE = f"{_SUBSCRIPTION}/providers/Microsoft.Compute/locations/{{location}}"
_IMAGE = f"{_PLACE}/publishers/{{publisher}}/artifacttypes/vmimage/offers/{{offer}}/skus/{{sku}}/versions"
_VM = f"{_GROUP}/providers/{VM}/{{vm}}"
_EXTENSION = f"{_VM}/extensions/{{extension}}"
_DISK = f"{_GROUP}/providers/{DISK}/{{disk}}"
_SNAPSHOT = f"{_GROUP}/providers/{SNAPSHOT}/{{snapshot}}"


def _lists(type_: str) -> list[Route]:
    """The two listings of a type: in a group and in a subscription."""
    handler = list_resources(type_)
    return [Route("GET", f"{scope}/providers/{type_}", handler) for scope in (_GROUP, _SUBSCRIPTION)]


def _read_only(type_: str) -> list[Route]:
    one = f"{_GROUP}/providers/{type_}/{{name}}"
    return [Route("GET", one, get_resource), Route("DELETE", one, delete_now), *_lists(type_)]


# The module meters Compute's operations by being imported.
__all__ = ["ROUTES", "throttle"]

ROUTES = [
    Route("GET", f"{_PLACE}/operations/{{operation}}", operations_get, action=""),
    Route("GET", f"{_PLACE}/usages", offers.usage_list),
    Route("GET", f"{_PLACE}/vmSizes", offers.virtual_machine_sizes_list),
    Route("GET", _IMAGE, images.virtual_machine_images_list),
    Route("GET", f"{_IMAGE}/{{version}}", images.virtual_machine_images_get),
    Route("GET", f"{_PLACE}/runCommands", run_command.run_commands_list),
    Route("GET", f"{_PLACE}/runCommands/{{command}}", run_command.run_commands_get),
    Route("GET", f"{_SUBSCRIPTION}/providers/Microsoft.Compute/skus", offers.resource_skus_list),
    Route("GET", _VM, virtual_machines.virtual_machines_get),
    Route("PUT", _VM, vm_creation.virtual_machines_create_or_update),
    Route("PATCH", _VM, virtual_machines.virtual_machines_update),
    Route("DELETE", _VM, virtual_machines.virtual_machines_delete),
    Route("GET", f"{_GROUP}/providers/{VM}", virtual_machines.virtual_machines_list),
    Route("GET", f"{_SUBSCRIPTION}/providers/{VM}", virtual_machines.virtual_machines_list),
    Route("GET", f"{_VM}/instanceView", virtual_machines.virtual_machines_instance_view),
    Route("GET", f"{_VM}/vmSizes", diagnostics.virtual_machines_list_available_sizes),
    Route("POST", f"{_VM}/start", power.virtual_machines_start),
    Route("POST", f"{_VM}/deallocate", power.virtual_machines_deallocate),
    Route("POST", f"{_VM}/powerOff", power.virtual_machines_power_off),
    Route("POST", f"{_VM}/restart", power.virtual_machines_restart),
    Route("POST", f"{_VM}/redeploy", power.virtual_machines_redeploy),
    Route("POST", f"{_VM}/reapply", power.virtual_machines_reapply),
    Route("POST", f"{_VM}/runCommand", run_command.virtual_machines_run_command),
    Route(
        "POST",
        f"{_VM}/retrieveBootDiagnosticsData",
        diagnostics.virtual_machines_retrieve_boot_diagnostics_data,
        reads=True,
    ),
    Route("GET", f"{_VM}/extensions", extension_resources.virtual_machine_extensions_list),
    Route("GET", _EXTENSION, extension_resources.virtual_machine_extensions_get),
    Route("PUT", _EXTENSION, extension_resources.virtual_machine_extensions_create_or_update),
    Route("PATCH", _EXTENSION, extension_resources.virtual_machine_extensions_create_or_update),
    Route("DELETE", _EXTENSION, extension_resources.virtual_machine_extensions_delete),
    Route("GET", _DISK, get_resource),
    Route("PUT", _DISK, disk_resources.disks_create_or_update),
    Route("PATCH", _DISK, disk_resources.disks_update),
    Route("DELETE", _DISK, disk_resources.disks_delete),
    *_lists(DISK),
    Route("GET", _SNAPSHOT, get_resource),
    Route("PUT", _SNAPSHOT, disk_resources.snapshots_create_or_update),
    Route("PATCH", _SNAPSHOT, update_tags),
    Route("DELETE", _SNAPSHOT, disk_resources.snapshots_delete),
    *_lists(SNAPSHOT),
    *_read_only(AVAILABILITY_SET),
    *_read_only(DISK_ENCRYPTION_SET),
]
