"""Logs of a cloud and results, made up for tests."""

from typing import Any

from benchmarks.cloudlog import CHAIN, CloudLog, Operation, Request

SECONDS = {
    "enable": 300.0,
    "first copy": 600.0,
    "set the target": 10.0,
    "fail over": 150.0,
    "boot": 0.0,
    "commit": 20.0,
    "forget the item": 110.0,
}
PATH = 1_190.0
ITEM = "/subscriptions/s/providers/Microsoft.RecoveryServices/vaults/v/replicationProtectedItems"


def chain(vm: str, *, gap: float = 10.0, longer: float = 0.0) -> list[Operation]:
    """Return the operations of a machine with *gap* seconds between them, the first *longer* than usual."""
    found, now = [], 1_000.0
    for kind in CHAIN:
        seconds = SECONDS[kind] + (longer if kind == "enable" else 0)
        found.append(Operation(vm, kind, now, now + seconds, job=f"{CHAIN.index(kind)}a"))
        now += seconds + (0 if kind == "enable" else gap)
    return found


def line(virtual: float, path: str, method: str = "GET", status: int = 200, *, accepted: bool = False) -> Request:
    """Return a request; the wall's clock stands for nothing."""
    return Request(virtual / 10, virtual, method, path, status, accepted, accepted)


def log(*operations: Operation, requests: list[Request] | None = None) -> CloudLog:
    """Return a log at ten times the speed."""
    return CloudLog(10.0, requests or [], list(operations))


def run(program: str, what_for: str, size: int = 50, **changes: Any) -> dict[str, Any]:
    """Return a run as a result keeps it: everything as the goals want it, but for the *changes*."""
    return {
        "program": program,
        "for": what_for,
        "size": size,
        "speed": 10.0,
        "copy_minutes": 5,
        "limits": False,
        "faulty_percent": 0,
        "seconds": 120.0,
        "virtual_seconds": 1_200.0,
        "outcomes": {"migrated": size},
        "used": {name: {"cpu_seconds": 10.0, "start_mib": 200.0, "most_mib": 220.0} for name in ("worker", "script")},
        "temporal": {"actions_per_vm": 50.0, "events_most": 200, "kib_most": 90.0},
        "approval_seconds": {"p50": 0.1, "p95": 0.2},
        "when": "2026-01-02 03:04",
        "problem": "",
        "bounds": {"critical path": 1_190.0},
        "requests": {
            "share_of_429": 0.0,
            "reads_per_vm": 50.0,
            "writes_per_vm": 5.0,
            "repeated_writes": 0,
            "reads_by_kind_per_vm": {"jobs": 30.0, "items": 20.0},
        },
        "detection": {"p95_of_allowed": 0.5, "p95_seconds": 2.5},
        "steps": {"mean_seconds": 0.3},
        "slowest": [],
        **changes,
    }


def result(*more: dict[str, Any], size: int = 50, **changes: Any) -> dict[str, Any]:
    """Return a result in which every goal is met that can be without limits, with *more* runs."""
    usual = [
        run("ours", "fleet", size),
        run("concurrent", "fleet", size),
        run("ours", "one", 1),
        run("concurrent", "one", 1),
        run("ours", "long", 1),
        run("ours", "growth", 10),
        run("sequential", "sequential", 20, seconds_of_each=[120.0] * 20),
    ]
    return {
        "size": size,
        "rounds": 1,
        "when": "2026-01-02 03:04 UTC",
        "minutes": 14.0,
        "machine": {"processors": 2, "system": "Linux", "python": "3.11.2", "load_before": 0.1},
        "offline": {"machines": 5_000, "seconds": 2.0, "mib": 200.0},
        "recovery": {"when": "2026-01-01", "reading": 32.0, "waiting": 1.5, "server": 2.0},
        "runs": [*usual, *more],
        **changes,
    }
