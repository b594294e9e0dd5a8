"""Disks and snapshots through the real SDK."""

from collections.abc import Iterator
from typing import Any

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


def _sized(size_gb: int) -> Any:
    return {"properties": {"diskSizeGB": size_gb}}


def _copy_of(source: str) -> Any:
    """The body of a snapshot or disk that copies *source*."""
    return {
        "location": "westeurope",
        "properties": {"creationData": {"createOption": "Copy", "sourceResourceId": source}},
    }


def test_disk_is_created_changed_and_deleted(estate: Simulator) -> None:
    """A disk goes through its life: made empty, grown, not shrunk, deleted."""
    client = compute(estate)
    properties = {"creationData": {"createOption": "Empty"}, "diskSizeGB": 64}
    wanted: Any = {"location": "westeurope", "sku": {"name": "Premium_LRS"}, "properties": properties}

    made = client.disks.begin_create_or_update(GROUP, "spare", wanted).result()
    grown = client.disks.begin_update(GROUP, "spare", _sized(300)).result()
    with pytest.raises(HttpResponseError, match="cannot be shrunk"):
        client.disks.begin_update(GROUP, "spare", _sized(8))
    client.disks.begin_delete(GROUP, "spare").result()

    assert ("Unattached", 64, "P6") == (made.disk_state, made.disk_size_gb, made.tier)
    assert (300, "P20") == (grown.disk_size_gb, grown.tier)
    with pytest.raises(ResourceNotFoundError):
        client.disks.get(GROUP, "spare")


def test_snapshot_of_a_disk(estate: Simulator) -> None:
    """A snapshot has its source's size and system, is listed, makes a new disk, and goes."""
    client = compute(estate)

    made = client.snapshots.begin_create_or_update(GROUP, "before", _copy_of(f"{COMPUTE}/disks/web_os")).result()
    listed = [snapshot.name for snapshot in client.snapshots.list_by_resource_group(GROUP)]
    disk = client.disks.begin_create_or_update(GROUP, "again", _copy_of(str(made.id))).result()
    client.snapshots.begin_delete(GROUP, "before").result()

    assert (64, "Linux") == (made.disk_size_gb, made.os_type)
    assert ["before"] == listed
    assert (64, "Linux") == (disk.disk_size_gb, disk.os_type)
    assert [] == list(client.snapshots.list_by_resource_group(GROUP))


def test_snapshot_keeps_what_it_was_taken_of(estate: Simulator) -> None:
    """Asked for again it takes new tags and stays the same; it cannot be turned into one of another disk."""
    client = compute(estate)
    whole = _copy_of(f"{COMPUTE}/disks/web_os")
    tagged: Any = dict(whole, tags={"keep": "yes"})

    first = client.snapshots.begin_create_or_update(GROUP, "kept", whole).result()
    again = client.snapshots.begin_create_or_update(GROUP, "kept", tagged).result()
    with pytest.raises(HttpResponseError) as refused:
        client.snapshots.begin_create_or_update(GROUP, "kept", _copy_of(f"{COMPUTE}/disks/web_data"))
    client.snapshots.begin_delete(GROUP, "kept").result()

    assert (first.unique_id, first.time_created, {"keep": "yes"}) == (again.unique_id, again.time_created, again.tags)
    assert refused.value.error is not None
    assert (409, "PropertyChangeNotAllowed") == (refused.value.status_code, refused.value.error.code)


def test_disk_of_an_absent_source_is_404(estate: Simulator) -> None:
    """A copy of what is not there is refused."""
    with pytest.raises(ResourceNotFoundError):
        compute(estate).disks.begin_create_or_update(GROUP, "copy", _copy_of(f"{COMPUTE}/disks/nothing"))


def test_disks_are_detached_and_attached_by_a_change_of_the_machine(estate: Simulator) -> None:
    """A PATCH of the data disks frees the one that is left out, and takes it back when it is named again."""
    path = f"{COMPUTE}/virtualMachines/web"
    disks = estate.arm("GET", path).json()["properties"]["storageProfile"]["dataDisks"]
    states = []

    for count in (0, len(disks)):
        body = {"properties": {"storageProfile": {"dataDisks": disks[:count]}}}
        estate.follow(estate.arm("PATCH", path, body))
        states.append(estate.arm("GET", f"{COMPUTE}/disks/web_data").json()["properties"]["diskState"])

    assert ["Unattached", "Attached"] == states
