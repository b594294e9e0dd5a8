"""Storage accounts: names that are unique in the world, creation that takes a while, keys that are no secret."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.clock import rfc7
from simulator.compute.crud import merge, require_location
from simulator.operations import OperationStyle, on_done, on_failed
from simulator.paging import page_of_resources
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.store import Resource
    from simulator.world import World

ACCOUNT = "Microsoft.Storage/storageAccounts"
CREATE_SECONDS = (14, 20)
_NAME = re.compile(r"[a-z0-9]{3,24}")
_KINDS = ("blob", "queue", "table", "file", "dfs", "web")
STYLE = OperationStyle(
    result_path="/subscriptions/{subscription}/providers/Microsoft.Storage/locations/{location}/asyncoperations/{operation}",
    result_query=(("monitor", "true"),),
    retry_after_seconds=17,
)


def account_document(
    account_id: str, location: str, created: datetime, given: dict[str, Any], *, state: str = "Succeeded"
) -> dict[str, Any]:
    """Write the JSON of a storage account; *given* has `sku`, `kind`, `tags` and `properties`."""
    name = paths.parse(account_id).name
    sku = str((given.get("sku") or {}).get("name") or "Standard_LRS")
    time = rfc7(created)
    service = {"keyType": "Account", "enabled": True, "lastEnabledTime": time}
    properties = {key: value for key, value in (given.get("properties") or {}).items() if value is not None}
    return {
        "sku": {"name": sku, "tier": sku.partition("_")[0]},
        "kind": given.get("kind") or "StorageV2",
        "id": account_id,
        "name": name,
        "type": ACCOUNT,
        "location": location,
        "tags": given.get("tags") or {},
        "properties": {
            "keyCreationTime": {"key1": time, "key2": time},
            "privateEndpointConnections": [],
            "minimumTlsVersion": "TLS1_0",
            "allowBlobPublicAccess": True,
            "networkAcls": {
                "bypass": "AzureServices",
                "virtualNetworkRules": [],
                "ipRules": [],
                "defaultAction": "Allow",
            },
            "supportsHttpsTrafficOnly": True,
            **properties,
            "encryption": {"services": {"file": service, "blob": service}, "keySource": "Microsoft.Storage"},
            "accessTier": properties.get("accessTier", "Hot"),
            "provisioningState": state,
            "creationTime": properties.get("creationTime", time),
            "primaryEndpoints": {kind: f"https://{name}.{kind}.core.windows.net/" for kind in _KINDS},
            "primaryLocation": location,
            "statusOfPrimary": "available",
        },
    }


def shown(world: World, account: Resource) -> dict[str, Any]:
    """An account as GET shows it; what a seed left out is filled in."""
    if "primaryEndpoints" in account.properties:
        return account.doc
    return account_document(account.id, account.location, world.now, account.doc)


def _owner_of_name(world: World, name: str) -> Resource | None:
    return next((one for one in world.store.list(ACCOUNT) if one.name.lower() == name.lower()), None)


def storage_accounts_check_name_availability(call: Call) -> Reply:
    """Tell whether a name is free in the world."""
    name = str(call.body_object().get("name") or "")
    if not _NAME.fullmatch(name):
        return Reply(200, {"nameAvailable": False, "reason": "AccountNameInvalid", "message": _invalid_name(name)})
    if _owner_of_name(call.world, name) is not None:
        message = f"The storage account named {name} is already taken."
        return Reply(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": message})
    return Reply(200, {"nameAvailable": True})


def _invalid_name(name: str) -> str:
    return (
        f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in "
        "length and use numbers and lower-case letters only."
    )


def storage_accounts_create(call: Call) -> Reply:
    """Create an account (202), or answer with the one that is there (200)."""
    name = paths.parse(call.path).name
    if not _NAME.fullmatch(name):
        raise ArmError(400, "AccountNameInvalid", _invalid_name(name))
    location = require_location(call)
    owner = _owner_of_name(call.world, name)
    if owner is not None and not paths.same(owner.id, call.resource_id):
        raise ArmError(409, "StorageAccountAlreadyTaken", f"The storage account named {name} is already taken.")
    if owner is not None:
        return _put_again(call, owner, location)
    body = call.body_object()
    call.world.store.put(account_document(call.resource_id, location, call.world.now, body, state="Creating"))
    return call.world.operations.start(
        call,
        STYLE,
        seconds=call.world.duration(*CREATE_SECONDS, call.path),
        done="storage.account_created",
        payload={"id": call.resource_id},
        values={"location": location},
    )


def _put_again(call: Call, account: Resource, location: str) -> Reply:
    if account.location.replace(" ", "").lower() != location:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{account.name}' already exists in location '{account.location}' in resource group "
            f"'{call.group}'. A resource with the same name cannot be created in location '{location}'. Please select "
            "a new resource name.",
        )
    if account.properties.get("provisioningState") == "Creating":
        raise ArmError(
            409,
            "StorageAccountOperationInProgress",
            f"An operation is currently performing on this storage account that requires exclusive access: "
            f"{account.name}.",
        )
    return _changed(call, account)


def _changed(call: Call, account: Resource) -> Reply:
    body = call.body_object()
    document = shown(call.world, account)
    given = {key: value for key, value in (body.get("properties") or {}).items() if key != "encryption"}
    document["properties"] = merge(document["properties"], given)
    if "tags" in body:
        document["tags"] = body["tags"] or {}
    if body.get("sku"):
        document["sku"] = {"name": body["sku"]["name"], "tier": str(body["sku"]["name"]).partition("_")[0]}
    return Reply(200, call.world.store.put(document).doc)


@on_done("storage.account_created")
def _created(world: World, payload: dict[str, Any]) -> dict[str, Any] | None:
    account = world.store.get(payload["id"])
    if account is None:
        return None
    account.properties["provisioningState"] = "Succeeded"
    return world.store.save(account).doc


@on_failed("storage.account_created")
def _not_created(world: World, payload: dict[str, Any], _: dict[str, Any]) -> None:
    world.store.delete(payload["id"])


def storage_accounts_update(call: Call) -> Reply:
    """Change an account by PATCH."""
    return _changed(call, call.world.store.require(call.resource_id))


def storage_accounts_get_properties(call: Call) -> Reply:
    """Answer with the account."""
    return Reply(200, shown(call.world, call.world.store.require(call.resource_id)))


def storage_accounts_list(call: Call) -> Reply:
    """List the accounts of a group or subscription."""
    return page_of_resources(call, ACCOUNT, paths.scope_of(call.path), lambda account: shown(call.world, account))


def storage_accounts_delete(call: Call) -> Reply:
    """Delete an account at once: 200, or 204 where it is absent."""
    return Reply(200 if call.world.store.delete(call.resource_id) else 204)


def storage_accounts_list_keys(call: Call) -> Reply:
    """Give out keys that open nothing; each begins with `canary`, so that a leak can be found by its text."""
    account = call.world.store.require(call.parent_id)
    time = shown(call.world, account)["properties"]["creationTime"]
    keys = [
        {"creationTime": time, "keyName": name, "value": _key(account.id, name), "permissions": "FULL"}
        for name in ("key1", "key2")
    ]
    return Reply(200, {"keys": keys})


def _key(account_id: str, name: str) -> str:
    digest = hashlib.sha256(f"{account_id.lower()}|{name}".encode()).digest()
    return "canary" + b64encode(digest * 2).decode()


def async_operations_get(call: Call) -> Reply:
    """Answer the Location of a creation: 202, then 200 with the account."""
    return call.world.operations.result_reply(call, call.params["operation"], STYLE)
