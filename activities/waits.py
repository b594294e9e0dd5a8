"""Held long polls: they return when something is done, failed, or after the time at which they give themselves back.

How far things are travels in the heartbeats (`Progress`), where `status` and `watch` read it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from azure.core.exceptions import AzureError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.failures import job_failed, refused
from activities.holding import Missing, Told, hold, waited_seconds
from activities.progressing import Observer
from arm import items, jobs, machines, pace, reads
from arm.clients import AzureClients
from arm.machines import Machine
from arm.reads import Json
from arm.watcher import OUTAGE_SECONDS, Watchers
from migration import power
from migration.ids import describe, id_key, job_id
from migration.ledger import Observation
from migration.ledger_proof import AT_THE_END
from migration.models import JobRef, Progress
from migration.requests import JOB_LOST, ItemState, JobFailure
from migration.waiting import (
    JobWait,
    JobWaited,
    ProtectedWait,
    ProtectedWaited,
    ResourcesWait,
    ResourcesWaited,
    VmWait,
    VmWaited,
)

Answer = TypeVar("Answer")
STANDSTILL_SECONDS = 120.0
"""How long a machine may stand still, stopped and not being worked on, before its start counts as failed."""
_TOGETHER = 10


class WaitActivities:
    """The waits; each vault's jobs and items are read by one watcher on behalf of all."""

    def __init__(self, azure: AzureClients, watchers: Watchers) -> None:
        self._azure = azure
        self._watchers = watchers

    @activity.defn
    async def wait_for_job(self, wait: JobWait) -> JobWaited:
        """Wait for a Site Recovery job.

        Raises:
            ApplicationError: `AsrJobFailed`, with a `JobFailure`: it did not end well.
        """
        progress, missing, observer = Told(), Missing(), Observer(quarters=False)
        age = waited_seconds(wait.age_seconds)

        async def until_ended() -> JobWaited:
            with self._watchers.following(wait.job.id, pace=pace.of_job(wait.job.scenario), age_seconds=age) as job:
                while True:
                    document = await job.next()
                    if missing.for_long(missing=document is None) or (document and not jobs.is_running(document)):
                        suffices = job.is_whole or (document is not None and jobs.ended_plainly(document))
                        return await self._ended(wait, document if suffices else None)
                    reading = _job_progress(document or {})
                    del document  # while it waits for the next: see `Subscription.next`
                    progress.now = await observer.see(reading)

        return await hold(until_ended, progress, wait.give_back_after_seconds, JobWaited(running=True))

    @activity.defn
    async def wait_until_protected(self, wait: ProtectedWait) -> ProtectedWaited:
        """Wait for the initial replication and the first recovery point.

        Raises:
            ApplicationError: `AsrJobFailed`: enabling failed, or the item is gone.
        """
        progress, missing, item_id = Told(), Missing(), wait.task.item_id
        observer, age = Observer(wait.worst_seconds), waited_seconds(wait.age_seconds)

        async def until_protected() -> ProtectedWaited:
            with self._watchers.following(item_id, pace=pace.of_copy, age_seconds=age) as item:
                while True:
                    document = await item.next()
                    if missing.for_long(missing=document is None):
                        raise _gone(wait.task.vm.source_id)
                    if document is None:
                        continue
                    state = items.state_of(document)
                    if state.protection_state == items.ENABLING_FAILED:
                        raise job_failed(await self._why_enabling_failed(wait, document), wait.task.vm.source_id)
                    if state.protected:
                        seen = await self._observed(wait.observe, {*map(id_key, [item_id, *state.replica_disk_ids])})
                        rpo, health = state.rpo_seconds, state.replication_health
                        return ProtectedWaited(running=False, rpo_seconds=rpo, health=health, seen=seen)
                    if items.is_beyond_replication(state):
                        return ProtectedWaited(running=False, failed_over=state.protection_state)
                    told = str(items.properties(document).get("protectionStateDescription") or state.protection_state)
                    reading = Progress(percent=state.percent, rpo_seconds=state.rpo_seconds, detail=told)
                    del document
                    progress.now = await observer.see(reading, state.errors)

        return await hold(until_protected, progress, wait.give_back_after_seconds, ProtectedWaited(running=True))

    @activity.defn
    async def wait_for_vm(self, wait: VmWait) -> VmWaited:
        """Wait until a virtual machine runs, serves, is deallocated or gone."""
        progress, missing, still = Told(), Missing(), _Standstill(wait)

        async def until_reached() -> VmWaited:
            with self._watchers.following(wait.vm_id, lambda entry: machines.is_short_of(entry, wait.until)) as vm:
                while True:
                    document = await vm.next()
                    machine = None if document is None else machines.machine_of(document)
                    if machines.reached(machine, wait.until):
                        return _vm_waited(machine)
                    if missing.for_long(missing=machine is None):
                        if wait.until == "deallocated":
                            return _vm_waited(None)
                        raise refused(f"waiting for {describe(wait.vm_id)}: it does not exist.", wait.vm_id)
                    del document
                    still.check(machine)
                    progress.now = Progress(detail=machine.power_state if machine else "not there")

        return await hold(until_reached, progress, wait.give_back_after_seconds, VmWaited(running=True))

    @activity.defn
    async def wait_for_resources(self, wait: ResourcesWait) -> ResourcesWaited:
        """Wait until resources are provisioned, or gone."""
        progress = Told()

        async def until_all() -> ResourcesWaited:
            left, began = list(wait.ids), time.monotonic()
            with self._watchers.reading_alone():
                while True:
                    left = await self._read_patiently(partial(self._those_left, left, wait.until))
                    if not left:
                        return ResourcesWaited(running=False)
                    progress.now = Progress(detail=f"{len(left)} of {len(wait.ids)} left")
                    await asyncio.sleep(self._watchers.pause_seconds(time.monotonic() - began, len(left)))

        return await hold(until_all, progress, wait.give_back_after_seconds, ResourcesWaited(running=True))

    async def _ended(self, wait: JobWait, document: Json | None) -> JobWaited:
        document = document or await self._read_patiently(lambda: jobs.read_job(self._azure, wait.job.id))
        failure = _failure(document, wait.job)
        if failure is not None and not wait.accept_failure:
            raise job_failed(failure, wait.job.target_id)
        result = None if document is None else jobs.result(document)
        return JobWaited(running=False, result=result, item=await self._item(wait.item_id) if wait.item_id else None)

    async def _item(self, item_id: str) -> ItemState:
        """Return where an item stands after a job; that it is gone is handed on to the last look."""
        document = await self._read_patiently(lambda: items.read_back(self._azure, item_id))
        if document is None:
            self._azure.handed.put(AT_THE_END, {item_id: None})
            return ItemState(exists=False)
        return items.state_of(document)

    async def _why_enabling_failed(self, wait: ProtectedWait, item: Json) -> JobFailure:
        name = str(items.properties(item).get("friendlyName") or "")
        job = await jobs.newest_job(self._azure, wait.task.shared.vault_id, "EnableDr", name)
        document = await jobs.read_job(self._azure, job.id) if job else None
        if document is not None and jobs.has_failed(document):
            return jobs.failure(document)
        told = "; ".join(items.state_of(item).errors)
        return JobFailure(
            job_id=job.id if job else job_id(wait.task.shared.vault_id, "unknown"),
            scenario="EnableDr",
            state=items.ENABLING_FAILED,
            message=told or "Site Recovery tells no cause",
        )

    async def _observed(self, wanted: list[str], known: set[str]) -> list[Observation]:
        """Tell what is there; what the protected item names as its own needs no reading of its own."""
        others = [one for one in wanted if id_key(one) not in known]
        there = await self._read_patiently(partial(self._those_left, others, "gone"))
        return [Observation(id=one, exists=id_key(one) in known or one in there) for one in wanted]

    async def _those_left(self, resource_ids: list[str], until: str) -> list[str]:
        together = asyncio.Semaphore(_TOGETHER)

        async def done(resource_id: str) -> bool:
            async with together:
                document = await reads.read(self._azure, resource_id)
            return document is None if until == "gone" else _provisioned(resource_id, document)

        answers = await asyncio.gather(*(done(resource_id) for resource_id in resource_ids))
        return [resource_id for resource_id, ended in zip(resource_ids, answers, strict=True) if not ended]

    async def _read_patiently(self, read: Callable[[], Awaitable[Answer]]) -> Answer:
        """Read, and outlast an outage of two minutes: a wait of hours does not end for a moment's 503."""
        began = time.monotonic()
        while True:
            try:
                return await read()
            except AzureError:
                if time.monotonic() - began > OUTAGE_SECONDS:
                    raise
            await asyncio.sleep(max(self._watchers.floor_seconds, 1.0))


class _Standstill:
    """Notices a start that Azure gave up: the machine is stopped, and nothing works on it."""

    def __init__(self, wait: VmWait) -> None:
        self._wait = wait
        self._since: float | None = None

    def check(self, machine: Machine | None) -> None:
        """Raise once the machine has stood still for too long."""
        stopped = machine is not None and power.is_off(machine.power_state)
        working = machine is not None and machine.provisioning_state.lower() in {"updating", "creating"}
        if self._wait.until not in {"running", "serving"} or not stopped or working:
            self._since = None
            return
        self._since = self._since or time.monotonic()
        if machine is not None and time.monotonic() - self._since >= STANDSTILL_SECONDS:
            raise refused(
                f"starting {describe(self._wait.vm_id)}: it stays {machine.power_state}.",
                self._wait.vm_id,
                remedy="Look at its activity log, and start it by hand if the region has no room for its size.",
            )


def _gone(vm_id: str) -> ApplicationError:
    return refused(f"waiting for the protection of {describe(vm_id)}: its protected item is gone.", vm_id)


def _failure(document: Json | None, job: JobRef) -> JobFailure | None:
    if document is None:
        told = "the vault does not keep the job any more"
        return JobFailure(job_id=job.id, scenario=job.scenario, state=JOB_LOST, message=told)
    return jobs.failure(document) if jobs.has_failed(document) else None


def _job_progress(document: Json) -> Progress:
    percent, task = jobs.progress(document)
    properties = items.properties(document)
    told = task or str(properties.get("friendlyName") or properties.get("state") or "")
    return Progress(percent=percent, detail=told)


def _vm_waited(machine: Machine | None) -> VmWaited:
    if machine is None:
        return VmWaited(running=False)
    return VmWaited(
        running=False,
        power_state=machine.power_state,
        agent_ready=machine.agent_ready,
        since=machine.power_since,
    )


def _provisioned(resource_id: str, document: Json | None) -> bool:
    state = str(((document or {}).get("properties") or {}).get("provisioningState") or "Succeeded").lower()
    if state in {"failed", "canceled"}:
        raise refused(f"provisioning {describe(resource_id)}: Azure reports {state}.", resource_id)
    return document is not None and state == "succeeded"
