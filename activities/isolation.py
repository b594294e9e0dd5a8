"""Prove, from Azure as it is now, that the network of a test failover is isolated."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeats import beating
from arm import inventory_documents as documents
from arm import perimeter, reads
from migration import isolation
from migration.ids import id_key
from migration.proofs import Isolation, ProveIsolation

if TYPE_CHECKING:
    from arm.clients import AzureClients


class IsolationActivities:
    """Looks at networks."""

    def __init__(self, azure: AzureClients) -> None:
        self._azure = azure

    @activity.defn
    async def prove_isolation(self, request: ProveIsolation) -> Isolation:
        """Tell whether a network is isolated from production, with what was looked at."""
        async with beating(list):
            document = await reads.read(self._azure, request.network_id)
            network = documents.network(document) if document is not None else None
            wanted = isolation.tables_of(network) if network else []
            found = await asyncio.gather(*(reads.read(self._azure, table) for table in wanted))
        pairs = zip(wanted, found, strict=True)
        tables = {id_key(table): perimeter.route_table(each) if each else None for table, each in pairs}
        return isolation.judge(request.network_id, network, tables, request.production, request.region)
