"""The fence: what proves that the source had stopped before its copy took over, so that no write is lost.

All times are Azure's. What cannot be read is unknown, and unknown is not held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arm import jobs
from migration import power
from migration.models import FenceEvidence, JobTask
from migration.times import parse_azure_time, seconds_between

if TYPE_CHECKING:
    from arm.machines import Machine
    from arm.reads import Json

SHUT_DOWN, SYNCHRONISE = "Shut down the virtual machine", "Synchronizing the latest changes"
_SKIPPED = {"other", "skipped"}


@dataclass(frozen=True)
class Evidence:
    """What was read. *point* is the time of the recovery point used; *asked*: the plan wanted the source shut down."""

    job: Json | None
    point: str | None
    source: Machine | None
    target: Machine | None
    asked: bool

    @property
    def shutdown(self) -> JobTask | None:
        """The shutdown task, where it ran."""
        return self._task(SHUT_DOWN)

    @property
    def synchronisation(self) -> JobTask | None:
        """The task that brings the last writes over, where it ran."""
        return self._task(SYNCHRONISE)

    @property
    def source_state(self) -> str | None:
        """The source's power state, None where it does not exist."""
        return self.source.power_state if self.source else None

    @property
    def is_deallocated(self) -> bool:
        """Whether the source has given its host back. One stopped from within tells no time, and can come back."""
        return (self.source_state or "").lower() == power.DEALLOCATED.lower()

    @property
    def stopped(self) -> str | None:
        """When the source began to stop: its shutdown task's start, else when Azure saw it stopped."""
        if self.shutdown is not None:
            return self.shutdown.started
        return self.source.power_since if self.source and self.is_deallocated else None

    def _task(self, name: str) -> JobTask | None:
        found = [task for task in jobs.tasks(self.job or {}) if task.name.lower() == name.lower()]
        return found[0] if found and found[0].state.lower() not in _SKIPPED else None


def judge(evidence: Evidence) -> FenceEvidence:
    """Return the verdict with what it rests on."""
    held, reason = _verdict(evidence)
    target = evidence.target
    return FenceEvidence(
        held=held,
        reason=reason,
        shutdown_started=evidence.shutdown.started if evidence.shutdown else None,
        recovery_point_time=evidence.point,
        source_power_state=evidence.source_state,
        target_power_state=target.power_state if target else None,
        target_running_since=target.power_since if target and power.is_running(target.power_state) else None,
        data_loss_seconds=_loss(evidence, held=held),
        both_running_seen=target is not None
        and power.is_running(evidence.source_state)
        and power.is_running(target.power_state),
    )


def _verdict(evidence: Evidence) -> tuple[bool | None, str]:
    failed = _failed_task(evidence) if evidence.asked else ""
    if failed:
        return False, failed
    if evidence.source is None:
        return None, "the source cannot be read any more"
    if not evidence.is_deallocated:
        return False, f"the source reads {evidence.source_state}"
    if evidence.job is None:
        return None, "the failover's job cannot be read"
    return _verdict_on_point(evidence)


def _verdict_on_point(evidence: Evidence) -> tuple[bool | None, str]:
    point, stopped = parse_azure_time(evidence.point), parse_azure_time(evidence.stopped)
    if point is None:
        return None, "the time of the recovery point cannot be read"
    if stopped is None:
        return None, "when the source stopped cannot be read"
    if point < stopped:
        return False, f"the recovery point is {seconds_between(evidence.point, evidence.stopped)} s older than the stop"
    return True, "the source had stopped before the recovery point was made"


def _failed_task(evidence: Evidence) -> str:
    """Return what went wrong with the tasks that stop the source; a skipped one proves nothing either way."""
    for task in (evidence.shutdown, evidence.synchronisation):
        if task is not None and task.state.lower() != "succeeded":
            return f'"{task.name}" ended {task.state}'
    if evidence.shutdown is not None and evidence.synchronisation is None:
        return f'"{SYNCHRONISE}" did not run'
    return ""


def _loss(evidence: Evidence, *, held: bool | None) -> int | None:
    """Return the seconds of writes that the copy lacks, None where the evidence is missing."""
    if held is not False:
        return 0 if held else None
    times = (evidence.job or {}).get("properties") or {}
    # A point from after the stop, and still no fence: the source wrote on, at least until its copy took over.
    losses = (
        seconds_between(evidence.point, end)
        for end in (evidence.stopped or times.get("startTime"), times.get("endTime"))
    )
    return next((loss for loss in losses if loss is not None and loss >= 0), None)
