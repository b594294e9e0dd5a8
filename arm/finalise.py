"""What is left of a source in Azure, and what stands against deleting it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from arm import inventory_documents, items, machines, reads
from migration import power
from migration.finalise import FinaliseTask, Judgement, Moved, PartKind, SourcePart
from migration.ids import ResourceId, describe, id_key, resource_group_id, same_id
from migration.regions import canonical

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from arm.listings import Listings
    from arm.reads import Json
    from migration.access import Lock

_LOCKS_API = "2020-05-01"
_KINDS: dict[str, PartKind] = {
    "microsoft.compute/virtualmachines": "machine",
    "microsoft.network/networkinterfaces": "interface",
    "microsoft.compute/disks": "disk",
}
_ORDER: tuple[PartKind, ...] = ("machine", "interface", "disk", "public address", "security group")


@dataclass
class _Found:
    """The documents of a source and of what hangs on it."""

    machine: Json | None
    parts: list[SourcePart] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


async def judge(azure: AzureClients, listings: Listings, task: FinaliseTask, moved: Moved) -> Judgement:
    """Tell what stands against deleting a source now, and what would be deleted and kept.

    Many are judged at once: they share the *listings* of vaults, each of which begins after who asks for it.
    """
    source = await reads.read(azure, task.vm.source_id, **{"$expand": "instanceView"})
    found = _Found(source)
    found.reasons += about_the_move(task, moved)
    found.reasons += await about_the_target(azure, task, moved)
    if source is not None:
        found.reasons += about_the_source(source, task, moved)
        found.parts.append(SourcePart(id=task.vm.source_id, kind="machine", delete=True))
    await _interfaces(azure, task, moved, found)
    await _disks(azure, task, moved, found)
    if found.parts:
        found.reasons += await _replication(listings, task)
        found.reasons += await _locks(azure, [part.id for part in found.parts if part.delete])
    found.parts.sort(key=lambda part: (_ORDER.index(part.kind), id_key(part.id)))
    return Judgement(reasons=found.reasons, parts=found.parts, region=task.vm.source_region)


def about_the_move(task: FinaliseTask, moved: Moved) -> list[str]:
    """Return why the migration's own record does not allow it."""
    if moved.outcome != "migrated":
        told = moved.outcome or "not ended, or Temporal does not keep its run"
        return [f"the move of {task.vm.name} is not known to have ended well: it is {told}"]
    if not same_id(moved.source_id, task.vm.source_id) or not same_id(moved.target_id, task.vm.target_id):
        return [f"the move of {task.vm.name} was of {describe(moved.source_id)} to {describe(moved.target_id)}"]
    return []


async def about_the_target(azure: AzureClients, task: FinaliseTask, moved: Moved) -> list[str]:
    """Return why the target cannot be relied on now."""
    target = await machines.read_machine(azure, task.vm.target_id)
    name = describe(task.vm.target_id)
    if target is None:
        return [f"the target {name} does not exist"]
    reasons = []
    if target.power_state.lower() != power.RUNNING.lower():
        reasons.append(f"the target {name} does not run: it is {target.power_state}")
    elif moved.agent_ready and not target.agent_ready:
        reasons.append(f"the target {name} runs, but its agent does not report ready, as the source's did")
    if target.provisioning_state.lower() != "succeeded":
        reasons.append(f"the target {name} is not provisioned: {target.provisioning_state}")
    if canonical(target.region) != canonical(task.vm.target_region):
        reasons.append(f"the target {name} lies in {target.region}, not in {task.vm.target_region}")
    return reasons


def about_the_source(document: Json, task: FinaliseTask, moved: Moved) -> list[str]:
    """Return why the source itself must not be deleted."""
    machine, name = machines.machine_of(document), describe(task.vm.source_id)
    reasons = []
    if machine.power_state.lower() != power.DEALLOCATED.lower():
        reasons.append(f"the source {name} is not deallocated: it is {machine.power_state}")
    unique = str((document.get("properties") or {}).get("vmId") or "")
    if not moved.vm_unique_id:
        reasons.append(f"whether {name} is the machine that was moved cannot be told: its vmId was not written down")
    elif unique.lower() != moved.vm_unique_id.lower():
        reasons.append(f"{name} is not the machine that was moved: it was made anew under its name")
    if canonical(machine.region) != canonical(task.vm.source_region):
        reasons.append(f"{name} lies in {machine.region}, not in {task.vm.source_region}")
    return reasons


async def _interfaces(azure: AzureClients, task: FinaliseTask, moved: Moved, found: _Found) -> None:
    options = _options(found.machine, "networkProfile")
    for nic_id in _attached(found.machine, moved, "interface"):
        nic = await reads.read(azure, nic_id)
        if nic is None:
            continue
        body = nic.get("properties") or {}
        other = _elsewhere((body.get("virtualMachine") or {}).get("id"), task)
        if other and options.get(id_key(nic_id)) == "Delete":
            found.reasons.append(_goes_along(nic_id))
        found.parts.append(SourcePart(id=nic_id, kind="interface", delete=not other, why=other))
        if not other:
            await _public_addresses(azure, task, nic, found)
            group = (body.get("networkSecurityGroup") or {}).get("id")
            if group:
                why = "security groups are never deleted; others may use it"
                found.parts.append(SourcePart(id=group, kind="security group", delete=False, why=why))


async def _public_addresses(azure: AzureClients, task: FinaliseTask, nic: Json, found: _Found) -> None:
    for configuration in (nic.get("properties") or {}).get("ipConfigurations") or []:
        link = (configuration.get("properties") or {}).get("publicIPAddress") or {}
        address = await reads.read(azure, str(link["id"])) if link.get("id") else None
        if address is None:
            continue
        body = address.get("properties") or {}
        ours = id_key(str((body.get("ipConfiguration") or {}).get("id") or "")).startswith(f"{id_key(nic['id'])}/")
        delete = task.finalise.public_ips == "delete" and ours
        if not delete and "Delete" in (body.get("deleteOption"), (link.get("properties") or {}).get("deleteOption")):
            found.reasons.append(_goes_along(str(address["id"])))
        why = "" if delete else "its address may be known elsewhere; Azure bills it" if ours else "others use it"
        found.parts.append(SourcePart(id=str(address["id"]), kind="public address", delete=delete, why=why))


async def _disks(azure: AzureClients, task: FinaliseTask, moved: Moved, found: _Found) -> None:
    options = _options(found.machine, "storageProfile")
    listed = _attached(found.machine, moved, "disk")
    for disk_id, disk in zip(listed, await asyncio.gather(*(reads.read(azure, one) for one in listed)), strict=True):
        if disk is None:
            continue
        body = disk.get("properties") or {}
        shared = len(disk.get("managedByExtended") or []) > 1 or int(body.get("maxShares") or 1) > 1
        other = "machines share it" if shared else _elsewhere(disk.get("managedBy"), task)
        why = other or ("the plan keeps disks; Azure bills it" if task.finalise.disks == "keep" else "")
        if why and options.get(id_key(disk_id)) == "Delete":
            found.reasons.append(_goes_along(disk_id))
        size = body.get("diskSizeGB")
        found.parts.append(
            SourcePart(id=disk_id, kind="disk", delete=not why, why=why, size_gib=None if size is None else int(size))
        )


def _attached(machine: Json | None, moved: Moved, kind: PartKind) -> list[str]:
    """Return what hangs on the source; where it is gone already, what hung on it when it was moved."""
    if machine is None:
        return [one for one in moved.part_ids if _KINDS.get(ResourceId.parse(one).type.lower()) == kind]
    known = machines.machine_of(machine)
    return list(known.nic_ids) if kind == "interface" else [disk.id for disk in known.disks]


def _options(machine: Json | None, profile: str) -> dict[str, Any]:
    """Return what a machine's deletion does to what hangs on it, by id."""
    body = ((machine or {}).get("properties") or {}).get(profile) or {}
    if profile == "networkProfile":
        listed = body.get("networkInterfaces") or []
        return {id_key(str(one["id"])): (one.get("properties") or {}).get("deleteOption") for one in listed}
    disks = [body.get("osDisk") or {}, *(body.get("dataDisks") or [])]
    return {id_key(str((one.get("managedDisk") or {}).get("id") or "")): one.get("deleteOption") for one in disks}


def _elsewhere(owner: Any, task: FinaliseTask) -> str:
    return "" if not owner or same_id(str(owner), task.vm.source_id) else f"{describe(str(owner))} uses it"


def _goes_along(part_id: str) -> str:
    told = "would be deleted along, though it is to stay: set its deleteOption to Detach"
    return f"{describe(part_id)} {told}"


async def _replication(listings: Listings, task: FinaliseTask) -> list[str]:
    """Return what still replicates from or to the source: its disks are what such a copy is made of."""
    source = id_key(task.vm.source_id)
    group, name = source.rpartition("/providers/microsoft.compute")[0], source.rpartition("/")[2]
    vaults = [task.vault_id, *task.further_vault_ids]
    for item in [item for vault in vaults for item in await listings.items(vault)]:
        inner = items.details(item)
        from_it = id_key(str(inner.get("fabricObjectId") or "")) == source
        to_it = (
            id_key(str(inner.get("recoveryAzureResourceGroupId") or "")) == group
            and str(inner.get("recoveryAzureVMName") or "").lower() == name
        )
        if from_it or to_it:
            return [f"{describe(str(item['id']))} still replicates {'from' if from_it else 'to'} the source"]
    return []


async def _locks(azure: AzureClients, doomed: list[str]) -> list[str]:
    homes = [ResourceId.parse(one) for one in doomed]
    groups = [resource_group_id(home.subscription, home.resource_group or "") for home in homes]
    reasons = []
    for group in {id_key(one): one for one in groups}.values():
        for lock in await _locks_of(azure, group):
            held = [one for one in doomed if lock.holds(one)]
            if held:
                told = f'the lock "{lock.name}" ({lock.level}) on {describe(lock.scope)}'
                reasons.append(f"{told} forbids deleting {describe(held[0])}")
    return list(dict.fromkeys(reasons))


async def _locks_of(azure: AzureClients, group: str) -> list[Lock]:
    """Return the locks on a resource group, in it and above it."""
    base, subscription = f"{group}/providers/Microsoft.Authorization/locks", ResourceId.parse(group).subscription
    inside = await reads.read_list(azure, base, subscription, _LOCKS_API)
    above = await reads.read_list(azure, f"{base}?$filter={quote('atScope()')}", subscription, _LOCKS_API)
    found = [inventory_documents.lock(document) for document in (*inside, *above)]
    return list({(lock.scope.lower(), lock.name.lower()): lock for lock in found}.values())
