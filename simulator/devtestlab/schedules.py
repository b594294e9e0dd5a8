"""Shutdown schedules of machines. They are kept and shown; nothing is switched off by them here."""

from __future__ import annotations

from typing import Any

from simulator import paths
from simulator.clock import rfc_offset
from simulator.compute.crud import merge, require_location
from simulator.compute.names import VM, stable_guid
from simulator.provider import ArmError, Call, Reply

SCHEDULE = "Microsoft.DevTestLab/schedules"
TASK = "ComputeVmShutdownTask"


def schedules_create_or_update(call: Call) -> Reply:
    """Create (201) or replace (200) the schedule of a machine, which has to be there, in the same region."""
    location = require_location(call)
    given = dict(call.body_object().get("properties") or {})
    _check_target(call, given, location)
    old = call.world.store.get(call.resource_id)
    created = old.properties.get("createdDate") if old else rfc_offset(call.world.now)
    kept: dict[str, Any] = {
        "status": "Enabled",
        "timeZoneId": "UTC",
        "notificationSettings": {"status": "Disabled", "timeInMinutes": 30, "notificationLocale": "en"},
        **given,
        "createdDate": created,
        "provisioningState": "Succeeded",
        "uniqueIdentifier": stable_guid("schedule", call.path),
    }
    document = {
        "properties": kept,
        "id": call.resource_id,
        "name": paths.parse(call.path).name,
        "type": SCHEDULE,
        "location": location,
        "tags": call.body_object().get("tags") or {},
    }
    return Reply(200 if old else 201, call.world.store.put(document).doc)


def schedules_update(call: Call) -> Reply:
    """Change a schedule by PATCH."""
    schedule = call.world.store.require(call.resource_id)
    schedule.doc["properties"] = merge(schedule.properties, call.body_object().get("properties") or {})
    if "tags" in call.body_object():
        schedule.doc["tags"] = call.body_object()["tags"] or {}
    call.world.store.save(schedule)
    return Reply(200, schedule.doc)


def _check_target(call: Call, given: dict[str, Any], location: str) -> None:
    if str(given.get("taskType", "")).lower() != TASK.lower():
        message = f"The task type '{given.get('taskType')}' is not supported for schedules outside a lab."
        raise ArmError(400, "InvalidScheduleTaskType", message)
    target = str(given.get("targetResourceId") or "")
    machine = call.world.store.get(target)
    if machine is None or machine.type.lower() != VM.lower():
        raise ArmError(400, "InvalidTargetResource", f"The target resource '{target}' of the schedule was not found.")
    if machine.location.lower() != location.lower():
        message = f"The schedule's location '{location}' is not that of its target, '{machine.location}'."
        raise ArmError(400, "ScheduleTargetLocationMismatch", message)
