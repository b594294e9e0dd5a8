"""Site Recovery's jobs: read whole, searched for, and cancelled.

`state` alone is no truth: a job can be Succeeded with the description PartiallySucceeded, and words that nobody knew
appear; so a job runs while its state is a known word for running, or an unknown one without an end time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arm import asr_codes, reads
from arm.errors import redacted, word
from arm.reads import Json
from migration.ids import ResourceId, id_key, job_id, vault_of
from migration.models import JobRef, JobResult, JobTask
from migration.requests import JobFailure
from migration.times import parse_azure_time

if TYPE_CHECKING:
    from collections.abc import Collection

    from arm.clients import AzureClients

_RUNNING = {"notstarted", "inprogress", "cancelling", "suspended", "waitingforuserinput", "waiting"}
_WELL = {"succeeded", "completed", "completedwithinformation", "partiallysucceeded"}
_FAILED = {"failed", "cancelled", "canceled", "aborted"}
_TOLD_BY_TASKS = {"UnplannedFailover", "PlannedFailover", "TestFailover"}
"""Whose tasks tell more than that they ended well: whether the source was shut down, and when."""
_NO_JOB = "none"
MOST_TASKS = 100
_NAME_CHARACTERS = 200
SEARCHED_JOBS = 2_000
"""How far back a search goes; the listing tells the newest first."""


async def read_job(azure: AzureClients, job: str) -> Json | None:
    """Return a job with its tasks, None where the vault no longer keeps it."""
    return await reads.read(azure, job)


async def list_jobs(azure: AzureClients, vault: str) -> list[Json]:
    """Return the newest jobs of a vault, without their tasks, newest first; who asks at a time shares a listing."""
    return await azure.turnstile.read(f"jobs of {id_key(vault)}", lambda: _list_jobs(azure, vault))


async def _list_jobs(azure: AzureClients, vault: str) -> list[Json]:
    found: list[Json] = []
    subscription = ResourceId.parse(vault).subscription
    async for page in reads.pages(azure, f"{vault}/replicationJobs", subscription, reads.SITE_RECOVERY_API):
        found += page
        if len(found) >= SEARCHED_JOBS:
            break
    return found


async def find_job(
    azure: AzureClients, vault: str, scenario: str, request_ids: Collection[str], target_name: str | None = None
) -> JobRef | None:
    """Return the job that one of our requests began, None where none of them began any.

    A job's `activityId` begins with the `x-ms-client-request-id` of the request that began it; a listing leaves it out,
    so the jobs on the object of this name (or of this scenario, where no name is given) are read one by one.
    """
    wanted = {request_id.lower() for request_id in request_ids}
    for listed in await list_jobs(azure, vault):
        same = _named(listed, target_name) if target_name else _properties(listed).get("scenarioName") == scenario
        if not same:
            continue
        job = await read_job(azure, job_id(vault, str(listed["name"])))
        if job and any(request_id in str(_properties(job).get("activityId")).lower() for request_id in wanted):
            return reference(vault, job)
    return None


async def newest_job(
    azure: AzureClients, vault: str, scenario: str, target_name: str, *, running: bool = False, since: str = ""
) -> JobRef | None:
    """Return the newest job of a scenario on the object that shows this name.

    Only one that runs, if so asked; only one that began later than the newest job of the scenario *since*. Virtual
    machines of two groups may show one name: then nobody can tell whose job has ended, and None is returned.
    """
    named = [job for job in await list_jobs(azure, vault) if _named(job, target_name)]
    alike = [job for job in named if _properties(job).get("scenarioName") in {scenario, since}]
    if running:
        found = next((job for job in alike if is_running(job)), None)
    elif len({_properties(job).get("targetObjectId") for job in alike}) > 1:
        return None
    else:
        found = next(iter(alike), None)
    return None if found is None or _properties(found).get("scenarioName") != scenario else reference(vault, found)


def reference(vault: str, job: Json) -> JobRef:
    """Return the reference to a job's JSON."""
    properties = _properties(job)
    return JobRef(
        id=job_id(vault, str(job["name"])),
        scenario=str(properties.get("scenarioName") or ""),
        target_id=str(properties.get("targetObjectName") or ""),
    )


async def working_on(azure: AzureClients, item: Json, item_id: str) -> JobRef | None:
    """Return the job that runs on a protected item now.

    `currentScenario` goes on naming a test failover's job while that waits for its clean-up, so the job itself decides.
    """
    job = _named_by(item, item_id)
    document = await read_job(azure, job.id) if job else None
    return job if document is not None and is_running(document) else None


def _named_by(item: Json, item_id: str) -> JobRef | None:
    scenario = _properties(item).get("currentScenario") or {}
    name = str(scenario.get("jobId") or "").rsplit("/", 1)[-1]
    if not name or name.lower() == _NO_JOB:
        return None
    return JobRef(
        id=job_id(vault_of(item_id), name), scenario=str(scenario.get("scenarioName") or ""), target_id=item_id
    )


def is_running(job: Json) -> bool:
    """Tell whether a job has not ended."""
    properties = _properties(job)
    state = str(properties.get("state") or "").lower()
    if state in _WELL or state in _FAILED:
        return False
    return state in _RUNNING or parse_azure_time(properties.get("endTime")) is None


def ended_plainly(job: Json) -> bool:
    """Tell whether a job ended so well that its tasks, which a listing leaves out, have nothing to add."""
    properties = _properties(job)
    state, description = (str(properties.get(key) or "").lower() for key in ("state", "stateDescription"))
    plain = state == "succeeded" and description in {"completed", "succeeded"}
    return plain and str(properties.get("scenarioName") or _NO_JOB) not in {*_TOLD_BY_TASKS, _NO_JOB}


def has_failed(job: Json) -> bool:
    """Tell whether a job ended and is known to have failed or to have been cancelled."""
    properties = _properties(job)
    words = {str(properties.get(key) or "").lower() for key in ("state", "stateDescription")}
    return not is_running(job) and bool(words & _FAILED)


def can_cancel(job: Json) -> bool:
    """Tell whether a job takes a cancel now."""
    return "Cancel" in (_properties(job).get("allowedActions") or [])


def result(job: Json) -> JobResult:
    """Return how a job ended."""
    properties = _properties(job)
    return JobResult(
        id=str(job["id"]),
        scenario=str(properties.get("scenarioName") or ""),
        state=str(properties.get("state") or ""),
        state_description=str(properties.get("stateDescription") or ""),
        started=properties.get("startTime"),
        ended=properties.get("endTime"),
        tasks=tasks(job),
    )


def failure(job: Json) -> JobFailure:
    """Return why a job failed: its first error, what causes it and what to do."""
    properties = _properties(job)
    service, provider = _first_error(properties)
    code = word(str(service.get("code") or provider.get("errorCode") or ""))
    return JobFailure(
        job_id=str(job["id"]),
        scenario=str(properties.get("scenarioName") or ""),
        state=str(properties.get("state") or ""),
        code=code,
        message=redacted(str(service.get("message") or provider.get("errorMessage") or "")),
        possible_causes=redacted(str(service.get("possibleCauses") or provider.get("possibleCauses") or "")),
        recommended_action=redacted(str(service.get("recommendedAction") or provider.get("recommendedAction") or "")),
        remedy=asr_codes.remedy_for(code),
        started=properties.get("startTime"),
        ended=properties.get("endTime"),
        tasks=tasks(job),
    )


def tasks(job: Json) -> list[JobTask]:
    """Return a job's tasks, those of groups included, in Azure's order; no job has as many as are kept."""
    return [_task(task) for task in _flat(_properties(job).get("tasks") or [])[:MOST_TASKS]]


def raw_tasks(job: Json) -> list[Json]:
    """Return a job's tasks as Azure tells them, each before those of its group."""
    return _flat(_properties(job).get("tasks") or [])


def recovery_point_time(job: Json) -> str | None:
    """Return the time of the recovery point that a failover used, as its job tells it."""
    details = _properties(job).get("customDetails") or {}
    points = [_time(item.get("recoveryPointTime")) for item in details.get("protectedItemDetails") or []]
    return points[0] if len(points) == 1 else None


def progress(job: Json) -> tuple[int | None, str]:
    """Return how many percent of its tasks a job has done, and the name of the one that runs."""
    all_tasks = tasks(job)
    running = next((task.name for task in all_tasks if task.state.lower() == "inprogress"), "")
    ended = sum(1 for task in all_tasks if task.state.lower() not in {"notstarted", "inprogress"})
    return (100 * ended // len(all_tasks) if all_tasks else None), running


def _named(job: Json, target_name: str) -> bool:
    return str(_properties(job).get("targetObjectName")).lower() == target_name.lower()


def _properties(document: Json) -> Json:
    return document.get("properties") or {}


def _flat(listed: list[Json]) -> list[Json]:
    flat: list[Json] = []
    for task in listed:
        group = task.get("groupTaskCustomDetails") or {}
        flat += [task, *_flat(group.get("childTasks") or [])]
    return flat


def _task(task: Json) -> JobTask:
    return JobTask(
        name=str(task.get("friendlyName") or task.get("name") or "")[:_NAME_CHARACTERS],
        state=str(task.get("state") or "")[:_NAME_CHARACTERS],
        state_description=str(task.get("stateDescription") or "")[:_NAME_CHARACTERS],
        started=_time(task.get("startTime")),
        ended=_time(task.get("endTime")),
    )


def _time(text: Any) -> str | None:
    return str(text) if parse_azure_time(text) is not None else None


def _first_error(properties: Json) -> tuple[Json, Json]:
    errors = list(properties.get("errors") or [])
    for task in _flat(properties.get("tasks") or []):
        errors += task.get("errors") or []
    errors.sort(key=lambda error: str(error.get("errorLevel") or "").lower() != "error")
    first = errors[0] if errors else {}
    return first.get("serviceErrorDetails") or {}, first.get("providerErrorDetails") or {}
