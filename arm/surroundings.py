"""Reads what stands around the virtual machines of a check: each question is asked once for all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from azure.core.rest import HttpRequest

from arm import inventory_documents as documents
from arm import surrounding_documents as surrounding
from arm.asking import Asker, distinct, with_value
from arm.reads import API_VERSIONS, Json, send_read
from migration import ids
from migration.ids import describe, id_key
from migration.inventory import Fact, Usage
from migration.rules.case import Case, place, source_group
from migration.rules.vault import subscriptions

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from migration.inventory import Located
    from migration.models import VmSpec
    from migration.surroundings import BackupItem, PolicyDenial

_SUBSCRIPTIONS_API, _ASSIGNMENTS_API, _BACKUP_API = "2022-12-01", "2022-04-01", "2024-04-01"
_POLICY_API, _METRICS_API = "2024-10-01", "2021-05-01"
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
        for region in sorted({vm.source_region for vm in case.vms}):
            yield self._usages(case.vault_group[0], region, "Microsoft.Storage", API_VERSIONS["microsoft.storage"])
        for subscription in sorted({source_group(vm)[0].lower() for vm in case.vms}):
            yield self._role_assignments(subscription)
        for home in sorted({(source_group(vm)[0].lower(), vm.source_region) for vm in case.vms}):
            yield self._churn(*home)

    def policies(self) -> Iterable[Coroutine[Any, Any, None]]:
        """Ask Azure Policy about what will be made in each target group, and the extension in each source group."""
        vms = self._case.vms
        groups = [vm.target_resource_group_id for vm in vms]
        if self._case.moment == "start":
            groups += [ids.resource_group_id(*source_group(vm)) for vm in vms]
        for group_id in distinct(groups):
            yield self._denials(group_id)

    async def backups(self, subscription: str, vaults: Fact[tuple[Located, ...]]) -> None:
        """Ask each vault of a subscription what it backs up."""
        only = quote("backupManagementType eq 'AzureIaasVM'")
        listings: list[Fact[tuple[BackupItem, ...]]] = await asyncio.gather(
            *(
                self._ask.many(
                    f"{vault.id}/backupProtectedItems?$filter={only}",
                    _BACKUP_API,
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
            path, surrounding.subscription, f"subscription {subscription}", api_version=_SUBSCRIPTIONS_API
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
        fact = await self._ask.many(collection, _ASSIGNMENTS_API, surrounding.role_assignment, what)
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
        listed = await self._ask.many(collection, _METRICS_API, lambda metric: metric, what)
        series = (entry for metric in listed.value or () for entry in surrounding.churn_series(metric))
        table = {id_key(machine_id): churn for machine_id, churn in series}
        for vm in self._case.vms:
            if source_group(vm)[0].lower() == subscription and vm.source_region == region:
                self._found.churn.note(vm.source_id, with_value(listed, table.get(id_key(vm.source_id))))

    async def _denials(self, group_id: str) -> None:
        vms = [vm for vm in self._case.vms if ids.same_id(vm.target_resource_group_id, group_id)]
        contents = dict(content for vm in vms for content in self._contents(vm))
        for vm in self._case.vms:
            if ids.same_id(ids.resource_group_id(*source_group(vm)), group_id) and self._case.moment == "start":
                contents |= dict([_extension(vm)])
        answers = await asyncio.gather(*(self._denied(group_id, what, body) for what, body in contents.items()))
        failed = next((answer for answer in answers if answer.unasked), Fact(()))
        denials = tuple(denial for answer in answers for denial in answer.value or ())
        self._found.denials.note(group_id, with_value(failed, denials))

    def _contents(self, vm: VmSpec) -> Iterable[tuple[str, Json]]:
        """Yield what will be made, in words and as a resource; machines of one kind are asked about once."""
        fact = self._found.machines.get(id_key(vm.source_id))
        machine = fact.value if fact else None
        size = vm.size or (machine.size if machine else None)
        common = {"location": vm.target_region, **({"zones": [vm.zone]} if vm.zone else {})}
        if size:
            body = {"hardwareProfile": {"vmSize": size}}
            yield (
                f"virtual machines of size {size}",
                {
                    "type": "Microsoft.Compute/virtualMachines",
                    "name": vm.target_name,
                    **common,
                    "properties": body,
                },
            )
        for disk in machine.disks if machine else ():
            kind = vm.disk_type(disk.name) or disk.type
            if kind and not vm.excludes(disk.name):
                yield (
                    f"disks of type {kind}",
                    {
                        "type": "Microsoft.Compute/disks",
                        "name": disk.name,
                        **common,
                        "sku": {"name": kind},
                        "properties": {"diskSizeGB": disk.size_gib},
                    },
                )
        subnet = {"subnet": {"id": f"{vm.network_id}/subnets/{vm.subnet}"}}
        yield (
            f'network interfaces in subnet "{vm.subnet}"',
            {
                "type": "Microsoft.Network/networkInterfaces",
                "name": f"{vm.target_name}-nic",
                "location": vm.target_region,
                "properties": {"ipConfigurations": [{"name": "ipconfig1", "properties": subnet}]},
            },
        )

    async def _denied(self, group_id: str, subject: str, content: Json) -> Fact[tuple[PolicyDenial, ...]]:
        scope = group_id if self._exists(group_id) else "/".join(group_id.split("/")[:3])
        path = f"{scope}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
        body = {"resourceDetails": {"resourceContent": content, "apiVersion": API_VERSIONS["microsoft.compute"]}}

        async def ask() -> tuple[PolicyDenial, ...]:
            request = HttpRequest("POST", path, params={"api-version": _POLICY_API}, json=body)
            answer = await send_read(self._ask.azure, group_id.split("/")[2], request)
            if answer is None:
                raise LookupError(f"{describe(scope)} is not there any more")
            return surrounding.denials(answer, subject)

        return await self._ask.recall(f"{path}#{content}", f"what Azure Policy says of {subject}", ask)

    def _exists(self, group_id: str) -> bool:
        fact = self._found.groups.get(id_key(group_id))
        return fact is not None and fact.value is not None


def _extension(vm: VmSpec) -> tuple[str, Json]:
    """Return the agent that Site Recovery installs on a source, in words and as a resource."""
    return "Site Recovery's extension", {
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "name": f"{ids.ResourceId.parse(vm.source_id).name}/SiteRecovery-Agent",
        "location": vm.source_region,
        "properties": {"publisher": "Microsoft.Azure.RecoveryServices.SiteRecovery", "autoUpgradeMinorVersion": True},
    }
