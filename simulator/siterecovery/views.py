"""How each kind of Site Recovery object is shown: a function from the stored resource to Azure's JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.siterecovery.job_model import Job
    from simulator.store import Resource
    from simulator.world import World

    View = Callable[[World, Resource], dict[str, Any]]
    Result = Callable[[World, Job], dict[str, Any]]

VIEWS: dict[str, View] = {}
RESULTS: dict[str, Result] = {}


def view(type_: str) -> Callable[[View], View]:
    """Register the decorated function as the view of resources of *type_*."""

    def register(function: View) -> View:
        VIEWS[type_.lower()] = function
        return function

    return register


def show(world: World, resource: Resource) -> dict[str, Any]:
    """The resource as Azure shows it now."""
    return VIEWS[resource.type.lower()](world, resource)


def result(collection: str) -> Callable[[Result], Result]:
    """Register the decorated function as the result of operations on *collection*, which is no stored resource."""

    def register(function: Result) -> Result:
        RESULTS[collection.lower()] = function
        return function

    return register
