"""Every operation that Microsoft's SDKs can call, read from the functions that build their requests."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from azure.mgmt.recoveryservices.operations import _operations as recovery_services
from azure.mgmt.recoveryservicessiterecovery.operations import _operations as site_recovery

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

SDKS: dict[str, ModuleType] = {"siterecovery": site_recovery, "recoveryservices": recovery_services}
_BUILDER = re.compile(r"build_(\w+)_request")


@dataclass(frozen=True)
class Operation:
    """One operation: ``name`` as ``replication_fabrics_get``; ``template`` names its parameters in braces."""

    name: str
    method: str
    template: str

    @property
    def lists(self) -> bool:
        """Whether it is a list of objects (its answer has a ``value``)."""
        return self.method == "GET" and re.search(r"_list(_|$)", self.name) is not None

    def path(self, values: Mapping[str, str]) -> str:
        """Its path; a parameter without a value is called by its own name."""
        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[1]), self.template)


@cache
def operations(sdk: str) -> dict[str, Operation]:
    """The operations of an SDK by name."""
    found = {}
    for name, build in inspect.getmembers(SDKS[sdk], inspect.isfunction):
        match = _BUILDER.fullmatch(name)
        if match is not None:
            found[match[1]] = _operation(match[1], build)
    return found


def _operation(name: str, build: Any) -> Operation:
    parameters = inspect.signature(build).parameters.values()
    given = {one.name: f"{{{one.name}}}" for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD}
    required = {one.name: one.name for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is one.empty}
    request = build(**given, **required)
    return Operation(name, request.method, unquote(request.url.partition("?")[0]))
