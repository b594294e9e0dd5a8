"""Diagnostic settings of any resource: where its logs and metrics go. Nothing is written there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.store import Resource

SETTING = "Microsoft.Insights/diagnosticSettings"
REGIONAL = ("storageAccountId", "eventHubAuthorizationRuleId")
DESTINATIONS = ("workspaceId", *REGIONAL, "marketplacePartnerId")


def diagnostic_settings_list(call: Call) -> Reply:
    """List the settings of a resource."""
    resource = paths.scope_of(call.path)
    call.world.store.require(resource)
    found = [one for one in call.world.store.list(SETTING, resource) if paths.same(paths.scope_of(one.id), resource)]
    return Reply(200, {"value": [_shown(one) for one in found]})


def diagnostic_settings_get(call: Call) -> Reply:
    """Answer with a setting, or 404."""
    return Reply(200, _shown(call.world.store.require(call.resource_id)))


def diagnostic_settings_create_or_update(call: Call) -> Reply:
    """Create or replace a setting (200); it needs a place to write to, a storage account in the resource's region."""
    resource = call.world.store.require(paths.scope_of(call.path))
    given: dict[str, Any] = call.body_object().get("properties") or {}
    if not any(given.get(key) for key in DESTINATIONS):
        message = "At least one data sink needs to be specified."
        raise ArmError(400, "BadRequest", message)
    account = call.world.store.get(str(given.get("storageAccountId") or "/"))
    if account is not None and account.location.lower() != resource.location.lower():
        message = (
            f"Resource {resource.id} is in region '{resource.location}' and resource {account.id} is in region "
            f"'{account.location}'."
        )
        raise ArmError(400, "BadRequest", message)
    kept = {key: value for key, value in given.items() if value is not None}
    document = {"id": call.resource_id, "type": SETTING, "name": paths.parse(call.path).name, "properties": kept}
    return Reply(200, _shown(call.world.store.put(document)))


def diagnostic_settings_delete(call: Call) -> Reply:
    """Delete a setting: 200, or 204 where it is absent."""
    return Reply(200 if call.world.store.delete(call.resource_id) else 204)


def _shown(setting: Resource) -> dict[str, Any]:
    empty = dict.fromkeys((*DESTINATIONS, "logAnalyticsDestinationType"))
    properties = {**empty, "metrics": [], "logs": [], **setting.properties}
    return {"id": setting.id, "type": SETTING, "name": setting.name, "location": None, "properties": properties}
