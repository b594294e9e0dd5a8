"""What makes replication stand still: more changes than Site Recovery copies, a resynchronisation, no way to the cache.

The seed's behaviour of a machine says so, and may change while it replicates::

    behaviour:
      "/subscriptions/.../virtualMachines/web01":
        churn_mb_per_second: 80         # of all its disks; 54 are copied, 100 with premium block blob cache accounts
        resync_required: true           # until the replication is repaired; or a list of disk names
        app_consistent: fails           # no application-consistent snapshots (also: services {VSS: disabled})

Whoever loads a seed calls :func:`refresh_all`, which notes since when: points are computed from these times.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulator.compute import machines
from simulator.compute.guest import guest_of
from simulator.siterecovery import names, states, support

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

NORMAL_MB_PER_SECOND = 54
HIGH_MB_PER_SECOND = 100
KEPT_GAPS = 20
BEARING = {"churn_mb_per_second", "resync_required", "app_consistent", "services", "outbound", "dns", "proxy"}
"""What of a machine's behaviour bears on its replication."""


def churn(world: World, item: Resource) -> float:
    """How many megabytes a second the machine changes."""
    return float(machines.behaviour(world, item.meta["vm"]).get("churn_mb_per_second") or 0)


def churn_limit(world: World, item: Resource) -> int:
    """How many of them are copied: more where every cache account is one of premium block blobs."""
    accounts = [world.store.get(id_) for id_ in {disk["cache"] for disk in item.meta["disks"]} if id_]
    high = accounts and all(account is not None and _is_premium(account) for account in accounts)
    return HIGH_MB_PER_SECOND if high else NORMAL_MB_PER_SECOND


def _is_premium(account: Resource) -> bool:
    sku = str((account.doc.get("sku") or {}).get("name", ""))
    return account.doc.get("kind") == "BlockBlobStorage" and sku.startswith("Premium")


def disks_to_resync(world: World, item: Resource) -> set[str]:
    """The names, in lower case, of the disks whose copy has to be compared with the source anew."""
    seeded = machines.behaviour(world, item.meta["vm"]).get("resync_required")
    if isinstance(seeded, list):
        return {str(name).lower() for name in seeded}
    return {str(disk["name"]).lower() for disk in item.meta["disks"]} if seeded else set()


def standing_still(world: World, item: Resource) -> str | None:
    """Why no recovery points come now, though the machine runs: `churn`, `resync`, `cache`, or None."""
    if not world.store.exists(item.meta["vm"]):
        return None
    if churn(world, item) > churn_limit(world, item):
        return "churn"
    if item.meta.get("resynchronising") or disks_to_resync(world, item):
        return "resync"
    guest = guest_of(world, item.meta["vm"])
    hosts = [f"{names.last(disk['cache'])}.blob.core.windows.net" for disk in item.meta["disks"] if disk["cache"]]
    return "cache" if any(guest.reaches(host) != "ok" for host in hosts) else None


def _snapshots_fail(world: World, item: Resource) -> bool:
    if not world.store.exists(item.meta["vm"]):
        return False
    if machines.behaviour(world, item.meta["vm"]).get("app_consistent") == "fails":
        return True
    guest = guest_of(world, item.meta["vm"])
    bad = any(guest.service(name) in {"disabled", "failed", "stopped"} for name in support.SNAPSHOT_SERVICES)
    return guest.os_type == "Windows" and bad


def refresh_all(world: World) -> None:
    """Look at every replicated machine anew, since a seed may have changed how it behaves."""
    for item in world.store.list(names.ITEM):
        if item.meta["state"] == states.PROTECTED and _may_change(world, item):
            refresh(world, item)


def _may_change(world: World, item: Resource) -> bool:
    """Whether looking closer is worth while; most machines of a large estate behave."""
    noted = item.meta.get("stalled") or item.meta.get("snapshots") or item.meta.get("reversed")
    return bool(noted) or not BEARING.isdisjoint(world.behaviour(item.meta["vm"]))


def refresh(world: World, item: Resource) -> None:
    """Note since when replication stands still or snapshots fail, or that they no longer do; saves *item*."""
    changed = _note(world, item, "stalled", standing_still(world, item))
    changed |= _note(world, item, "snapshots", "fail" if _snapshots_fail(world, item) else None)
    if changed:
        world.store.save(item)


def _note(world: World, item: Resource, key: str, reason: str | None) -> bool:
    """Keep under *key* since when something is so, and under ``key_gaps`` when it was."""
    kept: dict[str, str] = item.meta.get(key) or {}
    now = world.now.isoformat()
    if reason == kept.get("reason"):
        return False
    if reason is not None:
        item.meta[key] = {"since": now, **kept, "reason": reason}
    else:
        item.meta[f"{key}_gaps"] = [*gaps(item, key), [kept["since"], now]][-KEPT_GAPS:]
        del item.meta[key]
    return True


def gaps(item: Resource, key: str) -> list[list[str]]:
    """The past times in which replication stood still (`stalled`) or snapshots failed (`snapshots`)."""
    return list(item.meta.get(f"{key}_gaps") or [])


def pending_megabytes(world: World, item: Resource, since: str) -> float:
    """What waits in the agent because it changes faster than it is copied."""
    excess = churn(world, item) - churn_limit(world, item)
    return max(0.0, excess * (world.now - datetime.fromisoformat(since)).total_seconds())


def stall_of(item: Resource) -> dict[str, Any]:
    """Since when replication stands still, and why; empty where it does not."""
    return dict(item.meta.get("stalled") or {})
