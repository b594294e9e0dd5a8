"""What goes wrong with replication after a machine is protected, and how it shows: points, health, disks, data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.simulator.mending import sound
from tests.simulator.siterecovery_estate import (
    A2A,
    CACHE,
    POLICY,
    TARGET,
    Lab,
    disk_id,
    item_id,
    machine,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

NAMES = ("churny", "drifting", "snapless", "grown", "auto", "paused", "cut-off", "over", "fast")
PREMIUM_CACHE = f"{CACHE}premium"
Item = dict[str, Any]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A vault whose policy wants a snapshot every hour; one of its machines changes too much from the start."""
    behaviour: dict[str, Any] = {name: {} for name in NAMES} | {"over": {"churn_mb_per_second": 80}}
    premium = {
        "id": PREMIUM_CACHE,
        "location": "westeurope",
        "kind": "BlockBlobStorage",
        "sku": {"name": "Premium_LRS"},
        "properties": {},
    }
    windows = machine("snapless", os_disk={"osType": "Windows"})
    with Simulator(seed=seed(*NAMES, resources=[premium, windows], behaviour=behaviour)) as sim:
        lab = Lab(sim)
        lab.set_up()
        settings = {**A2A, "multiVmSyncStatus": "Enable", "appConsistentFrequencyInMinutes": 60}
        lab.run("PATCH", POLICY, {"properties": {"replicationProviderSettings": settings}})
        for name in NAMES:
            changes = {"autoProtectionOfDataDisk": "Enabled"} if name == "auto" else {}
            lab.accepted("PUT", item_id(name), _with_cache(lab, name, **changes))
        sim.advance(3600)
        yield lab


def _with_cache(lab: Lab, name: str, **changes: Any) -> Item:
    body = lab.enable_body(name, **changes)
    for disk in body["properties"]["providerSpecificDetails"]["vmManagedDisks"]:
        disk["primaryStagingAzureStorageAccountId"] = PREMIUM_CACHE if name == "fast" else CACHE
    return body


def _points(lab: Lab, name: str) -> dict[datetime, str]:
    """The item's recovery points: type by time."""
    listed = lab.get(f"{item_id(name)}/recoveryPoints")["value"]
    fields = [point["properties"] for point in listed]
    return {datetime.fromisoformat(point["recoveryPointTime"]): point["recoveryPointType"] for point in fields}


def _codes(item: Item) -> set[str]:
    return {error["errorCode"] for error in item["healthErrors"]}


def _now(lab: Lab) -> datetime:
    return datetime.fromisoformat(lab.sim.clock()["virtual"])


def test_first_point_waits_for_the_changes(lab: Lab) -> None:
    """A machine that changes more than is copied gets no first point, so that it does not become protected."""
    before = lab.item("over")["protectionState"]
    sound(lab, "over")
    lab.sim.advance(600)

    assert "InitialReplicationRecoveryCompletionPending" == before
    assert "Protected" == lab.item("over")["protectionState"]


def test_too_many_changes(lab: Lab) -> None:
    """Over 54 MB/s no points come, data piles up, and after an hour 153007 is critical; then it heals."""
    sound(lab, "churny", churn_mb_per_second=80)
    sound(lab, "fast", churn_mb_per_second=80)
    begun = _now(lab)
    warned = lab.item("churny")
    lab.sim.advance(70 * 60)
    item, fast = lab.item("churny"), lab.item("fast")
    disks = item["providerSpecificDetails"]["protectedManagedDisks"]
    sound(lab, "churny")
    mended = _now(lab)
    lab.sim.advance(15 * 60)
    healed, times = lab.item("churny"), _points(lab, "churny")

    assert ({"161011", "153016"}, "Warning") == (_codes(warned), warned["replicationHealth"])
    assert ({"161011", "153016", "153007"}, "Critical") == (_codes(item), item["replicationHealth"])
    assert item["providerSpecificDetails"]["rpoInSeconds"] > 65 * 60
    assert sum(disk["dataPendingAtSourceAgentInMB"] for disk in disks) == pytest.approx(26 * 70 * 60, rel=0.01)
    assert ({"161011"}, "Normal") == (_codes(healed), healed["replicationHealth"])
    assert not [moment for moment in times if begun < moment < mended]
    assert [moment for moment in times if moment > mended]
    assert ({"161011"}, "Normal") == (_codes(fast), fast["replicationHealth"])


def test_no_way_to_the_cache(lab: Lab) -> None:
    """A machine whose way to the cache account is cut after it was protected falls behind like any other."""
    sound(lab, "cut-off", outbound={"*.blob.core.windows.net": "blocked"})
    lab.sim.advance(65 * 60)
    item = lab.item("cut-off")
    sound(lab, "cut-off")
    lab.sim.advance(600)

    assert ({"161011", "153007"}, "Critical") == (_codes(item), item["replicationHealth"])
    assert "Normal" == lab.item("cut-off")["replicationHealth"]


def test_no_points_while_the_machine_is_off(lab: Lab) -> None:
    """A machine that was off for a while has no points of that time afterwards either."""
    lab.sim.follow(lab.sim.arm("POST", f"{vm_id('paused')}/deallocate"))
    stopped = _now(lab)
    lab.sim.advance(40 * 60)
    started = _now(lab)
    lab.sim.follow(lab.sim.arm("POST", f"{vm_id('paused')}/start"))
    lab.sim.advance(20 * 60)
    times = _points(lab, "paused")

    assert not [moment for moment in times if stopped < moment < started]
    assert [moment for moment in times if moment > started + timedelta(minutes=1)]


def test_snapshots(lab: Lab) -> None:
    """Every hour a point is application-consistent; without VSS none is, and 153006 says so after two hours."""
    sound(lab, "snapless", services={"VSS": "failed"})
    since = _now(lab)
    lab.sim.advance(150 * 60)
    kinds, failing = _points(lab, "grown"), _points(lab, "snapless")
    item = lab.item("snapless")
    sound(lab, "snapless")
    lab.sim.advance(65 * 60)

    snapshots = sorted(moment for moment, kind in kinds.items() if kind == "AppConsistent")
    assert len(snapshots) >= 2
    assert {3600.0} == {(b - a).total_seconds() for a, b in pairwise(snapshots)}
    assert not [moment for moment, kind in failing.items() if kind == "AppConsistent" and moment > since]
    assert [moment for moment in failing if moment > since]
    assert ({"161011", "153006"}, "Warning") == (_codes(item), item["replicationHealth"])
    assert "153006" not in _codes(lab.item("snapless"))


def _attach(lab: Lab, name: str) -> None:
    """Attach one more disk to a machine that exists."""
    disk = {"id": disk_id(f"{name}_more"), "location": "westeurope", "properties": {"diskSizeGB": 16}}
    lab.sim.seed({"resources": [disk | {"sku": {"name": "Premium_LRS"}}]})
    profile = lab.get(vm_id(name))["properties"]["storageProfile"]
    added = {"lun": 5, "createOption": "Attach", "name": f"{name}_more", "managedDisk": {"id": disk["id"]}}
    body = {"properties": {"storageProfile": {"dataDisks": [*profile["dataDisks"], added]}}}
    lab.sim.follow(lab.sim.arm("PATCH", vm_id(name), body))


def test_added_disk(lab: Lab) -> None:
    """A disk that comes later is listed, warned of with 153039, can be dismissed, and be replicated by addDisks."""
    _attach(lab, "grown")
    item = lab.item("grown")
    error = next(error for error in item["healthErrors"] if error["errorCode"] == "153039")
    resolve = {"properties": {"healthErrors": [{"healthErrorId": error["errorId"]}]}}
    lab.run("POST", f"{item_id('grown')}/resolveHealthErrors", resolve)
    dismissed = lab.item("grown")
    disk = {
        "diskId": disk_id("grown_more"),
        "primaryStagingAzureStorageAccountId": CACHE,
        "recoveryResourceGroupId": TARGET,
    }
    details = {"providerSpecificDetails": {**A2A, "vmManagedDisks": [disk]}}
    job = lab.run("POST", f"{item_id('grown')}/addDisks", {"properties": details})
    after = lab.item("grown")["providerSpecificDetails"]

    assert [{"diskLunId": 5, "diskAutoProtectionStatus": "Disabled"}] == item["providerSpecificDetails"][
        "unprotectedDisks"
    ]
    assert ("Warning", "Allowed") == (item["replicationHealth"], error["customerResolvability"])
    assert ("Normal", False) == (dismissed["replicationHealth"], "153039" in _codes(dismissed))
    assert "AddDisks" == job["scenarioName"]
    assert None is after["unprotectedDisks"]
    assert 3 == len(after["protectedManagedDisks"])
    assert disk_id("grown_more-ASRReplica", TARGET).lower() in lab.sim.resource_ids()


def test_added_disk_is_replicated_by_itself(lab: Lab) -> None:
    """With automatic protection of data disks nobody has to ask."""
    _attach(lab, "auto")
    lab.sim.advance(30 * 60)
    disks = lab.item("auto")["providerSpecificDetails"]["protectedManagedDisks"]

    assert "auto_more" in {disk["diskName"] for disk in disks}


def test_resynchronisation(lab: Lab) -> None:
    """A disk that has to be resynchronised is critical and offers the repair, which takes its time."""
    sound(lab, "drifting", resync_required=["drifting_data"])
    item = lab.item("drifting")
    lab.run("POST", f"{item_id('drifting')}/repairReplication")
    lab.sim.advance(5 * 60)
    during = lab.item("drifting")
    lab.sim.advance(30 * 60)
    after = lab.item("drifting")

    def of(shown: Item, key: str) -> list[Any]:
        return [disk[key] for disk in shown["providerSpecificDetails"]["protectedManagedDisks"]]

    assert [False, True] == of(item, "resyncRequired")
    assert ("Critical", True) == (item["replicationHealth"], "153021" in _codes(item))
    assert ["UnplannedFailover", "DisableProtection", "TestFailover", "RepairReplication"] == item["allowedOperations"]
    assert [None, "Resync"] == of(during, "monitoringJobType")
    assert 0 <= of(during, "monitoringPercentageCompletion")[1] < 100
    assert ([False, False], "Normal") == (of(after, "resyncRequired"), after["replicationHealth"])
    assert [None, None] == of(after, "monitoringJobType")
