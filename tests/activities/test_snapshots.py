"""Snapshots of a target's disks, through the real SDK, and deletions of which one is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.ledger import LedgerActivities
from activities.snapshots import SnapshotActivities, snapshot_body
from activities.waits import WaitActivities
from migration import ids
from migration.keeping import DeleteResources, KeepDisks, KeptDisk
from migration.requests import ObserveResources
from migration.waiting import ResourcesWait
from tests.activities.estate import SUBSCRIPTION, TARGET_GROUP

if TYPE_CHECKING:
    from tests.activities.stage import Stage


async def test_disks_are_snapshot_once_and_given_back(stage: Stage) -> None:
    """Asked twice, each disk has one snapshot, with the plan's tags; one disk that is gone stops only its own."""
    case = stage.arrange()
    await stage.fail_over(case)
    names = [disk.name for disk in case.source.disks]
    disks = [
        KeptDisk(
            disk_id=ids.disk_id(SUBSCRIPTION, TARGET_GROUP, name),
            snapshot_id=ids.snapshot_id(SUBSCRIPTION, TARGET_GROUP, f"{name}-kept-1"),
        )
        for name in ("gone", *names)
    ]
    wanted = KeepDisks(plan="stage", disks=disks, keep_until="2026-12-01T10:00:00Z")
    before = stage.mark

    with pytest.raises(ApplicationError, match=r"gone.* does not exist"):
        await stage.run(SnapshotActivities.keep_disks, wanted)
    wanted = wanted.model_copy(update={"disks": disks[1:]})
    await stage.run(SnapshotActivities.keep_disks, wanted)
    await stage.run(WaitActivities.wait_for_resources, ResourcesWait(ids=wanted.ids, until="provisioned"))
    taken = [stage.sim.arm("GET", disk.snapshot_id, api_version="2024-03-02").json() for disk in disks[1:]]
    puts = stage.writes("-kept-1", before)
    await stage.run(LedgerActivities.delete_resources, DeleteResources(ids=wanted.ids, why="over"))
    await stage.run(WaitActivities.wait_for_resources, ResourcesWait(ids=wanted.ids, until="gone"))

    assert ["PUT", "PUT"] == [line["method"] for line in puts]
    for snapshot, disk in zip(taken, disks[1:], strict=True):
        assert ids.same_id(disk.disk_id, snapshot["properties"]["creationData"]["sourceResourceId"])
        assert snapshot["properties"]["incremental"] is True
        assert "northeurope" == snapshot["location"]
        tags = {"azure-vm-migration-plan": "stage", "azure-vm-migration-keep-until": "2026-12-01T10:00:00Z"}
        assert tags == snapshot["tags"]


@pytest.mark.parametrize(
    ("encryption", "wanted"),
    [
        ({"type": "EncryptionAtRestWithPlatformKey"}, None),
        (
            {"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": "/des", "more": 1},
            {"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": "/des"},
        ),
    ],
    ids=["by the platform", "by a set"],
)
def test_a_snapshot_is_encrypted_as_its_disk_is(encryption: dict[str, Any], wanted: dict[str, Any] | None) -> None:
    """With the same encryption set, where there is one; it lies where its disk lies, on the cheapest storage."""
    kept = KeptDisk(disk_id="/disk", snapshot_id="/snapshot")
    request = KeepDisks(plan="p", disks=[kept], keep_until="")
    body = snapshot_body(request, kept, {"location": "westeurope", "properties": {"encryption": encryption}})

    assert wanted == body["properties"].get("encryption")
    assert ("westeurope", "Standard_LRS") == (body["location"], body["sku"]["name"])


async def test_a_deletion_that_is_refused_holds_no_other(stage: Stage) -> None:
    """What does not depend on it goes; the refusal is told, and asked again it goes too."""
    case = stage.arrange()
    await stage.fail_over(case)
    replicas = [ids.disk_id(SUBSCRIPTION, TARGET_GROUP, f"{disk.name}-ASRReplica") for disk in case.source.disks]
    stage.sim.fault(
        {"kind": "status", "status": 400, "body": {"error": {"code": "BadRequest", "message": "Not this one."}}},
        method="DELETE",
        path=f"{case.source.disks[0].name}-ASRReplica$",
    )
    request = DeleteResources(ids=replicas, why="testing")

    with pytest.raises(ApplicationError, match="Not this one"):
        await stage.run(LedgerActivities.delete_resources, request)
    await stage.run(WaitActivities.wait_for_resources, ResourcesWait(ids=replicas[1:], until="gone"))
    seen = await stage.run(LedgerActivities.observe_resources, ObserveResources(ids=replicas))
    await stage.run(LedgerActivities.delete_resources, request)
    await stage.run(WaitActivities.wait_for_resources, ResourcesWait(ids=replicas, until="gone"))

    assert [True, *(False for _ in replicas[1:])] == [one.exists for one in seen.seen]
