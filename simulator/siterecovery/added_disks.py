"""Disks that a machine got after its replication was enabled: they are seen, and on demand replicated by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.compute import machines
from simulator.schedule import event_handler
from simulator.siterecovery import enabling_checks, estate, names, states

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

LOOK_AGAIN_SECONDS = 15 * 60


def unprotected_luns(world: World, item: Resource, source: Resource | None = None) -> list[int]:
    """The LUNs of the machine's data disks that are not replicated, in order; *source* is the machine, if known."""
    source = source or world.store.glance(item.meta["vm"])
    if source is None:
        return []
    protected = {disk["lun"] for disk in item.meta["disks"]}
    attached = {disk["lun"] for disk in machines.disk_references(source.doc) if disk.get("lun") is not None}
    return sorted(attached - protected)


def added_luns(world: World, item: Resource, source: Resource | None = None) -> list[int]:
    """Those of them that nobody has excluded: they came later, and nobody has dismissed the warning about them."""
    known = {*(item.meta.get("excluded_luns") or ()), *(item.meta.get("dismissed_luns") or ())}
    return [lun for lun in unprotected_luns(world, item, source) if lun not in known]


def watch(world: World, item: Resource) -> None:
    """Look for added disks from time to time, where the item is to replicate them by itself."""
    if item.meta["auto_protection"] == "Enabled":
        payload = {"item": item.id, "round": item.meta["correlation"]}
        world.schedule.after(LOOK_AGAIN_SECONDS, "asr.disks_looked_for", payload)


def input_for(world: World, item: Resource) -> list[dict[str, Any]]:
    """What to send as `vmManagedDisks` to replicate the added disks as the first one is."""
    source, luns = estate.machine(world, item.meta["vm"]), added_luns(world, item)
    model = item.meta["disks"][0]
    return [
        {
            "diskId": disk.id,
            "primaryStagingAzureStorageAccountId": model["cache"],
            "recoveryResourceGroupId": model["group"],
        }
        for disk in (source.disks if source else ())
        if disk.lun in luns and enabling_checks.unsupported(disk) is None
    ]


@event_handler("asr.disks_looked_for")
def _looked(world: World, payload: dict[str, Any]) -> None:
    from simulator.siterecovery import item_operations, jobs  # noqa: PLC0415 - a circle

    item = world.store.get(payload["item"])
    if item is None or item.meta["correlation"] != payload["round"]:
        return
    idle = states.state_of(world, item) == states.PROTECTED and jobs.running_on(world, names.asr_id(item.id)) is None
    found = input_for(world, item) if idle and not item.meta.get("test") else []
    if found:
        jobs.launch(world, item_operations.plan_of_added_disks(world, item, found))
    watch(world, item)
