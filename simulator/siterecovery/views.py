"""How each kind of Site Recovery object is shown: a function from the stored resource to Azure's JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.store import Resource
    from simulator.world import World

    View = Callable[[World, Resource], dict[str, Any]]

VIEWS: dict[str, View] = {}


def view(type_: str) -> Callable[[View], View]:
    """Register the decorated function as the view of resources of *type_*."""

    def register(function: View) -> View:
        VIEWS[type_.lower()] = function
        return function

    return register


def show(world: World, resource: Resource) -> dict[str, Any]:
    """The resource as Azure shows it now."""
    return VIEWS[resource.type.lower()](world, resource)
