"""What is wrong with a replicated item now, as its health errors say it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc7
from simulator.siterecovery import added_disks, names, recovery_points, replication_pace, states

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.store import Resource
    from simulator.world import World

    Point = tuple[str, datetime] | None

STALE_AFTER = timedelta(minutes=60)
ADDED_DISKS_ID = "6:8040"
FAILED = {states.ENABLING_FAILED, states.FAILOVER_FAILED, states.COMMITTED}


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
        "customerResolvability": fields.get("resolvability", "NotAllowed"),
    }


def _of_replication(item: Resource, created: datetime, **fields: str) -> dict[str, Any]:
    return _error(item, {"source": "ReplicationUnitProviderError", "category": "Replication", **fields}, created)


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
    return _of_replication(
        item,
        since,
        type="8020",
        level="Error",
        code="153007",
        message="No crash consistent recovery point available for the VM in the last 60 minutes.",
        causes="The virtual machine isn't running, its data change rate is too high, or its network is too slow.",
        action="Check that the virtual machine runs and reaches the cache storage account.",
    )


def _no_recent_snapshot(item: Resource, since: datetime, minutes: int) -> dict[str, Any]:
    return _of_replication(
        item,
        since,
        type="8021",
        level="Warning",
        code="153006",
        message=f"No app-consistent recovery point available for the VM in the last '{minutes}' minutes.",
        causes="The Volume Shadow Copy Service, or an application that takes part in its snapshots, fails.",
        action="Check the services VSS and COM+ System Application, and the VSS writers, inside the virtual machine.",
    )


def _too_much_churn(item: Resource, since: datetime, rate: float, limit: int) -> dict[str, Any]:
    # The documented event is "Data change rate beyond supported limits"; its number is an assumption.
    return _of_replication(
        item,
        since,
        type="8022",
        level="Warning",
        code="153016",
        message=f"Data change rate beyond supported limits: {rate:g} MB/s, of which {limit} MB/s are supported.",
        causes="The applications in the virtual machine write more than Site Recovery copies.",
        action="Exclude the disk that changes most, or replicate with high churn through premium block blob storage.",
    )


def _resync_wanted(item: Resource, since: datetime, disks: set[str]) -> dict[str, Any]:
    # That disks may need a resynchronisation is documented; the number is an assumption.
    return _of_replication(
        item,
        since,
        type="8023",
        level="Error",
        code="153021",
        message=f"Resynchronization is required for the disks: {', '.join(sorted(disks))}.",
        causes="Changes were lost, so that the copy differs from the source.",
        action="Resynchronize the virtual machine.",
    )


def _added_disks(item: Resource, luns: list[int]) -> dict[str, Any]:
    return _of_replication(
        item,
        datetime.fromisoformat(item.meta["protected_at"]),
        type=ADDED_DISKS_ID.partition(":")[2],
        level="Warning",
        code="153039",
        message=f"One or more disk(s) are available for protection. LUNs: {', '.join(map(str, luns))}.",
        causes="Disks were added to the virtual machine after its protection was enabled.",
        action="Enable replication for the disks, or dismiss this warning.",
        resolvability="Allowed",
    )


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


@dataclass(frozen=True)
class Health:
    """What is wrong with an item, and how bad that is."""

    errors: list[dict[str, Any]]
    replication: str
    """``Normal``, ``Warning``, or ``Critical`` where replication failed or stands still."""


def health_of(world: World, item: Resource, last: Point, source: Resource | None = None) -> Health:
    """The health of an item whose newest recovery point is *last*; *source* is its machine, where that is known."""
    state, found = item.meta["state"], []
    if item.meta.get("failure") and state in FAILED:
        found.append(_from_job(item, item.meta["failure"]))
    if state in {states.ENABLING_FAILED, states.FAILOVER_FAILED}:
        return Health(found, "Critical")
    if state != states.PROTECTED:
        return Health(found, "Normal")
    if not item.meta.get("last_test"):
        found.append(_no_test_failover(item))
    troubles = list(_replication_errors(world, item, last, source))
    levels = {error["errorLevel"] for error in troubles}
    return Health([*found, *troubles], "Critical" if "Error" in levels else "Warning" if levels else "Normal")


def _replication_errors(world: World, item: Resource, last: Point, source: Resource | None) -> Iterator[dict[str, Any]]:
    stale = _stale_since(world.now, last)
    if stale is not None:
        yield _no_recent_point(item, stale)
    stalled = replication_pace.stall_of(item)
    since = datetime.fromisoformat(stalled["since"]) if stalled else world.now
    if stalled.get("reason") == "churn":
        rate, limit = replication_pace.churn(world, item), replication_pace.churn_limit(world, item)
        yield _too_much_churn(item, since, rate, limit)
    if stalled.get("reason") == "resync" and not item.meta.get("resynchronising"):
        yield _resync_wanted(item, since, replication_pace.disks_to_resync(world, item))
    snapshots = item.meta.get("snapshots")
    if snapshots:
        minutes = 2 * recovery_points.snapshots_every_minutes(world, item)
        late = datetime.fromisoformat(snapshots["since"]) + timedelta(minutes=minutes)
        if minutes and world.now >= late:
            yield _no_recent_snapshot(item, late, minutes)
    added = added_disks.added_luns(world, item, source)
    if added:
        yield _added_disks(item, added)


def _stale_since(now: datetime, last: Point) -> datetime | None:
    return None if last is None or now - last[1] < STALE_AFTER else last[1] + STALE_AFTER


def failover_health(item: Resource) -> str:
    """``Warning`` from protection until a test failover was cleaned up."""
    warned = item.meta["state"] == states.PROTECTED and not item.meta.get("last_test")
    return "Warning" if warned else "Normal"


def is_critical(world: World, item: Resource) -> bool:
    """Whether the item does not replicate as it should."""
    return health_of(world, item, recovery_points.newest(world, item)).replication == "Critical"


def is_warned(world: World, item: Resource) -> bool:
    """Whether the item replicates, but not without trouble."""
    return health_of(world, item, recovery_points.newest(world, item)).replication == "Warning"
