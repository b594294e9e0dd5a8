"""Enable replication, set up the target, and disable replication."""

from __future__ import annotations

import asyncio

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.failures import refused
from activities.heartbeats import beating
from activities.writing import INTENT_SETTLE_SECONDS, Write, Writer
from arm import items, jobs, machines, protection, reads
from arm.clients import AzureClients
from arm.reads import Json
from arm.writes import Accepted, begin
from migration import ids, power
from migration.ids import ResourceId, describe
from migration.ledger_proof import AT_THE_END
from migration.models import JobRef, Started, VmTask
from migration.requests import (
    ConfigureTarget,
    DisableReplication,
    EnableReplication,
    ItemState,
    ReadItem,
    TargetConfiguration,
)

ENABLING = "EnableDr"
UPDATING = "UpdateVmProperties"
DISABLING = "DisableDr"
_REMOVALS = {DISABLING, "PurgeDr"}


class ReplicationActivities:
    """One virtual machine's protected item."""

    def __init__(self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._settle_seconds = settle_seconds
        self._writer = Writer(azure, settle_seconds)

    @activity.defn
    async def enable_replication(self, request: EnableReplication) -> Started:
        """Protect a virtual machine; an item that is there, be its enabling under way or failed, is left as it is."""
        task = request.task

        async def find() -> Started | None:
            item = await items.read_item(self._azure, task.item_id)
            if item is None:
                return None
            job = await jobs.working_on(self._azure, item, task.item_id)
            own = job if job is not None and job.scenario == ENABLING else None
            return Started(resource_id=task.item_id, job=own, existed=True)

        async def enable() -> Accepted:
            body = protection.enable_body(task, request.source)
            return await self._begin("begin_create", task, body)

        return await self._writer.write(Write(task.item_id, find, enable, ENABLING, _vm_name(task), creates=True))

    @activity.defn
    async def configure_target(self, request: ConfigureTarget) -> Started:
        """Set what the virtual machine becomes in the target region, if anything differs; it must be protected."""
        task = request.task
        found: Json = {}
        test_subnet: str | None = None

        async def find() -> Started | None:
            nonlocal test_subnet
            test_subnet = await self._test_subnet(task)
            item = await self._protected_item(task)
            found.update(item)
            job = await jobs.working_on(self._azure, item, task.item_id)
            if job is not None and job.scenario == UPDATING:
                return Started(resource_id=task.item_id, job=job)
            done = not protection.differences(task, request.source, item)
            return Started(resource_id=task.item_id, existed=True) if done else None

        async def update() -> Accepted:
            body = protection.update_body(task, request.source, found, test_subnet)
            return await self._begin("begin_update", task, body)

        return await self._writer.write(Write(task.item_id, find, update, UPDATING, _vm_name(task)))

    @activity.defn
    async def read_target_configuration(self, request: ConfigureTarget) -> TargetConfiguration:
        """Tell how the item differs from what the plan wants."""
        async with beating(list):
            item = await items.read_back(self._azure, request.task.item_id)
            differing = protection.differences(request.task, request.source, item) if item else []
            if item is None or differing:  # a listing may lag behind; what fails the step is read by itself
                item = await self._protected_item(request.task)
                differing = protection.differences(request.task, request.source, item)
        return TargetConfiguration(mismatches=differing)

    @activity.defn
    async def disable_replication(self, request: DisableReplication) -> Started:
        """End the protection; call it again until it answers that there is nothing.

        A job that works on the item is returned with `existed`, to be waited for whatever its outcome; that of an
        enabling is cancelled if it allows that. Where the source runs its agent is removed with the item; where it is
        switched off the item is purged, since its removal would fail (150144), and the source is not started for it.
        """
        task = request.task
        source_runs = False
        enabling: JobRef | None = None

        async def find() -> Started | None:
            nonlocal source_runs, enabling
            item = await items.read_state(self._azure, task.item_id)
            if not item.exists:
                if request.removed:
                    self._azure.handed.put(AT_THE_END, {task.item_id: None})
                    return Started(resource_id=task.item_id)
                # An enabling that has just begun shows no item yet, and would leave one behind. Only the vault's jobs
                # tell of it, thousands in a fleet.
                begun = await self._enabling_begun(task, settled=request.settled)
                return Started(resource_id=task.item_id, job=begun, existed=begun is not None)
            job = item.current_job
            if job is not None:
                enabling = job if job.scenario == ENABLING else None
                return Started(resource_id=task.item_id, job=job, existed=job.scenario not in _REMOVALS)
            if not request.ours and items.is_beyond_replication(item):
                raise _failed_over_by_others(task, item.protection_state)
            source = await machines.read_machine(self._azure, task.vm.source_id)
            source_runs = source is not None and source.power_state.lower() == power.RUNNING.lower()
            return None

        async def disable() -> Accepted:
            if not source_runs:
                return await self._begin("begin_purge", task)
            body = {
                "properties": {
                    "disableProtectionReason": "NotSpecified",
                    "replicationProviderInput": {"instanceType": "DisableProtectionProviderSpecificInput"},
                }
            }
            return await self._begin("begin_delete", task, body)

        started = await self._writer.write(Write(task.item_id, find, disable, DISABLING, _vm_name(task)))
        if enabling is not None and enabling == started.job:
            await self._cancel(enabling)
        return started

    @activity.defn
    async def read_item(self, request: ReadItem) -> ItemState:
        """Tell where the protected item stands. One reading by which it is gone, or quiet, may be stale."""
        async with beating(list):
            state = await items.read_state(self._azure, request.task.item_id)
            quiet = state.current_job is None and not state.failed_over and not state.committed
            if not state.exists or (request.settled and quiet):
                await asyncio.sleep(self._settle_seconds)
                state = await items.read_state(self._azure, request.task.item_id)
            return state

    async def _enabling_begun(self, task: VmTask, *, settled: bool) -> JobRef | None:
        vault, name = task.shared.vault_id, _vm_name(task)
        begun = await jobs.newest_job(self._azure, vault, ENABLING, name, running=True)
        if begun is None and settled:
            await asyncio.sleep(self._settle_seconds)
            begun = await jobs.newest_job(self._azure, vault, ENABLING, name, running=True)
        return begun

    async def _cancel(self, job: JobRef) -> None:
        vault = ResourceId.parse(ids.vault_of(job.id))

        async def find() -> Started | None:
            document = await jobs.read_job(self._azure, job.id)
            cancellable = document is not None and jobs.is_running(document) and jobs.can_cancel(document)
            return None if cancellable else Started(resource_id=job.id)

        async def cancel() -> Accepted:
            client = self._azure.site_recovery(vault.subscription).replication_jobs
            return await begin(client.begin_cancel, vault.resource_group, vault.name, ResourceId.parse(job.id).name)

        await self._writer.write(Write(job.id, find, cancel))

    async def _protected_item(self, task: VmTask) -> Json:
        item = await items.read_item(self._azure, task.item_id)
        if item is None:
            # One reading that says so may be stale, and would undo the move.
            await asyncio.sleep(self._settle_seconds)
            item = await items.read_item(self._azure, task.item_id)
        if item is None:
            raise refused(
                f"configuring the target of {describe(task.vm.source_id)}: it is not replicated any more.",
                task.vm.source_id,
            )
        return item

    async def _test_subnet(self, task: VmTask) -> str | None:
        """Return the subnet of the test network to use: the one named like the target's, else its first."""
        if task.vm.test_network_id is None:
            return None
        network = await reads.read(self._azure, task.vm.test_network_id)
        listed = ((network or {}).get("properties") or {}).get("subnets") or []
        subnets = [str(subnet["name"]) for subnet in listed]
        same = [name for name in subnets if name.lower() == task.vm.subnet.lower()]
        return next(iter([*same, *subnets]), None)

    async def _begin(self, operation: str, task: VmTask, *body: Json) -> Accepted:
        item = ResourceId.parse(task.item_id)
        client = self._azure.site_recovery(item.subscription).replication_protected_items
        path = [item.resource_group, *(name for _, name in item.names)]
        return await begin(getattr(client, operation), *path, *body)


def _failed_over_by_others(task: VmTask, state: str) -> ApplicationError:
    """Return why a protection is left alone: its end would leave a source that is off, and a target of nobody."""
    vm = task.vm.source_id
    return refused(
        f"disabling replication of {describe(vm)}: somebody else has failed it over ({state}), so that its source may "
        "be off; nothing was removed.",
        vm,
        remedy="End that failover by hand (commit it, or start the source and disable replication), then retry.",
    )


def _vm_name(task: VmTask) -> str:
    """Return the name under which Site Recovery shows the virtual machine."""
    return ResourceId.parse(task.vm.source_id).name
