"""Items of Azure Backup in a vault: those of the seed, shown as they are. Nothing here backs anything up."""

from __future__ import annotations

import re

from simulator.provider import Call, Reply

ITEM = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems"
_KIND = re.compile(r"backupManagementType\s+eq\s+'([^']*)'", re.IGNORECASE)


def backup_protected_items_list(call: Call) -> Reply:
    """List what the vault backs up (`backupManagementType eq` narrows it)."""
    call.world.store.require(call.parent_id)
    kind = _KIND.search(call.query.get("$filter", ""))
    found = [
        item
        for item in call.world.store.list(ITEM, call.parent_id)
        if kind is None or str(item.properties.get("backupManagementType", "AzureIaasVM")).lower() == kind[1].lower()
    ]
    return Reply(200, {"value": [item.doc for item in found]})
