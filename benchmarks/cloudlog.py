"""What the simulated Azure has noted of a run: its request log, and the operations, from the jobs of the vault.

Nothing here comes from our code: a script is judged by the same lines. An operation begins when its request is
accepted and ends when its last task does, both by Azure's clock. The first copy is no job of Azure's; it begins as the
enabling ends, and ends as the job begins that finalises it. Nor is the boot of the copy, which ends when its agent
first reports; what of it falls into the failover is the failover's.
"""

from __future__ import annotations

import gzip
import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.fleet import BOOT_SECONDS, Fleet
from tests.support.sim import Simulator

API_VERSION, COMPUTE_VERSION = "2023-04-01", "2024-07-01"
COPY, FAILOVER, BOOT = "first copy", "fail over", "boot"
KINDS = {
    "EnableDr": "enable",
    "UpdateVmProperties": "set the target",
    "UnplannedFailover": FAILOVER,
    "CommitFailover": "commit",
    "PurgeDr": "forget the item",
    "DisableDr": "disable",
}
CHAIN = ("enable", COPY, "set the target", FAILOVER, BOOT, "commit", "forget the item")
"""The operations of one machine, each of which needs the one before."""
_COPIED = "PrimaryIrCompletion"
_MACHINE = re.compile(r"/(vm-\d{4})(?=[-/]|$)", re.IGNORECASE)
_JOB = re.compile(r"/(?:replicationjobs|replicationoperationstatus|operationresults)/([0-9a-f-]+)$", re.IGNORECASE)
_LISTING = re.compile(r"/(replicationjobs|replicationprotecteditems)$", re.IGNORECASE)


@dataclass(frozen=True)
class Operation:
    """A long-running operation about one machine; times are seconds of Azure's clock."""

    vm: str
    kind: str
    began: float
    ended: float
    job: str = ""
    succeeded: bool = True

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


@dataclass(frozen=True)
class Request:
    """A line of the request log; *wall* and *virtual* are seconds since 1970 by either clock."""

    wall: float
    virtual: float
    method: str
    path: str
    status: int
    write: bool
    accepted: bool

    @cached_property
    def vm(self) -> str:
        """The machine that its path names, else nothing."""
        found = _MACHINE.findall(self.path)
        return found[-1].lower() if found else ""

    @cached_property
    def job(self) -> str:
        """The job or operation that its path asks for, else nothing."""
        found = _JOB.search(self.path)
        return found[1].lower() if found else ""

    @property
    def is_listing(self) -> bool:
        """Whether it lists the jobs or items of a vault."""
        return bool(_LISTING.search(self.path))

    @property
    def bucket(self) -> str:
        """Which of ARM's buckets it draws from."""
        if self.method in {"GET", "HEAD"}:
            return "reads"
        return "deletes" if self.method == "DELETE" else "writes"

    @property
    def is_arm(self) -> bool:
        """Whether it was sent to Azure Resource Manager, not to where one signs in."""
        return "/oauth2/" not in self.path


@dataclass(frozen=True)
class CloudLog:
    """The log of one run."""

    speed: float
    requests: list[Request]
    operations: list[Operation] = field(default_factory=list)

    @cached_property
    def by_vm(self) -> dict[str, list[Operation]]:
        """The operations of each machine, in order."""
        found: dict[str, list[Operation]] = defaultdict(list)
        for operation in sorted(self.operations, key=lambda one: one.began):
            found[operation.vm].append(operation)
        return found

    @cached_property
    def _looks(self) -> tuple[dict[str, list[float]], list[float]]:
        """When each machine, and the lists of all, were read, by Azure's clock."""
        owner = {one.job: one.vm for one in self.operations}
        single: dict[str, list[float]] = defaultdict(list)
        listed: list[float] = []
        for line in self.requests:
            if line.method != "GET" or line.status == 429:
                continue
            if line.is_listing:
                listed.append(line.virtual)
            elif vm := owner.get(line.job, "") or line.vm:
                single[vm].append(line.virtual)
        return single, listed

    def seen_after(self, operation: Operation) -> float | None:
        """Return how long after an operation's end somebody looked; None: nobody did."""
        single, listed = self._looks
        found = [
            times[place]
            for times in (single.get(operation.vm, []), listed)
            if (place := bisect_left(times, operation.ended)) < len(times)
        ]
        return min(found) - operation.ended if found else None


def read(simulator: Simulator, fleet: Fleet, speed: float, keep: Path | None = None) -> CloudLog:
    """Return what a simulator has noted so far, and *keep* it; what is asked for that purpose is not in it."""
    lines = simulator.requests()
    if keep is not None:
        keep.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(keep, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
    requests = [_request(line) for line in lines]
    simulator.clock(throttling={"enabled": False})
    operations = operations_of(_jobs(simulator, fleet.vault_id))
    copies = {
        one.vm: fleet.case.vm_id(one.vm, "target") for one in operations if one.kind == FAILOVER and one.succeeded
    }
    reports = {vm: up + BOOT_SECONDS for vm, copy in copies.items() if (up := _up_since(simulator, copy)) is not None}
    return CloudLog(speed, requests, operations + boots_of(operations, reports))


def operations_of(jobs: list[dict[str, Any]]) -> list[Operation]:
    """Return the operations on machines, from jobs as Azure shows each."""
    found: list[Operation] = []
    enabled: dict[str, float] = {}
    copied: dict[str, tuple[float, str]] = {}
    for job in sorted(jobs, key=lambda one: str(one["properties"]["startTime"])):
        properties = job["properties"]
        vm, began = str(properties["targetObjectName"]).lower(), seconds_of(properties["startTime"])
        if properties["scenarioName"] == _COPIED:
            copied[vm] = began, str(job["name"]).lower()
            continue
        kind = KINDS.get(properties["scenarioName"])
        ends = [seconds_of(task["endTime"]) for task in properties["tasks"] if not task["endTime"].startswith("0001")]
        if kind is None or properties["state"] == "InProgress" or not ends:
            continue
        succeeded = properties["state"] != "Failed"
        found.append(Operation(vm, kind, began, max(ends), str(job["name"]).lower(), succeeded))
        if kind == "enable" and succeeded:
            enabled[vm] = max(ends)
    found += [Operation(vm, COPY, enabled[vm], end, name) for vm, (end, name) in copied.items() if vm in enabled]
    return found


def boots_of(operations: list[Operation], reports: Mapping[str, float]) -> list[Operation]:
    """Return the boots of copies, from when the agent of each first *reports*, by machine."""
    ends = {one.vm: one.ended for one in operations if one.kind == FAILOVER and one.succeeded}
    return [Operation(vm, BOOT, ends[vm], max(ends[vm], report)) for vm, report in reports.items() if vm in ends]


def seconds_of(time: str) -> float:
    """Return an Azure time as seconds since 1970."""
    plain = re.sub(r"(\.\d{6})\d*", r"\1", time).removesuffix("Z").removesuffix("+00:00")
    return datetime.fromisoformat(plain).replace(tzinfo=UTC).timestamp()


def _request(line: dict[str, Any]) -> Request:
    walls = seconds_of(line["wall"]), seconds_of(line["virtual"])
    return Request(*walls, line["method"], line["path"], line["status"], bool(line["write"]), bool(line["accepted"]))


def _jobs(simulator: Simulator, vault_id: str) -> list[dict[str, Any]]:
    """Return the vault's jobs, each with its tasks, which a list leaves out."""
    names: list[str] = []
    target: str | None = f"{vault_id}/replicationJobs"
    while target:
        page = simulator.arm("GET", target, api_version=API_VERSION).json()
        names += [job["name"] for job in page["value"]]
        target = page.get("nextLink")
    return [simulator.arm("GET", f"{vault_id}/replicationJobs/{one}", api_version=API_VERSION).json() for one in names]


def _up_since(simulator: Simulator, vm_id: str) -> float | None:
    """Return when a machine that runs came to its power, as its instance view tells."""
    answer = simulator.arm("GET", f"{vm_id}/instanceView", api_version=COMPUTE_VERSION)
    statuses = answer.json().get("statuses") or [] if answer.status_code == 200 else []
    times = [one["time"] for one in statuses if one.get("time")]
    runs = any(one["code"] == "PowerState/running" for one in statuses)
    return seconds_of(times[0]) if runs and times else None
