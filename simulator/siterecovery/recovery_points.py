"""Recovery points: one every five minutes while replication runs, and one more when a failover synchronises.

They are computed from the times that an item keeps, so that a thousand replicating machines cost nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc7
from simulator.compute import machines
from simulator.provider import Reply
from simulator.siterecovery import names, refusals
from simulator.siterecovery.calls import listing, object_id, require
from simulator.siterecovery.durations import fraction

if TYPE_CHECKING:
    from simulator.provider import Call
    from simulator.store import Resource
    from simulator.world import World

EVERY = timedelta(minutes=5)
ALL_KEPT_FOR = timedelta(hours=2)
DEFAULT_HISTORY_MINUTES = 24 * 60
TYPE = f"{names.ITEM}/recoveryPoints"


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def last_moment(world: World, item: Resource) -> datetime:
    """Until when the item's machine delivered data: now, the failover, or when the machine stopped."""
    ends = [world.now]
    if item.meta.get("frozen_at"):
        ends.append(datetime.fromisoformat(item.meta["frozen_at"]))
    source = world.store.glance(item.meta["vm"])
    if source is not None and source.meta.get("power_state", machines.RUNNING) != machines.RUNNING:
        stopped = _time(source.meta.get("stopped_since"))
        if stopped is not None:
            ends.append(stopped)
    return min(ends)


def points(world: World, item: Resource) -> list[tuple[str, datetime]]:
    """The item's recovery points as name and time, oldest first (none once a failover is committed)."""
    first = _time(item.meta.get("first_point_at"))
    if first is None or item.meta.get("points_gone"):
        return []
    end, oldest = last_moment(world, item), world.now - timedelta(minutes=_history_minutes(world, item))
    found = []
    index = max(0, (oldest - first) // EVERY)
    while first + index * EVERY <= end:
        moment = first + index * EVERY
        if moment >= oldest and (world.now - moment <= ALL_KEPT_FOR or index % 12 == 0):
            found.append((_name(item, index), moment))
        index += 1
    found += [(point["name"], datetime.fromisoformat(point["time"])) for point in item.meta.get("extra_points") or []]
    return sorted(found, key=lambda point: point[1])


def _history_minutes(world: World, item: Resource) -> int:
    policy = world.store.get(item.meta["policy"])
    given = (policy.meta["input"].get("recoveryPointHistory") if policy else 0) or DEFAULT_HISTORY_MINUTES
    return int(given)


def newest(world: World, item: Resource, until: datetime | None = None) -> tuple[str, datetime] | None:
    """The newest recovery point, or None; *until* is :func:`last_moment` where it is known already."""
    first = _time(item.meta.get("first_point_at"))
    if first is None or item.meta.get("points_gone"):
        return None
    found = [(point["name"], datetime.fromisoformat(point["time"])) for point in item.meta.get("extra_points") or []]
    index = ((until or last_moment(world, item)) - first) // EVERY
    if index >= 0:
        found.append((_name(item, index), first + index * EVERY))
    return max(found, key=lambda point: point[1], default=None)


def _name(item: Resource, index: int) -> str:
    return names.stable_uuid(str(item.meta["lifecycle"]), str(item.meta["management"]), str(index))


def find(world: World, item: Resource, point_id: str) -> tuple[str, datetime] | None:
    """The recovery point that an id or name means, or None."""
    name = names.last(point_id).lower()
    return next((point for point in points(world, item) if point[0] == name), None)


def point_id(item: Resource, name: str) -> str:
    """The ARM id of a recovery point."""
    return f"{item.id}/recoveryPoints/{name}"


def add_now(world: World, item: Resource) -> None:
    """Take one more recovery point now (*item* is not saved)."""
    extra = item.meta.setdefault("extra_points", [])
    extra.append({"name": names.new_uuid(), "time": world.now.isoformat()})


def rpo(world: World, item: Resource, last: tuple[str, datetime] | None) -> tuple[int, datetime] | None:
    """The recovery point objective in seconds for the *last* point, and when it was calculated."""
    if last is None:
        return None
    calculated = max(last[1], world.now - timedelta(seconds=30 + 120 * fraction(world, "rpo", item.id)))
    return int((calculated - last[1]).total_seconds()) + 30 + int(90 * fraction(world, "lag", item.id)), calculated


def _show(item: Resource, name: str, moment: datetime) -> dict[str, Any]:
    details = {
        "instanceType": "A2A",
        "recoveryPointSyncType": "PerVmRecoveryPoint",
        "disks": [disk["id"].lower() for disk in item.meta["disks"]],
    }
    properties = {
        "recoveryPointTime": rfc7(moment),
        "recoveryPointType": "CrashConsistent",
        "providerSpecificDetails": details,
    }
    return {"id": point_id(item, name), "name": name, "type": TYPE, "properties": properties}


def recovery_points_list_by_replication_protected_items(call: Call) -> Reply:
    """List the recovery points, in no order of time."""
    item = require(call, object_id(call, action=True))
    shown = [_show(item, name, moment) for name, moment in sorted(points(call.world, item))]
    return listing(call, shown)


def recovery_points_get(call: Call) -> Reply:
    """Show one recovery point."""
    item = require(call, names.parent(object_id(call)))
    found = find(call.world, item, call.params["point"])
    if found is None:
        raise refusals.missing(call, call.params["point"])
    return Reply(200, _show(item, *found))
