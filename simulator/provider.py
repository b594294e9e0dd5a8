"""How a provider answers: routes, calls and replies.

A provider is a package whose ``routes.py`` exports ``ROUTES``, a list of :class:`Route`; ``simulator/registry.py``
joins them. A handler is a plain function named by the ARM operation; it runs alone (nothing else changes the world
meanwhile), answers by returning a :class:`Reply` or raising an ``ArmError``, and checks before it writes::

    def virtual_machines_get(call: Call) -> Reply:
        return Reply(200, call.world.store.require(call.resource_id).doc)

    def virtual_machines_start(call: Call) -> Reply:
        machine = call.world.store.require(call.parent_id)  # without the last segment, "start"
        return call.world.operations.start(
            call, COMPUTE, seconds=45, done="compute.vm_started", payload={"vm": machine.id})

    VM = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{vm}"
    ROUTES = [
        Route("GET", VM, virtual_machines_get),
        Route("POST", f"{VM}/start", virtual_machines_start),
        Route("POST", f"{VM}/retrieveBootDiagnosticsData", boot_diagnostics, reads=True),
        Route("GET", "{scope*}/providers/Microsoft.Authorization/locks", locks_list),  # {x*}: any number of segments
    ]

What the front door has done before a handler runs: token, throttling, subscription (404), permission (403),
provider registration (409), locks (409), resource group (404). What it adds afterwards: request ids, rate-limit
headers, Date, the effect of faults. State changes go through ``world.store``, ``world.schedule`` and
``world.operations`` alone: these make the request count as accepted.

Times: ``world.now`` (a datetime; the same all through a request), ``clock.rfc7`` and its kin to write them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from simulator.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.identity import Identity
    from simulator.world import World

    Handler = Callable[["Call"], "Reply"]

__all__ = ["ArmError", "Call", "OperationFault", "Reply", "Route"]


@dataclass(frozen=True)
class Route:
    """One operation: an HTTP method, a path template without regard to case, and its handler."""

    method: str
    template: str
    handler: Handler
    reads: bool = False
    """A POST that only reads: no write in the request log, but forbidden by a ReadOnly lock all the same."""
    action: str | None = None
    """The RBAC action; None: derived from the path (``Microsoft.Compute/virtualMachines/start/action``);
    an empty string: none is needed (operation status and the like)."""
    on_absent_group: bool = False
    """The handler itself deals with an absent resource group (the front door answers 404 otherwise)."""
    versioned: bool = True
    """Whether the request needs an api-version; Microsoft Graph's have theirs in the path."""

    @property
    def writes(self) -> bool:
        """Whether the operation would change the cloud."""
        return self.method not in {"GET", "HEAD"} and not self.reads


@dataclass(frozen=True)
class Reply:
    """An answer: status, JSON body (None: empty) and headers."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OperationFault:
    """What a fault does to the operation that this request starts.

    ``kind`` is ``operation_fails`` (the operation fails at its last step with ``code`` and ``message``; what its
    earlier steps did stays; with an empty ``code`` no error is told), ``operation_never_ends``, or
    ``operation_ends_as`` (the work is done, and the operation's last state is ``word``).
    """

    kind: str
    code: str = "InternalServerError"
    message: str = "An internal error occurred."
    word: str = ""

    @property
    def fails(self) -> bool:
        """The operation is to fail at its last step."""
        return self.kind == "operation_fails"

    @property
    def never_ends(self) -> bool:
        """The operation is to stay in progress for ever."""
        return self.kind == "operation_never_ends"


@dataclass(frozen=True)
class Call:
    """One request as a handler sees it."""

    world: World
    method: str
    path: str
    """The path as the caller wrote it, without query and trailing slash, percent-decoded."""
    params: dict[str, str]
    """The template's parameters, in the caller's case."""
    query: dict[str, str]
    """Query parameters by lower-cased name (``$filter``, ``$expand``, ``api-version``)."""
    body: Any
    """The JSON body, or None; ``body_object()`` insists on an object."""
    headers: Mapping[str, str]
    """Request headers, by any case."""
    identity: Identity
    route: Route
    operation_fault: OperationFault | None = None
    target: str = ""
    """The path and query exactly as the caller wrote them."""

    @property
    def api_version(self) -> str:
        """The caller's api-version; operation URLs echo it."""
        return self.query.get("api-version", "")

    @property
    def subscription(self) -> str:
        """The subscription id of the path, or an empty string."""
        return self.params.get("subscription", "")

    @property
    def group(self) -> str:
        """The resource group's name of the path, or an empty string."""
        return self.params.get("group", "")

    @property
    def resource_id(self) -> str:
        """The whole path as a resource id."""
        return self.path

    @property
    def parent_id(self) -> str:
        """The path without its last segment: the resource of a POST action, the scope of a collection."""
        return self.path.rpartition("/")[0]

    def url(self, path: str, **query: str) -> str:
        """An absolute URL of this cloud for *path* (begins with a slash), with the caller's api-version and *query*."""
        extra = "".join(f"&{name}={quote(value, safe='')}" for name, value in query.items())
        return f"{self.world.endpoint}{quote(path)}?api-version={self.api_version}{extra}"

    def body_object(self) -> dict[str, Any]:
        """The body as an object, or Azure's 400 ``InvalidRequestContent``."""
        if isinstance(self.body, dict):
            return self.body
        raise ArmError(
            400,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized: 'A JSON object is expected.'.",
        )
