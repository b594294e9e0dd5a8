"""The one translation from Azure's errors to those that Temporal and the workflows decide by.

====================  ============  =======================================================================
type                  retried       means
====================  ============  =======================================================================
`EnvironmentFailure`  two minutes   401, 403, a lock, an outage, the network, anything unknown: the step holds
`VmFailure`           never         Azure refuses, and no retry can mend it: the virtual machine is undone
`AsrJobFailed`        never         a Site Recovery job did not end well: the virtual machine is undone
`Busy`                15 minutes    another operation works on the resource; later it is `EnvironmentFailure`
`Superseded`          by itself     another attempt took over, or a cancel was asked for; nothing was sent
====================  ============  =======================================================================

The first detail is an `AzureFailure` or a `JobFailure`. No message carries a query of a URL, a token or a body.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from arm.errors import ArmFailure, classify
from migration import names
from migration.ids import describe
from migration.plan import Plan
from migration.requests import AzureFailure, JobFailure

ENVIRONMENT_FAILURE = "EnvironmentFailure"
VM_FAILURE = "VmFailure"
ASR_JOB_FAILED = "AsrJobFailed"
BUSY = "Busy"
SUPERSEDED = "Superseded"

ENVIRONMENT_PATIENCE = timedelta(minutes=2)
BUSY_PATIENCE = timedelta(minutes=15)
_ENVIRONMENT_DELAYS_SECONDS = (1, 2, 5, 10, 20, 30)
_BUSY_DELAY_SECONDS = 5.0

_GERUNDS = {
    "check_guest": "asking",
    "check_plan": "asking Azure",
    "check_vm": "checking",
    "clean_up_test_failover": "cleaning up the test failover of",
    "commit_failover": "committing the failover of",
    "configure_target": "configuring the target of",
    "disable_replication": "disabling replication of",
    "enable_replication": "enabling replication of",
    "keep_disks": "taking snapshots of the disks of",
    "judge_fence": "judging the fence of",
    "prove_isolation": "proving the isolation of",
    "remove_shared": "removing",
    "run_probe": "probing",
    "reprotect": "replicating back",
    "start_failover": "failing over",
    "survey_plan": "looking at the plan",
    "start_test_failover": "starting the test failover of",
    "verify_target": "verifying the target of",
    "verify_test_copy": "verifying the test copy of",
    "wait_for_boot": "waiting for the boot of",
}
_SUBJECTS = (
    "vm_id",
    "network_id",
    "id",
    "source_id",
    "source_container_id",
    "source_fabric_id",
    "fabric_id",
    "account_id",
    "vault_id",
)


class UnsettledWriteError(Exception):
    """An error of Azure by which nobody can tell whether a write was taken; a later attempt finds out, so one follows.

    The next attempt knows of the write by its recorded intent; an activity that is scheduled anew does not.
    """

    def __init__(self, cause: AzureError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class AzureFailures(Interceptor):
    """Translates the errors of every activity of a worker."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's
        """Put the translation around an activity."""
        return _Translation(next)


class _Translation(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        """Run the activity, and translate what it raises."""
        try:
            return await super().execute_activity(input)
        except FailureError:
            raise
        except UnsettledWriteError as unsettled:
            subject = subject_of(input.args[0]) if input.args else ""
            raise translated(unsettled.cause, subject, may_end=False) from None
        except Exception as error:  # noqa: BLE001 - whatever is wrong, a workflow decides by its type
            subject = subject_of(input.args[0]) if input.args else ""
            if not isinstance(error, AzureError):
                structlog.get_logger(__name__).exception("unexpected error in an activity", subject=subject)
            # The original stays out of the history: its text may hold a signed URL.
            raise translated(error, subject) from None


def translated(error: BaseException, subject: str, *, may_end: bool = True) -> ApplicationError:
    """Return the error that tells what *error* means for the activity that runs and the resource that it works on.

    Where it may not end, the activity is tried again for longer than its patience.
    """
    failure = classify(error)
    message = _message(failure, subject)
    detail = AzureFailure(
        status=failure.status,
        code=failure.code,
        message=failure.message,
        target=describe(subject),
        remedy=failure.remedy,
        request_id=failure.request_id,
    )
    delay = failure.retry_after_seconds
    if failure.kind == "business":
        return ApplicationError(message, detail, type=VM_FAILURE, non_retryable=True)
    if failure.kind == "throttled":
        return _retryable(message, detail, ENVIRONMENT_FAILURE, delay or 10)
    if failure.kind == "superseded":
        return _retryable(message, detail, SUPERSEDED, 1)
    if failure.kind == "busy" and (_waited() < BUSY_PATIENCE or not may_end):
        return _retryable(message, detail, BUSY, delay or _BUSY_DELAY_SECONDS)
    if failure.kind != "busy" and (_waited() < _patience(error) or not may_end):
        return _retryable(message, detail, ENVIRONMENT_FAILURE, delay or _environment_delay())
    return ApplicationError(message, detail, type=ENVIRONMENT_FAILURE, non_retryable=True)


def job_failed(failure: JobFailure, subject: str) -> ApplicationError:
    """Return the error of a Site Recovery job that did not end well."""
    cause = f"{failure.scenario} ended {failure.state}"
    if failure.code or failure.message:
        cause += f": {failure.code} {failure.message}".rstrip()
    if failure.possible_causes:
        cause += f" Possible causes: {failure.possible_causes}"
    told = f"waiting for the job of {describe(subject)}: {cause}"
    remedy = failure.remedy or failure.recommended_action
    return ApplicationError(f"{told} {remedy}".strip(), failure, type=ASR_JOB_FAILED, non_retryable=True)


def refused(message: str, subject: str, kind: str = VM_FAILURE, *, remedy: str = "") -> ApplicationError:
    """Return the error of something that this project will not do; *kind* tells the workflow which case it is."""
    detail = AzureFailure(code=kind, message=message, target=describe(subject), remedy=remedy)
    return ApplicationError(f"{message} {remedy}".strip(), detail, type=kind, non_retryable=True)


def subject_of(request: Any) -> str:
    """Return the id of the resource that an activity's input is about, empty where it names none."""
    if isinstance(request, Plan):
        return ""  # it names many, and none of them alone failed
    for holder in (getattr(request, "task", None), request):
        source_id = getattr(getattr(holder, "vm", None), "source_id", None)
        if source_id is not None:
            return str(source_id)
    job = getattr(request, "job", None)
    if job is not None:
        return str(job.target_id)
    listed = getattr(request, "ids", None)
    if listed:
        return str(listed[0])
    return next((str(getattr(request, name)) for name in _SUBJECTS if getattr(request, name, None)), "")


def _message(failure: ArmFailure, subject: str) -> str:
    kind = activity.info().activity_type
    gerund = _GERUNDS.get(kind, f"running {kind.replace('_', ' ')} of")
    told = f"{gerund} {describe(subject)}".rstrip() + f": {failure.message or failure.code}"
    if failure.code and failure.code not in told:
        told += f" ({failure.code})"
    if failure.possible_causes:
        told += f" Possible causes: {failure.possible_causes}"
    return f"{told} {failure.remedy}".strip()


def _retryable(message: str, detail: AzureFailure, kind: str, delay_seconds: float) -> ApplicationError:
    return ApplicationError(
        message,
        detail,
        type=kind,
        next_retry_delay=timedelta(seconds=delay_seconds),
        category=ApplicationErrorCategory.BENIGN
        if kind in {BUSY, SUPERSEDED}
        else ApplicationErrorCategory.UNSPECIFIED,
    )


def _waited() -> timedelta:
    """Return how long Temporal has been trying, by its own clock."""
    info = activity.info()
    return info.current_attempt_scheduled_time - info.scheduled_time


def _patience(error: BaseException) -> timedelta:
    """Return how long Azure is asked again: a person who waits for a check is told at once that nobody answers."""
    is_nobody = isinstance(error, ServiceRequestError | ClientAuthenticationError)
    return timedelta(0) if is_nobody and activity.info().workflow_type == names.CHECK_PLAN else ENVIRONMENT_PATIENCE


def _environment_delay() -> float:
    attempt = activity.info().attempt
    return _ENVIRONMENT_DELAYS_SECONDS[min(attempt, len(_ENVIRONMENT_DELAYS_SECONDS)) - 1]
