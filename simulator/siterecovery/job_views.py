"""Jobs and operations as JSON, with the recorded key sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.clock import parse_time, rfc7_whole
from simulator.siterecovery import names

if TYPE_CHECKING:
    from simulator.siterecovery.job_model import Job

NEVER = "0001-01-01T00:00:00"
DESCRIPTIONS = {
    "NotStarted": "NotStarted",
    "InProgress": "InProgress",
    "Succeeded": "Completed",
    "Other": "Skipped",
    "Failed": "Failed",
    "Cancelling": "Cancelling",
    "Cancelled": "Cancelled",
    "CompletedWithInformation": "CompletedWithInformation",
}
_OPERATION_STATUS = {"Failed": "Failed", "Cancelled": "Canceled"}


def operation_status(job: Job) -> dict[str, Any]:
    """The body of ``replicationOperationStatus``: these eight keys, nulls included."""
    known = "Succeeded" if job.state in DESCRIPTIONS else job.state
    status = "InProgress" if job.running else _OPERATION_STATUS.get(job.state, known)
    return {
        "error": _operation_error(job) if status in {"Failed", "Canceled"} else None,
        "id": None,
        "name": job.name,
        "properties": None,
        "status": status,
        "startTime": job.start,
        "endTime": None if job.end is None else rfc7_whole(parse_time(job.end)),
        "percentComplete": None,
    }


def _operation_error(job: Job) -> dict[str, Any] | None:
    notes = [note for note in job.errors if note["level"] == "Error"]
    if not notes and job.state == "Failed":
        return None
    if not notes:
        return {"code": "OperationCanceled", "message": f"The job '{job.friendly_name}' was cancelled.", "details": []}
    error = notes[-1]["error"]
    detail = {
        "code": error["code"],
        "message": error["message"],
        "possibleCauses": error["causes"],
        "recommendedAction": error["action"],
        "clientRequestId": job.client_request,
        "activityId": job.activity,
    }
    return {"code": error["code"], "message": error["message"], "details": [detail]}


def whole(job: Job) -> dict[str, Any]:
    """A job as GET of one shows it, with its tasks."""
    return _job(job, tasks=[_task(job, task) for task in job.tasks], full=True)


def abbreviated(job: Job) -> dict[str, Any]:
    """A job as the list shows it: no tasks, no activity, no details."""
    return _job(job, tasks=[], full=False)


def _job(job: Job, *, tasks: list[dict[str, Any]], full: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "activityId": f"{job.client_request} ActivityId: {job.activity}" if full else None,
        "scenarioName": job.scenario,
        "friendlyName": job.friendly_name,
        "state": job.state,
        "stateDescription": _description(job.state, job.description),
        "tasks": tasks,
        "errors": [_error(job, note) for note in job.errors],
        "startTime": job.start,
    }
    if job.end is not None:
        properties["endTime"] = job.end
    properties |= {
        "allowedActions": _allowed_actions(job),
        "targetObjectId": job.target[0],
        "targetObjectName": job.target[1],
        "targetInstanceType": job.target[2],
        "customDetails": {**job.details, "affectedObjectDetails": job.affected} if full else None,
    }
    return {"id": job.id, "name": job.name, "type": names.JOB, "properties": properties}


def _description(state: str, given: str) -> str:
    return given if given and state == "Succeeded" else DESCRIPTIONS.get(state, state)


def _allowed_actions(job: Job) -> list[str]:
    if job.state == "InProgress" and job.cancellable:
        return ["Cancel"]
    return ["Restart"] if job.state == "Failed" else []


def _task(job: Job, task: dict[str, Any]) -> dict[str, Any]:
    children, group = task["children"], task.get("group")
    if group is not None:
        return _in_group(job, task, group)
    kind = "GroupTaskDetails" if children else "TaskDetails"
    details = {"instanceType": kind, "childTasks": [_child(task, child) for child in children]} if children else None
    return _shown(job, task, kind, details)


def _shown(job: Job, task: dict[str, Any], kind: str, group: dict[str, Any] | None) -> dict[str, Any]:
    """A task of *kind*; one with the details of a *group* has none of its own."""
    return {
        "taskId": task["taskId"],
        "name": task.get("name") or task["taskId"],
        "startTime": task["start"] or NEVER,
        "endTime": task["end"] or NEVER,
        "allowedActions": [],
        "friendlyName": task["friendlyName"],
        "state": task["state"],
        "stateDescription": _description(task["state"], task.get("description") or ""),
        "taskType": kind,
        "customDetails": None if group is not None else {"instanceType": kind},
        "groupTaskCustomDetails": group,
        "errors": [_error(job, note) for note in task["errors"]],
    }


def _in_group(job: Job, task: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    """A task of a recovery plan: its machines, in the shutdown's case with a group in between."""
    machines = [_machine(child) for child in task["children"]]
    if group["inner"] is not None and machines:
        id_, label = group["inner"]
        inner = {**task, "taskId": id_, "friendlyName": label, "errors": []}
        kind = "RecoveryPlanGroupTaskDetails"
        machines = [_shown(job, inner, kind, _group_details(id_, group["group_type"], kind, machines))]
    details = _group_details(task["taskId"], group["group_type"], group["task_type"], machines)
    return _shown(job, task, group["task_type"], details)


def _group_details(id_: str, type_: str, kind: str, children: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": id_, "groupId": id_, "rpGroupType": type_, "instanceType": kind, "childTasks": children}


def _machine(child: dict[str, Any]) -> dict[str, Any]:
    kind = "VirtualMachineTaskDetails"
    return {
        "taskId": child["taskId"],
        "name": "Unknown",
        "startTime": child["start"] or NEVER,
        "endTime": child["end"] or NEVER,
        "allowedActions": [],
        "friendlyName": child["jobTask"]["targetObjectName"],
        "state": child["state"],
        "stateDescription": DESCRIPTIONS[child["state"]],
        "taskType": kind,
        "customDetails": {
            "skippedReason": "None",
            "skippedReasonString": None,
            "jobTask": child["jobTask"],
            "instanceType": kind,
        },
        "groupTaskCustomDetails": None,
        "errors": [],
    }


def _child(task: dict[str, Any], child: dict[str, Any]) -> dict[str, Any]:
    return {
        "taskId": child["jobScenarioName"],
        "name": child["targetObjectName"],
        "startTime": task["start"] or NEVER,
        "endTime": task["end"] or NEVER,
        "allowedActions": [],
        "friendlyName": child["targetObjectName"],
        "state": task["state"],
        "stateDescription": DESCRIPTIONS[task["state"]],
        "taskType": "JobTaskDetails",
        "customDetails": {"jobTask": child, "instanceType": "JobTaskDetails"},
        "groupTaskCustomDetails": None,
        "errors": [],
    }


def _error(job: Job, note: dict[str, Any]) -> dict[str, Any]:
    error = note["error"]
    return {
        "serviceErrorDetails": {
            "code": error["code"],
            "message": error["message"],
            "possibleCauses": error["causes"],
            "recommendedAction": error["action"],
            "activityId": job.activity,
        },
        "providerErrorDetails": None,
        "errorLevel": note["level"],
        "creationTime": note["time"],
        "taskId": note["task"],
    }
