"""Recovery Services vaults, whose operations look different from those of Site Recovery inside them."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from simulator import paths
from simulator.operations import OperationStyle, on_done
from simulator.paging import page_of_resources
from simulator.provider import ArmError, Reply
from simulator.resources.groups import before_group_deletion
from simulator.siterecovery import durations, names, regions

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.store import Resource
    from simulator.world import World

VAULT = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/vaults/{vault}"
DEFAULT_MONITORING = {
    "azureMonitorAlertSettings": {"alertsForAllJobFailures": "Enabled"},
    "classicAlertSettings": {"alertsForCriticalOperations": "Enabled"},
}
DEFAULT_RESTORE = {"crossSubscriptionRestoreSettings": {"crossSubscriptionRestoreState": "Enabled"}}
SETTINGS = (
    "publicNetworkAccess",
    "monitoringSettings",
    "securitySettings",
    "restoreSettings",
    "encryption",
    "redundancySettings",
)
"""What of a vault's properties its owner sets; what is left out of a change stays."""
SCORES = {"secureScore": "None", "bcdrSecurityLevel": "Poor"}
SCORES_SINCE = "2024-01-01"
"""Api-versions since when a vault shows its scores (absent in 2023-02-01, present in 2024-04-01)."""
BLOCKERS = {
    names.ITEM: "replicated items",
    names.MAPPING: "protection container mappings",
    names.NETWORK_MAPPING: "network mappings",
    names.CONTAINER: "protection containers",
    names.FABRIC: "fabrics",
}


def _status_body(operation: dict[str, Any]) -> dict[str, Any]:
    vault = operation["payload"]["vault"]
    body = {
        "id": f"{vault}/operationStatus/{operation['id']}",
        "name": operation["id"],
        "status": operation["status"],
    }
    if operation["error"] is not None:
        body["error"] = operation["error"]
    return body


def _style(vault: str, *, location: bool) -> OperationStyle:
    return OperationStyle(
        status_path=f"{vault}/operationStatus/{{operation}}",
        result_path=f"{vault}/operationResults/{{operation}}" if location else None,
        retry_after_seconds=10,
        body=_status_body,
    )


def _operation_id(world: World) -> str:
    """Two identifiers in base 64, as the recordings have them."""
    return base64.b64encode(f"{world.new_guid()};{world.new_guid()}".encode()).decode()


def vaults_create_or_update(call: Call) -> Reply:
    """Create the vault (201, in the background) or change it (200)."""
    body, old = call.body_object(), call.world.store.get(call.path)
    location = str(body.get("location") or (old.location if old else ""))
    regions.require_for_vault(location)
    if old is not None and regions.normal(location) != regions.normal(old.location):
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{old.name}' already exists in location '{old.location}' in resource group '{call.group}'. "
            f"A resource with the same name cannot be created in location '{location}'. "
            "Please select a new resource name.",
        )
    if not isinstance(body.get("sku"), dict):
        raise ArmError(400, "MissingSkuInput", "The sku of the vault is missing.")
    if old is not None:
        return Reply(200, _shown(call, call.world.store.save(_changed(call, old, body)).doc))
    _check_limit(call)
    resource = call.world.store.put(_new_doc(call, body, location), {"created_by": call.world.created_by})
    return call.world.operations.start(
        call,
        _style(resource.id, location=False),
        seconds=durations.seconds(call.world, "vault", resource.id),
        done="asr.vault_created",
        payload={"vault": resource.id},
        operation_id=_operation_id(call.world),
        status=201,
        body=resource.doc,
    )


def _check_limit(call: Call) -> None:
    most = call.world.setting("vaults_per_subscription")
    if call.world.store.count(names.VAULT, f"/subscriptions/{call.subscription}") >= most:
        raise ArmError(
            409,
            "ServiceResourceQuotaExceeded",
            f"The subscription '{call.subscription}' can't have more than {most} Recovery Services vaults. Delete "
            "those that are not used any more, or use another subscription.",
        )


def _etag(world: World) -> str:
    return f"W/\"datetime'{quote(world.now.strftime('%Y-%m-%dT%H:%M:%S.%f') + '0Z')}'\""


def _new_doc(call: Call, body: dict[str, Any], location: str) -> dict[str, Any]:
    given = body.get("properties") or {}
    doc: dict[str, Any] = {
        "location": regions.normal(location),
        "name": call.params["vault"],
        "etag": _etag(call.world),
    }
    doc |= {"tags": body["tags"]} if body.get("tags") else {}
    if body.get("identity"):
        doc["identity"] = {**_identity(call.world, call.path, body["identity"]), **_users_to_come(body["identity"])}
    doc["properties"] = {
        "provisioningState": "Provisioning",
        "privateEndpointStateForBackup": "None",
        "privateEndpointStateForSiteRecovery": "None",
        **({"encryption": _encryption(given["encryption"])} if given.get("encryption") else {}),
        **({"redundancySettings": given["redundancySettings"]} if given.get("redundancySettings") else {}),
        "monitoringSettings": given.get("monitoringSettings") or DEFAULT_MONITORING,
        **({"securitySettings": given["securitySettings"]} if given.get("securitySettings") else {}),
        "publicNetworkAccess": given.get("publicNetworkAccess") or "Enabled",
        "restoreSettings": given.get("restoreSettings") or DEFAULT_RESTORE,
    }
    return doc | {"id": call.path, "type": names.VAULT, "sku": body["sku"]}


def _changed(call: Call, resource: Resource, body: dict[str, Any]) -> Resource:
    resource.doc |= {key: body[key] for key in ("tags", "sku") if body.get(key) is not None}
    if body.get("identity") is not None:
        resource.doc["identity"] = _identity(call.world, resource.id, body["identity"])
    given = body.get("properties") or {}
    for key in SETTINGS:
        if isinstance(given.get(key), dict):
            resource.properties[key] = {**(resource.properties.get(key) or {}), **given[key]}
        elif given.get(key) is not None:
            resource.properties[key] = given[key]
    if resource.properties.get("encryption"):
        resource.properties["encryption"] = _encryption(resource.properties["encryption"])
    resource.doc["etag"] = _etag(call.world)
    return resource


def _encryption(given: dict[str, Any]) -> dict[str, Any]:
    """The encryption with the identity that opens the key: the vault's own only where that is said."""
    return {**given, "kekIdentity": {"useSystemAssignedIdentity": False, **(given.get("kekIdentity") or {})}}


def _users_to_come(given: dict[str, Any]) -> dict[str, Any]:
    """The assigned identities while a vault is being made: their principals are not known yet."""
    users = given.get("userAssignedIdentities")
    return {"userAssignedIdentities": {id_: {} for id_ in users}} if users else {}


def _identity(world: World, vault: str, given: dict[str, Any]) -> dict[str, Any]:
    """The identity as Azure completes it: with the ids of the principals that it made or found."""
    shown = dict(given)
    if "SystemAssigned" in str(given.get("type")):
        shown |= {"tenantId": world.tenant_id, "principalId": names.stable_uuid("principal", vault)}
    if given.get("userAssignedIdentities"):
        shown["userAssignedIdentities"] = {
            id_: {"clientId": names.stable_uuid("client", id_), "principalId": names.stable_uuid("principal", id_)}
            for id_ in given["userAssignedIdentities"]
        }
    return shown


@on_done("asr.vault_created")
def _created(world: World, payload: dict[str, Any]) -> dict[str, Any] | None:
    resource = world.store.get(payload["vault"])
    if resource is None:
        return None
    given = resource.properties
    soft_delete = {"softDeleteRetentionPeriodInDays": 14, "softDeleteState": "Enabled"}
    security = {"immutabilitySettings": None, "softDeleteSettings": soft_delete, "multiUserAuthorization": "Disabled"}
    late = ("monitoringSettings", "securitySettings", "publicNetworkAccess", "restoreSettings")
    resource.doc["properties"] = {
        **{key: value for key, value in given.items() if key not in late},
        "provisioningState": "Succeeded",
        "backupStorageVersion": "Unassigned",
        "monitoringSettings": given["monitoringSettings"],
        "securitySettings": {**security, **(given.get("securitySettings") or {})},
        "publicNetworkAccess": given["publicNetworkAccess"],
        "restoreSettings": given["restoreSettings"],
        **SCORES,
    }
    if resource.doc.get("identity"):
        resource.doc["identity"] = _identity(world, resource.id, resource.doc["identity"])
    return world.store.save(resource).doc


def _shown(call: Call, doc: dict[str, Any]) -> dict[str, Any]:
    """The vault as the caller's api-version shows it."""
    if call.api_version >= SCORES_SINCE:
        return doc
    kept = {key: value for key, value in doc["properties"].items() if key not in SCORES}
    return {**doc, "properties": kept}


def vaults_get(call: Call) -> Reply:
    """Show the vault."""
    return Reply(200, _shown(call, call.world.store.require(call.path).doc))


def vaults_update(call: Call) -> Reply:
    """Change tags, identity or settings of the vault."""
    resource = call.world.store.require(call.path)
    return Reply(200, _shown(call, call.world.store.save(_changed(call, resource, call.body_object())).doc))


def vaults_list_by_resource_group(call: Call) -> Reply:
    """List the vaults of the group."""
    return page_of_resources(call, names.VAULT, paths.scope_of(call.path), lambda vault: _shown(call, vault.doc))


def vaults_list_by_subscription_id(call: Call) -> Reply:
    """List the vaults of the subscription."""
    return page_of_resources(call, names.VAULT, paths.scope_of(call.path), lambda vault: _shown(call, vault.doc))


def vaults_delete(call: Call) -> Reply:
    """Delete the vault, refused while Site Recovery objects are in it."""
    resource = call.world.store.get(call.path)
    if resource is None:
        return Reply(204)
    _refuse_if_not_empty(call.world, resource)
    resource.properties["provisioningState"] = "Deleting"
    call.world.store.save(resource)
    return call.world.operations.start(
        call,
        _style(resource.id, location=True),
        seconds=durations.seconds(call.world, "vault_delete", resource.id),
        done="asr.vault_deleted",
        payload={"vault": resource.id},
        operation_id=_operation_id(call.world),
    )


def _refuse_if_not_empty(world: World, resource: Resource) -> None:
    found = [label for type_, label in BLOCKERS.items() if world.store.count(type_, resource.id)]
    if found:
        raise ArmError(
            400,
            "ServiceResourceNotEmptyWithBackendMessage",
            f"Vault '{resource.name}' cannot be deleted as there are existing resources within the vault: "
            f"{', '.join(found)}. Remove them from the vault and retry the operation.",
        )


@before_group_deletion
def _vaults_in_use(world: World, group_id: str) -> dict[str, ArmError]:
    refused = {}
    for vault in world.store.list(names.VAULT, group_id):
        try:
            _refuse_if_not_empty(world, vault)
        except ArmError as error:
            refused[vault.id] = error
    return refused


@on_done("asr.vault_deleted")
def _deleted(world: World, payload: dict[str, Any]) -> None:
    world.store.delete_tree(payload["vault"])


def recovery_services_get_operation_status(call: Call) -> Reply:
    """Poll an operation of a vault: the body differs from Site Recovery's, and both URLs come again while it runs."""
    style = _style(call.path.rpartition("/operation")[0], location=True)
    reply = call.world.operations.status_reply(call, call.params["operation"], style)
    if reply.body["status"] != "InProgress":
        return reply
    vault = reply.body["id"].rpartition("/operationStatus/")[0]
    urls = {
        "Azure-AsyncOperation": call.url(f"{vault}/operationStatus/{call.params['operation']}"),
        "Location": call.url(f"{vault}/operationResults/{call.params['operation']}"),
    }
    return Reply(200, reply.body, {**reply.headers, **urls})


def recovery_services_get_operation_result(call: Call) -> Reply:
    """Follow the Location of an operation of a vault."""
    vault = call.path.rpartition("/operation")[0]
    reply = call.world.operations.result_reply(call, call.params["operation"], _style(vault, location=True))
    if reply.status != HTTPStatus.ACCEPTED:
        return reply
    status = call.url(f"{vault}/operationStatus/{call.params['operation']}")
    return Reply(reply.status, reply.body, {**reply.headers, "Azure-AsyncOperation": status})
