"""The fence: the source had stopped before its copy took over, or did not, or nobody can tell."""

from __future__ import annotations

from typing import Any

import pytest

from arm import fence, jobs
from tests.arm.readings import OFF, RUNNING, STOPPED, machine

LONG_AGO = "2026-10-01T00:00:00Z"


def job(*tasks: tuple[str, str, str]) -> dict[str, Any]:
    """Return a failover's job with these tasks: name, state with a description after a slash, start."""
    shown = [
        {
            "friendlyName": name,
            "state": state.partition("/")[0],
            "stateDescription": state.partition("/")[2] or None,
            "startTime": start,
            "endTime": None,
        }
        for name, state, start in tasks
    ]
    properties = {"state": "Succeeded", "startTime": "2026-11-23T10:00:00.0000000Z", "tasks": shown}
    return {"id": "x", "name": "x", "properties": properties}


SHUTDOWN = ("Shut down the virtual machine", "Succeeded", "2026-11-23T10:01:00.1234567Z")
SYNCHRONISED = ("Synchronizing the latest changes", "Succeeded", "2026-11-23T10:02:00.1234567Z")
FRESH, STALE = "2026-11-23T10:02:30.7654321Z", "2026-11-23T09:58:00.0000000Z"


def skipped(task: tuple[str, str, str]) -> tuple[str, str, str]:
    """Return the task as a job shows it that left it out."""
    return (task[0], "Other", "0001-01-01T00:00:00")


@pytest.mark.parametrize(
    ("evidence", "held", "loss", "reason"),
    [
        (
            fence.Evidence(job(SHUTDOWN, SYNCHRONISED), FRESH, machine(OFF), machine(), asked=True),
            True,
            0,
            "had stopped",
        ),
        (
            fence.Evidence(job((SHUTDOWN[0], "Failed", SHUTDOWN[2])), STALE, machine(), machine(), asked=True),
            False,
            180,
            "ended Failed",
        ),
        (
            fence.Evidence(job(SHUTDOWN, skipped(SYNCHRONISED)), FRESH, machine(OFF), machine(), asked=True),
            False,
            None,
            "did not run",
        ),
        (fence.Evidence(job(SHUTDOWN, SYNCHRONISED), STALE, machine(OFF), machine(), asked=True), False, 180, "older"),
        (fence.Evidence(job(SHUTDOWN, SYNCHRONISED), FRESH, machine(), machine(), asked=True), False, None, "reads"),
        (fence.Evidence(job(SHUTDOWN, SYNCHRONISED), FRESH, None, machine(), asked=True), None, None, "cannot be read"),
        (
            fence.Evidence(
                job(skipped(SHUTDOWN)), FRESH, machine(STOPPED, power_since=LONG_AGO), machine(), asked=False
            ),
            False,
            None,
            "reads PowerState/stopped",
        ),
        (
            fence.Evidence(job(SHUTDOWN, SYNCHRONISED), None, machine(OFF), machine(), asked=True),
            None,
            None,
            "recovery",
        ),
        (fence.Evidence(None, FRESH, machine(OFF), machine(), asked=True), None, None, "job cannot be read"),
        (
            fence.Evidence(job(skipped(SHUTDOWN), skipped(SYNCHRONISED)), FRESH, machine(OFF), machine(), asked=True),
            False,
            149,
            "older",
        ),
        (fence.Evidence(job(skipped(SHUTDOWN)), FRESH, machine(), machine(), asked=False), False, None, "reads"),
        (
            fence.Evidence(
                job(skipped(SHUTDOWN)), FRESH, machine(OFF, power_since="2026-11-23T09:00:00Z"), machine(), asked=False
            ),
            True,
            0,
            "had stopped",
        ),
    ],
)
def test_the_fence(evidence: fence.Evidence, held: bool | None, loss: int | None, reason: str) -> None:
    """Only a stopped source and a recovery point from after its stop hold; what cannot be read is unknown."""
    verdict = fence.judge(evidence)

    assert (held, loss) == (verdict.held, verdict.data_loss_seconds), verdict
    assert reason in verdict.reason


def as_told(task: tuple[str, str, str], state: str, start: str | None = None) -> tuple[str, str, str]:
    """Return the task with another state, and another start where one is given."""
    return (task[0], state, start or task[2])


LATER = "2026-11-23T10:02:31.0000000Z"


@pytest.mark.parametrize(
    ("tasks", "power", "asked", "held", "reason"),
    [
        ([SHUTDOWN, as_told(SYNCHRONISED, "Succeeded/PartiallySucceeded")], OFF, True, False, "(PartiallySucceeded)"),
        ([SHUTDOWN, as_told(SYNCHRONISED, "PartiallySucceeded")], OFF, True, False, "ended PartiallySucceeded"),
        ([as_told(SHUTDOWN, "Succeeded/CompletedWithInformation"), SYNCHRONISED], OFF, True, None, "does not say"),
        ([SHUTDOWN, as_told(SYNCHRONISED, "CompletedWithInformation")], OFF, True, None, "does not say"),
        ([SHUTDOWN, as_told(SYNCHRONISED, "InProgress")], OFF, True, None, "does not say"),
        ([SHUTDOWN, as_told(SYNCHRONISED, "Quiesced")], OFF, True, None, "ended Quiesced"),
        ([SHUTDOWN, as_told(SYNCHRONISED, "Other/Suspended")], OFF, True, None, "Other (Suspended)"),
        ([SHUTDOWN, as_told(SYNCHRONISED, "Other/Skipped")], OFF, True, False, "did not run"),
        ([SHUTDOWN], OFF, True, False, "did not run"),
        ([as_told(SHUTDOWN, "Other/Skipped"), as_told(SYNCHRONISED, "Other/Skipped")], RUNNING, True, False, "reads"),
        ([as_told(SHUTDOWN, "Canceled"), SYNCHRONISED], OFF, True, False, "ended Canceled"),
        ([SHUTDOWN, as_told(SHUTDOWN, "Failed"), SYNCHRONISED], OFF, True, False, "ended Failed"),
        ([SHUTDOWN, as_told(SHUTDOWN, "Succeeded", LATER), SYNCHRONISED], OFF, True, False, "older than the stop"),
        ([as_told(SHUTDOWN, "Succeeded", "0001-01-01T00:00:00"), SYNCHRONISED], OFF, True, None, "when the source"),
        ([], OFF, True, None, "tells of no task"),
        ([], RUNNING, True, False, "reads PowerState/running"),
        ([], "PowerState/unknown", True, None, "reads PowerState/unknown"),
        ([SHUTDOWN, SYNCHRONISED], "PowerState/deallocating", True, None, "reads PowerState/deallocating"),
        ([as_told(SHUTDOWN, "Failed"), as_told(SYNCHRONISED, "Failed")], OFF, False, False, "older than the stop"),
        ([SHUTDOWN, SYNCHRONISED], OFF, False, True, "had stopped"),
    ],
)
def test_each_task_of_the_fence_is_judged_by_itself(
    tasks: list[tuple[str, str, str]], power: str, asked: bool, held: bool | None, reason: str
) -> None:
    """The job Succeeded each time. Not well is not held, what says neither is unknown, unasked tasks are facts."""
    verdict = fence.judge(fence.Evidence(job(*tasks), FRESH, machine(power), machine(), asked=asked))

    assert held is verdict.held, verdict
    assert reason in verdict.reason
    assert [(name, state.partition("/")[0]) for name, state, _ in tasks] == [
        (task.name, task.state) for task in verdict.tasks
    ]


def test_a_failover_that_runs_on_is_not_judged_yet() -> None:
    """A job without its end is no evidence, whatever its tasks say so far."""
    running = job(SHUTDOWN, SYNCHRONISED)
    running["properties"]["state"] = "InProgress"
    verdict = fence.judge(fence.Evidence(running, FRESH, machine(OFF), machine(), asked=True))

    assert (None, "the failover's job has not ended") == (verdict.held, verdict.reason)


def test_the_downtime_begins_with_the_first_shutdown_and_the_fence_with_the_last() -> None:
    """A failover that was run again stops the source twice."""
    again = as_told(SHUTDOWN, "Succeeded", "2026-11-23T10:02:00Z")
    verdict = fence.judge(fence.Evidence(job(again, SHUTDOWN, SYNCHRONISED), FRESH, machine(OFF), None, asked=True))

    assert (True, SHUTDOWN[2]) == (verdict.held, verdict.shutdown_started)


def test_a_job_tells_the_point_of_the_one_machine_that_it_moved() -> None:
    """Of several machines nobody can say whose point is meant; a sentinel is no time."""

    def told(*times: str) -> dict[str, Any]:
        return {"properties": {"customDetails": {"protectedItemDetails": [{"recoveryPointTime": t} for t in times]}}}

    assert [FRESH, None, None, None] == [
        jobs.recovery_point_time(told(*times)) for times in ((FRESH,), (FRESH, STALE), ("0001-01-01T00:00:00",), ())
    ]


def test_a_source_that_was_not_stopped_wrote_until_its_copy_took_over() -> None:
    """With a point from after the failed shutdown the loss is not 0 s: it lasts at least to the failover's end."""
    ended = job((SHUTDOWN[0], "Failed", SHUTDOWN[2]))
    ended["properties"]["endTime"] = "2026-11-23T10:05:30.0000000Z"
    verdict = fence.judge(fence.Evidence(ended, FRESH, machine(), machine(), asked=True))

    assert (False, 179) == (verdict.held, verdict.data_loss_seconds)


def test_two_running_copies_are_seen() -> None:
    """The judgement says so whatever else it finds."""
    seen = fence.judge(fence.Evidence(job(SHUTDOWN, SYNCHRONISED), FRESH, machine(), machine(), asked=True))
    alone = fence.judge(fence.Evidence(job(SHUTDOWN, SYNCHRONISED), FRESH, machine(OFF), machine(), asked=True))

    assert (True, False) == (seen.both_running_seen, alone.both_running_seen)
