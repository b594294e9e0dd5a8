"""I12 to I16: everything ends or waits for a person, alone, within bounds."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checker.evidence import Evidence
from tests.chaos.checker.histories import History

MOST_EVENTS = 2_000
_ENDED_BY_THE_PLATFORM = {"WORKFLOW_EXECUTION_TERMINATED", "WORKFLOW_EXECUTION_TIMED_OUT", "WORKFLOW_EXECUTION_FAILED"}
_TIMEOUTS = ("workflowExecutionTimeout", "workflowRunTimeout")


def everything_ends(evidence: Evidence) -> Iterator[str]:
    """I12: every machine has ended or waits for a person, in time."""
    for vm in evidence.vms:
        history = evidence.history(vm)
        if history is None:
            if not evidence.reported(vm).get("outcome"):
                yield f"{vm.name}: it never began, and has no outcome"
        elif not history.is_closed and not _waits_for_a_person(history):
            yield f"{vm.name}: it neither ended nor waits for a person"
    if evidence.seconds_allowed is not None and evidence.seconds > evidence.seconds_allowed:
        yield f"it took {evidence.seconds:.0f} s, and {evidence.seconds_allowed:.0f} s are allowed"


def others_go_on(evidence: Evidence) -> Iterator[str]:
    """I13: whom no fault concerns is moved, unless the plan says that failures hold or stop it."""
    if evidence.plan.get("on_failures", "continue") != "continue" or evidence.meddled:
        return
    blamed = {fault.get("vm") for fault in evidence.faults}
    if None in blamed:
        return
    for vm in evidence.vms:
        if vm.name in blamed or _turned_back(evidence.history(vm)):
            continue
        if evidence.reported(vm).get("outcome") != "migrated":
            yield f"{vm.name}: no fault concerned it, and it is {evidence.reported(vm).get('outcome')}"


def starting_again_changes_nothing(evidence: Evidence) -> Iterator[str]:
    """I14: a second start of a plan that moved all writes nothing."""
    moved = {vm.name for vm in evidence.vms if evidence.reported(vm).get("outcome") == "migrated"}
    if evidence.log_again is None or len(moved) < len(evidence.vms):
        return
    for line in evidence.log_again:
        if line["write"] and line["accepted"] and not line["path"].lower().endswith("/runcommand"):
            yield f"the second start wrote: {line['method']} {line['path']}"


def waits_have_deadlines(evidence: Evidence) -> Iterator[str]:
    """I15: activities have a deadline, and no workflow has a timeout that would skip its undo."""
    for history in evidence.histories.values():
        begun = history.events[0].attributes
        for name in _TIMEOUTS:
            if begun.get(name, "0s") not in {"0s", ""}:
                yield f"{history.workflow_id}: {name} is {begun[name]}, which would end it without its undo"
        for event in history.of("ACTIVITY_TASK_SCHEDULED"):
            if not _ends(event.attributes):
                yield f"{history.workflow_id}: {event.attributes['activityType']['name']} may take for ever"


def histories_stay_small(evidence: Evidence) -> Iterator[str]:
    """I16: no history comes near a limit, and the platform ends no workflow."""
    for history in evidence.histories.values():
        if len(history.events) >= MOST_EVENTS:
            yield f"{history.workflow_id} has {len(history.events)} events"
        last = history.events[-1].kind
        if last in _ENDED_BY_THE_PLATFORM and history.workflow_id.startswith("migrate-") and not evidence.meddled:
            yield f"{history.workflow_id} ended {last}"


def _turned_back(history: History | None) -> bool:
    """Tell whether a person cancelled or rejected."""
    if history is None:
        return False
    cancelled = any(history.of("WORKFLOW_EXECUTION_CANCEL_REQUESTED"))
    return cancelled or any("reject" in f"{name} {given}" for _, name, given in history.messages())


def _waits_for_a_person(history: History) -> bool:
    shown = history.shown("NeedsAction")
    return bool(shown) and shown[-1][1] is True


def _ends(attributes: dict[str, object]) -> bool:
    close, start = attributes.get("startToCloseTimeout", "0s"), attributes.get("scheduleToCloseTimeout", "0s")
    return close != "0s" or start != "0s"
