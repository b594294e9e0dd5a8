"""The route table of Microsoft Graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.graph import principals
from simulator.provider import Route

if TYPE_CHECKING:
    from simulator.provider import Handler

_ROOT = "/v1.0"


def _get(template: str, handler: Handler) -> Route:
    return Route("GET", f"{_ROOT}/{template}", handler, action="", versioned=False)


ROUTES = [
    _get("me", principals.me_get),
    _get("users", principals.users_list),
    _get("users/{principal}", principals.users_get),
    _get("servicePrincipals", principals.service_principals_list),
    _get("servicePrincipals/{principal}", principals.service_principals_get),
    Route(
        "POST",
        f"{_ROOT}/directoryObjects/getByIds",
        principals.directory_objects_get_by_ids,
        reads=True,
        action="",
        versioned=False,
    ),
]
