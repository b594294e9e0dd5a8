"""What a job says of the objects that it affects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.siterecovery import names
from simulator.siterecovery.mappings import friendly_fabric

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World


def by_item(world: World, item: Resource) -> dict[str, str]:
    """``affectedObjectDetails`` of a job about a replicated item."""
    container, recovery_container = names.container_of(item.id), item.meta["recovery_container"]
    return {
        "primaryVmId": names.stable_uuid(item.meta["vm"]),
        "primaryVmName": names.last(item.meta["vm"]),
        "recoveryVmId": "",
        "recoveryVmName": item.meta["target_name"],
        "protectionProfileId": names.stable_uuid(item.meta["policy"]),
        "primaryCloudId": names.stable_uuid(container),
        "primaryCloudName": names.last(container),
        "recoveryCloudId": names.stable_uuid(recovery_container),
        "recoveryCloudName": names.last(recovery_container),
        "primaryVmmId": names.stable_uuid(names.fabric_of(container)),
        "primaryVmmName": friendly_fabric(world, container),
        "recoveryVmmId": names.stable_uuid(names.fabric_of(recovery_container)),
        "recoveryVmmName": friendly_fabric(world, recovery_container),
        "primaryFabricProviderId": "Azure",
        "recoveryFabricProviderId": "Azure",
    }
