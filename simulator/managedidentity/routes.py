"""The route table of Microsoft.ManagedIdentity."""

from __future__ import annotations

from simulator.compute.crud import delete_now, get_resource, list_resources, update_tags
from simulator.managedidentity import identities
from simulator.managedidentity.identities import IDENTITY
from simulator.provider import Route

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_IDENTITY = f"{_GROUP}/providers/{IDENTITY}/{{identity}}"
_list = list_resources(IDENTITY)

ROUTES = [
    Route("GET", _IDENTITY, get_resource),
    Route("PUT", _IDENTITY, identities.user_assigned_identities_create_or_update),
    Route("PATCH", _IDENTITY, update_tags),
    Route("DELETE", _IDENTITY, delete_now),
    Route("GET", f"{_GROUP}/providers/{IDENTITY}", _list),
    Route("GET", f"{_SUBSCRIPTION}/providers/{IDENTITY}", _list),
]
