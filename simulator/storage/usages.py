"""Storage's quotas: how many accounts a region holds for a subscription."""

from __future__ import annotations

from simulator.compute import quotas
from simulator.compute.names import region
from simulator.provider import Call, Reply
from simulator.storage.accounts import ACCOUNT


def usages_list_by_location(call: Call) -> Reply:
    """Storage's one usage in a region: its accounts."""
    place = region(call.params["location"])
    accounts = call.world.store.list(ACCOUNT, f"/subscriptions/{call.subscription}")
    usage = {
        "unit": "Count",
        "currentValue": sum(region(account.location) == place for account in accounts),
        "limit": quotas.limit(call.world, call.subscription, place, "StorageAccounts"),
        "name": {"value": "StorageAccounts", "localizedValue": "Storage Accounts"},
    }
    return Reply(200, {"value": [usage]})
