"""Metrics of virtual machines. Only `Disk Write Bytes` has figures: what the seed says of a machine's churn."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.clock import rfc_seconds
from simulator.compute import machines
from simulator.compute.names import VM, region
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.store import Resource

NAMESPACE = "Microsoft.Compute/virtualMachines"
WRITTEN = "Disk Write Bytes"
USUAL_MB_PER_SECOND = 0.5
MINUTES = 60
_DEFAULT_TOP = 10
_GROUP = re.compile(r"microsoft\.resourcegroupname\s+eq\s+'([^']*)'", re.IGNORECASE)
_MACHINE = re.compile(r"microsoft\.resourceid\s+eq\s+'([^']*)'", re.IGNORECASE)


def metrics_list_at_subscription_scope(call: Call) -> Reply:
    """List a metric of the machines of a region, split by `Microsoft.ResourceId` where `$filter` asks for it."""
    place = region(call.query.get("region", ""))
    if not place:
        raise ArmError(400, "BadRequest", "The query parameter 'region' is required.")
    wanted = call.query.get("$filter", "")
    found = [
        machine
        for machine in call.world.store.list(VM, f"/subscriptions/{call.subscription}")
        if region(machine.location) == place and _is_meant(machine, wanted)
    ]
    top = int(call.query.get("top") or _DEFAULT_TOP)
    return Reply(200, _answer(call, found[:top], split="microsoft.resourceid" in wanted.lower()))


def metrics_list(call: Call) -> Reply:
    """List a metric of one machine."""
    machine_id = call.path[: call.path.lower().index("/providers/microsoft.insights/")]
    return Reply(200, _answer(call, [call.world.store.require(machine_id)], split=False))


def _is_meant(machine: Resource, text: str) -> bool:
    group, one = _GROUP.search(text), _MACHINE.search(text)
    if group and paths.parse(machine.id).group.lower() != group[1].lower():
        return False
    return one is None or one[1] == "*" or paths.same(machine.id, one[1])


def _answer(call: Call, found: list[Resource], *, split: bool) -> dict[str, Any]:
    names = [name.strip() for name in call.query.get("metricnames", "").split(",") if name.strip()]
    unknown = [name for name in names if name.lower() != WRITTEN.lower()]
    if unknown or not names:
        raise ArmError(
            400, "BadRequest", f"Failed to find metric configuration for provider: Microsoft.Compute, resource Type: "
            f"virtualMachines, metric: {', '.join(unknown)}, Valid metrics: {WRITTEN}",
        )  # fmt: skip
    now = call.world.now
    series = [_series(call, machine, now, split=split) for machine in found]
    return {
        "cost": 0,
        "timespan": f"{rfc_seconds(now - timedelta(minutes=MINUTES))}/{rfc_seconds(now)}",
        "interval": "PT1M",
        "value": [
            {
                "id": f"{call.path}/{WRITTEN}",
                "type": "Microsoft.Insights/metrics",
                "name": {"value": WRITTEN, "localizedValue": WRITTEN},
                "displayDescription": "Bytes written to disk during monitoring period",
                "unit": "Bytes",
                "timeseries": series,
                "errorCode": "Success",
            }
        ],
        "namespace": NAMESPACE,
        "resourceregion": region(found[0].location) if found else call.query.get("region", ""),
    }


def _series(call: Call, machine: Resource, now: datetime, *, split: bool) -> dict[str, Any]:
    seeded = machines.behaviour(call.world, machine.id).get("churn_mb_per_second", USUAL_MB_PER_SECOND)
    is_running = machine.meta.get("power_state", machines.RUNNING) == machines.RUNNING
    written = float(seeded) * 1_000_000 * 60 if is_running else 0.0
    named = [{"name": {"value": "microsoft.resourceid", "localizedValue": "microsoft.resourceid"}, "value": machine.id}]
    return {
        "metadatavalues": named if split else [],
        "data": [
            {"timeStamp": rfc_seconds(now - timedelta(minutes=MINUTES - minute)), "total": written}
            for minute in range(MINUTES)
        ],
    }
