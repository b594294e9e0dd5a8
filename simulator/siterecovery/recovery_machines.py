"""The machines that failovers make on the recovery side: disks, NICs, then the machine, each with its own refusals.

A failover takes the place only of what an earlier attempt of its own made and, when it goes back, of the original
machine. Whatever else has the name makes the job fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.compute import machines
from simulator.compute.disks import create_disk, delete_disk
from simulator.context import SITE_RECOVERY
from simulator.network.nics import create_nic, delete_nic, free_address, ip_configuration, save_nic
from simulator.provider import ArmError
from simulator.siterecovery import arm_writes, estate, failures, names, networks
from simulator.siterecovery.refusals import JobFailureError

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

NIC_TYPE = "Microsoft.Network/networkInterfaces"
ADDRESS_REFUSALS = {"PrivateIPAddressInUse", "PrivateIPAddressNotInSubnet", "PrivateIPAddressInReservedRange"}


def target_vm_id(item: Resource, *, test: bool = False) -> str:
    """The id that the machine gets."""
    name = item.meta["test_name" if test else "target_name"]
    return f"{item.meta['recovery_group']}/providers/Microsoft.Compute/virtualMachines/{name}"


def target_disk_id(disk: dict[str, Any], *, test: bool = False) -> str:
    """The id that a disk of the machine gets."""
    return f"{disk['group']}/providers/Microsoft.Compute/disks/{disk['test_name' if test else 'failover_name']}"


def target_nic_id(item: Resource, nic: dict[str, Any], *, test: bool = False) -> str:
    """The id that a NIC of the machine gets."""
    source = names.last(nic["source"])
    if test:
        name, group = nic.get("test_name") or f"{source}-test", nic.get("test_group")
    else:
        name, group = nic.get("target_name") or nic.get("name") or source, nic.get("group")
    scope = item.meta["recovery_group"]
    if group:
        scope = f"{scope.rpartition('/')[0]}/{group}"
    return f"{scope}/providers/{NIC_TYPE}/{name}"


def location_of(world: World, item: Resource) -> str:
    """The region of the recovery side."""
    return networks.fabric_location(world, item.meta["recovery_container"])


def check(world: World, item: Resource, *, test: bool) -> None:
    """Fail where the machine cannot be made at all: no group, a lock, its name taken, no capacity."""
    group = item.meta["recovery_group"]
    if not world.store.exists(group):
        raise JobFailureError(failures.target_missing("resource group", names.last(group)))
    arm_writes.refuse_locked(world, group, "ReadOnly")
    vm_id = target_vm_id(item, test=test)
    if world.store.exists(vm_id) and not _replaceable(world, item, vm_id):
        raise JobFailureError(failures.name_taken("virtual machine", names.last(vm_id)))


def _replaceable(world: World, item: Resource, id_: str) -> bool:
    if any(paths.same(id_, other) for other in item.meta.get("originals") or []):
        return True
    found = world.store.get(id_)
    own = found is not None and found.meta["created_by"] == SITE_RECOVERY
    return own and any(paths.same(id_, other) for other in item.meta.get("made") or [])


def clear(world: World, item: Resource) -> None:
    """Remove what an earlier attempt made, or the original machine when going back, to make room for the new one."""
    vm_id = target_vm_id(item)
    if world.store.exists(vm_id) and _replaceable(world, item, vm_id):
        arm_writes.admit_deletion(world, vm_id)
        machines.delete_vm(world, vm_id)


def _make_room(world: World, item: Resource, kind: str, id_: str) -> None:
    if not world.store.exists(id_):
        return
    if not _replaceable(world, item, id_):
        raise JobFailureError(failures.name_taken(kind, names.last(id_)))
    arm_writes.admit_deletion(world, id_)
    (delete_disk if kind == "managed disk" else delete_nic)(world, id_)


def _made(world: World, item: Resource, id_: str) -> None:
    made = item.meta.setdefault("made", [])
    if id_ not in made:
        made.append(id_)
    world.store.save(item)


def make_disks(world: World, item: Resource, *, test: bool = False) -> None:
    """Create the machine's disks from the replicas."""
    for disk in item.meta["disks"]:
        id_ = target_disk_id(disk, test=test)
        _make_room(world, item, "managed disk", id_)
        source = world.store.get(disk["id"])
        tags = dict(source.doc.get("tags") or {}) if source else {}
        location = location_of(world, item)
        arm_writes.admit(world, id_, location=location, tags=tags, sku={"name": disk["target_sku"]})
        create_disk(
            world,
            disk_id=id_,
            location=location,
            sku=disk["target_sku"],
            size_gb=disk["size_gb"],
            os_type=item.meta["os_type"] if disk["kind"] == "OperatingSystem" else None,
            hyperv=disk["hyperv"],
            created_by=SITE_RECOVERY,
            tags=tags,
            zone=item.meta.get("zone"),
            encryption_set_id=disk.get("encryption_set"),
            create_option="Restore",
            source_id=disk["replica_id"],
        )
        _made(world, item, id_)


def make_nics(world: World, item: Resource, *, test_network: str | None = None) -> None:
    """Create the machine's NICs in the recovery network, or in the test network."""
    for nic in _used_nics(world, item, test=test_network is not None):
        _make_nic(world, item, nic, test_network)


def _used_nics(world: World, item: Resource, *, test: bool) -> list[dict[str, Any]]:
    left_out = _traits(world, item, test=test).get("without_nics") or ()
    chosen = [nic for nic in item.meta.get("nics") or [] if nic["selection"] != "NotSelected"]
    if left_out is True:
        return []
    return [nic for nic in chosen if names.last(nic["source"]) not in left_out]


def is_lost(world: World, item: Resource) -> bool:
    """Tell whether a failover makes no machine and says that it went well, by the machine's behaviour."""
    return bool(_traits(world, item, test=False).get("absent"))


def _traits(world: World, item: Resource, *, test: bool) -> dict[str, Any]:
    return machines.traits_of_copy(world.behaviour(item.meta["vm"]), in_test=test)


def _make_nic(world: World, item: Resource, nic: dict[str, Any], test_network: str | None) -> None:
    test = test_network is not None
    id_ = target_nic_id(item, nic, test=test)
    if nic.get("test_reuse" if test else "reuse") and world.store.exists(id_):
        return
    _make_room(world, item, "network interface", id_)
    chosen = [entry for entry in nic["configurations"] if entry.get("selected", True)] or nic["configurations"][:1]
    chosen.sort(key=lambda entry: not entry.get("primary"))
    try:
        created = _create_nic(world, item, nic, chosen[0], id_, test_network)
        _add_configurations(world, created, nic, chosen[1:], test_network)
    except ArmError as refusal:
        raise JobFailureError(failures.azure_refused(refusal.code, refusal.message)) from refusal
    group = nic.get("test_security_group" if test else "security_group")
    if group:
        created.properties["networkSecurityGroup"] = {"id": group}
    save_nic(world, created.doc, created.meta)
    _made(world, item, id_)


def _subnet_id(world: World, nic: dict[str, Any], entry: dict[str, Any], test_network: str | None) -> str:
    network = test_network or nic.get("network")
    if network is None or not world.store.exists(network):
        raise JobFailureError(failures.target_missing("virtual network", names.last(network or "")))
    wanted = entry.get("test_subnet") if test_network else entry.get("subnet")
    subnet = estate.choose_subnet(world, network, names.last(wanted) if wanted else None)
    if subnet is None and test_network and not entry.get("test_subnet"):
        subnet = estate.choose_subnet(world, network, None)
    if subnet is None:
        raise JobFailureError(failures.target_missing("subnet", str(wanted)))
    return f"{network}/subnets/{subnet}"


def _create_nic(
    world: World, item: Resource, nic: dict[str, Any], entry: dict[str, Any], id_: str, test_network: str | None
) -> Resource:
    subnet_id = _subnet_id(world, nic, entry, test_network)
    wanted = entry.get("test_address" if test_network else "address") or None
    source = world.store.get(nic["source"])
    tags = dict(source.doc.get("tags") or {}) if source else {}
    arm_writes.admit(world, id_, location=location_of(world, item), tags=tags)
    traits: dict[str, Any] = {
        "nic_id": id_,
        "location": location_of(world, item),
        "subnet_id": subnet_id,
        "tags": tags,
        "created_by": SITE_RECOVERY,
        "accelerated": bool(nic.get("test_accelerated" if test_network else "accelerated")),
        "configuration_name": entry.get("name") or "ipconfig1",
    }
    try:
        return create_nic(world, private_ip=wanted, static=wanted is not None, **traits)
    except ArmError as refusal:
        if refusal.code not in ADDRESS_REFUSALS:
            raise
        # Azure takes the next free address without a word where the wanted one cannot be had.
        return create_nic(world, private_ip=free_address(world, subnet_id), static=True, **traits)


def _add_configurations(
    world: World, nic: Resource, settings: dict[str, Any], entries: list[dict[str, Any]], test_network: str | None
) -> None:
    for entry in entries:
        subnet_id = _subnet_id(world, settings, entry, test_network)
        wanted = entry.get("test_address" if test_network else "address")
        added = ip_configuration(
            nic.id,
            entry.get("name") or f"ipconfig{len(nic.properties['ipConfigurations']) + 1}",
            subnet_id=subnet_id,
            address=wanted or free_address(world, subnet_id),
            static=bool(wanted),
            primary=False,
        )
        nic.properties["ipConfigurations"].append(added)


def make_machine(world: World, item: Resource, *, test: bool = False) -> str:
    """Create the machine from its disks and NICs; it does not run yet. Its id."""
    vm_id = target_vm_id(item, test=test)
    if world.store.exists(vm_id):
        raise JobFailureError(failures.name_taken("virtual machine", names.last(vm_id)))
    hardware = {"hardwareProfile": {"vmSize": item.meta["size"]}}
    arm_writes.admit(world, vm_id, location=location_of(world, item), tags=item.meta["tags"], properties=hardware)
    disks = {disk["kind"]: disk for disk in item.meta["disks"] if disk["kind"] == "OperatingSystem"}
    traits = _traits(world, item, test=test)
    lost = traits.get("without_disks") or ()
    data = [
        disk for disk in item.meta["disks"] if disk["kind"] != "OperatingSystem" and names.last(disk["id"]) not in lost
    ]
    used = _used_nics(world, item, test=test)
    machines.create_vm(
        world,
        vm_id=vm_id,
        location=location_of(world, item),
        size=str(traits.get("size") or item.meta["size"]),
        os_disk_id=target_disk_id(disks["OperatingSystem"], test=test),
        data_disk_ids=[(int(disk["lun"] or 0), target_disk_id(disk, test=test)) for disk in data],
        nic_ids=[target_nic_id(item, nic, test=test) for nic in used],
        tags=item.meta["tags"],
        os_type=item.meta["os_type"],
        zone=item.meta.get("zone"),
        created_by=SITE_RECOVERY,
        extra_properties=_extra_properties(world, item, managed=traits.get("boot_diagnostics") == "managed"),
        guest_of=item.meta["vm"],
        in_test=test,
    )
    machines.set_power_state(world, vm_id, machines.STARTING)
    _made(world, item, vm_id)
    return vm_id


def _extra_properties(world: World, item: Resource, *, managed: bool) -> dict[str, Any]:
    references = {
        "availabilitySet": item.meta.get("availability_set"),
        "proximityPlacementGroup": item.meta.get("proximity_placement_group"),
        "virtualMachineScaleSet": item.meta.get("scale_set"),
    }
    extra: dict[str, Any] = {key: {"id": id_} for key, id_ in references.items() if id_}
    if managed:
        extra["diagnosticsProfile"] = {"bootDiagnostics": {"enabled": True}}
    if item.meta.get("boot_diagnostics"):
        uri = f"https://{names.last(item.meta['boot_diagnostics'])}.blob.core.windows.net/"
        extra["diagnosticsProfile"] = {"bootDiagnostics": {"enabled": True, "storageUri": uri}}
    if item.meta.get("license") and item.meta["license"] not in {"NotSpecified", "NoLicenseType"}:
        extra["licenseType"] = "Windows_Server" if item.meta["license"] == "WindowsServer" else item.meta["license"]
    elif not item.meta.get("license"):
        source = world.store.get(item.meta["vm"])
        licence = str(source.properties.get("licenseType") or "") if source else ""
        if licence.startswith("Windows_"):  # Azure Hybrid Benefit comes along, as the support matrix says
            extra["licenseType"] = licence
    return extra
