"""Keep what is on disks that are about to be deleted: a snapshot of each of a target, or of a source in the end."""

from __future__ import annotations

from temporalio import activity

from activities.failures import refused
from activities.writing import INTENT_SETTLE_SECONDS, Write, Writer
from arm import reads
from arm.clients import AzureClients
from arm.reads import Json
from arm.writes import Accepted, begin
from migration import names
from migration.ids import ResourceId, describe
from migration.keeping import KeepDisks, KeptDisk
from migration.models import Started


class SnapshotActivities:
    """Snapshots of single disks; `wait_for_resources` proves them."""

    def __init__(self, azure: AzureClients, settle_seconds: float = INTENT_SETTLE_SECONDS) -> None:
        self._azure = azure
        self._writer = Writer(azure, settle_seconds)

    @activity.defn
    async def keep_disks(self, request: KeepDisks) -> None:
        """Begin a snapshot of each disk that has none yet; its tags say whose it is, and how long it is to stay."""
        await self._writer.write_all([self._snapshot(request, disk) for disk in request.disks])

    def _snapshot(self, request: KeepDisks, kept: KeptDisk) -> Write:
        snapshot = ResourceId.parse(kept.snapshot_id)
        bodies: list[Json] = []

        async def find() -> Started | None:
            if await reads.read(self._azure, kept.snapshot_id) is not None:
                return Started(resource_id=kept.snapshot_id, existed=True)
            disk = await reads.read(self._azure, kept.disk_id)
            if disk is None:
                raise refused(f"taking a snapshot of {describe(kept.disk_id)}: it does not exist.", kept.disk_id)
            bodies.append(snapshot_body(request, kept, disk))
            return None

        async def take() -> Accepted:
            operations = self._azure.compute(snapshot.subscription).snapshots
            return await begin(operations.begin_create_or_update, snapshot.resource_group, snapshot.name, bodies[-1])

        return Write(kept.snapshot_id, find, take)


def snapshot_body(request: KeepDisks, kept: KeptDisk, disk: Json) -> Json:
    """Return the body of an incremental snapshot, encrypted as its disk is.

    `Incremental snapshots <https://learn.microsoft.com/azure/virtual-machines/disks-incremental-snapshots>`_ are billed
    by what is used of a disk.
    """
    properties: Json = {
        "creationData": {"createOption": "Copy", "sourceResourceId": kept.disk_id},
        "incremental": True,
    }
    encryption = (disk.get("properties") or {}).get("encryption") or {}
    if encryption.get("diskEncryptionSetId"):
        properties["encryption"] = {key: encryption.get(key) for key in ("type", "diskEncryptionSetId")}
    return {
        "location": disk["location"],
        "sku": {"name": "Standard_LRS"},
        "tags": {names.TAG_PLAN: request.plan, names.TAG_KEEP_UNTIL: request.keep_until},
        "properties": properties,
    }
