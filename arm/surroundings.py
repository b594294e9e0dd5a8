"""Reads what stands around the virtual machines of a check: each question is asked once for all of them."""

from __future__ import annotations

import asyncio
from collections import ChainMap
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from arm import inventory_documents as documents
from arm import surrounding_documents as surrounding
from arm.asking import Asker, with_value
from arm.reads import API_VERSIONS, ASSIGNMENTS_API, BACKUP_API
from migration.facts import Fact
from migration.ids import describe, id_key
from migration.inventory import Usage
from migration.rules.case import Case, place, source_group
from migration.rules.vault import subscriptions

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from migration.inventory import Located
    from migration.surroundings import BackupItem

_SUBSCRIPTIONS_API = "2022-12-01"
_METRICS_API = "2021-05-01"
_CHURN_METRIC = "Disk Write Bytes"
_SERIES = 5_000
"""As many virtual machines as one answer of Azure Monitor may tell of; it gives ten unless asked for more."""


class Surroundings:
    """The questions about what stands around the virtual machines of one check."""

    def __init__(self, asker: Asker, case: Case) -> None:
        self._ask = asker
        self._case = case
        self._found = case.inventory

    def first_round(self) -> Iterable[Coroutine[Any, Any, None]]:
        """Ask about what the plan names; all of it only matters before anything is written."""
        case = self._case
        for subscription in subscriptions(case):
            yield self._subscription(subscription)
        for where in sorted({(vm.target_subscription, vm.target_region) for vm in case.vms}):
            yield self._usages(*where, "Microsoft.Network", API_VERSIONS["microsoft.network"])
        homes = {vault.group[0].lower() for vault in case.vaults}
        for where in sorted({(home, vm.source_region) for home in homes for vm in case.vms}):
            yield self._usages(*where, "Microsoft.Storage", API_VERSIONS["microsoft.storage"])
        for subscription in sorted({source_group(vm)[0].lower() for vm in case.vms}):
            yield self._role_assignments(subscription)
        for home in sorted({(source_group(vm)[0].lower(), vm.source_region) for vm in case.vms}):
            yield self._churn(*home)

    async def backups(self, subscription: str, vaults: Fact[tuple[Located, ...]]) -> None:
        """Ask each vault of a subscription what it backs up."""
        only = quote("backupManagementType eq 'AzureIaasVM'")
        listings: list[Fact[tuple[BackupItem, ...]]] = await asyncio.gather(
            *(
                self._ask.many(
                    f"{vault.id}/backupProtectedItems?$filter={only}",
                    BACKUP_API,
                    surrounding.backup_item,
                    f"what {describe(vault.id)} backs up",
                )
                for vault in vaults.value or ()
            )
        )
        failed: Fact[Any] = next((listing for listing in listings if listing.unasked), vaults)
        items = tuple(item for listing in listings for item in listing.value or ())
        self._found.backups.note(subscription, with_value(failed, items))

    async def _subscription(self, subscription: str) -> None:
        path = f"/subscriptions/{subscription}"
        fact = await self._ask.shared(
            path, surrounding.subscription, f"subscription {subscription}", version=_SUBSCRIPTIONS_API
        )
        self._found.subscriptions.note(path, fact)

    async def _usages(self, subscription: str, region: str, namespace: str, version: str) -> None:
        collection = f"/subscriptions/{subscription}/providers/{namespace}/locations/{region}/usages"
        listed = await self._ask.many(collection, version, documents.usage, f"the quotas of {namespace} in {region}")
        table: dict[str, Usage] = {usage.name.lower(): usage for usage in listed.value or ()}
        is_network = namespace == "Microsoft.Network"
        facts = self._found.network_usages if is_network else self._found.storage_usages
        facts.note(place(subscription, region), with_value(listed, table))

    async def _role_assignments(self, subscription: str) -> None:
        collection = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleAssignments"
        what = f"the role assignments of subscription {subscription}"
        fact = await self._ask.many(collection, ASSIGNMENTS_API, surrounding.role_assignment, what)
        self._found.role_assignments.note(subscription, fact)

    async def _churn(self, subscription: str, region: str) -> None:
        query = {
            "region": region,
            "metricnamespace": "Microsoft.Compute/virtualMachines",
            "metricnames": _CHURN_METRIC,
            "aggregation": "Total",
            "interval": "PT1M",
            "$filter": "Microsoft.ResourceId eq '*'",
            "top": str(_SERIES),
        }
        encoded = urlencode(query, quote_via=quote, safe="$")
        collection = f"/subscriptions/{subscription}/providers/Microsoft.Insights/metrics?{encoded}"
        what = f"what virtual machines in {region} write, by Azure Monitor"
        listed = await self._ask.many(collection, _METRICS_API, surrounding.churn, what)
        table = ChainMap(*listed.value or ())
        for vm in self._case.vms:
            if source_group(vm)[0].lower() == subscription and vm.source_region == region:
                self._found.churn.note(vm.source_id, with_value(listed, table.get(id_key(vm.source_id))))
