"""Temporal's histories as JSON: what was asked, decided, scheduled and done, in order."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event: its number, its kind without the prefix, and its attributes."""

    number: int
    kind: str
    attributes: dict[str, Any]


class History:
    """The events of one workflow run."""

    def __init__(self, workflow_id: str, document: dict[str, Any]) -> None:
        """Take a history as `temporal workflow show --output json` prints it."""
        self.workflow_id = workflow_id
        self.events = [_event(each) for each in document["events"]]

    @property
    def input(self) -> Any:
        """The first argument that the workflow was started with."""
        return next(iter(payloads(self.events[0].attributes.get("input"))), None)

    @property
    def is_closed(self) -> bool:
        """Whether the run has ended."""
        return self.events[-1].kind in CLOSED

    @property
    def result(self) -> Any:
        """What the workflow returned, None where it has not."""
        last = self.events[-1]
        found = payloads(last.attributes.get("result")) if last.kind == "WORKFLOW_EXECUTION_COMPLETED" else []
        return next(iter(found), None)

    def of(self, *kinds: str) -> Iterator[Event]:
        """Go through the events of some kinds."""
        return (event for event in self.events if event.kind in kinds)

    def scheduled(self, activity: str) -> list[int]:
        """Return the numbers of the events that schedule an activity."""
        found = self.of("ACTIVITY_TASK_SCHEDULED")
        return [event.number for event in found if event.attributes["activityType"]["name"] == activity]

    def completed(self, activity: str) -> list[tuple[int, Any]]:
        """Return when an activity's runs were scheduled and what each returned, for those that ended well."""
        wanted = set(self.scheduled(activity))
        done = self.of("ACTIVITY_TASK_COMPLETED")
        results = {int(event.attributes["scheduledEventId"]): event for event in done}
        return [
            (number, next(iter(payloads(results[number].attributes.get("result"))), None))
            for number in sorted(wanted & set(results))
        ]

    def shown(self, attribute: str) -> list[tuple[int, Any]]:
        """Return each value that a search attribute was given, with the number of its event."""
        found = []
        for event in self.of("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"):
            fields = event.attributes.get("searchAttributes", {}).get("indexedFields", {})
            if attribute in fields:
                found.append((event.number, _decoded(fields[attribute])))
        return found

    def messages(self) -> Iterator[tuple[int, str, Any]]:
        """Go through all signals and accepted updates: number, name and first argument."""
        for event in self.of("WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_EXECUTION_UPDATE_ACCEPTED"):
            if event.kind.endswith("SIGNALED"):
                name, given = event.attributes["signalName"], event.attributes.get("input")
            else:
                asked = event.attributes.get("acceptedRequest", {}).get("input", {})
                name, given = asked.get("name", ""), asked.get("args")
            yield event.number, name, next(iter(payloads(given)), None)

    def texts(self) -> Iterator[str]:
        """Go through every text in the history: payloads decoded, and the rest as it stands."""
        for event in self.events:
            yield json.dumps(event.attributes)
            yield from (str(value) for value in _all_payloads(event.attributes))


CLOSED = {
    "WORKFLOW_EXECUTION_COMPLETED",
    "WORKFLOW_EXECUTION_FAILED",
    "WORKFLOW_EXECUTION_CANCELED",
    "WORKFLOW_EXECUTION_TERMINATED",
    "WORKFLOW_EXECUTION_TIMED_OUT",
    "WORKFLOW_EXECUTION_CONTINUED_AS_NEW",
}


def payloads(holder: Any) -> list[Any]:
    """Return the decoded payloads of an `input` or a `result`."""
    return [_decoded(each) for each in (holder or {}).get("payloads") or []]


def _event(document: dict[str, Any]) -> Event:
    attributes: dict[str, Any] = next((value for key, value in document.items() if key.endswith("EventAttributes")), {})
    return Event(int(document["eventId"]), document["eventType"].removeprefix("EVENT_TYPE_"), attributes)


def _decoded(payload: dict[str, Any]) -> Any:
    raw = base64.b64decode(payload.get("data", ""))
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


def _all_payloads(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if "data" in value and "metadata" in value:
            yield _decoded(value)
        for each in value.values():
            yield from _all_payloads(each)
    elif isinstance(value, list):
        for each in value:
            yield from _all_payloads(each)
