"""Figures of one run, from what the simulated Azure has noted: critical path, bound, waits and requests."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from math import ceil
from typing import Any

from benchmarks.cloudlog import BOOT, CHAIN, COPY, CloudLog, Operation
from migration.placement import DISKS_OF_SUBSCRIPTION

ARM_BUCKETS = {"reads": (250.0, 25.0), "writes": (200.0, 10.0), "deletes": (200.0, 10.0)}
"""What a full bucket holds, and what flows into it a second."""
DETECTION_SHARE, DETECTION_SECONDS = 0.02, 5.0


def critical_path(log: CloudLog) -> float:
    """Return the time of the operations of the machine that takes longest: each needs the one before."""
    chains = (sum(one.seconds for one in chain if one.kind in CHAIN) for chain in log.by_vm.values() if is_whole(chain))
    return max(chains, default=0.0)


def is_whole(chain: list[Operation]) -> bool:
    """Tell whether a machine went all the way."""
    return {one.kind for one in chain if one.succeeded} >= set(CHAIN)


def bounds(log: CloudLog, disks: int) -> dict[str, float]:
    """Return what no program could be faster than, by what bounds it, in seconds of Azure's clock.

    ARM's buckets are full at the start: what they hold costs no time.
    """
    path = critical_path(log)
    used = Counter(line.bucket for line in log.requests if line.is_arm and line.status != 429)
    throttled = {kind: max(0.0, used[kind] - size) / rate for kind, (size, rate) in ARM_BUCKETS.items()}
    return {"critical path": path, **throttled, "disks": path * ceil(disks / DISKS_OF_SUBSCRIPTION)}


def requests(log: CloudLog, machines: int) -> dict[str, Any]:
    """Return how many requests there were, of each machine and by kind, and how many Azure did not take."""
    lines = [line for line in log.requests if line.is_arm]
    accepted = [line for line in lines if line.accepted]
    twice = Counter((line.method, line.path.lower()) for line in accepted)
    kinds = Counter(_kind(line.path) for line in lines if line.bucket == "reads")
    return {
        "all": len(lines),
        "429": sum(line.status == 429 for line in lines),
        "share_of_429": sum(line.status == 429 for line in lines) / max(1, len(lines)),
        "reads_per_vm": sum(line.bucket == "reads" and line.status != 429 for line in lines) / machines,
        "writes_per_vm": len(accepted) / machines,
        "repeated_writes": sum(count - 1 for count in twice.values()),
        "reads_by_kind_per_vm": {kind: count / machines for kind, count in kinds.most_common()},
    }


def detection(log: CloudLog) -> dict[str, float]:
    """Return how late the ends of operations were seen, by Azure's clock, and how many of them in time.

    Boots are none: a copy is looked at as a machine that boots, not as an operation of Site Recovery.

    In time is within 2 % of the operation's own time, or 5 seconds where that is longer.
    """
    late: list[float] = []
    shares: list[float] = []
    for operation in log.operations:
        if operation.succeeded and operation.kind != BOOT and (delay := log.seen_after(operation)) is not None:
            late.append(delay)
            shares.append(delay / max(DETECTION_SECONDS, DETECTION_SHARE * operation.seconds))
    return {
        "median_seconds": median(late),
        "p95_seconds": percentile(late, 95),
        "p95_of_allowed": percentile(shares, 95),
        "in_time": sum(share <= 1 for share in shares) / max(1, len(shares)),
    }


def steps(log: CloudLog) -> list[float]:
    """Return the time from each operation's end to the next call that Azure accepted, in seconds of the wall.

    The step before the commit is left out: a person takes part in it.
    """
    found: list[float] = []
    for chain in log.by_vm.values():
        for before, after in itertools.pairwise(chain):
            if after.kind not in {COPY, BOOT, "commit"} and before.succeeded:
                found.append(max(0.0, after.began - before.ended) / log.speed)
    return found


def chain_of_slowest(log: CloudLog) -> list[dict[str, Any]]:
    """Return the operations of the machine whose path is the critical one, from the run's first request."""
    whole = [chain for chain in log.by_vm.values() if is_whole(chain)]
    if not whole:
        return []
    longest = max(whole, key=lambda chain: sum(one.seconds for one in chain))
    since = min(line.virtual for line in log.requests)
    return [
        {"vm": one.vm, "kind": one.kind, "from": one.began - since, "until": one.ended - since}
        for one in longest
        if one.kind in CHAIN
    ]


def median(numbers: list[float]) -> float:
    """Return the median; 0 of none."""
    return statistics.median(numbers) if numbers else 0.0


def percentile(numbers: list[float], percent: int) -> float:
    """Return the smallest number that *percent* in a hundred do not exceed; 0 of none."""
    ordered = sorted(numbers)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def _kind(path: str) -> str:
    """Return what a read is about, in a word or two."""
    lower = path.lower()
    known = (
        ("replicationjobs", "jobs"),
        ("replicationoperationstatus", "jobs"),
        ("operationresults", "jobs"),
        ("replicationprotecteditems", "items"),
        ("microsoft.recoveryservices", "vault"),
        ("microsoft.authorization", "permissions and locks"),
        ("microsoft.compute/virtualmachines", "machines"),
        ("microsoft.compute/disks", "disks"),
        ("microsoft.network", "networks"),
    )
    return next((kind for word, kind in known if word in lower), "other")
