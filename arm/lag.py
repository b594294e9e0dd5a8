"""How far behind the machines of a vault are, by one listing: for people who watch, not for any decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arm import items, reads
from arm.reads import SITE_RECOVERY_API
from migration.ids import ResourceId
from migration.telemetry import VaultLag

if TYPE_CHECKING:
    from arm.clients import AzureClients


async def read_lag(azure: AzureClients, vault_id: str) -> VaultLag:
    """Return how far behind the protected items of a vault are.

    Raises:
        AzureError: it cannot be read.
    """
    found = VaultLag()
    subscription = ResourceId.parse(vault_id).subscription
    listing = f"{vault_id}/replicationProtectedItems"
    async for page in reads.pages(azure, listing, subscription, SITE_RECOVERY_API):
        for document in page:
            state = items.state_of(document)
            found.health[state.replication_health or "None"] += 1
            if state.rpo_seconds is not None:
                found.rpo_seconds.append(state.rpo_seconds)
    return found
