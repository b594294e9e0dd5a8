"""The providers of this cloud: one line each, and the only list of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from simulator import paths

if TYPE_CHECKING:
    from simulator.provider import Route

ROUTES: list[Route] = []
for _name in ("resources", "compute", "network", "storage", "authorization", "siterecovery"):
    try:
        ROUTES += importlib.import_module(f"simulator.{_name}.routes").ROUTES
    except ModuleNotFoundError as _problem:
        if _problem.name not in {f"simulator.{_name}.routes", f"simulator.{_name}"}:
            raise

_TYPES = {
    parsed.type.lower(): parsed.type for route in ROUTES if "{" not in (parsed := paths.parse(route.template)).type
}


def canonical_type(type_: str) -> str:
    """A resource type in the case in which Azure writes it; one that no provider has stays as it is."""
    return _TYPES.get(type_.lower(), type_)
