"""Delete what is left of a source. These activities run on a queue, and under an identity, of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from temporalio import activity

from activities.earlier import described
from activities.failures import refused
from activities.heartbeats import beating
from activities.writing import INTENT_SETTLE_SECONDS, Write, Writer
from arm import finalise, reads
from arm.listings import Listings
from arm.writes import Accepted, begin
from migration import names
from migration.finalise import DeleteSourcePart, FinaliseTask, JudgeFinalise, Judgement, Moved
from migration.ids import ResourceId, describe, same_id
from migration.models import Started
from migration.report import MemoKeys

if TYPE_CHECKING:
    from temporalio.client import Client

    from arm.clients import AzureClients
    from arm.reads import Json

_GOING = {"deleting"}


class FinaliseActivities:
    """One source at a time: read the move's record, judge, delete part by part."""

    def __init__(self, azure: AzureClients, client: Client, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._listings = Listings(azure)
        self._client = client
        self._settle_seconds = settle_seconds
        self._writer = Writer(azure, settle_seconds)

    @activity.defn
    async def read_move(self, task: FinaliseTask) -> Moved:
        """Return what the migration's latest run left behind, once it has ended; nothing where there is none."""
        description = await described(self._client, names.migrate_vm_id(task.plan, task.vm.name))
        if description is None:
            return Moved()
        if description.close_time is None:
            return Moved(outcome="still running")
        try:
            return Moved.model_validate((await description.memo()).get(MemoKeys.MOVED) or {})
        except ValidationError:
            return Moved()

    @activity.defn
    async def judge_finalise(self, request: JudgeFinalise) -> Judgement:
        """Tell what stands against deleting a source now, and what that would delete."""
        async with beating(list):
            return await finalise.judge(self._azure, self._listings, request.task, request.moved)

    @activity.defn
    async def delete_source_part(self, request: DeleteSourcePart) -> Started:
        """Delete one part of a source; read again right before, since a person may have changed their mind.

        Raises:
            ApplicationError: `VmFailure`: it must not be deleted (any more).
        """

        async def find() -> Started | None:
            document = await self._part(request)
            if document is None:
                return Started(resource_id=request.id)
            if str((document.get("properties") or {}).get("provisioningState")).lower() in _GOING:
                return Started(resource_id=request.id, existed=True)
            reasons = await self._against(request, document)
            if reasons:
                raise refused(f"deleting {describe(request.id)}: {'; '.join(reasons)}.", request.id)
            return None

        async def delete() -> Accepted:
            resource = ResourceId.parse(request.id)
            return await begin(self._deletion(request), resource.resource_group, resource.name)

        return await self._writer.write(Write(request.id, find, delete, kind="deletes"))

    async def _part(self, request: DeleteSourcePart) -> Json | None:
        query = {"$expand": "instanceView"} if request.kind == "machine" else {}
        document = await reads.read(self._azure, request.id, **query)
        if document is not None and _owner(document) is not None:
            # What has just lost its machine may say so a moment later.
            await asyncio.sleep(self._settle_seconds)
            document = await reads.read(self._azure, request.id, **query)
        return document

    async def _against(self, request: DeleteSourcePart, document: Json) -> list[str]:
        task, moved = request.task, request.moved
        if request.kind == "machine":
            of_target = await finalise.about_the_target(self._azure, task, moved)
            of_source = finalise.about_the_source(document, task, moved)
            return [*finalise.about_the_move(task, moved), *of_target, *of_source]
        owner = _owner(document)
        return [f"{describe(owner)} uses it"] if owner else []

    def _deletion(self, request: DeleteSourcePart) -> Callable[..., Awaitable[Any]]:
        subscription = ResourceId.parse(request.id).subscription
        compute, network = self._azure.compute(subscription), self._azure.network(subscription)
        if request.kind == "machine" and same_id(request.id, request.task.vm.source_id):
            return compute.virtual_machines.begin_delete
        if request.kind == "disk":
            return compute.disks.begin_delete
        if request.kind == "interface":
            return network.network_interfaces.begin_delete
        if request.kind == "public address":
            return network.public_ip_addresses.begin_delete
        raise refused(f"deleting {describe(request.id)}: it is no part of the source that is deleted.", request.id)


def _owner(document: Json) -> str | None:
    """Return what a disk, an interface or an address hangs on."""
    body = document.get("properties") or {}
    links = (document.get("managedBy"), (body.get("virtualMachine") or {}).get("id"))
    address = (body.get("ipConfiguration") or {}).get("id")
    return next((str(link) for link in (*links, address) if link), None)
