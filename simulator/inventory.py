"""The list of everything in the cloud that somebody could delete, for ``GET /_simulator/resources``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.compute import machines

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

MIRRORS = frozenset(
    {
        "recoverypoints",
        "replicationalertsettings",
        "replicationeligibilityresults",
        "replicationevents",
        "replicationjobs",
        "replicationnetworks",
        "replicationprotectableitems",
        "replicationrecoveryservicesproviders",
        "replicationvaulthealth",
        "replicationvaultsettings",
        "targetcomputesizes",
    }
)
MACHINE = "microsoft.compute/virtualmachines"


def deletable(world: World) -> list[dict[str, Any]]:
    """Every resource but those that only mirror the state of others: ``id, type, location, created_by``.

    Virtual machines have ``power_state`` too.
    """
    listed = world.store.everything()
    return [_entry(world, resource) for resource in listed if not mirrors(resource)]


def power(world: World) -> dict[str, str]:
    """The power state of every virtual machine, by its id in lower case."""
    looked = ((key, world.store.glance(key)) for key in world.store.keys(MACHINE))
    return {key: str(one.meta.get("power_state", machines.RUNNING)) for key, one in looked if one is not None}


def mirrors(resource: Resource) -> bool:
    """Tell whether a resource only mirrors the state of others."""
    return resource.type.lower().rpartition("/")[2] in MIRRORS


def _entry(world: World, resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": resource.id,
        "type": resource.type,
        "location": resource.doc.get("location"),
        "created_by": resource.meta["created_by"],
    }
    if resource.type.lower() == MACHINE:
        entry["power_state"] = machines.power_state(world, resource.id)
    return entry
