"""Events: what went wrong in a vault, from the jobs that failed and the health of its items now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.clock import parse_time, to_micros
from simulator.provider import Reply
from simulator.siterecovery import filters, jobs, names, refusals
from simulator.siterecovery.calls import listing, require_vault
from simulator.siterecovery.mappings import friendly_fabric
from simulator.siterecovery.networks import fabric_location
from simulator.siterecovery.views import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.provider import Call
    from simulator.siterecovery.job_model import Job
    from simulator.store import Resource
    from simulator.world import World

COLLECTION = "replicationEvents"
JOB_FAILED = "JobStatusMonitoringEvent"
UNWELL = "VmMonitoringEvent"
SEVERITIES = {"Error": "Critical", "Warning": "Warning"}
_TICKS_AT_YEAR_ONE = 9_223_372_036_854_775_807
_MICROS_TO_1970 = 62_135_596_800_000_000


def _name(kind: str, time: str, *key: str) -> str:
    """A name as Azure gives it: the moment counted down, so that newer ones sort first, and an identifier."""
    ticks = _TICKS_AT_YEAR_ONE - 10 * (to_micros(parse_time(time)) + _MICROS_TO_1970)
    return f"{kind};{ticks}_{names.stable_uuid('event', *key)}"


def _document(vault: str, name: str, fields: dict[str, Any]) -> dict[str, Any]:
    type_ = f"{names.VAULT}/replicationEvents"
    return {
        "type": type_,
        "id": f"{names.vault_id(vault)}/replicationEvents/{name}",
        "name": name,
        "properties": fields,
    }


def _machine(world: World, item: Resource) -> dict[str, Any]:
    """The ``providerSpecificDetails`` of an event about a replicated machine."""
    container, recovery = names.container_of(item.id), item.meta["recovery_container"]
    return {
        "instanceType": "A2A",
        "protectedItemName": item.name,
        "fabricObjectId": item.meta["vm"].lower(),
        "fabricName": friendly_fabric(world, container),
        "fabricLocation": fabric_location(world, container),
        "remoteFabricName": friendly_fabric(world, recovery),
        "remoteFabricLocation": fabric_location(world, recovery),
    }


def _of_job(world: World, job: Job) -> dict[str, Any]:
    item = world.store.get(job.subject)
    about_item = item is not None and item.type.lower() == names.ITEM.lower()
    details = _machine(world, item) if item is not None and about_item else {"instanceType": "A2A"}
    end = job.end or job.start
    fields = {
        "eventCode": names.stable_uuid("event code", job.scenario),
        "description": f"{job.scenario} - Failed",
        "eventType": "JobStatus",
        "affectedObjectFriendlyName": job.target[1],
        "affectedObjectCorrelationId": job.target[0],
        "severity": "Critical",
        "timeOfOccurrence": end,
        "fabricId": names.fabric_of(job.subject) if "/replicationfabrics/" in job.subject.lower() else None,
        "providerSpecificDetails": details,
        "eventSpecificDetails": {
            "instanceType": "JobStatus",
            "jobId": job.id,
            "jobFriendlyName": job.friendly_name,
            "jobStatus": job.state,
            "affectedObjectType": job.target[2],
        },
        "healthErrors": [
            {
                "errorCode": note["error"]["code"],
                "errorMessage": note["error"]["message"],
                "possibleCauses": note["error"]["causes"],
                "recommendedAction": note["error"]["action"],
            }
            for note in job.errors
            if note["level"] == "Error"
        ],
    }
    return _document(job.vault, _name(JOB_FAILED, end, job.name), fields)


def _of_item(world: World, item: Resource) -> list[dict[str, Any]]:
    """One event for each health error that the item shows now."""
    return [_of_error(world, item, error) for error in show(world, item)["properties"]["healthErrors"]]


def _of_error(world: World, item: Resource, error: dict[str, Any]) -> dict[str, Any]:
    time = error["creationTimeUtc"]
    fields = {
        "eventCode": error["errorCode"],
        "description": error["errorMessage"],
        "eventType": "VmHealth",
        "affectedObjectFriendlyName": names.last(item.meta["vm"]),
        "affectedObjectCorrelationId": item.meta["correlation"],
        "severity": SEVERITIES.get(error["errorLevel"], "Informational"),
        "timeOfOccurrence": time,
        "fabricId": names.fabric_of(item.id),
        "providerSpecificDetails": _machine(world, item),
        "eventSpecificDetails": None,
        "healthErrors": [error],
    }
    return _document(item.id, _name(UNWELL, time, item.id, error["errorCode"]), fields)


def of_vault(world: World, vault: str) -> list[dict[str, Any]]:
    """The vault's events, newest first."""
    found = [_of_job(world, job) for job in jobs.in_vault(world, vault) if job.state == "Failed"]
    found += [event for item in world.store.list(names.ITEM, vault) for event in _of_item(world, item)]
    return sorted(found, key=lambda event: parse_time(_time(event)), reverse=True)


def _time(event: dict[str, Any]) -> str:
    return str(event["properties"]["timeOfOccurrence"])


def _reader(key: str) -> Callable[[dict[str, Any]], str]:
    return lambda event: str(event["properties"].get(key) or "")


FILTERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "eventcode": _reader("eventCode"),
    "severity": _reader("severity"),
    "eventtype": _reader("eventType"),
    "affectedobjectfriendlyname": _reader("affectedObjectFriendlyName"),
    "affectedobjectcorrelationid": _reader("affectedObjectCorrelationId"),
    "fabricid": _reader("fabricId"),
    "fabricname": lambda event: str((event["properties"]["providerSpecificDetails"] or {}).get("fabricName") or ""),
}
"""What of an event the filters of Azure's tools ask."""


def replication_events_list(call: Call) -> Reply:
    """List the events, newest first: failed jobs, and what ails the items now; ``$filter`` narrows the list."""
    found = of_vault(call.world, require_vault(call).id)
    fits = filters.matcher(call.query.get("$filter", ""), FILTERS, _time)
    return listing(call, [event for event in found if fits(event)])


def replication_events_get(call: Call) -> Reply:
    """Show one event."""
    for event in of_vault(call.world, require_vault(call).id):
        if event["name"].lower() == call.params["event"].lower():
            return Reply(200, event)
    raise refusals.missing(call, call.params["event"])
