"""Which size a machine gets on the recovery side: its own, or the closest one that the region offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.compute import quotas
from simulator.compute.sizes import SIZES, VmSize, find_size
from simulator.siterecovery import estate, names, networks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.store import Resource
    from simulator.world import World


@dataclass(frozen=True)
class Needs:
    """Where a machine is to run, and what it brings along."""

    subscription: str
    location: str
    data_disks: int = 0
    nics: int = 1
    generation: str = "V1"
    premium: bool = False


def needs_of(world: World, item: Resource) -> Needs:
    """What the machine of an item needs on its recovery side."""
    source, disks = estate.machine(world, item.meta["vm"]), item.meta["disks"]
    return Needs(
        subscription=names.subscription_of(item.meta["recovery_group"]),
        location=networks.fabric_location(world, item.meta["recovery_container"]),
        data_disks=sum(disk["kind"] == "Data" for disk in disks),
        nics=len(source.nic_ids) if source else 1,
        generation=item.meta["generation"],
        premium=any(disk["target_sku"].startswith("Premium") for disk in disks),
    )


def offered(world: World, needs: Needs) -> Iterator[VmSize]:
    """The sizes of the region on which the machine would run."""
    for size in SIZES.values():
        if quotas.is_offered(world, needs.subscription, needs.location, size.name) and fits(size, needs):
            yield size


def fits(size: VmSize, needs: Needs) -> bool:
    """Whether the machine's disks, NICs and generation go with the size."""
    return (
        size.max_data_disks >= needs.data_disks
        and size.max_nics >= needs.nics
        and needs.generation in size.hyperv_generations.split(",")
        and (size.premium_io or not needs.premium)
    )


def closest(world: World, wanted: str, needs: Needs) -> str | None:
    """The size *wanted* where the region has it, else the most alike that is not smaller; None where there is none."""
    own = find_size(wanted)
    if own is None or quotas.is_offered(world, needs.subscription, needs.location, own.name):
        return wanted
    alike = [
        size
        for size in offered(world, needs)
        if size.vcpus >= own.vcpus and size.memory_mb >= own.memory_mb and size.arm64 == own.arm64
        and not quotas.is_restricted(world, needs.subscription, needs.location, size.name)
    ]  # fmt: skip
    best = min(alike, key=lambda size: _distance(own, size), default=None)
    return best.name if best else None


def _distance(own: VmSize, size: VmSize) -> tuple[int, int, bool, bool, int, str]:
    return (
        size.vcpus - own.vcpus,
        size.memory_mb - own.memory_mb,
        size.series != own.series,
        size.features != own.features,
        abs(size.generation - own.generation),
        size.name,
    )
