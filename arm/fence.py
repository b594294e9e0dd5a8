"""The fence: what proves that the source had stopped before its copy took over, so that no write is lost.

All times are Azure's. What cannot be read is unknown, and unknown is not held. A job that ended Succeeded proves
nothing: it may have ended PartiallySucceeded, or left tasks out. So each task is judged by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from arm import jobs
from migration import power
from migration.copies import TaskVerdict, Verdict
from migration.models import FenceEvidence, JobTask
from migration.times import parse_azure_time, seconds_between

if TYPE_CHECKING:
    from arm.machines import Machine
    from arm.reads import Json

SHUT_DOWN, SYNCHRONISE = "Shut down the virtual machine", "Synchronizing the latest changes"
_FAILED = {"failed", "cancelled", "canceled", "aborted", "partiallysucceeded"}
_NOT_RUN = {"skipped", "notstarted"}
_WELL = {"", "succeeded", "completed"}
_UNSETTLED = {"", "powerstate/unknown", "powerstate/deallocating", "powerstate/stopping"}


@dataclass(frozen=True)
class Evidence:
    """What was read. *point* is the time of the recovery point used; *asked*: the plan wanted the source shut down."""

    job: Json | None
    point: str | None
    source: Machine | None
    target: Machine | None
    asked: bool

    @cached_property
    def shutdowns(self) -> list[TaskVerdict]:
        """The tasks that shut the source down: a job that was run again, or of a group, has several."""
        return self._tasks(SHUT_DOWN)

    @cached_property
    def synchronisations(self) -> list[TaskVerdict]:
        """The tasks that bring the last writes over."""
        return self._tasks(SYNCHRONISE)

    @property
    def shutdown_started(self) -> str | None:
        """When the first shutdown that ran began, whatever became of it: from there the source may be down."""
        begun = [task.started for task in self.shutdowns if task.verdict != "skipped" and task.started]
        return min(begun, key=_moment, default=None)

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
        """When the source began to stop for good: the last shutdown's start, else when Azure saw it stopped.

        None where that cannot be read. A shutdown that did not succeed stopped nothing.
        """
        succeeded = [task.started for task in self.shutdowns if task.verdict == "succeeded"]
        if succeeded:
            return None if None in succeeded else max((text for text in succeeded if text), key=_moment)
        return self.source.power_since if self.source and self.is_deallocated else None

    def _tasks(self, name: str) -> list[TaskVerdict]:
        return [_verdict_on(task) for task in jobs.tasks(self.job or {}) if task.name.lower() == name.lower()]


def judge(evidence: Evidence) -> FenceEvidence:
    """Return the verdict with what it rests on."""
    held, reason = _verdict(evidence)
    source, target = evidence.source, evidence.target
    ended = (evidence.job or {}).get("properties") or {}
    return FenceEvidence(
        held=held,
        reason=reason,
        job_state=str(ended.get("state") or ""),
        job_description=str(ended.get("stateDescription") or ""),
        tasks=[*evidence.shutdowns, *evidence.synchronisations],
        shutdown_started=evidence.shutdown_started,
        recovery_point_time=evidence.point,
        source_power_state=evidence.source_state,
        source_running_since=source.power_since if source and power.is_running(source.power_state) else None,
        target_power_state=target.power_state if target else None,
        target_running_since=target.power_since if target and power.is_running(target.power_state) else None,
        data_loss_seconds=_loss(evidence, held=held),
        both_running_seen=target is not None
        and power.is_running(evidence.source_state)
        and power.is_running(target.power_state),
    )


def _verdict(evidence: Evidence) -> tuple[bool | None, str]:
    told = [*evidence.shutdowns, *evidence.synchronisations] if evidence.asked else []
    failed = [task for task in told if task.verdict == "failed"]
    if failed:
        return False, f'"{failed[0].name}" ended {failed[0].told}'
    if evidence.source is None:
        return None, "the source cannot be read any more"
    if not evidence.is_deallocated:
        # Neither on nor off is no proof; it is no reason to throw the copy away either.
        unsettled = (evidence.source_state or "").lower() in _UNSETTLED
        return None if unsettled else False, f"the source reads {evidence.source_state}"
    if evidence.job is None:
        return None, "the failover's job cannot be read"
    if jobs.is_running(evidence.job):
        return None, "the failover's job has not ended"
    verdict = _verdict_on_tasks(evidence) if evidence.asked else None
    return verdict or _verdict_on_point(evidence)


def _verdict_on_tasks(evidence: Evidence) -> tuple[bool | None, str] | None:
    """Return what the tasks that were asked for decide; None: the recovery point does.

    A skipped shutdown proves nothing either way: Site Recovery leaves it out where the source was off already.
    """
    if not evidence.shutdowns:
        return None, f'the failover\'s job tells of no task "{SHUT_DOWN}"'
    for task in (*evidence.shutdowns, *evidence.synchronisations):
        if task.verdict == "unknown":
            return None, f'"{task.name}" ended {task.told or "without a word"}, which does not say whether it did'
    stopped = any(task.verdict == "succeeded" for task in evidence.shutdowns)
    if stopped and not any(task.verdict == "succeeded" for task in evidence.synchronisations):
        return False, f'"{SYNCHRONISE}" did not run'
    return None


def _verdict_on_point(evidence: Evidence) -> tuple[bool | None, str]:
    point, stopped = parse_azure_time(evidence.point), parse_azure_time(evidence.stopped)
    if point is None:
        return None, "the time of the recovery point cannot be read"
    if stopped is None:
        return None, "when the source stopped cannot be read"
    if point < stopped:
        return False, f"the recovery point is {seconds_between(evidence.point, evidence.stopped)} s older than the stop"
    return True, "the source had stopped before the recovery point was made"


def _verdict_on(task: JobTask) -> TaskVerdict:
    words = {task.state.lower(), task.state_description.lower()}
    verdict: Verdict = "unknown"
    if words & _FAILED:
        verdict = "failed"
    elif words & _NOT_RUN or (task.state.lower() == "other" and not task.state_description):
        verdict = "skipped"
    elif task.state and words <= _WELL:
        verdict = "succeeded"
    return TaskVerdict(
        name=task.name,
        state=task.state,
        description=task.state_description,
        verdict=verdict,
        started=task.started,
        ended=task.ended,
    )


def _loss(evidence: Evidence, *, held: bool | None) -> int | None:
    """Return the seconds of writes that the copy lacks, None where the evidence is missing."""
    if held is not False:
        return 0 if held else None
    times = (evidence.job or {}).get("properties") or {}
    stopped = evidence.stopped or evidence.shutdown_started or times.get("startTime")
    # A point from after the stop, and still no fence: the source wrote on, at least until its copy took over.
    losses = (seconds_between(evidence.point, end) for end in (stopped, times.get("endTime")))
    return next((loss for loss in losses if loss is not None and loss >= 0), None)


def _moment(text: str) -> float:
    moment = parse_azure_time(text)
    return moment.timestamp() if moment else 0.0
