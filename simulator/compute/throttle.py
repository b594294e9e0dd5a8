"""Compute's own token buckets: per machine, and per subscription and region, by the kind of operation.

Source: compute-throttling-limits.md of MicrosoftDocs/azure-compute-docs (refill a minute and bucket size). How the
policies are called in the header follows the recordings (``LowCostGetResource``); the other names are assumptions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator import paths
from simulator.clock import rfc_offset
from simulator.compute.names import VM
from simulator.errors import ArmError
from simulator.operations import AREA
from simulator.throttling import meters

if TYPE_CHECKING:
    from simulator.provider import Call

Bucket = tuple[int, int]
"""The bucket's size, and what flows in a minute."""
SECONDS = 60


@dataclass(frozen=True)
class Policy:
    """A kind of operation with its buckets; listings have none of a machine's own."""

    name: str
    of_subscription: Bucket
    of_machine: Bucket | None = None


PUT_VM = Policy("PutVM", (1500, 500), (12, 4))
UPDATE_VM = Policy("UpdateVM", (1500, 500), (12, 4))
DELETE_VM = Policy("DeleteVM", (1500, 500), (12, 4))
LOW_COST_GET = Policy("LowCostGet", (24_000, 8_000), (36, 12))
HIGH_COST_GET = Policy("HighCostGet", (900, 300))
GET_OPERATION = Policy("GetOperation", (15_000, 5_000), (45, 15))


@meters("Microsoft.Compute")
def meter(call: Call) -> dict[str, str]:
    """Take from the buckets of the operation's kind; what remains of them. Raises 429 where one is empty."""
    policy, machine_id = _policy(call)
    if policy is None:
        return {}
    region = call.world.store.location_of(VM, machine_id) or call.params.get("location", "")
    remaining = {
        f"{policy.name}SubscriptionMaximum": _take(call, policy, (call.subscription, region), policy.of_subscription)
    }
    if policy.of_machine is not None and machine_id:
        remaining[f"{policy.name}Resource"] = _take(call, policy, (machine_id,), policy.of_machine)
    shown = ",".join(f"Microsoft.Compute/{name};{count}" for name, count in remaining.items())
    return {"x-ms-ratelimit-remaining-resource": shown}


def _policy(call: Call) -> tuple[Policy | None, str]:
    """The kind of operation, and the machine that it is about, where it is about one."""
    parsed = paths.parse(call.path)
    if parsed.type.lower().endswith("/locations/operations"):
        operation = call.world.store.area(AREA).get(parsed.name)
        return GET_OPERATION, str((operation or {}).get("payload", {}).get("vm") or "")
    if not parsed.type.lower().startswith(VM.lower()):
        return None, ""
    if len(parsed.names) == 0:
        return HIGH_COST_GET, ""
    machine_id = "/".join(call.path.split("/")[:9])
    if call.method in {"GET", "HEAD"}:
        return LOW_COST_GET, machine_id
    deletes = call.method == "DELETE" and len(parsed.names) == 1
    if deletes or call.path.lower().endswith("/deallocate"):
        return DELETE_VM, machine_id
    creates = call.method == "PUT" and len(parsed.names) == 1 and not call.world.store.exists(machine_id)
    return (PUT_VM if creates else UPDATE_VM), machine_id


def _take(call: Call, policy: Policy, key: tuple[str, ...], bucket: Bucket) -> int:
    size, per_minute = bucket
    remaining, wait = call.world.throttle.draw((policy.name, *key), size, per_minute / SECONDS)
    if wait:
        raise _too_many(call, policy, size, wait)
    return remaining


def _too_many(call: Call, policy: Policy, size: int, wait: int) -> ArmError:
    now = call.world.now
    measured = {
        "operationGroup": policy.name,
        "startTime": rfc_offset(now - timedelta(seconds=SECONDS)),
        "endTime": rfc_offset(now),
        "allowedRequestCount": size,
        "measuredRequestCount": size + 1,
    }
    return ArmError(
        429,
        "OperationNotAllowed",
        "The server rejected the request because too many requests have been received for this subscription.",
        details=[{"code": "TooManyRequests", "target": policy.name, "message": json.dumps(measured)}],
        headers={"Retry-After": str(wait), "x-ms-failure-cause": "service"},
    )
