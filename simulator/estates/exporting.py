"""From a cloud back to a seed: the estate as it is now, with machines' power, behaviour and quotas.

Secrets are left out, and so is what is on its way: operations and jobs.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator import inventory
from simulator.compute import machines
from simulator.compute.names import VM
from simulator.estates.saving import DATABASE, copy_database
from simulator.siterecovery.views import VIEWS, show
from simulator.world import World

if TYPE_CHECKING:
    from simulator.store import Resource


def seed_of(world: World) -> dict[str, Any]:
    """The seed that makes *world*'s estate anew."""
    resources = [_entry(world, resource) for resource in world.store.everything() if not inventory.mirrors(resource)]
    seed = {
        "subscriptions": world.subscriptions,
        "resources": resources,
        "behaviour": dict(world.store.area("behaviour").items()),
        "quotas": world.quotas,
    }
    return {key: value for key, value in seed.items() if value}


def _entry(world: World, resource: Resource) -> dict[str, Any]:
    if resource.type.lower() in VIEWS:
        return show(world, resource)
    if resource.type.lower() == VM.lower():
        state = str(resource.meta.get("power_state", machines.RUNNING)).rpartition("/")[2]
        return {**resource.doc, "powerState": f"VM {state}"}
    return resource.doc


def from_state(state_dir: Path) -> dict[str, Any]:
    """The seed of the estate in a simulator's state folder, which may be in use."""
    with tempfile.TemporaryDirectory(prefix="simulator-export-") as scratch:
        copy = Path(scratch)
        copy_database(state_dir / DATABASE, copy / DATABASE)
        shutil.copy(state_dir / "signing.pem", copy)
        world = World(copy)
        try:
            return seed_of(world)
        finally:
            world.database.close()
