"""Running a recovery plan: one job that starts a job for each of its machines and waits for all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simulator.siterecovery import (
    affected,
    committing,
    consistency_groups,
    failover,
    jobs,
    linked,
    names,
    recovery_points,
    refusals,
    states,
    stopping,
    testing,
)
from simulator.siterecovery.calls import missing_input, object_id, properties, require, require_instance_type
from simulator.siterecovery.fabrics import target
from simulator.siterecovery.items import target_of
from simulator.siterecovery.job_model import Group, Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.recovery_plans import boot_groups, items_of
from simulator.siterecovery.refusals import AsrError, JobFailureError

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.provider import Call, Reply
    from simulator.store import Resource
    from simulator.world import World

CHECK_SECONDS = 5.9
POLL_SECONDS = 5.0
LAST_TIMES = {"UnplannedFailover": "lastUnplannedFailoverTime", "TestFailover": "lastTestFailoverTime"}
SYNC_POINTS = {"", "usemultivmsyncrecoverypoint", "usepervmrecoverypoint"}
LATEST = {"", "latest", "latestprocessed", "latestcrashconsistent", "latestapplicationconsistent"}


def replication_recovery_plans_unplanned_failover(call: Call) -> Reply:
    """Fail over all machines of the plan, their sources shut down first where that is asked for."""
    plan, given = _plan_for(call, "UnplannedFailover"), properties(call)
    failover.require_direction(call, given)
    operations = given.get("sourceSiteOperations") or "NotRequired"
    if operations not in {"Required", "NotRequired"}:
        raise refusals.bad_request(call, "InvalidInput", "'sourceSiteOperations' must be 'Required' or 'NotRequired'.")
    consistency_groups.refuse_parts(call, items_of(call.world, plan.meta["input"]))
    point, together = _point_type(call, given)
    shut_down = operations == "Required"
    args = {"operation": "UnplannedFailover", "shut_down": shut_down, "point": point, "together": together}
    return _start(call, plan, ("UnplannedFailover", "Failover"), args)


def replication_recovery_plans_test_failover(call: Call) -> Reply:
    """Start a copy of every machine of the plan in the given network."""
    plan, given = _plan_for(call, "TestFailover"), properties(call)
    failover.require_direction(call, given)
    network = given.get("networkId")
    if not isinstance(network, str) or not network:
        raise missing_input(call, "networkId")
    linked.require_right(call, "Microsoft.Network/virtualNetworks/subnets/join/action", network)
    _point_type(call, given)
    return _start(call, plan, ("TestFailover", "Test failover"), {"operation": "TestFailover", "network": network})


def replication_recovery_plans_test_failover_cleanup(call: Call) -> Reply:
    """Delete the copies of all machines of the plan."""
    plan = _plan_for(call, "TestFailoverCleanup")
    comments = ((call.body or {}).get("properties") or {}).get("comments")
    args = {"operation": "TestFailoverCleanup", "comments": comments}
    return _start(call, plan, ("TestFailoverCleanup", "Test failover cleanup"), args)


def replication_recovery_plans_failover_commit(call: Call) -> Reply:
    """Commit the failover of all machines of the plan."""
    plan = _plan_for(call, "Commit")
    return _start(call, plan, ("CommitFailover", "Commit"), {"operation": "Commit"})


def unsupported(call: Call) -> Reply:
    """Refuse what plans of Azure machines do not have."""
    plan = require(call, object_id(call, action=True))
    raise refusals.not_allowed(call, plan.name, names.last(call.path), "NotSupported")


def _plan_for(call: Call, operation: str) -> Resource:
    """The plan, or a 400 or 409 where one of its machines does not allow the operation now."""
    plan = require(call, object_id(call, action=True))
    items = items_of(call.world, plan.meta["input"])
    if not items:
        raise refusals.not_allowed(call, plan.name, operation, "Empty")
    for item in items:
        jobs.refuse_if_busy(call, item.id)
        if operation not in states.allowed_operations(call.world, item):
            raise refusals.not_allowed(call, item.name, operation, states.state_of(call.world, item))
    return plan


def _point_type(call: Call, given: dict[str, Any]) -> tuple[str, bool]:
    """The kind of recovery point that the plan's machines are to use, in lower case; whether groups use a shared one.

    Unless told otherwise, the members of a group use one that they share.
    """
    for details in given.get("providerSpecificDetails") or []:
        require_instance_type(call, details, "A2A")
        kind = str(details.get("recoveryPointType") or "").lower()
        if kind not in LATEST:
            message = f"The recovery point type '{details['recoveryPointType']}' isn't valid for a recovery plan."
            raise refusals.bad_request(call, "InvalidInput", message)
        option = str(details.get("multiVmSyncPointOption") or "").lower()
        if option not in SYNC_POINTS:
            message = f"'{details['multiVmSyncPointOption']}' isn't valid for 'multiVmSyncPointOption'."
            raise refusals.bad_request(call, "InvalidInput", message)
        return kind, option != "usepervmrecoverypoint"
    return "", True


def _start(call: Call, plan: Resource, scenario: tuple[str, str], args: dict[str, Any]) -> Reply:
    details = {"UnplannedFailover": "FailoverJobDetails", "TestFailover": "TestFailoverJobDetails"}.get(scenario[0])
    shown = {"instanceType": details, "protectedItemDetails": []} if details else {"instanceType": "AsrJobDetails"}
    tasks = _failover_tasks(call.world, plan, args) if scenario[0] == "UnplannedFailover" else _tasks(plan, scenario[1])
    return jobs.start(
        call,
        Plan(
            scenario=scenario[0],
            friendly_name=scenario[1],
            subject=plan.id,
            target=target(plan.id, "RecoveryPlan"),
            tasks=tasks,
            on_success="asr.plan_ended",
            on_failure="asr.plan_failed",
            locks=(plan.id,),
            args={**args, "children": {}},
            details=shown,
            cancellable=True,
        ),
    )


def _check_task(plan: Resource) -> Task:
    return Task(
        names.stable_uuid("check", plan.id),
        "Prerequisites check for the recovery plan",
        ((CHECK_SECONDS, "asr.plan_checked"),),
        name="RpSrsPrerequisitesCheck",
    )


def _end_task(plan: Resource) -> Task:
    id_ = names.stable_uuid("end", plan.id)
    return Task(id_, "Finalizing the recovery plan", ((1.0, None),), name="EndRecoveryPlanTask")


def _failover_tasks(world: World, plan: Resource, args: dict[str, Any]) -> tuple[Task, ...]:
    groups = [group for group in boot_groups(plan.meta["input"]) if items_of(world, {"groups": [group]})]
    kind = "RecoveryPlanGroupTaskDetails"
    count = len(items_of(world, plan.meta["input"]))
    shutdown = Group("RecoveryPlanShutdownGroupTaskDetails", "Shutdown", ("Group1", f"Shutdown: Group 1 ({count})"))
    return (
        _check_task(plan),
        Task(
            "ShutdownAllActionGroup",
            f"All groups shutdown ({len(groups)})",
            ((0.1, "asr.plan_shut_down"),),
            skipped=not args["shut_down"],
            name="Unknown",
            group=shutdown,
        ),
        Task(
            "FailoverAllActionGroup",
            "Recovery plan failover",
            ((0.2, "asr.plan_work"),),
            name="Unknown",
            group=Group(kind, "RpFailoverTask"),
        ),
        *(
            Task(
                f"Group{number}",
                f"Group {number}: Start ({len(items_of(world, {'groups': [group]}))})",
                ((1.0, "asr.plan_group_started"),),
                name="Unknown",
                group=Group(kind, "Boot"),
            )
            for number, group in enumerate(groups, 1)
        ),
        _end_task(plan),
    )


def _tasks(plan: Resource, friendly_name: str) -> tuple[Task, ...]:
    group = Group("RecoveryPlanGroupTaskDetails", "RpFailoverTask")
    work = Task("AllActionGroup", friendly_name, ((0.2, "asr.plan_work"),), name="Unknown", group=group)
    return _check_task(plan), work, _end_task(plan)


@effect("asr.plan_checked")
def _checked(world: World, job: Job) -> None:
    plan = world.store.require(job.subject)
    item = items_of(world, plan.meta["input"])[0]
    kept = ("primaryVmmId", "primaryVmmName", "recoveryVmmId", "recoveryVmmName")
    about = affected.by_item(world, item)
    job.affected = {key: about[key] for key in (*kept, "primaryFabricProviderId", "recoveryFabricProviderId")}
    _note_scenario(world, job, "InProgress", "InProgress")


def _children(world: World, job: Job) -> list[tuple[Resource, Job]]:
    """The machines' jobs, started where that has not been done."""
    plan, found = world.store.require(job.subject), []
    for item in items_of(world, plan.meta["input"]):
        if item.id not in job.args["children"]:
            if job.args["operation"] not in states.allowed_operations(world, item):
                continue
            if jobs.running_on(world, item.id) is not None:
                continue
            whole = _child_plan(world, job, item)
            part = replace(whole, args={**whole.args, "plan": job.name})
            job.args["children"][item.id] = jobs.launch(world, part).name
        child = jobs.find(world, job.vault, job.args["children"][item.id])
        if child is not None:
            found.append((item, child))
    return found


def _child_plan(world: World, job: Job, item: Resource) -> Plan:
    args = job.args
    if args["operation"] == "UnplannedFailover":
        point = _point(world, job, item)
        return failover.failover_of(world, item, point, shut_down=args["shut_down"])
    if args["operation"] == "TestFailover":
        return testing.test_of(world, item, args["network"], None)
    if args["operation"] == "TestFailoverCleanup":
        return testing.cleanup_of(world, item, args["comments"])
    return committing.commit_of(world, item)


def _point(world: World, job: Job, item: Resource) -> str | None:
    """The point that a type means now; None: the newest that there will be."""
    wanted = job.args["point"]
    if wanted == "latestapplicationconsistent":
        point = recovery_points.newest_app_consistent(world, item)
        return recovery_points.point_id(item, point[0] if point else names.stable_uuid("none", item.id))
    if wanted != "latestprocessed":
        return None
    point = recovery_points.newest(world, item, _shared_moment(world, job, item))
    return recovery_points.point_id(item, point[0]) if point else None


def _shared_moment(world: World, job: Job, item: Resource) -> datetime | None:
    """The newest moment of which all members of the item's group have points, where they are to share one."""
    if not job.args.get("together") or not consistency_groups.name_of(item):
        return None
    items = items_of(world, world.store.require(job.subject).meta["input"])
    newest = {one.id: found[1] for one in items if (found := recovery_points.newest(world, one)) is not None}
    return consistency_groups.shared_moment(item, newest, items)


def _all_shut_down(world: World, plan: Job, _: Job) -> bool:
    """Whether no machine of the plan is still being shut down."""
    found = (jobs.find(world, plan.vault, name) for name in plan.args["children"].values())
    return not any(
        child.running and child.task_called(stopping.SHUTDOWN)["state"] in {"NotStarted", "InProgress"}
        for child in found
        if child is not None and not child.task_called(stopping.SHUTDOWN)["skipped"]
    )


def _earlier_groups_started(world: World, plan: Job, job: Job) -> bool:
    """Whether the machines of the groups before this one's run, or have failed."""
    resource = world.store.get(plan.subject)
    for group in boot_groups(resource.meta["input"]) if resource else ():
        ids = [item.id for item in items_of(world, {"groups": [group]})]
        if job.subject in ids:
            return True
        names_ = [plan.args["children"].get(id_) for id_ in ids]
        children = [jobs.find(world, plan.vault, name) for name in names_ if name]
        if any(child is not None and child.running for child in children):
            return False
    return True


failover.GATES |= {"all_shut_down": _all_shut_down, "earlier_groups_started": _earlier_groups_started}


def _show(job: Job, item: Resource, child: Job, part: dict[str, Any] | None = None) -> dict[str, Any]:
    """A machine's line in a group: its whole job, or one task of that."""
    kind, name = "Vm", names.last(item.meta["vm"])
    target_id = target_of(item)[0]
    state, ended = (part["state"], part["end"]) if part else (child.state, child.end)
    return {
        "taskId": names.stable_uuid(job.name, job.task["taskId"], item.id),
        "start": (part or {}).get("start") or child.start,
        "end": ended,
        "state": "InProgress" if state == "NotStarted" else state,
        "jobTask": {
            "jobId": child.id,
            "jobFriendlyName": child.friendly_name,
            "targetObjectId": target_id,
            "targetObjectName": name,
            "targetInstanceType": kind,
            "jobScenarioName": child.scenario,
        },
    }


def _again(job: Job, effect_name: str) -> None:
    """Let the running task look again in a while."""
    job.task["steps"].append([POLL_SECONDS, effect_name])


@effect("asr.plan_shut_down")
def _shut_down(world: World, job: Job) -> None:
    """Wait until every machine's job is past its shutdown."""
    found = _children(world, job)
    parts = [(item, child, child.task_called(stopping.SHUTDOWN)) for item, child in found]
    job.task["children"] = [_show(job, item, child, part) for item, child, part in parts]
    if any(child.running and part["state"] in {"NotStarted", "InProgress"} for _, child, part in parts):
        _again(job, "asr.plan_shut_down")


@effect("asr.plan_work")
def _work(world: World, job: Job) -> None:
    """Wait until every machine's job has ended."""
    found = _children(world, job)
    job.task["children"] = [_show(job, item, child) for item, child in found]
    if any(child.running for _, child in found):
        _again(job, "asr.plan_work")
        return
    failed = [names.last(item.meta["vm"]) for item, child in found if child.state in {"Failed", "Cancelled"}]
    if failed or not found:
        raise JobFailureError(
            AsrError(
                "RecoveryPlanOperationFailed",
                f"The operation '{job.friendly_name}' failed for virtual machines of the recovery plan: "
                f"{', '.join(failed) or 'none of them allows it'}.",
                "The job of a virtual machine failed, was cancelled, or couldn't be started.",
                "Look at the jobs of the virtual machines, fix the cause, and restart the job.",
            )
        )


@effect("asr.plan_group_started")
def _group_started(world: World, job: Job) -> None:
    plan = world.store.require(job.subject)
    number = int(job.task["taskId"].removeprefix("Group"))
    groups = [group for group in boot_groups(plan.meta["input"]) if items_of(world, {"groups": [group]})]
    ours = {item.id for item in items_of(world, {"groups": [groups[number - 1]]})}
    job.task["children"] = [_show(job, item, child) for item, child in _children(world, job) if item.id in ours]


@effect("asr.plan_ended")
def _ended(world: World, job: Job) -> None:
    waits = job.args["operation"] == "TestFailover"
    _note_scenario(world, job, *(("Suspended", "WaitingForStopTestFailover") if waits else ("Succeeded", "Completed")))


@effect("asr.plan_failed")
def _failed(world: World, job: Job) -> None:
    """Stop what still runs where it may be stopped; a restart begins with those machines that still allow it."""
    for name in job.args["children"].values():
        child = jobs.find(world, job.vault, name)
        if child is not None and child.state == "InProgress" and child.cancellable:
            jobs.request_cancel(world, child)
    job.args["children"] = {}
    state = "Cancelled" if job.cancelled else "Failed"
    _note_scenario(world, job, state, state)


def _note_scenario(world: World, job: Job, status: str, description: str) -> None:
    plan = world.store.get(job.subject)
    if plan is None:
        return
    last = {LAST_TIMES[job.scenario]: job.start} if job.scenario in LAST_TIMES else {}
    scenario = {"scenarioName": job.scenario, "jobId": job.id, "startTime": job.start}
    plan.meta["last_times"] = {**(plan.meta.get("last_times") or {}), **last}
    plan.meta["scenario"] = {"currentScenario": scenario, "status": status, "description": description}
    world.store.save(plan)
