"""Virtual machines as things that run: making and deleting them, their power state and their agent.

Private state in a machine's meta: `power_state`, `settled_at` (when it came to that state, or was first seen in it),
`running_since`, `stopped_since` (when it left running) and `agent_ready_at` (ISO times, virtual), `pauses` (the last
times that it did not run), `busy` (the operation under way), `guest_of` (whose guest behaviour it has, for a machine
made from another's disks).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.clock import rfc_offset
from simulator.compute.disks import attach_disk, delete_disk, detach_disk
from simulator.compute.names import VM, stable_guid
from simulator.errors import ArmError
from simulator.network.nics import attach_nic, delete_nic, detach_nic

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

RUNNING = "PowerState/running"
STARTING = "PowerState/starting"
STOPPED = "PowerState/stopped"
STOPPING = "PowerState/stopping"
DEALLOCATED = "PowerState/deallocated"
DEALLOCATING = "PowerState/deallocating"
_SETTLED = {RUNNING, STOPPED, DEALLOCATED}
AGENT_BOOT_SECONDS = 60
KEPT_PAUSES = 20
_ABOUT_COPIES = {"target", "after_failover", "in_test"}


def create_vm(  # noqa: PLR0913 - each is one property of a machine, all by name
    world: World,
    *,
    vm_id: str,
    location: str,
    size: str,
    os_disk_id: str,
    data_disk_ids: list[tuple[int, str]],
    nic_ids: list[str],
    tags: dict[str, str] | None = None,
    os_type: str = "Linux",
    zone: str | None = None,
    created_by: str = "site-recovery",
    extra_properties: dict[str, Any] | None = None,
    guest_of: str | None = None,
    in_test: bool = False,
) -> Resource:
    """Create a running machine at once from disks and NICs that exist, without osProfile, image or identity.

    Its agent turns ready a minute later. *guest_of* names the machine whose disks these were: its guest behaves the
    same (see `behaviour`; *in_test*: a test failover made it). Whether the size fits is the caller's to check
    (`capacity.check_capacity`).
    """
    document: dict[str, Any] = {
        "name": paths.parse(vm_id).name,
        "id": vm_id,
        "type": VM,
        "location": location,
        "tags": dict(tags or {}),
        "properties": {
            "vmId": world.new_guid(),
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {
                "osDisk": {"osType": os_type, **_disk_reference(world, os_disk_id)},
                "dataDisks": [{"lun": lun, **_disk_reference(world, disk_id)} for lun, disk_id in data_disk_ids],
            },
            "networkProfile": {
                "networkInterfaces": [
                    {"id": nic_id, "properties": {"primary": index == 0}} for index, nic_id in enumerate(nic_ids)
                ]
            },
            **(extra_properties or {}),
            "provisioningState": "Succeeded",
            "timeCreated": rfc_offset(world.now),
        },
    }
    if zone is not None:
        document["zones"] = [zone]
    machine = world.store.put(document, {"created_by": created_by, "guest_of": guest_of, "in_test": in_test})
    note_attachments(world, machine)
    set_power_state(world, machine.id, RUNNING)
    return world.store.require(machine.id)


def _disk_reference(world: World, disk_id: str) -> dict[str, Any]:
    disk = world.store.get(disk_id)
    reference: dict[str, Any] = {
        "name": paths.parse(disk_id).name,
        "createOption": "Attach",
        "caching": "ReadWrite",
        "managedDisk": {"storageAccountType": disk.doc["sku"]["name"] if disk else "Premium_LRS", "id": disk_id},
        "deleteOption": "Detach",
    }
    if disk is not None:
        reference["diskSizeGB"] = disk.properties["diskSizeGB"]
        encryption_set = disk.properties.get("encryption", {}).get("diskEncryptionSetId")
        if encryption_set is not None:
            reference["managedDisk"]["diskEncryptionSet"] = {"id": encryption_set}
    return reference


def disk_references(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a machine's storage profile, the OS disk first."""
    profile = document.get("properties", {}).get("storageProfile") or {}
    return [disk for disk in (profile.get("osDisk"), *(profile.get("dataDisks") or [])) if disk]


def disk_ids(document: dict[str, Any]) -> list[str]:
    """The ids of a machine's managed disks, the OS disk first."""
    found = ((disk.get("managedDisk") or {}).get("id") for disk in disk_references(document))
    return [disk_id for disk_id in found if disk_id]


def nic_references(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a machine's network profile."""
    profile = document.get("properties", {}).get("networkProfile") or {}
    return [nic for nic in profile.get("networkInterfaces") or [] if nic.get("id")]


def is_primary(reference: dict[str, Any], position: int, count: int) -> bool:
    """Whether a NIC of the network profile is the primary one (a single one always is)."""
    return bool(reference.get("properties", {}).get("primary", count == 1 or position == 0))


def note_attachments(world: World, machine: Resource) -> None:
    """Note on the machine's disks and NICs that it has them."""
    reserved = machine.meta.get("power_state") == DEALLOCATED
    for disk_id in disk_ids(machine.doc):
        attach_disk(world, disk_id, machine.id, reserved=reserved)
    references = nic_references(machine.doc)
    for position, reference in enumerate(references):
        attach_nic(world, reference["id"], machine.id, primary=is_primary(reference, position, len(references)))


def delete_vm(world: World, vm_id: str) -> bool:
    """Delete a machine and its extensions at once; tell whether it was there.

    Disks and NICs stay, unattached, unless their `deleteOption` says `Delete`.
    """
    machine = world.store.get(vm_id)
    if machine is None:
        return False
    for disk in disk_references(machine.doc):
        disk_id = (disk.get("managedDisk") or {}).get("id")
        if disk_id:
            (delete_disk if disk.get("deleteOption") == "Delete" else detach_disk)(world, disk_id)
    for reference in nic_references(machine.doc):
        gone = reference.get("properties", {}).get("deleteOption") == "Delete"
        (delete_nic if gone else detach_nic)(world, reference["id"])
    world.store.delete_tree(machine.id)
    return True


def behaviour(world: World, vm_id: str) -> dict[str, Any]:
    """The seed's behaviour of a machine.

    A machine made from another's disks behaves like that one's guest, but not like its host (`*_fails` are left out);
    the source's entry `target` says where it differs, `in_test` where the one of a test failover does, and
    `after_failover` where the other one does.
    """
    own = world.behaviour(vm_id)
    machine = world.store.get(vm_id)
    source = machine.meta.get("guest_of") if machine is not None else None
    if not source:
        return own
    inherited = world.behaviour(source)
    return {**_of_a_copy(inherited, in_test=bool(machine and machine.meta.get("in_test"))), **own}


def _of_a_copy(inherited: dict[str, Any], *, in_test: bool) -> dict[str, Any]:
    kept = {key: value for key, value in inherited.items() if not key.endswith("_fails") and key not in _ABOUT_COPIES}
    return {**kept, **traits_of_copy(inherited, in_test=in_test)}


def traits_of_copy(source: dict[str, Any], *, in_test: bool) -> dict[str, Any]:
    """How the machine that a failover, or a test failover, makes differs from its source, by the source's behaviour."""
    own = source.get("in_test" if in_test else "after_failover") or {}
    return {**(source.get("target") or {}), **own}


def power_state(world: World, vm_id: str) -> str:
    """The power state, such as `PowerState/running`; 404 where the machine is absent."""
    return str(world.store.require(vm_id).meta.get("power_state", RUNNING))


def set_power_state(world: World, vm_id: str, state: str) -> None:
    """Bring a machine into a power state at once; from anything else into running is a boot."""
    machine = world.store.require(vm_id)
    before = machine.meta.get("power_state")
    machine.meta["power_state"] = state
    if state == RUNNING and before != RUNNING:
        note_boot(world, machine)
    elif state != RUNNING and before == RUNNING:
        machine.meta["stopped_since"] = world.now.isoformat()
    if state in {STOPPED, DEALLOCATED}:
        machine.meta.pop("running_since", None)
    if state in _SETTLED and state != before:
        machine.meta["settled_at"] = world.now.isoformat()
    world.store.save(machine)
    for disk_id in disk_ids(machine.doc):
        attach_disk(world, disk_id, machine.id, reserved=state == DEALLOCATED)


def note_boot(world: World, machine: Resource) -> None:
    """Record on *machine* (not yet saved) that it boots now; its agent comes up later."""
    machine.meta["running_since"] = machine.meta["settled_at"] = world.now.isoformat()
    stopped = machine.meta.pop("stopped_since", None)
    if stopped is not None:
        machine.meta["pauses"] = [*(machine.meta.get("pauses") or []), [stopped, world.now.isoformat()]][-KEPT_PAUSES:]
    seconds = float(behaviour(world, machine.id).get("boot_seconds") or AGENT_BOOT_SECONDS)
    machine.meta["agent_ready_at"] = (world.now + timedelta(seconds=seconds)).isoformat()


def agent_state(world: World, machine: Resource) -> str:
    """The VM agent's state as the platform knows it: `ready`, `not_ready` or `missing`."""
    if machine.meta.get("power_state", RUNNING) != RUNNING:
        return "not_ready"
    seeded = str(behaviour(world, machine.id).get("agent", "ready"))
    if seeded in {"missing", "not_ready"}:
        return seeded
    if seeded == "never":
        return "not_ready"
    ready_at = machine.meta.get("agent_ready_at")
    return "ready" if ready_at is None or world.now >= datetime.fromisoformat(ready_at) else "not_ready"


def os_type(machine: Resource) -> str:
    """`Windows` or `Linux`."""
    disk = (machine.properties.get("storageProfile") or {}).get("osDisk") or {}
    return str(disk.get("osType") or "Linux")


def running_since(machine: Resource) -> datetime | None:
    """When it booted, None while it does not run or where that was before the simulation."""
    text = machine.meta.get("running_since")
    return datetime.fromisoformat(text) if text else None


def settled_at(machine: Resource) -> datetime | None:
    """When it came to its power state or, of one that was in it before, since when this cloud knows it."""
    text = machine.meta.get("settled_at") or machine.meta.get("running_since")
    return datetime.fromisoformat(text) if text else None


def require_running(machine: Resource) -> None:
    """Refuse (409 `OperationNotAllowed`) what needs a machine that runs."""
    if machine.meta.get("power_state", RUNNING) != RUNNING:
        raise ArmError(409, "OperationNotAllowed", "The operation requires the VM to be running (or set to run).")


def hardware_guid(vm_id: str) -> str:
    """The SMBIOS id of a seeded machine that names none."""
    return stable_guid("vm", vm_id)
