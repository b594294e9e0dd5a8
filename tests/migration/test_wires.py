"""A channel or a mail server that the plan names and the worker lacks is told by the check, with what to set."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from activities.notifications import MailServer, Senders
from activities.preflight import case_of
from activities.webhooks import Channel, Channels
from migration.plan import Plan
from migration.plan_file import parse_plan
from migration.rules.channels import channels_set_up
from migration.wires import Wires
from tests.migration.plan_text import GOOD

HOOK = {"name": "drain", "webhook": {"channel": "balancer"}, "undo": {"webhook": {"channel": "switch"}}}
ALL = {
    "notifications": [
        {"on": ["approval_wanted", "reminder"], "webhook": {"channel": "ops-room"}},
        {"on": ["two_copies"], "webhook": {"channel": "ops-room"}, "email": {"to": ["ops@contoso.example"]}},
    ],
    "hooks": {"before_cutover": [HOOK]},
}


def plan(**more: Any) -> Plan:
    """Return the good plan with more said in it."""
    return parse_plan(yaml.safe_dump(yaml.safe_load(GOOD) | more), "plan.yaml")


def test_each_that_is_missing_is_told_once_with_its_remedy() -> None:
    """By name, with what would be told nobody, however many machines' hooks call it; no address is shown."""
    balancer, ops, switch, mail = channels_set_up(case_of(plan(**ALL), Wires()))

    assert ('channel "balancer"', 'channel "ops-room"', "e-mail") == (balancer.subject, ops.subject, mail.subject)
    for one in (balancer, switch):
        assert one.evidence.endswith("no address of it; the hook drain calls it")
    assert "it is to hear of approval_wanted, reminder; it is to hear of two_copies" in ops.evidence
    assert str(ops.remedy).startswith("set MIGRATION_WEBHOOK_OPS_ROOM to its address")
    assert "ops@contoso.example would be told nothing" in mail.evidence
    assert "MIGRATION_SMTP_HOST and MIGRATION_SMTP_FROM" in str(mail.remedy)


@pytest.mark.parametrize(
    ("more", "wires"),
    [
        (
            ALL,
            Senders(
                Channels(dict.fromkeys(("ops-room", "balancer", "switch"), Channel("x"))), MailServer("h", "s")
            ).wires,
        ),
        ({}, Wires()),
        (ALL, None),
    ],
    ids=["all set up", "nothing wanted", "not the one to ask"],
)
def test_what_is_set_up_is_no_finding(more: dict[str, Any], wires: Wires | None) -> None:
    """Nor what nobody wants, nor where no worker is looked at."""
    assert [] == list(channels_set_up(case_of(plan(**more), wires)))
