"""The health of a vault: how many of its items are in which trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.provider import Reply
from simulator.siterecovery import durations, health, jobs, names, states
from simulator.siterecovery.calls import require_vault
from simulator.siterecovery.job_model import Plan, Task
from simulator.siterecovery.views import result

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.siterecovery.job_model import Job
    from simulator.store import Resource
    from simulator.world import World

COLLECTION = "replicationVaultHealth"


@result(COLLECTION)
def _after_refresh(world: World, job: Job) -> dict[str, Any]:
    return vault_health(world, job.vault)


def vault_health(world: World, vault: str) -> dict[str, Any]:
    """The vault's health, its items counted by their troubles."""
    items = world.store.list(names.ITEM, vault)
    critical = [item for item in items if health.is_critical(world, item)]
    warned = sum(health.is_warned(world, item) for item in items)
    issue = {
        "summaryCode": "10008",
        "category": "Replication",
        "severity": "Error",
        "summaryMessage": "Replication isn't healthy",
        "affectedResourceType": "replicationProtectedItems",
        "affectedResourceSubtype": "",
        "affectedResourceCorrelationIds": [item.meta["correlation"] for item in critical],
    }
    return {
        "name": "Default",
        "type": f"{names.VAULT}/{COLLECTION}",
        "id": f"{names.vault_id(vault)}/{COLLECTION}/Default",
        "properties": {
            "vaultErrors": [],
            "protectedItemsHealth": {
                "resourceCount": len(items),
                "issues": [issue] if critical else [],
                "categorizedResourceCounts": _counts(items, len(critical), warned),
            },
            "fabricsHealth": _sound(world.store.count(names.FABRIC, vault)),
            "containersHealth": _sound(world.store.count(names.CONTAINER, vault)),
        },
    }


def _sound(count: int) -> dict[str, Any]:
    return {"resourceCount": count, "issues": [], "categorizedResourceCounts": None}


def _counts(items: list[Resource], critical: int, warned: int) -> dict[str, int]:
    protected = [item for item in items if item.meta["state"] == states.PROTECTED]
    untested = sum(health.failover_health(item) == "Warning" for item in items)
    tests = [states.test_state(item) for item in items]
    return {
        "testFailoverApplicableProtectedItemsCount": len(protected),
        "testFailoverInProgressProtectedItemsCount": tests.count("TestFailoverInProgress"),
        "testFailoverWaitingProtectedItemsCount": tests.count("WaitingForCompletion"),
        "protectedItemsCriticalCount": critical,
        "protectedItemsWarningCount": warned,
        "protectedItemsNeutralCount": len(items) - len(protected),
        "protectedItemsTestFailoverCriticalCount": 0,
        "protectedItemsTestFailoverWarningCount": untested,
        "protectedItemsConfigurationCriticalCount": 0,
        "protectedItemsConfigurationWarningCount": 0,
        "protectedItemsFailoverHealthCriticalCount": 0,
        "protectedItemsFailoverHealthWarningCount": untested,
    }


def replication_vault_health_get(call: Call) -> Reply:
    """Show the vault's health."""
    return Reply(200, vault_health(call.world, require_vault(call).id))


def replication_vault_health_refresh(call: Call) -> Reply:
    """Gather the vault's health anew."""
    vault = names.vault_id(require_vault(call).id)
    seconds = durations.seconds(call.world, "small", vault)
    plan = Plan(
        scenario="RefreshVaultHealth",
        friendly_name="Refresh vault health",
        subject=f"{vault}/{COLLECTION}",
        target=(str(names.number(vault)), "", "Vault"),
        tasks=(Task("RefreshFailoverHealthTask", "Refreshing failover health", ((seconds, None),)),),
    )
    return jobs.start(call, plan)
