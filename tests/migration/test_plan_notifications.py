"""The key `notifications`: mistakes with their lines, and what a message is in words."""

from __future__ import annotations

import pytest

from migration.errors import PlanFileError
from migration.notices import Happening, SendNotification, subject_of
from migration.plan import Plan
from migration.plan_file import parse_plan
from tests.migration.plan_text import GOOD

NOTIFICATIONS = """\
notifications:
  - on: [approval_wanted, plan_ended]
    webhook:
      channel: ops-team
      format: slack
    email:
      to: [ops@contoso.example]
"""
LINES = len(GOOD.splitlines())
MISTAKES = [
    ("plan_ended", "plan_end", 2, "notifications[0].on[1]", "not one of the choices", "did you mean plan_ended?"),
    ("plan_ended", "approval_wanted", 2, "notifications[0].on", "approval_wanted stands twice", "remove one"),
    ("[approval_wanted, plan_ended]", "[]", 2, "notifications[0].on", "the list is empty", "at least one"),
    (
        "channel: ops-team",
        "channel: https://x.example/T0",
        4,
        "notifications[0].webhook.channel",
        "an address",
        "name a",
    ),
    ("channel: ops-team", "channel: OPS", 4, "notifications[0].webhook.channel", "no name of a channel", "a-z"),
    ("slack", "discord", 5, "notifications[0].webhook.format", "not one of the choices", "json, teams or slack"),
    ("ops@contoso.example", "ops", 7, "notifications[0].email.to[0]", "is no mailbox", "ops@contoso.example"),
    ("  - on:", "  - when:", 2, "notifications[0].on", "the key is missing", "add on:"),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "message", "fix"), MISTAKES)
def test_mistakes_in_notifications_are_told(old: str, new: str, line: int, field: str, message: str, fix: str) -> None:
    """Line, field, what is wrong, and what would be right."""
    assert 1 == NOTIFICATIONS.count(old)
    with pytest.raises(PlanFileError) as refused:
        parse_plan(GOOD + NOTIFICATIONS.replace(old, new), "plan.yaml")
    problem = next(one for one in refused.value.problems if one.field == field)
    assert LINES + line == problem.line
    assert message in problem.message
    assert fix in problem.fix


def test_somebody_has_to_hear() -> None:
    """A list of events without a channel and without mailboxes is a mistake."""
    with pytest.raises(PlanFileError) as refused:
        parse_plan(f"{GOOD}notifications:\n  - on: [migrated]\n", "plan.yaml")
    assert "nobody would hear of it" in str(refused.value)


def test_a_plan_with_notifications_survives_the_history() -> None:
    """`on` is written as it was read."""
    plan = parse_plan(GOOD + NOTIFICATIONS, "plan.yaml")
    assert plan == Plan.model_validate_json(plan.model_dump_json())
    assert '"on":["approval_wanted","plan_ended"]' in plan.model_dump_json()


def test_a_machine_that_asks_twice_is_one_machine() -> None:
    """Two questions of one machine are not two machines."""
    asked = Happening.model_validate({"event": "needs_action", "plan": "shop", "vm": "vm-1", "at": "now"})
    other = asked.model_copy(update={"vm": "vm-2"})

    def subject(*happenings: Happening) -> str:
        return subject_of(SendNotification(plan="shop", happenings=list(happenings), key="k"))

    assert "[shop] vm-1 needs a person" == subject(asked, asked)
    assert "[shop] 2 virtual machines: each needs a person" == subject(asked, other, asked)


@pytest.mark.parametrize(
    ("events", "omitted", "subject"),
    [
        (["migrated"], 0, "[shop] vm-0 was migrated"),
        (["approval_wanted"] * 3, 0, "[shop] 3 virtual machines: each waits for approval"),
        (["migrated", "two_copies", "migrated"], 0, "[shop] vm-1 ran in two copies, and 2 more"),
        (["migrated"], 4, "[shop] vm-0 was migrated, and 4 more"),
    ],
)
def test_a_subject_tells_the_most_urgent_first(events: list[str], omitted: int, subject: str) -> None:
    """One line says what matters, and how much else there is."""
    happenings = [
        Happening.model_validate({"event": event, "plan": "shop", "vm": f"vm-{number}", "at": "now"})
        for number, event in enumerate(events)
    ]
    assert subject == subject_of(SendNotification(plan="shop", happenings=happenings, omitted=omitted, key="k"))
