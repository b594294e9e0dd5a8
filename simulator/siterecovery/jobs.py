"""The job engine: every long-running operation of Site Recovery is a job with tasks that take virtual time.

A job is described by a :class:`Plan` and started with :func:`start`. Each task consists of steps, a number of seconds
and the effect that the step ends with; effects are functions ``(world, job)`` registered under a name with
:func:`effect`. What an effect has done stays, whatever becomes of the later steps.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc7, rfc_seconds
from simulator.provider import ArmError, Reply
from simulator.schedule import event_handler
from simulator.siterecovery import durations, names, refusals
from simulator.siterecovery.job_model import OWN_NAME, Job, Plan, Task
from simulator.siterecovery.refusals import AsrError, JobFailureError, StepAgain, TaskFailureError

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.provider import Call, OperationFault
    from simulator.store import Area
    from simulator.world import World

    Effect = Callable[[World, "Job"], None]

JOBS = "asr-jobs"
LOCKS = "asr-locks"
EFFECTS: dict[str, Effect] = {}
_FRESH: dict[str, Any] = {"start": None, "end": None, "state": "NotStarted"}


def effect(name: str) -> Callable[[Effect], Effect]:
    """Register the decorated function as the effect *name*."""

    def register(function: Effect) -> Effect:
        EFFECTS[name] = function
        return function

    return register


def _area(world: World) -> Area:
    return world.store.area(JOBS)


def _key(vault: str, name: str) -> str:
    return f"{names.vault_id(vault)}|{name}"


def find(world: World, vault: str, name: str) -> Job | None:
    """The job of that name in the vault, or None."""
    kept = _area(world).get(_key(vault, name))
    return None if kept is None else Job(**kept)


def in_vault(world: World, vault: str) -> list[Job]:
    """The vault's jobs, newest first."""
    return [Job(**kept) for kept in reversed(_area(world).values(f"{names.vault_id(vault)}|"))]


def save(world: World, job: Job) -> None:
    """Write the job back."""
    _area(world).put(_key(job.vault, job.name), asdict(job))


def running_on(world: World, id_: str) -> Job | None:
    """The job that works on the object *id_* now, or None."""
    lock = world.store.area(LOCKS).get(names.asr_id(id_) if "/vaults/" in id_.lower() else id_)
    return None if lock is None else find(world, lock["vault"], lock["job"])


def refuse_if_busy(call: Call, *ids: str) -> None:
    """Answer 409 where another job works on one of the objects."""
    for id_ in ids:
        other = running_on(call.world, id_)
        if other is not None:
            raise refusals.busy(call, names.last(id_), other.friendly_name, other.id)


def start(call: Call, plan: Plan) -> Reply:
    """Start a job for a request and answer 202 with its URLs."""
    refuse_if_busy(call, *plan.locks)
    client_request = call.headers.get("x-ms-client-request-id") or names.new_uuid()
    job = launch(call.world, plan, fault=call.operation_fault, client_request=client_request)
    return accepted(call, job)


def launch(world: World, plan: Plan, *, fault: OperationFault | None = None, client_request: str | None = None) -> Job:
    """Start a job, with or without a request behind it."""
    name = names.new_uuid()
    job = Job(
        name=name,
        vault=names.vault_id(plan.subject),
        scenario=plan.scenario,
        friendly_name=plan.friendly_name,
        subject=names.asr_id(plan.subject.replace(OWN_NAME, name)),
        target=list(plan.target),
        tasks=[_new_task(task) for task in plan.tasks],
        activity=names.new_uuid(),
        client_request=client_request or names.new_uuid(),
        start=rfc7(world.now),
        args=dict(plan.args),
        details=dict(plan.details),
        locks=[names.asr_id(id_) if "/vaults/" in id_.lower() else id_ for id_ in plan.locks],
        on_success=plan.on_success,
        on_failure=plan.on_failure,
        cancellable=plan.cancellable,
        fault=None if fault is None else asdict(fault),
    )
    return _begin(world, job)


def _begin(world: World, job: Job) -> Job:
    for lock in job.locks:
        world.store.area(LOCKS).put(lock, {"vault": job.vault, "job": job.name})
    _enter_task(world, job, 0)
    save(world, job)
    return job


def _new_task(task: Task) -> dict[str, Any]:
    return {
        "taskId": task.id,
        "name": task.name or task.id,
        "group": None if task.group is None else asdict(task.group),
        "friendlyName": task.friendly_name,
        **_FRESH,
        "errors": [],
        "children": [],
        "steps": [list(step) for step in task.steps],
        "skipped": task.skipped,
        "description": task.description,
    }


def accepted(call: Call, job: Job) -> Reply:
    """The 202 of a job: no body, both URLs, Retry-After, and the job's id as the request's id."""
    headers = {
        "Azure-AsyncOperation": call.url(f"{job.vault}/replicationOperationStatus/{job.name}"),
        "Location": call.url(f"{job.subject}/operationresults/{job.name}"),
        "Retry-After": call.world.retry_after(30),
        "x-ms-request-id": job.id,
    }
    if call.headers.get("x-ms-client-request-id"):
        headers["x-ms-client-request-id"] = call.headers["x-ms-client-request-id"]
    return Reply(202, None, headers)


def _enter_task(world: World, job: Job, index: int) -> None:
    while index < len(job.tasks) and job.tasks[index]["skipped"]:
        job.tasks[index]["state"] = "Other"
        index += 1
    if index == len(job.tasks):
        _succeed(world, job)
        return
    job.position = [index, -1]
    job.task.update(state="InProgress", start=rfc7(world.now))
    _enter_step(world, job)


def _enter_step(world: World, job: Job) -> None:
    job.position[1] += 1
    if job.fault and job.fault["kind"] == "operation_never_ends" and _at_last_step(job):
        return
    seconds = float(job.task["steps"][job.position[1]][0])
    job.event = world.schedule.after(seconds, "asr.job_step", {"vault": job.vault, "job": job.name})


def _at_last_step(job: Job) -> bool:
    later = [task for task in job.tasks[job.position[0] + 1 :] if not task["skipped"]]
    return not later and job.position[1] == len(job.task["steps"]) - 1


@event_handler("asr.job_step")
def _step_done(world: World, payload: dict[str, Any]) -> None:
    job = find(world, payload["vault"], payload["job"])
    if job is None or job.state != "InProgress":
        return
    try:
        _run_step(world, job)
    except JobFailureError as failure:
        fail(world, job, failure.error)
    except ArmError as refusal:
        # The estate changed under the job: a group was deleted, a machine moved.
        fail(world, job, AsrError(refusal.code, refusal.message))
    save(world, job)


def _run_step(world: World, job: Job) -> None:
    if job.fault and job.fault["kind"] == "operation_fails" and _at_last_step(job):
        fail(world, job, AsrError(job.fault["code"], job.fault["message"]) if job.fault["code"] else None)
        return
    name = job.task["steps"][job.position[1]][1]
    try:
        if name is not None:
            EFFECTS[name](world, job)
    except TaskFailureError as failure:
        job.task["errors"].append(_note_error(world, job, failure.error, "Warning"))
        _leave_task(world, job, "Failed")
        return
    except StepAgain as wait:
        job.event = world.schedule.after(wait.seconds, "asr.job_step", {"vault": job.vault, "job": job.name})
        return
    if job.position[1] + 1 < len(job.task["steps"]):
        _enter_step(world, job)
    else:
        _leave_task(world, job, "Succeeded")


def _leave_task(world: World, job: Job, state: str) -> None:
    job.task.update(state=state, end=rfc7(world.now))
    _enter_task(world, job, job.position[0] + 1)


def _succeed(world: World, job: Job) -> None:
    if job.on_success is not None:
        EFFECTS[job.on_success](world, job)
    well = "CompletedWithInformation" if job.errors and not job.description else "Succeeded"
    _end(world, job, (job.fault or {}).get("word") or well)


def fail(world: World, job: Job, error: AsrError | None) -> None:
    """End the job and its running task with *error*; None: without a word."""
    if error is not None:
        job.task["errors"].append(_note_error(world, job, error, "Error"))
    job.task.update(state="Failed", end=rfc7(world.now))
    if job.on_failure is not None:
        EFFECTS[job.on_failure](world, job)
    _end(world, job, "Failed")


def warn(world: World, job: Job, error: AsrError) -> None:
    """Note something that does not keep the running task from succeeding; the job ends with information."""
    job.task["errors"].append(_note_error(world, job, error, "Warning"))


def _note_error(world: World, job: Job, error: AsrError, level: str) -> dict[str, Any]:
    note = {"error": error.as_dict(), "level": level, "time": rfc7(world.now), "task": job.task["taskId"]}
    job.errors.append(note)
    return note


def _end(world: World, job: Job, state: str) -> None:
    job.state, job.end = state, rfc_seconds(world.now)
    for lock in job.locks:
        held = world.store.area(LOCKS).get(lock)
        if held is not None and held["job"] == job.name:
            world.store.area(LOCKS).delete(lock)


def run_again(world: World, old: Job) -> Job:
    """Begin the work of a failed job anew, without the fault that it may have had."""
    job = Job(
        name=names.new_uuid(),
        vault=old.vault,
        scenario=old.scenario,
        friendly_name=old.friendly_name,
        subject=old.subject,
        target=old.target,
        tasks=[{**task, **_FRESH, "errors": [], "children": []} for task in old.tasks],
        activity=names.new_uuid(),
        client_request=old.client_request,
        start=rfc7(world.now),
        args=old.args,
        details=old.details,
        locks=old.locks,
        on_success=old.on_success,
        on_failure=old.on_failure,
        cancellable=old.cancellable,
    )
    return _begin(world, job)


def request_cancel(world: World, job: Job) -> None:
    """Begin to cancel the job: it works no further and ends as cancelled within seconds."""
    world.schedule.cancel(job.event)
    job.state = "Cancelling"
    save(world, job)
    seconds = durations.seconds(world, "cancel", job.name)
    world.schedule.after(seconds, "asr.job_cancelled", {"vault": job.vault, "job": job.name})


@event_handler("asr.job_cancelled")
def _cancelled(world: World, payload: dict[str, Any]) -> None:
    job = find(world, payload["vault"], payload["job"])
    if job is None or job.state != "Cancelling":
        return
    job.cancelled = True
    job.task.update(state="Cancelled", end=rfc7(world.now))
    if job.on_failure is not None:
        EFFECTS[job.on_failure](world, job)
    _end(world, job, "Cancelled")
    save(world, job)
