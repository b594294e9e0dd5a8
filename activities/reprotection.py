"""Replicate a moved virtual machine back to the region that it left: the tutorial's next steps."""

from __future__ import annotations

from temporalio import activity

from activities.failures import refused
from activities.writing import INTENT_SETTLE_SECONDS, Write, Writer
from arm import items, machines, reprotection
from arm.clients import AzureClients
from arm.writes import Accepted, begin
from migration.ids import ResourceId, describe
from migration.models import Started
from migration.requests import Reprotect

REPROTECTING = "SwitchReplicationGroupProtection"


class ReprotectionActivities:
    """One virtual machine's protected item, turned round."""

    def __init__(self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._writer = Writer(azure, settle_seconds)

    @activity.defn
    async def reprotect(self, request: Reprotect) -> Started:
        """Turn the replication of a committed item round; one that is turned, or being turned, is left as it is."""
        task, turned = request.task, request.task.reversed.item_id
        vm = ResourceId.parse(task.vm.source_id)

        async def find() -> Started | None:
            item = await items.read_state(self._azure, task.item_id)
            if item.current_job is not None and item.current_job.scenario == REPROTECTING:
                return Started(resource_id=turned, job=item.current_job)
            there = await items.read_state(self._azure, turned)
            if there.exists:
                return Started(resource_id=turned, job=there.current_job, existed=True)
            if not item.committed:
                told = item.protection_state or "not replicated any more"
                raise refused(f"replicating {describe(task.vm.target_id)} back: it is {told}.", task.vm.source_id)
            return None

        async def switch() -> Accepted:
            target = await machines.read_machine(self._azure, task.vm.target_id)
            if target is None:
                raise refused(f"replicating {describe(task.vm.target_id)} back: it does not exist.", task.vm.source_id)
            container = ResourceId.parse(task.shared.source_container_id)
            client = self._azure.site_recovery(container.subscription).replication_protection_containers
            path = [container.resource_group, *(name for _, name in container.names)]
            body = reprotection.switch_body(task, request.source, list(target.disks))
            return await begin(client.begin_switch_protection, *path, body)

        return await self._writer.write(Write(task.item_id, find, switch, REPROTECTING, vm.name))
