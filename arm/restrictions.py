"""Asks Azure Policy what it would refuse: what is made in the target groups, and the extension on the sources."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from azure.core.rest import HttpRequest

from arm import surrounding_documents as surrounding
from arm.asking import Asker, distinct, with_value
from arm.reads import API_VERSIONS, Json, send_read
from migration import ids
from migration.facts import Fact
from migration.ids import describe, id_key
from migration.rules.case import Case, source_group

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable
    from typing import Any

    from migration.models import VmSpec
    from migration.surroundings import PolicyDenial

_POLICY_API, _ASSIGNMENTS_API = "2024-10-01", "2022-06-01"

_MADE_BESIDE = ("Microsoft.Compute/disks", "Microsoft.Network/networkInterfaces")

Denials = tuple["PolicyDenial", ...]


class Restrictions:
    """The questions to Azure Policy of one check; machines of one kind are asked about once."""

    def __init__(self, asker: Asker, case: Case) -> None:
        self._ask = asker
        self._case = case
        self._found = case.inventory

    def questions(self) -> Iterable[Coroutine[Any, Any, None]]:
        """Ask about what will be made in each target group, and the extension in each source group."""
        sources = self._case.vms if self._case.moment == "start" else ()
        homes = [ids.resource_group_id(*source_group(vm)) for vm in sources]
        for group_id in distinct([*(vm.target_resource_group_id for vm in self._case.vms), *homes]):
            yield self._denials(group_id)

    async def _denials(self, group_id: str) -> None:
        vms = [vm for vm in self._case.vms if ids.same_id(vm.target_resource_group_id, group_id)]
        contents = dict(content for vm in vms for content in self._contents(vm))
        asked = [self._denied(group_id, what, body) for what, body in contents.items()]
        if self._case.moment == "start":
            home = [vm for vm in self._case.vms if ids.same_id(ids.resource_group_id(*source_group(vm)), group_id)]
            asked += [self._on_sources(group_id, home)] if home else []
        self._found.denials.note(group_id, _joined(await asyncio.gather(*asked)))

    async def _on_sources(self, group_id: str, vms: list[VmSpec]) -> Fact[Denials]:
        """Ask about the extension: once for the group, and for each machine that has an assignment of its own.

        `Policy assignments of a resource group
        <https://learn.microsoft.com/rest/api/policyauthorization/policy-assignments/list-for-resource-group>`_:
        without a filter also those "applied to resources contained within the resource group".
        """
        listing = f"{group_id}/providers/Microsoft.Authorization/policyAssignments"
        what = f"the policy assignments of {describe(group_id)}"
        assigned = await self._ask.many(listing, _ASSIGNMENTS_API, surrounding.assigned_to, what)
        scopes = {id_key(scope) for scope in assigned.value or ()}
        alone = [vm for vm in vms if id_key(vm.source_id) in scopes]
        answers = await asyncio.gather(
            self._denied(group_id, *_extension(vms[-1]), alike=True),
            *(self._denied(group_id, *_extension(vm), scope=vm.source_id) for vm in alone),
        )
        return _joined([*answers, with_value(assigned, ())])

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

    async def _denied(
        self, group_id: str, subject: str, content: Json, scope: str = "", *, alike: bool = False
    ) -> Fact[Denials]:
        """Ask about one resource; *scope*: its parent, where that has assignments of its own; *alike*: by any name."""
        where = group_id if self._exists(group_id) else "/".join(group_id.split("/")[:3])
        path = f"{where}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
        details = {"resourceContent": content, "apiVersion": API_VERSIONS["microsoft.compute"]}
        body = {"resourceDetails": {**details, **({"scope": scope} if scope else {})}}

        async def ask() -> Denials:
            request = HttpRequest("POST", path, params={"api-version": _POLICY_API}, json=body)
            answer = await send_read(self._ask.azure, group_id.split("/")[2], request)
            if answer is None:
                raise LookupError(f"{describe(where)} is not there any more")
            return surrounding.denials(answer, subject)

        # Each machine was asked about by its own name when it started; before a failover all of a kind are alike. What
        # Site Recovery makes beside it always is: no plan names it, and a question costs a write of ARM's budget.
        alike = alike or self._case.moment != "start" or content["type"] in _MADE_BESIDE
        kind = {**content, "name": ""} if alike else content
        return await self._ask.recall(f"{path}#{scope}#{kind}", f"what Azure Policy says of {subject}", ask)

    def _exists(self, group_id: str) -> bool:
        fact = self._found.groups.get(id_key(group_id))
        return fact is not None and fact.value is not None


def _joined(answers: list[Fact[Denials]]) -> Fact[Denials]:
    """Return all that several answers tell of one group, each assignment and what it refuses once; or what failed."""
    failed = next((answer for answer in answers if answer.unasked), Fact(()))
    told = {(denial.assignment_id.lower(), denial.subject): denial for one in answers for denial in one.value or ()}
    return with_value(failed, tuple(told.values()))


def _extension(vm: VmSpec) -> tuple[str, Json]:
    """Return the agent that Site Recovery installs on a source, in words and as a resource."""
    return "Site Recovery's extension", {
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "name": f"{ids.ResourceId.parse(vm.source_id).name}/SiteRecovery-Agent",
        "location": vm.source_region,
        "properties": {"publisher": "Microsoft.Azure.RecoveryServices.SiteRecovery", "autoUpgradeMinorVersion": True},
    }
