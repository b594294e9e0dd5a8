"""The route table of Microsoft.Storage."""

from __future__ import annotations

from simulator.provider import Route
from simulator.storage import accounts, usages
from simulator.storage.accounts import ACCOUNT

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_ACCOUNT = f"{_GROUP}/providers/{ACCOUNT}/{{account}}"
_STORAGE = f"{_SUBSCRIPTION}/providers/Microsoft.Storage"
_PLACE = f"{_STORAGE}/locations/{{location}}"

ROUTES = [
    Route("GET", f"{_PLACE}/asyncoperations/{{operation}}", accounts.async_operations_get, action=""),
    Route(
        "POST",
        f"{_STORAGE}/checkNameAvailability",
        accounts.storage_accounts_check_name_availability,
        reads=True,
        action="Microsoft.Storage/checkNameAvailability/read",
    ),
    Route("GET", f"{_PLACE}/usages", usages.usages_list_by_location),
    Route("GET", f"{_STORAGE}/storageAccounts", accounts.storage_accounts_list),
    Route("GET", f"{_GROUP}/providers/{ACCOUNT}", accounts.storage_accounts_list),
    Route("GET", _ACCOUNT, accounts.storage_accounts_get_properties),
    Route("PUT", _ACCOUNT, accounts.storage_accounts_create),
    Route("PATCH", _ACCOUNT, accounts.storage_accounts_update),
    Route("DELETE", _ACCOUNT, accounts.storage_accounts_delete),
    Route("POST", f"{_ACCOUNT}/listKeys", accounts.storage_accounts_list_keys, reads=True),
]
