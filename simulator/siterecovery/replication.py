"""Initial replication: a ladder of states over virtual time, with progress as coarse as Azure's.

The percentage plateaus, jumps, and freezes below 100 when the item becomes protected.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc7, to_micros
from simulator.compute import machines
from simulator.schedule import event_handler
from simulator.siterecovery import added_disks, durations, estate, jobs, names, nics, replication_pace, states
from simulator.siterecovery.durations import fraction
from simulator.siterecovery.fabrics import target
from simulator.siterecovery.job_model import Plan, Task

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

LADDERS = (
    ((0.3, 0),),
    ((0.08, 0), (0.5, 9)),
    ((0.08, 0), (0.18, 4), (0.28, 32), (0.56, 33), (0.68, 43)),
)
"""Share of the time and percentage shown from then on, as three recordings have it."""

PENDING_BEFORE_END_SECONDS = 360.0
HEARTBEAT = timedelta(seconds=270)
RETRY_SECONDS = 300.0
MINUTE_MICROS = 60_000_000


def begin(world: World, item: Resource) -> None:
    """Start the initial replication of *item*, which is saved."""
    seconds = _planned_seconds(world, item)
    item.meta |= {
        "state": states.INITIAL_REPLICATION,
        "replicating_since": world.now.isoformat(),
        "replication_seconds": seconds,
        "completion_pending_at": (world.now + timedelta(seconds=_pending_after(seconds))).isoformat(),
    }
    world.store.save(item)
    world.schedule.after(seconds, "asr.replicated", {"item": item.id, "round": item.meta["correlation"]})


def _planned_seconds(world: World, item: Resource) -> float:
    minutes = machines.behaviour(world, item.meta["vm"]).get("initial_replication_minutes")
    if minutes is not None:
        return max(1.0, float(minutes) * 60)
    return durations.seconds(world, "initial_replication", item.meta["vm"])


def _pending_after(seconds: float) -> float:
    return max(seconds - PENDING_BEFORE_END_SECONDS, 0.7 * seconds)


@event_handler("asr.replicated")
def _replicated(world: World, payload: dict[str, Any]) -> None:
    item = world.store.get(payload["item"])
    if item is None or item.meta["correlation"] != payload["round"]:
        return
    if item.meta["state"] != states.INITIAL_REPLICATION:
        return
    if not estate.is_running(world, item.meta["vm"]) or replication_pace.standing_still(world, item):
        world.schedule.after(RETRY_SECONDS, "asr.replicated", payload)
        return
    _protect(world, item)


def _protect(world: World, item: Resource) -> None:
    source = world.store.require(item.meta["vm"])
    item.meta |= {
        "state": states.PROTECTED,
        "protected_at": world.now.isoformat(),
        "first_point_at": world.now.isoformat(),
        "nics": nics.build(world, item),
        "tags": dict(source.doc.get("tags") or {}),
    }
    for disk in item.meta["disks"]:
        if disk.get("original_target"):
            disk["original_target"] = ""
    world.store.save(item)
    replication_pace.refresh(world, item)
    added_disks.watch(world, item)
    finalise = Task("PrimaryIrCompletionTask", "Finalizing protection on the primary virtual machine", ((1.0, None),))
    plan = Plan(
        scenario="PrimaryIrCompletion",
        friendly_name="Finalize protection on the primary virtual machine",
        subject=item.id,
        target=(target(item.meta["vm"])[0], names.last(item.meta["vm"]), "ProtectionEntity"),
        tasks=(finalise,),
    )
    jobs.launch(world, plan)


def _elapsed_share(world: World, item: Resource) -> float | None:
    since = item.meta.get("replicating_since")
    if since is None:
        return None
    if states.was_protected(item):
        return 1.0
    elapsed = (world.now - datetime.fromisoformat(since)).total_seconds()
    return float(min(1.0, elapsed / item.meta["replication_seconds"]))


def progress(world: World, item: Resource) -> tuple[int | None, str | None]:
    """The machine's percentage and the kind of job that it is about."""
    share = _elapsed_share(world, item)
    if share is None:
        return None, None
    ladder = LADDERS[int(fraction(world, "plateaus", item.meta["vm"]) * len(LADDERS))]
    reached = [percent for start, percent in ladder if share >= start]
    return (reached[-1], "InitialReplication") if reached else (None, None)


def disk_progress(world: World, item: Resource, disk: dict[str, Any]) -> tuple[str, int | None, str | None, float]:
    """A disk's state, percentage, kind of job, and megabytes waiting in the agent."""
    resync = _resync_percent(world, item, disk)
    if resync is not None:
        return "Protected", resync, "Resync", 0.0
    if states.was_protected(item):
        return "Protected", None, None, _pending_megabytes(world, item, disk)
    percent, kind = progress(world, item)
    if kind is None:
        return "InitialReplicationPending", None, None, 0.0
    return "InitialReplicationPending", percent or None, kind, _pending_megabytes(world, item, disk)


def _resync_percent(world: World, item: Resource, disk: dict[str, Any]) -> int | None:
    """How much of a resynchronised disk has been compared, in steps of ten."""
    resync = item.meta.get("resynchronising") or {}
    if disk["name"].lower() not in resync.get("disks", ()):
        return None
    begun, ends = (datetime.fromisoformat(resync[key]) for key in ("since", "until"))
    return int(10 * ((world.now - begun) / (ends - begun))) * 10


def _pending_megabytes(world: World, item: Resource, disk: dict[str, Any]) -> float:
    """A few megabytes that change every minute, in 256ths as the agent counts them; more where it cannot keep up."""
    if item.meta["state"] not in {states.INITIAL_REPLICATION, states.PROTECTED}:
        return 0.0
    stalled = replication_pace.stall_of(item)
    if stalled.get("reason") == "churn":
        return round(replication_pace.pending_megabytes(world, item, stalled["since"]) / len(item.meta["disks"]), 2)
    minute = str(to_micros(world.now) // MINUTE_MICROS)
    return 1 / 256 + int(fraction(world, "pending", disk["id"], minute) * 1024) / 256


def last_heartbeat(item: Resource, until: datetime) -> str | None:
    """When the agent last reported before *until*; it does so every four and a half minutes."""
    enabled = item.meta.get("enabled_at")
    if enabled is None:
        return None
    since = datetime.fromisoformat(enabled)
    beats = max(0, (until - since) // HEARTBEAT)
    return rfc7(since + beats * HEARTBEAT)
