"""One program that has moved one fleet: what was asked for, and what came of it."""

from __future__ import annotations

import asyncio
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchmarks import measures
from benchmarks.cloudlog import CloudLog
from benchmarks.fleet import Fleet
from benchmarks.meters import Used
from tests.support.sim import Simulator

OURS, CONCURRENT, SEQUENTIAL = "ours", "concurrent", "sequential"
NAMES = {OURS: "ours", CONCURRENT: "the asyncio script", SEQUENTIAL: "the sequential script"}


@dataclass(frozen=True)
class Spec:
    """What one program is to move, in what kind of cloud."""

    program: str
    size: int
    speed: float
    copy_minutes: int
    limits: bool = False
    faulty_percent: int = 0
    what_for: str = "fleet"
    """`fleet`, `one`, `faulty`, `free`, `growth`, `long` or `sequential`: in which rows of the table it counts."""
    number: int = 1
    """Which one it is of its kind."""
    start_after: float = 0.0
    """How many seconds after its part has begun; its servers start at once."""

    @property
    def fleet(self) -> Fleet:
        """The machines."""
        return Fleet(self.size, self.copy_minutes, self.faulty_percent)

    @property
    def name(self) -> str:
        """What it is called on the screen and in file names."""
        return f"{self.what_for}-{self.program}-{self.size}-{self.number}"

    async def begin(self, part_began: float) -> None:
        """Wait until it is to begin; *part_began* is a time of the monotonic clock."""
        await asyncio.sleep(max(0.0, part_began + self.start_after - time.monotonic()))

    def cloud(self) -> Simulator:
        """Start its simulated Azure."""
        fleet = self.fleet
        simulator = Simulator(seed=fleet.seed(), speed=self.speed, start=subprocess.Popen)
        try:
            # Buckets refill by Azure's clock, as everything else there: the limits weigh the same at every speed.
            simulator.clock(throttling={"enabled": self.limits}, throttle_clock="virtual")
            for fault in fleet.faults:
                simulator.fault(fault["effect"], **fault["match"])
        except BaseException:
            simulator.stop()
            raise
        return simulator


@dataclass(kw_only=True)
class Run:
    """What came of it. Times are seconds of the wall; those whose names say so are of Azure's clock."""

    spec: Spec
    seconds: float
    outcomes: dict[str, int]
    figures: dict[str, Any]
    used: dict[str, Used] = field(default_factory=dict)
    temporal: dict[str, Any] = field(default_factory=dict)
    approvals: list[float] = field(default_factory=list)
    """From each approval to the next request about that machine."""
    when: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M}")
    """When it ended, in UTC."""
    problem: str = ""
    """Why it is not as it should be; nothing where it is."""

    @property
    def virtual_seconds(self) -> float:
        """How long it took by Azure's clock."""
        return self.seconds * self.spec.speed

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        spec = self.spec
        return {
            "program": spec.program,
            "for": spec.what_for,
            "size": spec.size,
            "speed": spec.speed,
            "copy_minutes": spec.copy_minutes,
            "limits": spec.limits,
            "faulty_percent": spec.faulty_percent,
            "seconds": round(self.seconds, 3),
            "virtual_seconds": round(self.virtual_seconds, 1),
            "outcomes": self.outcomes,
            "used": {name: one.as_dict() for name, one in self.used.items()},
            "temporal": self.temporal,
            "approval_seconds": {
                "p50": round(measures.median(self.approvals), 3),
                "p95": round(measures.percentile(self.approvals, 95), 3),
            }
            if self.approvals
            else {},
            "when": self.when,
            "problem": self.problem,
            **self.figures,
        }


def figures_of(spec: Spec, log: CloudLog) -> dict[str, Any]:
    """Return what a log tells of a run."""
    steps = measures.steps(log)
    bounds = measures.bounds(log, spec.fleet.disks)
    if not spec.limits:
        bounds = {"critical path": bounds["critical path"], "disks": bounds["disks"]}
    return {
        "bounds": {kind: round(seconds, 2) for kind, seconds in bounds.items()},
        "requests": _rounded(measures.requests(log, spec.size)),
        "detection": _rounded(measures.detection(log)),
        "steps": {
            "mean_seconds": round(sum(steps) / max(1, len(steps)), 4),
            "p95_seconds": round(measures.percentile(steps, 95), 4),
            "count": len(steps),
        },
        "slowest": measures.chain_of_slowest(log),
    }


def outcomes_of(spec: Spec, simulator: Simulator) -> dict[str, str]:
    """Return what became of each machine, as Azure shows it at the end.

    `migrated`: the copy runs, the source does not, and nothing replicates; `rolled_back`: the source runs, there is no
    copy, and nothing replicates; else what is there.
    """
    case, there = spec.fleet.case, simulator.resources()
    power = {one["id"].lower(): one["power_state"] for one in there if one.get("power_state")}
    items = " ".join(one["id"].lower() for one in there if "/replicationprotecteditems/" in one["id"].lower())
    found = {}
    for vm in spec.fleet.vms:
        source, target = (power.get(case.vm_id(vm, kind).lower(), "absent") for kind in ("source", "target"))
        state = source.removeprefix("PowerState/"), target.removeprefix("PowerState/"), vm in items
        known = {("deallocated", "running", False): "migrated", ("running", "absent", False): "rolled_back"}
        found[vm] = known.get(state) or f"source {state[0]}, copy {state[1]}" + (", replicated" if state[2] else "")
    return found


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _rounded(value) if isinstance(value, dict) else round(value, 5) if isinstance(value, float) else value
        for name, value in figures.items()
    }
