"""The pure judgements: the verification, bodies and differences, jobs, milestones."""

from __future__ import annotations

from typing import Any

import pytest

from arm import jobs, machines, protection, verify
from arm.machines import AttachedDisk, Interface
from migration import ids
from migration.models import SharedResources, SourceDisk, SourceNic, SourceVm, VmSpec, VmTask
from migration.plan import Approval, Failover
from tests.arm.readings import OFF, RUNNING, S, machine

NETWORK = ids.network_id(S, "ne", "vnet")


@pytest.mark.parametrize("told", ["2026-11-25T22:49:55.5868293+00:00", "2026-11-25T22:49:55.5868293Z"])
def test_times_of_an_instance_view_end_with_z(told: str) -> None:
    """As all times of a report do, however Azure writes them."""
    status = {"code": RUNNING, "time": told}
    found = machines.machine_of({"id": "/x", "properties": {"instanceView": {"statuses": [status]}}})

    assert (RUNNING, "2026-11-25T22:49:55.5868293Z") == (found.power_state, found.power_since)


def source() -> SourceVm:
    """Return a source with an OS disk, two data disks and one interface."""
    disks = [
        SourceDisk(id=ids.disk_id(S, "we", name), size_gib=size, type="Premium_LRS", is_os=name == "os")
        for name, size in (("os", 30), ("data", 64), ("scratch", 128))
    ]
    nic = SourceNic(id=ids.nic_id(S, "we", "web-nic"), network_id=ids.network_id(S, "we", "vnet"), subnet="servers")
    return SourceVm(
        id=ids.vm_id(S, "we", "web"),
        vm_unique_id="1",
        region="westeurope",
        size="Standard_D2s_v5",
        power_state=RUNNING,
        disks=disks,
        nics=[nic],
    )


def spec(**changed: Any) -> VmSpec:
    """Return what the plan wants."""
    fields: dict[str, Any] = {
        "name": "web",
        "wave": "one",
        "source_id": source().id,
        "source_region": "westeurope",
        "target_region": "northeurope",
        "target_subscription": S,
        "target_resource_group": "ne",
        "target_name": "web",
        "network_id": NETWORK,
        "subnet": "servers",
        "excluded_disks": ["SCRATCH"],
        "disk_types": {"data": "StandardSSD_LRS"},
    }
    return VmSpec(**{**fields, **changed})


def target(**changed: Any) -> verify.Target:
    """Return a target that is as planned, but for what is changed."""
    disks: list[AttachedDisk | None] = [
        AttachedDisk(ids.disk_id(S, "NE", "OS"), is_os=True, size_gib=30, type="Premium_LRS"),
        AttachedDisk(ids.disk_id(S, "NE", "data"), is_os=False, size_gib=64, type="StandardSSD_LRS"),
    ]
    nic = Interface(ids.nic_id(S, "ne", "web-nic"), f"{NETWORK.upper()}/subnets/servers", "10.2.0.7", is_static=True)
    fields: dict[str, Any] = {"machine": machine(), "disks": disks, "interfaces": [nic]}
    return verify.Target(**{**fields, **changed})


def test_a_target_as_planned_has_no_mismatch() -> None:
    """Ids and names are compared without regard to case; an excluded disk is not missed."""
    assert [] == verify.mismatches(spec(address="10.2.0.7"), source(), target())


@pytest.mark.parametrize(
    ("wanted", "seen", "fields"),
    [
        ({}, target(machine=machine(OFF)), ["power"]),
        ({}, target(machine=machine(region="westeurope")), ["region"]),
        ({"size": "Standard_D4s_v5"}, target(), ["size"]),
        ({"zone": "2"}, target(), ["zone"]),
        ({"excluded_disks": []}, target(), ["number of disks"]),
        ({"disk_types": {"*": "Premium_ZRS"}}, target(), ["type of disk os", "type of disk data"]),
        ({"subnet": "other"}, target(), ["subnet of web-nic"]),
        ({"address": "10.2.0.8"}, target(), ["address of web-nic"]),
        ({}, target(interfaces=[]), ["number of network interfaces"]),
        ({}, target(disks=[target().disks[0], None]), ["number of disks"]),
        (
            {},
            target(disks=[target().disks[0], AttachedDisk(ids.disk_id(S, "ne", "data"), True, 65, "StandardSSD_LRS")]),
            ["role of disk data", "size of disk data"],
        ),
    ],
)
def test_each_difference_is_its_own_mismatch(wanted: dict[str, Any], seen: verify.Target, fields: list[str]) -> None:
    """Every field of the target is held against the plan, or against the source where the plan is silent."""
    assert fields == [mismatch.field for mismatch in verify.mismatches(spec(**wanted), source(), seen)]


def task(**changed: Any) -> VmTask:
    """Return the task of the virtual machine."""
    shared = SharedResources(
        vault_id="v",
        policy_id="/p",
        source_fabric_id="sf",
        target_fabric_id="tf",
        source_container_id="/sc",
        target_container_id="/tc",
        cache_account_id="/cache",
    )
    approval = Approval(approvers=["approver@contoso.example"])
    return VmTask(plan="p", plan_hash="0", vm=spec(**changed), shared=shared, approval=approval, failover=Failover())


def test_enabling_leaves_excluded_disks_behind_and_keeps_types() -> None:
    """Each disk goes with the type the plan wants, else its own; with zone and encryption set where they are given."""
    body = protection.enable_body(task(zone="1", disk_encryption_set_id="/des"), source())
    details = body["properties"]["providerSpecificDetails"]

    disks = [(d["diskId"].rsplit("/", 1)[-1], d["recoveryTargetDiskAccountType"]) for d in details["vmManagedDisks"]]
    assert [("os", "Premium_LRS"), ("data", "StandardSSD_LRS")] == disks
    assert {"/des"} == {disk["recoveryDiskEncryptionSetId"] for disk in details["vmManagedDisks"]}
    assert ("1", "servers", NETWORK) == (
        details["recoveryAvailabilityZone"],
        details["recoverySubnetName"],
        details["recoveryAzureNetworkId"],
    )


@pytest.mark.parametrize(
    ("state", "ended", "running", "failed"),
    [
        ("InProgress", None, True, False),
        ("NotStarted", None, True, False),
        ("Succeeded", "2026-11-23T10:00:00Z", False, False),
        ("Failed", "2026-11-23T10:00:00Z", False, True),
        ("Cancelled", None, False, True),
        ("CompletedWithInformation", "2026-11-23T10:00:00Z", False, False),
        ("SomethingNew", None, True, False),
        ("SomethingNew", "0001-01-01T00:00:00", True, False),
        ("SomethingNew", "2026-11-23T10:00:00Z", False, False),
    ],
)
def test_a_job_with_an_unknown_word_runs_until_it_has_an_end(
    state: str, ended: str | None, running: bool, failed: bool
) -> None:
    """An unknown state is neither success nor failure; only an end time tells that it is over."""
    document = {"properties": {"state": state, "stateDescription": state, "endTime": ended}}

    assert (running, failed) == (jobs.is_running(document), jobs.has_failed(document))


def test_partial_success_is_told() -> None:
    """Succeeded with the description PartiallySucceeded keeps both words."""
    document = {"id": "x", "properties": {"state": "Succeeded", "stateDescription": "PartiallySucceeded"}}

    assert ("Succeeded", "PartiallySucceeded") == (jobs.result(document).state, jobs.result(document).state_description)


def test_the_tasks_of_groups_are_told_too() -> None:
    """Child tasks of a group stand beside it, and sentinel times are no times."""
    child = {"friendlyName": "child", "state": "NotStarted", "startTime": "0001-01-01T00:00:00"}
    group = {"friendlyName": "group", "state": "InProgress", "groupTaskCustomDetails": {"childTasks": [child]}}
    document = {"properties": {"tasks": [group]}}

    assert [("group", None), ("child", None)] == [(one.name, one.started) for one in jobs.tasks(document)]
    assert (0, "group") == jobs.progress(document)


@pytest.mark.parametrize(
    ("power", "ready", "reached"),
    [
        (RUNNING, True, {"running", "serving"}),
        (RUNNING, False, {"running"}),
        ("PowerState/starting", True, set()),
        (OFF, False, {"deallocated"}),
        ("PowerState/stopped", False, set()),
    ],
)
def test_milestones_of_a_machine(power: str, ready: bool, reached: set[str]) -> None:
    """Starting is not running, and a stopped machine that keeps its host is not deallocated."""
    there = machine(power, agent_ready=ready)
    milestones = ("running", "serving", "deallocated", "gone")

    assert reached == {milestone for milestone in milestones if machines.reached(there, milestone)}


def listed(name: str, scenario: str, owner: str, state: str = "Succeeded") -> dict[str, Any]:
    """Return a job of a virtual machine called web, as a listing shows it."""
    shown = {"scenarioName": scenario, "state": state, "targetObjectName": "Web", "targetObjectId": owner}
    return {"name": name, "properties": shown}


@pytest.mark.parametrize(
    ("there", "running", "found"),
    [
        ([listed("2", "UnplannedFailover", "a"), listed("1", "EnableDr", "a")], False, "2"),
        ([listed("2", "EnableDr", "a"), listed("1", "UnplannedFailover", "a")], False, None),
        ([listed("2", "UnplannedFailover", "b"), listed("1", "UnplannedFailover", "a")], False, None),
        ([listed("2", "EnableDr", "b"), listed("1", "UnplannedFailover", "a")], False, None),
        (
            [listed("2", "UnplannedFailover", "b"), listed("1", "UnplannedFailover", "a", "InProgress")],
            True,
            "1",
        ),
    ],
)
async def test_the_job_of_a_namesake_is_not_taken_for_ones_own(
    monkeypatch: pytest.MonkeyPatch, there: list[dict[str, Any]], running: bool, found: str | None
) -> None:
    """Two groups may hold machines of one name: of jobs that have ended nobody can tell whose they are."""

    async def all_jobs(*_: Any) -> list[dict[str, Any]]:
        return there

    monkeypatch.setattr(jobs, "list_jobs", all_jobs)
    clients: Any = None
    job = await jobs.newest_job(clients, "/v", "UnplannedFailover", "web", running=running, since="EnableDr")

    assert found == (job and job.id.rsplit("/", 1)[-1])
