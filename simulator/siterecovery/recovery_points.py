"""Recovery points: one every five minutes while replication runs, and one more when a failover synchronises.

They are computed from the times that an item keeps, so that a thousand replicating machines cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc7
from simulator.compute import machines
from simulator.provider import Reply
from simulator.siterecovery import names, refusals, replication_pace
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


def last_moment(world: World, item: Resource, source: Resource | None = None) -> datetime:
    """Until when data arrived: now, the failover, when the machine stopped, or when replication came to a stand.

    *source* is the machine, where the caller has read it already; so too below.
    """
    ends = [world.now]
    stalled = replication_pace.stall_of(item)
    ends += [datetime.fromisoformat(text) for text in (item.meta.get("frozen_at"), stalled.get("since")) if text]
    source = source or world.store.glance(item.meta["vm"])
    if source is not None and source.meta.get("power_state", machines.RUNNING) != machines.RUNNING:
        stopped = _time(source.meta.get("stopped_since"))
        if stopped is not None:
            ends.append(stopped)
    return min(ends)


@dataclass(frozen=True)
class Point:
    """A recovery point."""

    name: str
    time: datetime
    app_consistent: bool = False

    @property
    def kind(self) -> str:
        """``recoveryPointType``."""
        return "AppConsistent" if self.app_consistent else "CrashConsistent"


class _Grid:
    """The regular points of an item: one every five minutes, without those that fell into a gap."""

    def __init__(self, world: World, item: Resource, source: Resource | None = None) -> None:
        self.first = _first(item)
        source = source or world.store.glance(item.meta["vm"])
        pauses = (source.meta.get("pauses") if source else None) or []
        self._gaps = [_span(gap) for gap in [*replication_pace.gaps(item, "stalled"), *pauses]]
        self._unsafe = [_span(gap) for gap in replication_pace.gaps(item, "snapshots")]
        if item.meta.get("snapshots"):
            self._unsafe.append((datetime.fromisoformat(item.meta["snapshots"]["since"]), world.now))
        self._world, self._item = world, item

    @cached_property
    def _snapshots_every(self) -> timedelta:
        return timedelta(minutes=snapshots_every_minutes(self._world, self._item))

    def taken(self, index: int) -> bool:
        """Whether the point of that number was taken."""
        moment = self.first + index * EVERY
        return not any(start < moment < end for start, end in self._gaps)

    def point(self, index: int) -> Point | None:
        """The point of that number, or None where none was taken then."""
        if not self.taken(index):
            return None
        moment = self.first + index * EVERY
        return Point(_name(self._item, index), moment, self._is_app_consistent(index, moment))

    def _is_app_consistent(self, index: int, moment: datetime) -> bool:
        every = self._snapshots_every
        if not every or index == 0 or (index * EVERY) % every:
            return False
        return not any(start <= moment <= end for start, end in self._unsafe)


def _span(gap: list[str]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(gap[0]), datetime.fromisoformat(gap[1])


def _first(item: Resource) -> datetime:
    """The time of the first point; in a consistency group on the same five minutes for all its machines."""
    first = datetime.fromisoformat(item.meta["first_point_at"])
    if not item.meta.get("multi_vm_group_name"):
        return first
    past = timedelta(minutes=first.minute % 5, seconds=first.second, microseconds=first.microsecond)
    return first - past


def _has_points(item: Resource) -> bool:
    return bool(item.meta.get("first_point_at")) and not item.meta.get("points_gone")


def _extra(item: Resource) -> list[Point]:
    return [Point(it["name"], datetime.fromisoformat(it["time"])) for it in item.meta.get("extra_points") or []]


def all_points(world: World, item: Resource) -> list[Point]:
    """The item's recovery points, oldest first (none once a failover is committed)."""
    if not _has_points(item):
        return []
    grid, end = _Grid(world, item), last_moment(world, item)
    oldest = world.now - timedelta(minutes=_history_minutes(world, item))
    found = []
    index = max(0, (oldest - grid.first) // EVERY)
    while grid.first + index * EVERY <= end:
        moment = grid.first + index * EVERY
        kept = moment >= oldest and (world.now - moment <= ALL_KEPT_FOR or index % 12 == 0)
        point = grid.point(index) if kept else None
        if point is not None:
            found.append(point)
        index += 1
    return sorted([*found, *_extra(item)], key=lambda point: point.time)


def points(world: World, item: Resource) -> list[tuple[str, datetime]]:
    """The item's recovery points as name and time, oldest first."""
    return [(point.name, point.time) for point in all_points(world, item)]


def _history_minutes(world: World, item: Resource) -> int:
    policy = world.store.get(item.meta["policy"])
    given = (policy.meta["input"].get("recoveryPointHistory") if policy else 0) or DEFAULT_HISTORY_MINUTES
    return int(given)


def newest(
    world: World, item: Resource, until: datetime | None = None, source: Resource | None = None
) -> tuple[str, datetime] | None:
    """The newest recovery point, or None; *until* is :func:`last_moment`, where the caller knows it."""
    if not _has_points(item):
        return None
    grid = _Grid(world, item, source)
    found = [(point.name, point.time) for point in _extra(item)]
    index = ((until or last_moment(world, item, source)) - grid.first) // EVERY
    while index >= 0 and not grid.taken(index):
        index -= 1
    if index >= 0:
        found.append((_name(item, index), grid.first + index * EVERY))
    return max(found, key=lambda point: point[1], default=None)


def newest_app_consistent(world: World, item: Resource) -> tuple[str, datetime] | None:
    """The newest application-consistent point, or None."""
    found = [point for point in all_points(world, item) if point.app_consistent]
    return (found[-1].name, found[-1].time) if found else None


def snapshots_every_minutes(world: World, item: Resource) -> int:
    """How often the policy wants application-consistent points; 0: never."""
    policy = world.store.get(item.meta["policy"])
    return int((policy.meta["input"] if policy else {}).get("appConsistentFrequencyInMinutes") or 0)


def _name(item: Resource, index: int) -> str:
    return names.stable_uuid(str(item.meta["lifecycle"]), str(item.meta["management"]), str(index))


def find(world: World, item: Resource, point_id: str) -> tuple[str, datetime] | None:
    """The recovery point that an id or name means, or None."""
    found = _find(world, item, point_id)
    return None if found is None else (found.name, found.time)


def _find(world: World, item: Resource, point_id: str) -> Point | None:
    name = names.last(point_id).lower()
    return next((point for point in all_points(world, item) if point.name == name), None)


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


def _show(item: Resource, point: Point) -> dict[str, Any]:
    grouped = bool(item.meta.get("multi_vm_group_name"))
    details = {
        "instanceType": "A2A",
        "recoveryPointSyncType": "MultiVmSyncRecoveryPoint" if grouped else "PerVmRecoveryPoint",
        "disks": [disk["id"].lower() for disk in item.meta["disks"]],
    }
    properties = {
        "recoveryPointTime": rfc7(point.time),
        "recoveryPointType": point.kind,
        "providerSpecificDetails": details,
    }
    return {"id": point_id(item, point.name), "name": point.name, "type": TYPE, "properties": properties}


def recovery_points_list_by_replication_protected_items(call: Call) -> Reply:
    """List the recovery points, in no order of time."""
    item = require(call, object_id(call, action=True))
    found = sorted(all_points(call.world, item), key=lambda point: point.name)
    return listing(call, [_show(item, point) for point in found])


def recovery_points_get(call: Call) -> Reply:
    """Show one recovery point."""
    item = require(call, names.parent(object_id(call)))
    found = _find(call.world, item, call.params["point"])
    if found is None:
        raise refusals.missing(call, call.params["point"])
    return Reply(200, _show(item, found))
