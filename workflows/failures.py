"""The errors that a story raises by itself, by type. Those of activities come from `activities.failures`."""

import re

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from migration.models import JobTask
    from migration.requests import JOB_LOST, JobFailure

REFUSED = "Refused"
REJECTED = "Rejected"
VM_FAILURE = "VmFailure"
PLAN_STOPPED = "PlanStopped"
MOVED_BEFORE = "MovedBefore"
GAVE_UP = "GaveUp"
"""A person's `give_up`."""
KEPT_TARGET = "KeptTarget"
"""The target keeps serving, by a person's choice or since it is committed: nothing may be deleted then."""
ASR_JOB_FAILED = "AsrJobFailed"
"""A Site Recovery job that did not end well; the first detail is a `JobFailure`."""
_CANCELLED_BY_A_PLAN = re.compile(r"Cancel requested by workflow with run id \S+ with reason:")
"""What the server puts before the reason of a workflow that cancels another."""


def refusal(message: str) -> ApplicationError:
    """Return the error of a check: nothing was written."""
    return _final(message, REFUSED)


def rejected(message: str) -> ApplicationError:
    """Return the error of an approver's no, or of a deadline that stands for it."""
    return _final(message, REJECTED)


def vm_failure(message: str) -> ApplicationError:
    """Return the error of a virtual machine that cannot go on: it is undone."""
    return _final(message, VM_FAILURE)


def plan_stopped(why: str) -> ApplicationError:
    """Return the error of a virtual machine whose plan stops before its failover."""
    return _final(f"the plan stops: {why}", PLAN_STOPPED)


def gave_up(by: str, why: str) -> ApplicationError:
    """Return the error of a person's `give_up`."""
    return _final(f"{by} gave up: {why}", GAVE_UP)


def kept_target(why: str) -> ApplicationError:
    """Return the error that ends an undo whose target keeps serving."""
    return _final(why, KEPT_TARGET)


def moved_before(evidence: str) -> ApplicationError:
    """Return the error that ends the move of what was moved before: nothing is left to do."""
    return _final(evidence, MOVED_BEFORE)


def tasks_of(error: FailureError) -> list[JobTask]:
    """Return the tasks of the Site Recovery job whose failure *error* tells; none where it tells of no job."""
    failure = _job_failure(error)
    return failure.tasks if failure else []


def job_is_lost(error: FailureError) -> bool:
    """Tell whether *error* says of a Site Recovery job only that its vault does not keep it any more."""
    failure = _job_failure(error)
    return failure is not None and failure.state == JOB_LOST


def _job_failure(error: FailureError) -> JobFailure | None:
    cause = error.cause if isinstance(error, ActivityError) else error
    details = cause.details if isinstance(cause, ApplicationError) and cause.type == ASR_JOB_FAILED else ()
    return JobFailure.model_validate(details[0]) if details else None


def _final(message: str, kind: str) -> ApplicationError:
    return ApplicationError(message, type=kind, non_retryable=True)


def why_cancelled(reason: str | None) -> str:
    """Return the sentence that says who cancelled, and why."""
    told = _CANCELLED_BY_A_PLAN.sub("", reason or "").strip()
    if _CANCELLED_BY_A_PLAN.match(reason or ""):
        return f"cancelled with its plan{f' {told}' if told else ''}"
    return f"cancelled {told}" if told.startswith("by ") else f"cancelled: {told or 'no reason given'}"


def going_on(sentence: str) -> str:
    """Return a sentence without its full stop, for a text that goes on after it."""
    return sentence.rstrip().removesuffix(".")
