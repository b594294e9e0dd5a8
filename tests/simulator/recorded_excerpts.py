"""Replays what is known of other recordings: jobs of Azure PowerShell's tests, an operation of the .NET SDK's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.simulator.replay import Outcome, differences
from tests.simulator.siterecovery_estate import (
    A2A,
    PRIMARY,
    PRIMARY_CONTAINER,
    RECOVERY,
    SOURCE,
    SOURCE_NETWORK,
    TARGET,
    TARGET_NETWORK,
    VAULT,
    Lab,
    item_id,
    seed,
)
from tests.support.cloud import Cloud

if TYPE_CHECKING:
    from pathlib import Path

CUT = 3
"""The task of the recovery plan's job of which the excerpt has only the beginning."""
OLDER = "whole seconds without fraction in 2021; with seven zeros in the newer recordings, which are held"
HYPER_V = "the body is a Hyper-V machine's; its keys are held by the Azure CLI's recording"


def replay(folder: Path) -> list[Outcome]:
    """Bring one machine through its life and compare what the excerpts show of such lives."""
    with Cloud(seed("web", behaviour={"web": {}})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        return [
            _accepted(folder / "powershell-excerpts/headers_202_fabric_put.json", lab),
            _jobs(folder / "powershell-excerpts/jobs_list_A2A_enable.json", lab),
            _plan(folder / "powershell-excerpts/job_A2A_recoveryplan_UnplannedFailover_inprogress.json", lab),
            _operation(folder / "net-excerpts/CommitFailover_location_operationresults.json", lab),
            _reprotect(
                folder / "powershell-excerpts/job_A2A_reprotect_SwitchReplicationGroupProtection_inprogress.json", lab
            ),
        ]


def _outcome(file: Path, label: str, found: list[str]) -> Outcome:
    return Outcome(file.name, matching=int(not found), differences=[f"{label}: {line}" for line in found])


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _accepted(file: Path, lab: Lab) -> Outcome:
    """The headers of a 202: which there are, and those whose values say something."""
    recorded = _read(file)
    answer = lab.accepted("PUT", f"{VAULT}/replicationFabrics/eastus", recorded["request"]["body"])
    lab.finish(answer)
    varying = {"content-length", "server", "x-ms-client-request-id"}
    names = {name.lower() for name in recorded["responseHeaders"]} - varying
    found = [f"header {name} is missing" for name in sorted(names - {name.lower() for name in answer.headers})]
    literal = (
        "Cache-Control",
        "Expires",
        "Pragma",
        "Retry-After",
        "X-Content-Type-Options",
        "Strict-Transport-Security",
    )
    pairs = ((name, recorded["responseHeaders"][name], answer.headers[name]) for name in literal)
    found += [f"header {name}: {one!r} != {other!r}" for name, one, other in pairs if one != other]
    if recorded["status"] != answer.status_code or answer.content:
        found.append(f"{recorded['status']} with an empty body != {answer.status_code} {answer.text}")
    return _outcome(file, "PUT fabric", found)


def _jobs(file: Path, lab: Lab) -> Outcome:
    """The job list after an enabling: each kind of job with its keys and literal values."""
    lab.network_mapping(SOURCE_NETWORK, TARGET_NETWORK)
    lab.protect("web")
    ours = {job["properties"]["scenarioName"]: job for job in lab.get(f"{VAULT}/replicationJobs")["value"]}
    outcome = Outcome(file.name)
    for job in _read(file)["value"]:
        scenario = job["properties"]["scenarioName"]
        found = ["no such job"] if scenario not in ours else _job_differences(job, ours[scenario])
        outcome.differences += [f"{scenario}: {line}" for line in found]
        outcome.matching += not found
    return outcome


def _job_differences(recorded: dict[str, Any], actual: dict[str, Any]) -> list[str]:
    """What of a job is not as recorded, names and ids of its objects aside."""
    about = (
        "targetObjectId",
        "targetObjectName",
        "protectionProfileId",
        "Name: ",
        "Id: ",
        "/id: ",
        "/jobId",
        "/name: ",
    )
    actual = {key: value for key, value in actual.items() if key in recorded}
    return [line for line in differences(recorded, actual) if not any(word in line for word in about)]


def _operation(file: Path, lab: Lab) -> Outcome:
    """A commit followed to the end of its Location: statuses, headers, the eight keys."""
    flow = _read(file)["flow"]
    accepted = lab.accepted("POST", f"{item_id('web')}/failoverCommit", {"properties": {}})
    running = lab.sim.arm("GET", accepted.headers["Azure-AsyncOperation"])
    lab.finish(accepted)
    ended = lab.sim.arm("GET", accepted.headers["Azure-AsyncOperation"])
    result = lab.sim.arm("GET", accepted.headers["Location"])
    found = []
    for recorded, actual in zip(flow, (accepted, running, ended, result), strict=True):
        if recorded["status"] != actual.status_code:
            found.append(f"{recorded['path']}: {recorded['status']} != {actual.status_code}")
        missing = {name for name in recorded.get("headers", {}) if name not in actual.headers} - {"Content-Length"}
        found += [f"{recorded['path']}: header {name} is missing" for name in sorted(missing)]
        if "error" in recorded.get("body", {}):
            found += [
                line for line in differences(recorded["body"], actual.json()) if not line.startswith("/endTime: ")
            ]
    if {"Retry-After", "Location"} & set(running.headers):
        found.append("a running operation's status has Retry-After or Location")
    outcome = _outcome(file, "POST failoverCommit", found)
    outcome.excused += [f"GET operationresults: {HYPER_V}", f"GET replicationOperationStatus: {OLDER}"]
    return outcome


def _reprotect(file: Path, lab: Lab) -> Outcome:
    """The job of a reprotection that enables replication back, in the middle of it."""
    details = {
        **A2A,
        "recoveryContainerId": PRIMARY_CONTAINER,
        "recoveryResourceGroupId": SOURCE,
        "policyId": f"{VAULT}/replicationPolicies/daily",
        "vmManagedDisks": [
            {
                "diskId": disk,
                "primaryStagingAzureStorageAccountId": _cache(lab),
                "recoveryResourceGroupId": SOURCE,
            }
            for disk in _disks(lab)
        ],
    }
    body = {"properties": {"replicationProtectedItemName": "web", "providerSpecificDetails": details}}
    answer = lab.accepted("POST", f"{PRIMARY_CONTAINER}/switchprotection", body)
    lab.sim.advance(30)
    actual = lab.get(answer.headers["x-ms-request-id"])
    return _outcome(file, "GET job", _job_differences(_read(file)["responseBody"], actual))


def _disks(lab: Lab) -> list[str]:
    machine = lab.get(f"{TARGET}/providers/Microsoft.Compute/virtualMachines/web")["properties"]["storageProfile"]
    return [disk["managedDisk"]["id"] for disk in (machine["osDisk"], *machine["dataDisks"])]


def _cache(lab: Lab) -> str:
    """A cache account in the region where the machine runs now."""
    id_ = f"{TARGET}/providers/Microsoft.Storage/storageAccounts/shopback"
    lab.sim.arm("PUT", id_, {"location": "northeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}})
    lab.sim.advance(60)
    return id_


def _plan(file: Path, lab: Lab) -> Outcome:
    """The job of a recovery plan's failover, after its sources were shut down."""
    plan = f"{VAULT}/replicationRecoveryPlans/shop"
    group = {"groupType": "Boot", "replicationProtectedItems": [{"id": item_id("web")}]}
    body = {"primaryFabricId": PRIMARY, "recoveryFabricId": RECOVERY, "groups": [group]}
    lab.run("PUT", plan, {"properties": body})
    answer = lab.accepted("POST", f"{plan}/unplannedFailover", lab.failover_body(several=True))
    for _ in range(60):
        lab.sim.advance(5)
        actual = lab.get(answer.headers["x-ms-request-id"])
        if actual["properties"]["tasks"][2]["state"] == "InProgress":
            break
    lab.finish(answer)
    recorded = _read(file)["responseBody"]
    for job in (recorded, actual):
        del job["properties"]["tasks"][CUT]
    outcome = _outcome(file, "GET job", _job_differences(recorded, actual))
    outcome.excused.append(f"GET job: task {CUT} was not read whole")
    return outcome
