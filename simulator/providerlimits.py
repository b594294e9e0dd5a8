"""The buckets that Network, Storage and Site Recovery have of their own, per subscription and region, by settings.

Source: "Network throttling" and "Storage throttling" of Microsoft's page on request limits. That a limit of so many in
five minutes is a bucket of that size, filled evenly, is an assumption, and so are the words of Network's refusal.
Compute's buckets are in :mod:`simulator.compute.throttle`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import paths
from simulator.errors import ArmError
from simulator.throttling import kind_of, meters

if TYPE_CHECKING:
    from simulator.provider import Call

MINUTE = 60
FIVE_MINUTES = 300
HOUR = 3600


@meters("Microsoft.Network")
def network(call: Call) -> dict[str, str]:
    """Take from Network's buckets of reads, or of writes and deletions."""
    kind = "reads" if kind_of(call.method) == "reads" else "writes"
    message = f"The request is being throttled: too many {kind} have been received for this subscription."
    _draw(call, ("network", kind), call.world.setting(f"network_{kind}_per_5_minutes"), FIVE_MINUTES, message)
    return {}


@meters("Microsoft.Storage")
def storage(call: Call) -> dict[str, str]:
    """Take from Storage's buckets of reads, lists or writes."""
    kind, setting, seconds = "Write", "storage_writes_per_hour", HOUR
    if kind_of(call.method) == "reads":
        kind, seconds = ("Read" if paths.parse(call.path).names else "List"), FIVE_MINUTES
        setting = f"storage_{kind.lower()}s_per_5_minutes"
    message = (
        f"The request is being throttled as the limit has been reached for operation type - {kind}. For more "
        "information, see - https://aka.ms/srpthrottlinglimits"
    )
    _draw(call, ("storage", kind), call.world.setting(setting), seconds, message)
    return {}


@meters("Microsoft.RecoveryServices")
def site_recovery(call: Call) -> dict[str, str]:
    """Take from the bucket that the setting gives Site Recovery; no page tells of one, so that it is off at first."""
    limit = call.world.setting("site_recovery_requests_per_minute")
    if limit:
        _draw(call, ("site-recovery",), limit, MINUTE, "Too many requests have been received for this subscription.")
    return {}


def _draw(call: Call, bucket: tuple[str, ...], limit: int, seconds: int, message: str) -> None:
    region = call.world.store.location_of(paths.parse(call.path).type, call.path) or call.params.get("location", "")
    _, wait = call.world.throttle.draw((*bucket, call.subscription, region), limit, limit / seconds)
    if wait:
        headers = {"Retry-After": str(wait), "x-ms-failure-cause": "service"}
        raise ArmError(429, "TooManyRequests", message, headers=headers)
