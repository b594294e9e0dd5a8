"""Findings that a person answers for: what the plan may waive, and where a mistake stands."""

from __future__ import annotations

import pytest

from migration.plan_file import parse_plan
from migration.specs import vm_specs
from tests.migration.plan_text import GOOD, problems_of

WAIVED = (
    GOOD
    + """\
waivers:
  - rule: churn
    vm: WEB-01
    by: anna@contoso.example
    reason: the nightly load is paused
  - rule: quota
    by: anna@contoso.example
    reason: the request is approved
"""
)


# What is replaced in the waivers, by what → line, field, words of the message, words of the fix.
WAIVER_MISTAKES = [
    ("rule: churn", "rule: churm", 27, "waivers[0].rule", "no rule", "did you mean churn?"),
    ("rule: churn", "rule: source-running", 27, "waivers[0].rule", "may not be waived", "az vm start"),
    ("vm: WEB-01", "vm: web-1", 28, "waivers[0].vm", "no virtual machine", "did you mean web-01?"),
    (
        "by: anna@contoso.example\n    reason: the nightly",
        "by: anna\n    reason: the nightly",
        29,
        "waivers[0].by",
        "no approver",
        "anna@contoso.example",
    ),
    ("reason: the nightly load is paused", 'reason: ""', 30, "waivers[0].reason", "empty", ""),
    ("    reason: the request is approved\n", "", 31, "waivers[1].reason", "missing", ""),
    (
        "rule: quota",
        "rule: churn\n    vm: web-01",
        31,
        "waivers[1].rule",
        "waived twice, first in line 27",
        "remove one",
    ),
    ("rule: quota", "rule: quota\n    vm: web-01", 32, "waivers[1].vm", "virtual machines share", "remove the key vm"),
    ("rule: quota", "rule: quota\n    until: tomorrow", 32, "waivers[1].until", "no such key", ""),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "message", "fix"), WAIVER_MISTAKES)
def test_mistakes_in_waivers_are_told(old: str, new: str, line: int, field: str, message: str, fix: str) -> None:
    """Who waives what cannot be waived, or what is not there, is told where and what would be right."""
    assert 1 == WAIVED.count(old)
    (problem,) = problems_of(WAIVED.replace(old, new))

    assert (line, field) == (problem.line, problem.field)
    assert message in problem.message
    assert fix in problem.fix


def test_waivers_reach_their_machines() -> None:
    """A waiver without a machine holds for all of the plan, one with a machine for that one, whatever its case."""
    plan = parse_plan(WAIVED, "plan.yaml")

    assert [["churn", "quota"], ["quota"]] == [[one.rule for one in spec.waivers] for spec in vm_specs(plan)]
