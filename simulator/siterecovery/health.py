"""Health of replicated items."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc7
from simulator.siterecovery import names, recovery_points, states

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

STALE_AFTER = timedelta(minutes=60)


def _error(item: Resource, fields: dict[str, str], created: datetime) -> dict[str, Any]:
    return {
        "innerHealthErrors": [],
        "errorSource": fields["source"],
        "errorType": fields["type"],
        "errorLevel": fields["level"],
        "errorCategory": fields["category"],
        "errorCode": fields["code"],
        "summaryMessage": "",
        "errorMessage": fields["message"],
        "possibleCauses": fields["causes"],
        "recommendedAction": fields["action"],
        "creationTimeUtc": rfc7(created),
        "recoveryProviderErrorMessage": None,
        "entityId": names.stable_uuid(item.meta["vm"]),
        "errorId": f"6:{fields['type']}",
        "customerResolvability": "NotAllowed",
    }


def _no_test_failover(item: Resource) -> dict[str, Any]:
    vm = names.last(item.meta["vm"])
    fields = {
        "source": "ReplicationUnitFailoverValidatorError",
        "type": "8010",
        "level": "Warning",
        "category": "TestFailover",
        "code": "161011",
        "message": f"No successful test failover has been done on the virtual machine '{vm}'.",
        "causes": "No successful test failover has been done on the virtual machine after it was replicated.",
        "action": "Do a test failover on the virtual machine.",
    }
    return _error(item, fields, datetime.fromisoformat(item.meta["protected_at"]))


def _no_recent_point(item: Resource, since: datetime) -> dict[str, Any]:
    fields = {
        "source": "ReplicationUnitProviderError",
        "type": "8020",
        "level": "Error",
        "category": "Replication",
        "code": "153007",
        "message": "No crash consistent recovery point available for the VM in the last 60 minutes.",
        "causes": "The virtual machine isn't running, its data change rate is too high, or its network is too slow.",
        "action": "Check that the virtual machine runs and reaches the cache storage account.",
    }
    return _error(item, fields, since)


def _from_job(item: Resource, failure: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "source": "ReplicationUnitProviderError",
        "type": "8030",
        "level": "Error",
        "category": "Replication" if item.meta["state"] != states.FAILOVER_FAILED else "Failover",
        "code": failure["code"],
        "message": failure["message"],
        "causes": failure["causes"],
        "action": failure["action"],
    }
    return _error(item, fields, datetime.fromisoformat(failure["time"]))


Point = tuple[str, datetime] | None


def errors(item: Resource, now: datetime, last: Point) -> list[dict[str, Any]]:
    """The health errors of an item whose newest recovery point is *last*."""
    meta, found = item.meta, []
    if meta.get("failure") and meta["state"] in {states.ENABLING_FAILED, states.FAILOVER_FAILED}:
        found.append(_from_job(item, meta["failure"]))
    if meta["state"] == states.PROTECTED:
        if not meta.get("last_test"):
            found.append(_no_test_failover(item))
        stale = _stale_since(now, last)
        if stale is not None:
            found.append(_no_recent_point(item, stale))
    return found


def _stale_since(now: datetime, last: Point) -> datetime | None:
    return None if last is None or now - last[1] < STALE_AFTER else last[1] + STALE_AFTER


def replication_health(item: Resource, now: datetime, last: Point) -> str:
    """``Normal``, or ``Critical`` where replication failed or stands still."""
    failed = item.meta["state"] in {states.ENABLING_FAILED, states.FAILOVER_FAILED}
    stale = item.meta["state"] == states.PROTECTED and _stale_since(now, last) is not None
    return "Critical" if failed or stale else "Normal"


def is_healthy(world: World, item: Resource) -> bool:
    """Whether the item replicates as it should."""
    return replication_health(item, world.now, recovery_points.newest(world, item)) == "Normal"


def failover_health(item: Resource) -> str:
    """``Warning`` from protection until a test failover was cleaned up."""
    warned = item.meta["state"] == states.PROTECTED and not item.meta.get("last_test")
    return "Warning" if warned else "Normal"
