"""Subscriptions, tenants and locations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import rbac
from simulator.errors import ArmError
from simulator.provider import Reply
from simulator.resources.locations import listing

if TYPE_CHECKING:
    from simulator.provider import Call


def _document(call: Call, subscription: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{subscription['subscriptionId']}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription["subscriptionId"],
        "tenantId": call.world.tenant_id,
        "displayName": subscription["displayName"],
        "state": subscription.get("state", "Enabled"),
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def subscriptions_list(call: Call) -> Reply:
    """List the subscriptions in which the caller has any role."""
    seen = [
        s for s in call.world.subscriptions if rbac.sees_subscription(call.world, call.identity, s["subscriptionId"])
    ]
    count = {"type": "Total", "value": len(seen)}
    return Reply(200, {"value": [_document(call, subscription) for subscription in seen], "count": count})


def subscriptions_get(call: Call) -> Reply:
    """Show one subscription."""
    kept = call.world.store.area("subscriptions").get(call.subscription)
    if kept is None or not rbac.sees_subscription(call.world, call.identity, call.subscription):
        message = f"The subscription '{call.subscription}' could not be found."
        raise ArmError(404, "SubscriptionNotFound", message, headers={"x-ms-failure-cause": "gateway"})
    return Reply(200, _document(call, kept))


def subscriptions_list_locations(call: Call) -> Reply:
    """List every public region."""
    return Reply(200, {"value": listing(call.subscription)})


def tenants_list(call: Call) -> Reply:
    """List the one tenant."""
    id_ = call.world.tenant_id
    tenant = {
        "id": f"/tenants/{id_}",
        "tenantId": id_,
        "countryCode": "NL",
        "displayName": "Simulator",
        "domains": ["simulator.example"],
        "tenantCategory": "Home",
        "defaultDomain": "simulator.example",
        "tenantType": "AAD",
    }
    return Reply(200, {"value": [tenant]})
