"""Which types of resource a region offers to a subscription, as the seed's `quotas` says (`Namespace/type: 0`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import paths
from simulator.compute import quotas
from simulator.provider import ArmError, Call
from simulator.resources.locations import display_name, location_name, table

if TYPE_CHECKING:
    from simulator.world import World


def regions(world: World, subscription: str, type_: str) -> list[str]:
    """The names of the regions, as people read them, in which a subscription may have resources of a type."""
    return [display_name(place) for place in _names(world, subscription, type_)]


def check_request(call: Call) -> None:
    """Raise the 400 where a PUT would make a resource in a region that does not offer its type."""
    body = call.body if call.method == "PUT" and isinstance(call.body, dict) else {}
    type_, place = paths.parse(call.path).type, location_name(str(body.get("location") or ""))
    if place is None or quotas.offers_type(call.world, call.subscription, place, type_):
        return
    if call.world.store.get(call.path) is None:
        known = ",".join(sorted(_names(call.world, call.subscription, type_)))
        raise ArmError(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{body['location']}' is not available for resource type '{type_}'. List of "
            f"available regions for the resource type is '{known}'.",
        )


def _names(world: World, subscription: str, type_: str) -> list[str]:
    return [place for place in table() if quotas.offers_type(world, subscription, place, type_)]
