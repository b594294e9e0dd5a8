"""Reading and steering jobs, and polling the operations that they stand behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.provider import Reply
from simulator.siterecovery import durations, filters, jobs, names, refusals, states, views
from simulator.siterecovery.calls import listing, require, require_vault
from simulator.siterecovery.job_model import OWN_NAME, Job, Plan, Task
from simulator.siterecovery.job_views import abbreviated, operation_status, whole
from simulator.siterecovery.jobs import effect

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.provider import Call
    from simulator.world import World


def _require_job(call: Call) -> Job:
    vault = require_vault(call)
    job = jobs.find(call.world, vault.id, call.params["job"])
    if job is None:
        raise refusals.missing(call, call.params["job"])
    return job


def replication_jobs_get(call: Call) -> Reply:
    """Show a job with its tasks."""
    job = _require_job(call)
    return Reply(200, whole(job), {"x-ms-request-id": job.id})


def replication_jobs_list(call: Call) -> Reply:
    """List the vault's jobs, newest first, abbreviated."""
    vault = require_vault(call)
    fits = filters.matcher(call.query.get("$filter", ""), FILTERS, lambda job: job.start)
    return listing(call, [abbreviated(job) for job in jobs.in_vault(call.world, vault.id) if fits(job)])


FILTERS: dict[str, Callable[[Job], str]] = {
    "jobstatus": lambda job: job.state,
    "state": lambda job: job.state,
    "affectedobjecttypes": lambda job: job.target[2],
    "scenarioname": lambda job: job.scenario,
    "jobname": lambda job: job.friendly_name,
    "affectedobjectid": lambda job: job.target[0],
    "targetobjectid": lambda job: job.target[0],
    "targetobjectname": lambda job: job.target[1],
}
"""What of a job the filters of Azure's tools ask."""


def replication_operation_status_get(call: Call) -> Reply:
    """Poll an operation: 200 with eight keys, and no Retry-After."""
    job = _require_job(call)
    return Reply(200, operation_status(job), {"x-ms-request-id": job.id})


def operation_results_get(call: Call) -> Reply:
    """Follow the Location of an operation: 202 while it runs, then its object, or 204 where that is gone."""
    job = _require_job(call)
    urls = {
        "Azure-AsyncOperation": call.url(f"{job.vault}/replicationOperationStatus/{job.name}"),
        "x-ms-request-id": job.id,
    }
    if job.running:
        location = call.url(f"{job.subject}/operationresults/{job.name}")
        return Reply(202, None, {**urls, "Location": location, "Retry-After": call.world.retry_after(30)})
    status = operation_status(job)
    if status["error"] is not None:
        return Reply(400, {"error": status["error"]}, urls)
    found = call.world.store.get(job.subject)
    if found is not None and found.type.lower() in views.VIEWS:
        return Reply(200, views.show(call.world, found), urls)
    collection = job.subject.split("/")[9].lower()
    if collection in views.RESULTS:
        return Reply(200, views.RESULTS[collection](call.world, job), urls)
    return Reply(204, None, urls)


@views.result("replicationJobs")
def _after_job(_world: World, job: Job) -> dict[str, Any]:
    return whole(job)


def replication_jobs_cancel(call: Call) -> Reply:
    """Cancel a job that allows it: it ends as cancelled, what it did stays."""
    job = _require_job(call)
    if not (job.state == "InProgress" and job.cancellable):
        raise refusals.not_allowed(call, job.name, "Cancel", job.state)
    jobs.request_cancel(call.world, job)
    seconds = durations.seconds(call.world, "cancel", job.name)
    return _about(call, job, "CancelJob", "Cancel job", ((seconds, None),))


def replication_jobs_restart(call: Call) -> Reply:
    """Restart a failed job: its work begins anew as another job."""
    job = _require_job(call)
    if job.state != "Failed":
        raise refusals.not_allowed(call, job.name, "Restart", job.state)
    jobs.refuse_if_busy(call, *job.locks)
    _refuse_what_is_over(call, job)
    return _about(call, job, "RestartJob", "Restart job", ((0.5, "asr.job_restarted"),), {"again": job.name})


RESTARTED_WHERE_ALLOWED = {
    "UnplannedFailover": "UnplannedFailover",
    "TestFailover": "TestFailover",
    "TestFailoverCleanup": "TestFailoverCleanup",
    "CommitFailover": "Commit",
    "ApplyRecoveryPoint": "ChangePit",
    "DisableDr": "DisableProtection",
}
"""The operation that an item has to allow for a failed job about it to be restarted."""


def _refuse_what_is_over(call: Call, job: Job) -> None:
    """Refuse to restart a job whose item has gone on since, or is gone."""
    operation, item = RESTARTED_WHERE_ALLOWED.get(job.scenario), call.world.store.get(job.subject)
    about_item = "/replicationprotecteditems/" in job.subject.lower()
    if operation is not None and about_item:
        found = require(call, job.subject)
        if operation not in states.allowed_operations(call.world, found):
            raise refusals.not_allowed(call, job.name, "Restart", states.state_of(call.world, found))
    if job.scenario == "EnableDr" and item is not None and item.meta["state"] != states.ENABLING_FAILED:
        raise refusals.not_allowed(call, job.name, "Restart", states.state_of(call.world, item))


@effect("asr.job_restarted")
def _restarted(world: World, job: Job) -> None:
    old = jobs.find(world, job.vault, job.args["again"])
    if old is not None:
        jobs.run_again(world, old)


def replication_jobs_resume(call: Call) -> Reply:
    """Resume a suspended job; those of Azure machines are never suspended."""
    job = _require_job(call)
    raise refusals.not_allowed(call, job.name, "Resume", job.state)


def _about(
    call: Call,
    job: Job,
    scenario: str,
    friendly_name: str,
    steps: tuple[tuple[float, str | None], ...],
    args: dict[str, Any] | None = None,
) -> Reply:
    plan = Plan(
        scenario=scenario,
        friendly_name=friendly_name,
        subject=job.id,
        target=(job.target[0], job.target[1], job.target[2]),
        tasks=(Task(f"{scenario}Task", friendly_name, steps),),
        args=args or {},
    )
    return jobs.start(call, plan)


def replication_jobs_export(call: Call) -> Reply:
    """Export the jobs; the answer names a blob that this cloud does not have."""
    vault = names.vault_id(require_vault(call).id)
    seconds = durations.seconds(call.world, "small", vault)
    plan = Plan(
        scenario="ExportJobs",
        friendly_name="Export jobs",
        subject=f"{vault}/replicationJobs/{OWN_NAME}",
        target=("", "", "Other"),
        tasks=(Task("ExportJobsTask", "Exporting jobs", ((seconds, None),)),),
        details={"blobUri": None, "sasToken": None, "instanceType": "ExportJobDetails"},
    )
    return jobs.start(call, plan)
