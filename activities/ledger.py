"""Look which resources are there, and delete those that the ledger says are ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from temporalio import activity

from activities.failures import refused
from activities.observing import ResourceObserver
from activities.writing import INTENT_SETTLE_SECONDS, Write, Writer
from arm import machines, reads
from arm.clients import AzureClients
from arm.reads import Json
from arm.writes import Accepted, begin
from migration import power
from migration.ids import ResourceId, describe
from migration.keeping import DeleteResources
from migration.models import Started
from migration.requests import Observations, ObserveResources


class LedgerActivities:
    """Reads and deletions of single resources."""

    def __init__(
        self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS, floor_seconds: float = 0.0
    ) -> None:
        """*floor_seconds*: between two reads; what lies around machines that start may be listed so long ago."""
        self._azure = azure
        self._writer = Writer(azure, settle_seconds)
        self._observer = ResourceObserver(azure, floor_seconds)

    @activity.defn
    async def observe_resources(self, request: ObserveResources) -> Observations:
        """Tell which resources are there."""
        return await self._observer.observe(request)

    @activity.defn
    async def delete_resources(self, request: DeleteResources) -> None:
        """Delete virtual machines, network interfaces, disks or snapshots; each by itself, nothing goes with it."""
        await self._writer.write_all([self._deletion(one, spare_running=request.spare_running) for one in request.ids])

    async def _refuse_running(self, resource: ResourceId) -> None:
        is_machine = resource.type.lower() == "microsoft.compute/virtualmachines"
        machine = await machines.read_machine(self._azure, resource.text) if is_machine else None
        if machine is not None and power.is_running(machine.power_state):
            raise refused(f"deleting {resource}: it runs.", resource.text, remedy="Deallocate it first if it may go.")

    async def _in_the_way(self, resource: ResourceId, *, spare_running: bool) -> Started | None:
        """Return an answer where nothing is left to delete; refuse where something else would go along."""
        resource_id = resource.text
        document = await reads.read(self._azure, resource_id)
        if document is None:
            return Started(resource_id=resource_id)
        if str((document.get("properties") or {}).get("provisioningState")).lower() == "deleting":
            return Started(resource_id=resource_id, existed=True)
        if spare_running:
            await self._refuse_running(resource)
        taken = _taken_along(document)
        if taken:
            raise refused(
                f"deleting {describe(resource_id)}: it would take {', '.join(taken)} along.",
                resource_id,
                remedy="Set their deleteOption to Detach, then retry.",
            )
        return None

    def _deletion(self, resource_id: str, *, spare_running: bool = False) -> Write:
        resource = ResourceId.parse(resource_id)

        async def find() -> Started | None:
            return await self._in_the_way(resource, spare_running=spare_running)

        async def delete() -> Accepted:
            kind = resource.type.lower()
            operation: Callable[..., Awaitable[Any]]
            if kind == "microsoft.compute/virtualmachines":
                operation = self._azure.compute(resource.subscription).virtual_machines.begin_delete
            elif kind == "microsoft.compute/disks":
                operation = self._azure.compute(resource.subscription).disks.begin_delete
            elif kind == "microsoft.compute/snapshots":
                operation = self._azure.compute(resource.subscription).snapshots.begin_delete
            elif kind == "microsoft.network/networkinterfaces":
                operation = self._azure.network(resource.subscription).network_interfaces.begin_delete
            else:
                raise refused(f"deleting {describe(resource_id)}: {resource.type} is nothing we delete.", resource_id)
            return await begin(operation, resource.resource_group, resource.name)

        return Write(resource_id, find, delete, kind="deletes")


def _taken_along(document: Json) -> list[str]:
    """Return what a virtual machine's deletion would delete with it, by its `deleteOption`."""
    properties = document.get("properties") or {}
    storage = properties.get("storageProfile") or {}
    disks = [storage.get("osDisk") or {}, *(storage.get("dataDisks") or [])]
    taken = [str(disk.get("name")) for disk in disks if disk.get("deleteOption") == "Delete"]
    nics = (properties.get("networkProfile") or {}).get("networkInterfaces") or []
    options = {str(nic["id"]): (nic.get("properties") or {}).get("deleteOption") for nic in nics}
    return taken + [describe(nic) for nic, option in options.items() if option == "Delete"]
