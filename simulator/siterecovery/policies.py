"""Replication policies: how long recovery points are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import context
from simulator.provider import Reply
from simulator.siterecovery import durations, jobs, names, policy_kinds, refusals
from simulator.siterecovery.calls import (
    listing_of,
    object_id,
    require,
    require_instance_type,
    require_vault,
    section,
    unknown_instance_type,
)
from simulator.siterecovery.fabrics import require_or_never_used, target
from simulator.siterecovery.job_model import Job, Plan, Task
from simulator.siterecovery.jobs import effect
from simulator.siterecovery.refusals import AsrError, JobFailureError
from simulator.siterecovery.views import show, view

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.store import Resource
    from simulator.world import World

MOST_HISTORY_MINUTES = 15 * 24 * 60
MOST_APP_CONSISTENT_MINUTES = 12 * 60
CRASH_CONSISTENT_MINUTES = 5


@view(names.POLICY)
def policy_view(world: World, resource: Resource) -> dict[str, Any]:
    """The policy; what the caller left out reads 0."""
    request = context.current_request.get()
    version = request.api_version if request is not None else ""
    details = policy_kinds.details(resource.meta["input"], version, _governed(world, resource))
    properties = {"friendlyName": resource.name, "providerSpecificDetails": details}
    return {"id": resource.id, "name": resource.name, "type": names.POLICY, "properties": properties}


def _governed(world: World, policy: Resource) -> int:
    """How many items are in the containers that are mapped by the policy."""
    mapped = world.store.list(names.MAPPING, names.vault_id(policy.id))
    containers = {names.container_of(one.id) for one in mapped if one.meta["policy"].lower() == policy.id.lower()}
    return sum(world.store.count(names.ITEM, container) for container in containers)


def replication_policies_create(call: Call) -> Reply:
    """Create the policy; unsound numbers make the job fail with 150261."""
    require_vault(call)
    return _write(call, section(call, "providerSpecificInput"), "AddProtectionProfile", "Create replication policy")


def replication_policies_update(call: Call) -> Reply:
    """Change the policy, but not its kind; the input has another key than at creation."""
    resource = require(call, object_id(call))
    settings = section(call, "replicationProviderSettings")
    require_instance_type(call, settings, resource.meta["input"]["instanceType"])
    return _write(call, settings, "UpdateProtectionProfile", "Update replication policy")


def _write(call: Call, given: dict[str, Any], scenario: str, friendly_name: str) -> Reply:
    kind = policy_kinds.find(given)
    if kind is None:
        raise unknown_instance_type(call, given, policy_kinds.KINDS)
    if kind[0] == "A2A" and given.get("multiVmSyncStatus") not in {"Enable", "Disable"}:
        raise refusals.bad_request(call, "InvalidInput", "'multiVmSyncStatus' must be 'Enable' or 'Disable'.")
    id_ = object_id(call)
    seconds = durations.seconds(call.world, "policy", id_)
    plan = Plan(
        scenario=scenario,
        friendly_name=friendly_name,
        subject=id_,
        target=target(id_, "ProtectionProfile"),
        tasks=(Task("WriteProtectionProfileTask", friendly_name, ((seconds, "asr.policy_checked"),)),),
        on_success="asr.policy_written",
        locks=(id_,),
        args={"input": given},
    )
    return jobs.start(call, plan)


def _sound(given: dict[str, Any]) -> bool:
    if str(given.get("instanceType")).lower() != "a2a":
        return True
    history = given.get("recoveryPointHistory") or 0
    app_consistent = given.get("appConsistentFrequencyInMinutes") or 0
    crash_consistent = given.get("crashConsistentFrequencyInMinutes") or CRASH_CONSISTENT_MINUTES
    numbers = (history, app_consistent, crash_consistent)
    return (
        all(isinstance(number, int) and number >= 0 for number in numbers)
        and history <= MOST_HISTORY_MINUTES
        and app_consistent <= min(MOST_APP_CONSISTENT_MINUTES, history or MOST_APP_CONSISTENT_MINUTES)
        and crash_consistent == CRASH_CONSISTENT_MINUTES
    )


@effect("asr.policy_checked")
def _checked(_world: World, job: Job) -> None:
    if not _sound(job.args["input"]):
        raise JobFailureError(
            AsrError(
                "150261",
                "Replication policy creation failed.",
                "One or more values of the replication policy are outside of the supported range.",
                "Specify a recovery point retention of at most 15 days and an app-consistent snapshot frequency of at "
                "most 12 hours that is not longer than the retention.",
            )
        )


@effect("asr.policy_written")
def _written(world: World, job: Job) -> None:
    vault = world.store.get(job.vault)
    if vault is None:
        return
    if not vault.meta.get("asr_used"):
        vault.meta["asr_used"] = True
        world.store.save(vault)
    old = world.store.get(job.subject)
    meta = {**(old.meta if old else {}), "input": job.args["input"]}
    world.store.put({"id": job.subject, "properties": {}}, meta)


def replication_policies_get(call: Call) -> Reply:
    """Show the policy."""
    return Reply(200, show(call.world, require_or_never_used(call, object_id(call))))


def replication_policies_list(call: Call) -> Reply:
    """List the vault's policies."""
    vault = require_vault(call)
    return listing_of(call, names.POLICY, vault.id)


def replication_policies_delete(call: Call) -> Reply:
    """Delete the policy, refused while containers are mapped by it."""
    resource = require(call, object_id(call))
    mapped = call.world.store.list(names.MAPPING, names.vault_id(resource.id))
    if any(mapping.meta["policy"].lower() == resource.id.lower() for mapping in mapped):
        raise refusals.in_use(call, resource.name, "protection container mappings")
    seconds = durations.seconds(call.world, "policy_delete", resource.id)
    plan = Plan(
        scenario="DeleteProtectionProfile",
        friendly_name="Delete replication policy",
        subject=resource.id,
        target=target(resource.id, "ProtectionProfile"),
        tasks=(Task("DeleteProtectionProfileTask", "Delete replication policy", ((seconds, None),)),),
        on_success="asr.tree_removed",
        locks=(resource.id,),
    )
    return jobs.start(call, plan)
