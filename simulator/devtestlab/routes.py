"""The route table of Microsoft.DevTestLab."""

from __future__ import annotations

from simulator.compute.crud import delete_now, get_resource, list_resources
from simulator.devtestlab import schedules
from simulator.devtestlab.schedules import SCHEDULE
from simulator.provider import Route

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_SCHEDULE = f"{_GROUP}/providers/{SCHEDULE}/{{schedule}}"
_list = list_resources(SCHEDULE)

ROUTES = [
    Route("GET", _SCHEDULE, get_resource),
    Route("PUT", _SCHEDULE, schedules.schedules_create_or_update),
    Route("PATCH", _SCHEDULE, schedules.schedules_update),
    Route("DELETE", _SCHEDULE, delete_now),
    Route("GET", f"{_GROUP}/providers/{SCHEDULE}", _list),
    Route("GET", f"{_SUBSCRIPTION}/providers/{SCHEDULE}", _list),
]
