"""Finding the route of a request, and Azure Resource Manager's own answers where there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator import paths
from simulator.errors import from_gateway

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.errors import ArmError
    from simulator.provider import Route

_PARAMETER = re.compile(r"\{(\w+)(\*?)\}")


def _compile(template: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for found in _PARAMETER.finditer(template):
        inner = ".*" if found[2] else "[^/]+"
        pattern += re.escape(template[end : found.start()]) + f"(?P<{found[1]}>{inner})"
        end = found.end()
    return re.compile(pattern + re.escape(template[end:]), re.IGNORECASE)


class Router:
    """The routes of every provider, by method and number of segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Compile the templates; the first matching route wins, fixed templates before those with ``{x*}``."""
        self._fixed: dict[tuple[str, int], list[tuple[re.Pattern[str], Route]]] = {}
        self._open: dict[str, list[tuple[re.Pattern[str], Route]]] = {}
        self._types: dict[str, set[str]] = {}
        self.routes = tuple(routes)
        for route in self.routes:
            compiled = (_compile(route.template), route)
            if "*}" in route.template:
                self._open.setdefault(route.method, []).append(compiled)
            else:
                self._fixed.setdefault((route.method, route.template.count("/")), []).append(compiled)
            self._note_type(route.template)

    def _note_type(self, template: str) -> None:
        parsed = paths.parse(template)
        if parsed.namespace and not parsed.namespace.startswith("{"):
            self._types.setdefault(parsed.namespace.lower(), set()).add(parsed.type.lower())

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a request and the parameters of its path; HEAD falls back on GET."""
        candidates = [*self._fixed.get((method, path.count("/")), ()), *self._open.get(method, ())]
        for pattern, route in candidates:
            match = pattern.fullmatch(path)
            if match is not None:
                return route, match.groupdict()
        return self.find("GET", path) if method == "HEAD" else None

    def explain(self, method: str, path: str, api_version: str) -> ArmError:
        """The error that ARM gives where no route fits."""
        methods = [other for other in ("GET", "PUT", "POST", "PATCH", "DELETE") if self.find(other, path)]
        if methods:
            return from_gateway(
                405,
                "HttpMethodNotSupported",
                f"The HTTP method '{method}' is not supported at path '{path}'.",
                headers={"Allow": ", ".join(methods)},
            )
        if "/providers/" not in path.lower():
            return from_gateway(404, "NotFound", f"The requested path '{path}' was not found.")
        parsed = paths.parse(path)
        if parsed.namespace.lower() not in self._types:
            message = f"The resource namespace '{parsed.namespace}' is invalid."
            return from_gateway(404, "InvalidResourceNamespace", message)
        type_ = parsed.type.partition("/")[2]
        return from_gateway(
            404,
            "InvalidResourceType",
            f"The resource type '{type_}' could not be found in the namespace '{parsed.namespace}' for api version "
            f"'{api_version}'. The simulator does not have the operation {method} of it.",
        )
