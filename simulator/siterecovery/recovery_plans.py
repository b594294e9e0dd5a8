"""Recovery plans: groups of items that fail over together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.provider import Reply
from simulator.siterecovery import durations, jobs, names, refusals, states
from simulator.siterecovery.calls import listing, missing_input, object_id, properties, require, require_vault
from simulator.siterecovery.fabrics import target
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.mappings import friendly_fabric
from simulator.siterecovery.views import show, view

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.store import Resource
    from simulator.world import World


OPERATIONS = ("UnplannedFailover", "TestFailover", "TestFailoverCleanup", "Commit")


@view(names.RECOVERY_PLAN)
def recovery_plan_view(world: World, resource: Resource) -> dict[str, Any]:
    """The plan with its groups, those for shutdown and failover first."""
    given = resource.meta["input"]
    primary, recovery = names.asr_id(given["primaryFabricId"]), names.asr_id(given["recoveryFabricId"])
    last, scenario = resource.meta.get("last_times") or {}, resource.meta.get("scenario") or {}
    fields = {
        "friendlyName": resource.name,
        "primaryFabricId": primary,
        "primaryFabricFriendlyName": friendly_fabric(world, primary),
        "recoveryFabricId": recovery,
        "recoveryFabricFriendlyName": friendly_fabric(world, recovery),
        "failoverDeploymentModel": given.get("failoverDeploymentModel") or "ResourceManager",
        "replicationProviders": ["A2A"],
        "allowedOperations": _allowed(world, given),
        **last,
        "currentScenario": scenario.get("currentScenario"),
        "currentScenarioStatus": scenario.get("status"),
        "currentScenarioStatusDescription": scenario.get("description"),
        "groups": [_group("Shutdown", []), _group("Failover", []), *_groups(world, given)],
        "providerSpecificDetails": [],
    }
    return {"id": resource.id, "name": resource.name, "type": names.RECOVERY_PLAN, "properties": fields}


def items_of(world: World, given: dict[str, Any]) -> list[Resource]:
    """The items of a plan's input, those of its first group first."""
    ids = [entry["id"] for group in given["groups"] for entry in group.get("replicationProtectedItems") or []]
    return [item for id_ in ids if (item := world.store.get(names.asr_id(id_))) is not None]


def boot_groups(given: dict[str, Any]) -> list[dict[str, Any]]:
    """The groups that machines are in."""
    return [group for group in given["groups"] if group.get("groupType", "Boot") == "Boot"]


def _allowed(world: World, given: dict[str, Any]) -> list[str]:
    """What every item of the plan allows."""
    found = [set(states.allowed_operations(world, item)) for item in items_of(world, given)]
    return [name for name in OPERATIONS if found and all(name in allowed for allowed in found)]


def _group(kind: str, items: list[dict[str, Any]], given: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "groupType": kind,
        "replicationProtectedItems": items,
        "startGroupActions": (given or {}).get("startGroupActions") or [],
        "endGroupActions": (given or {}).get("endGroupActions") or [],
    }


def _groups(world: World, given: dict[str, Any]) -> list[dict[str, Any]]:
    shown = []
    for group in given["groups"]:
        items = items_of(world, {"groups": [group]})
        entries = [{"id": item.id, "virtualMachineId": names.stable_uuid(item.meta["vm"])} for item in items]
        shown.append(_group(str(group.get("groupType", "Boot")), entries, group))
    return shown


def replication_recovery_plans_create(call: Call) -> Reply:
    """Create the plan."""
    require_vault(call)
    given, id_ = properties(call), object_id(call)
    for key in ("primaryFabricId", "recoveryFabricId"):
        if not given.get(key):
            raise missing_input(call, key)
        require(call, names.asr_id(given[key]))
    _check_groups(call, given)
    return _start(call, id_, ("CreateRecoveryPlan", "Create a recovery plan"), "asr.plan_written", {"input": given})


def _check_groups(call: Call, given: dict[str, Any]) -> None:
    """Answer 400 for a machine that is in the plan twice or replicates from elsewhere, 404 for one that is absent."""
    groups = given.get("groups")
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise missing_input(call, "groups")
    ids = [names.asr_id(str(it.get("id"))) for group in groups for it in group.get("replicationProtectedItems") or []]
    _check_limits(call, groups)
    if len({id_.lower() for id_ in ids}) < len(ids):
        raise refusals.bad_request(call, "DuplicateProtectedItem", "A virtual machine is in the recovery plan twice.")
    primary = names.asr_id(given["primaryFabricId"])
    for id_ in ids:
        if not paths.same(names.fabric_of(require(call, id_).id), primary):
            message = f"The replicated item '{names.last(id_)}' isn't in the primary fabric of the recovery plan."
            raise refusals.bad_request(call, "ProtectedItemOfAnotherFabric", message)


def _check_limits(call: Call, groups: list[dict[str, Any]]) -> None:
    """Refuse a plan with more machines or groups of them than Site Recovery takes."""
    counted = {
        "groups": (sum(str(group.get("groupType")) == "Boot" for group in groups), "groups_per_recovery_plan"),
        "machines": (
            sum(len(group.get("replicationProtectedItems") or []) for group in groups),
            "machines_per_recovery_plan",
        ),
    }
    for what, (count, setting) in counted.items():
        most = call.world.setting(setting)
        if count > most:
            message = f"A recovery plan can't have more than {most} {what}; {count} are given."
            raise refusals.bad_request(call, "RecoveryPlanLimitExceeded", message)


def replication_recovery_plans_update(call: Call) -> Reply:
    """Change the plan's groups."""
    resource = require(call, object_id(call))
    given = {**resource.meta["input"], **properties(call)}
    _check_groups(call, given)
    return _start(call, resource.id, ("SaveRecoveryPlan", "Save a recovery plan"), "asr.plan_written", {"input": given})


def _start(call: Call, id_: str, names_: tuple[str, str], on_success: str, args: dict[str, Any]) -> Reply:
    seconds = durations.seconds(call.world, "recovery_plan", id_)
    plan = Plan(
        scenario=names_[0],
        friendly_name=names_[1],
        subject=id_,
        target=target(id_, "RecoveryPlan"),
        tasks=(Task(f"{names_[0]}Task", names_[1], ((seconds, None),)),),
        on_success=on_success,
        locks=(id_,),
        args=args,
    )
    return jobs.start(call, plan)


@effect("asr.plan_written")
def _written(world: World, job: Job) -> None:
    old = world.store.get(job.subject)
    world.store.put({"id": job.subject, "properties": {}}, {**(old.meta if old else {}), **job.args})


def replication_recovery_plans_get(call: Call) -> Reply:
    """Show the plan."""
    return Reply(200, show(call.world, require(call, object_id(call))))


def replication_recovery_plans_list(call: Call) -> Reply:
    """List the vault's plans; the list leaves the groups out."""
    vault = require_vault(call)
    shown = [show(call.world, found) for found in call.world.store.list(names.RECOVERY_PLAN, vault.id)]
    for plan in shown:
        plan["properties"]["groups"] = []
    return listing(call, shown)


def replication_recovery_plans_delete(call: Call) -> Reply:
    """Delete the plan."""
    resource = require(call, object_id(call))
    return _start(call, resource.id, ("DeleteRecoveryPlan", "Delete a recovery plan"), "asr.tree_removed", {})
