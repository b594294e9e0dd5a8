"""Disks and snapshots through the real SDK."""

from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.simulator.compute_estate import COMPUTE, GROUP, compute, machine, network, seed
from tests.support.sim import Simulator


@pytest.fixture(scope="module")
def estate() -> Iterator[Simulator]:
    """One machine with its disks."""
    with Simulator(seed=seed(network(), machine("web")), speed=600) as simulator:
        yield simulator


def test_attached_disk_is_not_deleted(estate: Simulator) -> None:
    """Deleting a disk that a machine has raises 409 OperationNotAllowed, and it stays."""
    client = compute(estate)

    with pytest.raises(ResourceExistsError) as caught:
        client.disks.begin_delete(GROUP, "web_data")

    assert caught.value.error is not None
    assert "OperationNotAllowed" == caught.value.error.code
    assert 256 == client.disks.get(GROUP, "web_data").disk_size_gb


def test_disk_is_created_changed_and_deleted(estate: Simulator) -> None:
    """A disk goes through its life: made empty, grown, not shrunk, deleted."""
    client = compute(estate)
    empty = {"location": "westeurope", "sku": {"name": "Premium_LRS"}}
    wanted = {**empty, "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 64}}

    made = client.disks.begin_create_or_update(GROUP, "spare", wanted).result()  # type: ignore[arg-type]
    grown = client.disks.begin_update(GROUP, "spare", {"properties": {"diskSizeGB": 300}}).result()  # type: ignore[arg-type]
    with pytest.raises(HttpResponseError, match="cannot be shrunk"):
        client.disks.begin_update(GROUP, "spare", {"properties": {"diskSizeGB": 8}})  # type: ignore[arg-type]
    client.disks.begin_delete(GROUP, "spare").result()

    assert ("Unattached", 64, "P6") == (made.disk_state, made.disk_size_gb, made.tier)
    assert (300, "P20") == (grown.disk_size_gb, grown.tier)
    with pytest.raises(ResourceNotFoundError):
        client.disks.get(GROUP, "spare")


def test_snapshot_of_a_disk(estate: Simulator) -> None:
    """A snapshot has its source's size and system, is listed, makes a new disk, and goes."""
    client = compute(estate)
    source = f"{COMPUTE}/disks/web_os"
    wanted = {"location": "westeurope", "properties": {"creationData": {"createOption": "Copy", "sourceResourceId": source}}}

    made = client.snapshots.begin_create_or_update(GROUP, "before", wanted).result()  # type: ignore[arg-type]
    listed = [snapshot.name for snapshot in client.snapshots.list_by_resource_group(GROUP)]
    copy = {"location": "westeurope", "properties": {"creationData": {"createOption": "Copy", "sourceResourceId": made.id}}}
    disk = client.disks.begin_create_or_update(GROUP, "again", copy).result()  # type: ignore[arg-type]
    client.snapshots.begin_delete(GROUP, "before").result()

    assert (64, "Linux") == (made.disk_size_gb, made.os_type)
    assert ["before"] == listed
    assert (64, "Linux") == (disk.disk_size_gb, disk.os_type)
    assert [] == list(client.snapshots.list_by_resource_group(GROUP))


def test_disk_of_an_absent_source_is_404(estate: Simulator) -> None:
    """A copy of what is not there is refused."""
    missing = {"createOption": "Copy", "sourceResourceId": f"{COMPUTE}/disks/nothing"}

    with pytest.raises(ResourceNotFoundError):
        compute(estate).disks.begin_create_or_update(
            GROUP,
            "copy",
            {"location": "westeurope", "properties": {"creationData": missing}},  # type: ignore[arg-type]
        )
