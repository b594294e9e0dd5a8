"""Errors as Site Recovery words them: those that refuse a request and those that end a job."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from simulator.provider import ArmError
from simulator.siterecovery import names

if TYPE_CHECKING:
    from simulator.provider import Call


@dataclass(frozen=True)
class AsrError:
    """What went wrong, why, and what to do, in Site Recovery's four fields."""

    code: str
    message: str
    causes: str = ""
    action: str = ""

    def detail(self, client_request_id: str, activity_id: str) -> dict[str, Any]:
        """The error as an entry of ``error.details``."""
        return {
            "code": self.code,
            "message": self.message,
            "possibleCauses": self.causes,
            "recommendedAction": self.action,
            "clientRequestId": client_request_id,
            "activityId": activity_id,
        }

    def as_dict(self) -> dict[str, str]:
        """The plain fields, to be kept with a job."""
        return asdict(self)


class JobFailureError(Exception):
    """Raised by an effect: the running task, and with it the job, fails."""

    def __init__(self, error: AsrError) -> None:
        """Keep the reason."""
        super().__init__(f"{error.code}: {error.message}")
        self.error = error


class TaskFailureError(JobFailureError):
    """Raised by an effect: the running task fails, but the job goes on and ends with information."""


class StepAgain(Exception):  # noqa: N818 - nothing is wrong
    """Raised by an effect: what the step waits for has not happened; it is tried again after some seconds."""

    def __init__(self, seconds: float) -> None:
        """Keep how long to wait."""
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


def refuse(call: Call, status: int, code: str, error: AsrError) -> ArmError:
    """The answer that refuses a request because of *error*."""
    client_request_id = call.headers.get("x-ms-client-request-id") or names.new_uuid()
    detail = error.detail(client_request_id, names.new_uuid())
    return ArmError(status, code, error.message, details=[detail])


def bad_request(call: Call, code: str, message: str, causes: str = "", action: str = "") -> ArmError:
    """A 400 for input that Site Recovery does not take."""
    return refuse(call, 400, "BadRequest", AsrError(code, message, causes, action))


def missing(call: Call, name: str) -> ArmError:
    """Site Recovery's own 404 (ARM's front door writes another one)."""
    message = f"Specified resource with name '{name}' does not exist."
    error = AsrError(
        "ArmResourceDoesNotExist",
        message,
        "Ensure correct resource name was specified.",
        "Verify ARM resource name details.",
    )
    return refuse(call, 404, "NotFound", error)


def never_used(call: Call) -> ArmError:
    """The 400 for reading a fabric or policy of a vault that no Site Recovery object was ever created in."""
    error = AsrError(
        "SubscriptionIdNotRegisteredWithSrs",
        f"The subscription '{call.subscription}' is not registered with the Site Recovery service.",
        "No Site Recovery object has been created in the vault yet.",
        "Create a fabric or a policy in the vault first.",
    )
    return refuse(call, 400, "BadRequest", error)


def busy(call: Call, object_name: str, job_friendly_name: str, job_id: str) -> ArmError:
    """The 409 while another job works on the object."""
    error = AsrError(
        "AnotherOperationInProgress",
        f"The operation can't be performed on '{object_name}' because the job '{job_friendly_name}' is in progress.",
        f"The job '{job_id}' is still running.",
        "Wait for the job to complete, then retry the operation.",
    )
    return refuse(call, 409, "Conflict", error)


def exists_already(call: Call, object_name: str) -> ArmError:
    """The 409 for creating what is there already."""
    error = AsrError(
        "ProtectedItemAlreadyExists",
        f"A replicated item with the name '{object_name}' already exists.",
        "Replication has been enabled for the item, or an earlier attempt to enable it has failed.",
        "Disable replication for the item, then retry the operation.",
    )
    return refuse(call, 409, "Conflict", error)


def in_use(call: Call, object_name: str, users: str) -> ArmError:
    """The 400 for removing what others depend on."""
    error = AsrError(
        "ObjectInUse",
        f"'{object_name}' can't be removed because it is in use by {users}.",
        f"There are {users} that refer to it.",
        "Remove these first, then retry the operation.",
    )
    return refuse(call, 400, "BadRequest", error)


def not_allowed(call: Call, object_name: str, operation: str, state: str) -> ArmError:
    """The 400 for an operation that the item's ``allowedOperations`` lack."""
    error = AsrError(
        "OperationNotAllowedInCurrentState",
        f"The operation '{operation}' isn't allowed on '{object_name}' in its current state '{state}'.",
        "The replicated item isn't in a state that allows the operation.",
        "Check 'allowedOperations' of the replicated item and retry.",
    )
    return refuse(call, 400, "BadRequest", error)
