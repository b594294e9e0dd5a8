"""Why a machine could not be made on the recovery side, as far as that is seen when its replication is enabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import paths
from simulator.compute.capacity import check_capacity
from simulator.compute.offers import zones_of
from simulator.siterecovery import estate, failures, names, networks, recovery_machines, target_sizes
from simulator.siterecovery.refusals import AsrError, JobFailureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.store import Resource
    from simulator.world import World

_REFERENCES = {
    "availability_set": "availability set",
    "proximity_placement_group": "proximity placement group",
    "scale_set": "virtual machine scale set",
    "capacity_reservation": "capacity reservation group",
    "boot_diagnostics": "boot diagnostics storage account",
}


def check_target(world: World, item: Resource) -> None:
    """Fail the job for the first thing that stands against a machine there, and settle its size (*item* unsaved)."""
    for error in _problems(world, item):
        raise JobFailureError(error)
    _settle_size(world, item)


def _problems(world: World, item: Resource) -> Iterator[AsrError]:
    groups = {item.meta["recovery_group"], *(disk["group"] for disk in item.meta["disks"])}
    for group in sorted(groups):
        if not world.store.exists(group):
            yield failures.target_missing("resource group", names.last(group))
    location = recovery_machines.location_of(world, item)
    yield from _network_problems(world, item, location)
    yield from _zone_problems(world, item, location)
    yield from _reference_problems(world, item, location)


def _network_problems(world: World, item: Resource, location: str) -> Iterator[AsrError]:
    network = item.meta.get("network")
    if network is None:
        return
    found = world.store.get(network)
    if found is None:
        yield failures.target_missing("virtual network", names.last(network))
        return
    if estate.normal(found.location) != location:
        yield failures.wrong_region(found.name, found.location, location)
    subnet = item.meta.get("subnet")
    if subnet and estate.choose_subnet(world, network, names.last(subnet)) is None:
        yield failures.target_missing("subnet", names.last(subnet))


def _zone_problems(world: World, item: Resource, location: str) -> Iterator[AsrError]:
    zone = item.meta.get("zone")
    if zone and zone not in zones_of(location):
        yield failures.reference_unusable("availability zone", zone, f"'{location}' doesn't have it")
    if networks.fabric_location(world, item.id) == location and zone in {None, item.meta.get("primary_zone")}:
        yield failures.same_region(location)


def _reference_problems(world: World, item: Resource, location: str) -> Iterator[AsrError]:
    for key, kind in _REFERENCES.items():
        id_ = item.meta.get(key)
        if not id_:
            continue
        found = world.store.get(id_)
        if found is None:
            yield failures.target_missing(kind, names.last(id_))
        elif estate.normal(found.location) != location:
            yield failures.reference_unusable(kind, found.name, f"it is in '{found.location}'")
        elif key == "availability_set" and item.meta.get("zone"):
            yield failures.reference_unusable(kind, found.name, "an availability zone is chosen too")


def _settle_size(world: World, item: Resource) -> None:
    """Choose the machine's size, its own or the closest; fail with 150097 where none of it could be made."""
    needs = target_sizes.needs_of(world, item)
    chosen = target_sizes.closest(world, item.meta["size"], needs)
    if chosen is None:
        size = item.meta["size"]
        raise JobFailureError(failures.capacity(f"'{needs.location}' offers neither the size '{size}' nor a like one."))
    item.meta["size"] = chosen
    check_size(world, item)


def check_size(world: World, item: Resource) -> None:
    """Fail with 150097 where the region has no quota left for the size, or does not offer it."""
    subscription = names.subscription_of(item.meta["recovery_group"])
    location = recovery_machines.location_of(world, item)
    # On the way back the machine takes the place of the original one.
    place = recovery_machines.target_vm_id(item)
    originals = item.meta.get("originals") or []
    instead_of = place if any(paths.same(place, other) for other in originals) else None
    problem = check_capacity(
        world, subscription, location, item.meta["size"], item.meta.get("zone"), instead_of=instead_of
    )
    if problem is not None:
        raise JobFailureError(failures.capacity(f"{problem[0]}: {problem[1]}"))
