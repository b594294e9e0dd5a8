"""The providers of this cloud: one line each, and the only list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import paths, providerlimits
from simulator.authorization.routes import ROUTES as AUTHORIZATION
from simulator.compute.routes import ROUTES as COMPUTE
from simulator.devtestlab.routes import ROUTES as DEV_TEST_LAB
from simulator.graph.routes import ROUTES as GRAPH
from simulator.insights.routes import ROUTES as INSIGHTS
from simulator.managedidentity.routes import ROUTES as MANAGED_IDENTITY
from simulator.network.routes import ROUTES as NETWORK
from simulator.policyinsights.routes import ROUTES as POLICY_INSIGHTS
from simulator.resources.routes import ROUTES as RESOURCES
from simulator.siterecovery.routes import ROUTES as SITE_RECOVERY
from simulator.storage.routes import ROUTES as STORAGE

if TYPE_CHECKING:
    from simulator.provider import Route

__all__ = ["ROUTES", "canonical_type", "has_type", "providerlimits"]

ROUTES: list[Route] = [
    *RESOURCES,
    *COMPUTE,
    *NETWORK,
    *STORAGE,
    *AUTHORIZATION,
    *SITE_RECOVERY,
    *INSIGHTS,
    *DEV_TEST_LAB,
    *MANAGED_IDENTITY,
    *POLICY_INSIGHTS,
    *GRAPH,
]

_TYPES = {
    parsed.type.lower(): parsed.type for route in ROUTES if "{" not in (parsed := paths.parse(route.template)).type
}


def canonical_type(type_: str) -> str:
    """A resource type in the case in which Azure writes it; one that no provider has stays as it is."""
    return _TYPES.get(type_.lower(), type_)


def has_type(type_: str) -> bool:
    """Tell whether some provider has operations on resources of *type_*."""
    return type_.lower() in _TYPES
