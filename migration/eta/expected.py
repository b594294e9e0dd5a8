"""How long each step takes by the plan's estimate: the assumptions of `plans/prices.yaml`, and sizes as they were read.

`starter.py plan` lets a person edit that file; a run reckons with these figures, and soon with what it sees.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from migration.estimate.durations import Span
from migration.eta.values import Step
from migration.phases import Phase

if TYPE_CHECKING:
    from migration.models import SourceVm, VmTask

MINUTES: dict[str, tuple[float, float]] = {
    "check": (0.5, 5),
    "prepare": (5, 15),
    "enable": (8, 20),
    "first_point": (5, 30),
    "configure": (1, 3),
    "test": (10, 25),
    "shutdown": (1, 6),
    "last_sync": (0.5, 5),
    "create": (2, 10),
    "verify": (0.5, 2),
    "commit": (1, 4),
    "disable": (2, 6),
    "tidy": (5, 20),
}
COPY_MIB_PER_SECOND = (100.0, 10.0)
USED_PERCENT = (30.0, 100.0)
DISK_SECONDS = (3.0, 20.0)

BOOT = Span(0, 5 * 60)
"""Until the moved machine's agent reports; `plan` does not reckon with it, since the target serves before."""
REPROTECT = Span(10 * 60, 3 * 3600)
"""Replicating back compares the disks, and copies what differs."""
GOING_BACK = Span(2 * 60, 45 * 60)
"""The target is stopped, the source started, replication disabled and what was made deleted: a job of minutes each."""
_MIB_PER_GIB = 1024


def of_minutes(name: str) -> Span:
    """Return an assumption in seconds."""
    low, high = MINUTES[name]
    return Span(low * 60, high * 60)


def copying(gib: float | None) -> tuple[float, float | None]:
    """Return the seconds of the initial copy of so many GiB and of the first recovery point."""
    first = of_minutes("first_point")
    if gib is None:
        return first.low, None
    best = gib * USED_PERCENT[0] / 100 * _MIB_PER_GIB / COPY_MIB_PER_SECOND[0]
    worst = gib * USED_PERCENT[1] / 100 * _MIB_PER_GIB / COPY_MIB_PER_SECOND[1]
    return first.low + best, first.high + worst


def cutting_over(disks: int) -> Span:
    """Return the seconds of a failover with so many disks."""
    attach = Span(disks * DISK_SECONDS[0], disks * DISK_SECONDS[1])
    return sum((of_minutes(part) for part in ("shutdown", "last_sync", "create")), start=attach)


def steps_of(task: VmTask, source: SourceVm | None) -> list[Step]:
    """Return every step of a virtual machine's move, in order; sizes are known once the source was read."""
    kept = [disk for disk in source.disks if not task.vm.excludes(disk.name)] if source else []
    gib = sum(disk.size_gib for disk in kept) if source else None
    return steps(gib, len(kept) or 1, tests=task.failover.test_first, reprotects=task.reprotect is not None)


def steps(gib: float | None, disks: int = 1, *, tests: bool = False, reprotects: bool = False) -> list[Step]:
    """Return every step of a move of so many GiB on so many disks, in order."""
    low, high = copying(gib)
    verifying = of_minutes("verify") + BOOT
    last = (Phase.REPROTECTING, REPROTECT) if reprotects else (Phase.DISABLING, of_minutes("disable"))
    return [
        _step(Phase.CHECKING, of_minutes("check")),
        _step(Phase.ENABLING, of_minutes("enable")),
        Step(phase=Phase.REPLICATING, low=low, high=high),
        _step(Phase.CONFIGURING, of_minutes("configure")),
        *([_step(Phase.TESTING, of_minutes("test"))] if tests else []),
        _step(Phase.WAITING_FOR_TURN, Span(0, 0)),
        _step(Phase.FAILING_OVER, cutting_over(disks)),
        _step(Phase.VERIFYING, verifying),
        _step(Phase.AWAITING_APPROVAL, Span(0, 0)),
        _step(Phase.COMMITTING, of_minutes("commit")),
        _step(*last),
    ]


def step_of(expected: Iterable[Step], phase: Phase) -> Step:
    """Return the step of a phase; what no plan foresees goes back."""
    return next((step for step in expected if step.phase is phase), _step(Phase.ROLLING_BACK, GOING_BACK))


def _step(phase: Phase, span: Span) -> Step:
    return Step(phase=phase, low=span.low, high=span.high)
