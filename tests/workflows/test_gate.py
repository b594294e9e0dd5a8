"""The gate before the commit by itself: whatever is sent in whatever order, at most one decision counts."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.report import DecisionMessage
from tests.workflows.scenes import APPROVER, REQUESTER, make_task
from workflows.decisions import Decisions

STRANGER = "mallory@elsewhere.example"
PEOPLE = st.sampled_from([APPROVER, REQUESTER, STRANGER, APPROVER.upper()])
EVENTS = st.lists(
    st.one_of(
        st.sampled_from(["open_gate", "close_gate"]),
        st.tuples(
            st.sampled_from([APPROVER, REQUESTER, STRANGER, APPROVER.upper()]), st.sampled_from(["approve", "reject"])
        ),
    ),
    max_size=150,
)


@pytest.fixture(scope="module", autouse=True)
def _no_workflow() -> Iterator[None]:
    """Read messages and the time without a workflow around."""

    def message(payload: Any, *_: Any) -> Any:
        return payload

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflows.decisions.now_text", lambda: "2026-03-01T10:00:00Z")
        patch.setattr("workflows.decisions.read_message", message)
        yield


@settings(deadline=None)  # other tests may keep the processor busy
@given(events=EVENTS)
def test_at_most_one_decision_counts_and_only_a_rightful_one(events: list[Any]) -> None:
    """What counts came from an approver, while the gate was open, before any other.

    Who started the plan is an approver of it here, and may reject.
    """
    decisions, is_open = Decisions(make_task()), False
    for event in events:
        if isinstance(event, str):
            getattr(decisions, event)()
            is_open = event == "open_gate"
            continue
        approver, verdict = event
        before = decisions.counted
        decisions.take_signal(DecisionMessage(approver=approver), verdict)  # type: ignore[arg-type] # read as it is
        may_decide = approver.lower() == APPROVER or (approver == REQUESTER and verdict == "reject")
        rightful = is_open and before is None and may_decide
        assert rightful == (decisions.counted is not before)
    counted = [one for one in decisions.recorded if one.counted]
    assert ([decisions.counted] if decisions.counted else []) == counted
    assert len(decisions.recorded) <= 101
    refused = [one for one in decisions.recorded if not one.counted]
    assert (refused[-1].reason if refused else None) == decisions.last_refusal


@pytest.mark.parametrize(
    ("closed", "told"),
    [
        ({}, "late: the virtual machine is on its way back to the source"),
        ({"why": "finalising has ended (refused)"}, "late: finalising has ended (refused)"),
    ],
)
def test_what_comes_after_a_gate_was_closed_is_told_why(closed: dict[str, str], told: str) -> None:
    """A move and the end of a source close it for reasons of their own."""
    gate = Decisions(make_task())
    message = DecisionMessage(approver=APPROVER)
    gate.open_gate()
    assert gate.why_not(message, "approve") is None
    gate.close_gate(**closed)
    assert told == gate.why_not(message, "approve")
