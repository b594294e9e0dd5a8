"""Regions: their names, and whether vaults and Site Recovery are offered in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.compute import quotas
from simulator.provider import ArmError
from simulator.resources import locations
from simulator.siterecovery import refusals

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.world import World

OFFER = "siteRecovery"
"""The name under which a seed's ``quotas`` take Site Recovery out of a region (``siteRecovery: 0``)."""


def normal(location: str) -> str:
    """A region's name as APIs take it: ``West Europe`` becomes ``westeurope``."""
    return location.replace(" ", "").lower()


def display_name(location: str) -> str:
    """A region's name as people read it, which is a fabric's friendly name."""
    return locations.display_name(normal(location))


def is_offered(world: World, subscription: str, location: str) -> bool:
    """Whether Site Recovery works in the region."""
    known = locations.location_name(location)
    return known not in {None, "global"} and quotas.limit(world, subscription, normal(location), OFFER) > 0


def require_for_vault(location: str) -> None:
    """Answer 400 where vaults are not offered in the region."""
    if locations.location_name(location) in {None, "global"}:
        raise ArmError(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{location}' is not available for resource type "
            "'Microsoft.RecoveryServices/vaults'. List of available regions for the resource type is "
            f"'{','.join(sorted(locations.table()))}'.",
        )


def require_for_fabric(call: Call, location: str) -> str:
    """The region's name, or a 400 where Site Recovery is not offered in it."""
    if not is_offered(call.world, call.subscription, location):
        raise refusals.bad_request(
            call,
            "LocationNotSupported",
            f"The location '{location}' isn't supported by Azure Site Recovery.",
            "Site Recovery isn't offered in the location, or the location doesn't exist.",
            "Specify a location that Site Recovery is offered in.",
        )
    return normal(location)
