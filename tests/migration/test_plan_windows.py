"""The key `cutover`: every mistake with its line and what would be right, and what reaches a virtual machine."""

from __future__ import annotations

import pytest

from migration.errors import PlanFileError
from migration.plan import Plan
from migration.plan_file import parse_plan
from migration.specs import vm_specs
from migration.windows import Schedule
from tests.migration.plan_text import GOOD

CUTOVER = """\
cutover:
  time_zone: Europe/Amsterdam
  windows:
    - days: [sat, sun]
      from: "22:00"
      to: "04:00"
    - from: 2026-12-05T20:00
      to: 2026-12-06 06:00
  freezes:
    - from: "2026-12-20"
      to: "2027-01-05"
      reason: end of the year
"""
LINES = len(GOOD.splitlines())
WINDOW = "    - from: 2026-12-05T20:00\n      to: 2026-12-06 06:00\n"


def read(cutover: str = CUTOVER, plan: str = GOOD) -> Plan:
    """Read a plan with a cutover."""
    return parse_plan(plan + cutover, "plan.yaml")


MISTAKES = [
    (
        "Europe/Amsterdam",
        "europe/amsterdm",
        2,
        "cutover.time_zone",
        "is no time zone",
        "did you mean Europe/Amsterdam?",
    ),
    (
        "Europe/Amsterdam",
        "W. Europe Standard Time",
        2,
        "cutover.time_zone",
        "Windows' name",
        "such as Europe/Amsterdam",
    ),
    ("  time_zone: Europe/Amsterdam\n", "", 2, "cutover.time_zone", "it has no time zone", "add time_zone:"),
    ("sat, sun", "sat, sat", 4, "cutover.windows[0].days", "sat stands twice", "remove one"),
    ("sat, sun", "", 4, "cutover.windows[0].days", "the list is empty", "name at least one"),
    ("sat, sun", "saturday", 4, "cutover.windows[0].days[0]", "saturday is not one of", "mon, tue, wed"),
    ('"22:00"', "22:00", 5, "cutover.windows[0].from", "a number to base 60", 'write "22:00"'),
    ('"22:00"', '"9:30"', 5, "cutover.windows[0].from", "is no time of day", 'write "09:30"'),
    ('"22:00"', '"25:00"', 5, "cutover.windows[0].from", "is no time of day", "from 00:00 to 24:00"),
    ('"22:00"', '"24:00"', 6, "cutover.windows[0].to", "a day has ended at 24:00", 'begin at "00:00"'),
    ('"22:00"', '"ten"', 5, "cutover.windows[0].from", "neither a time of day nor", "2026-11-28T22:00 for once"),
    ('"04:00"', '"22:00"', 6, "cutover.windows[0].to", "so it never opens", '"00:00" to "24:00"'),
    ('"04:00"', '"2026-12-06T04:00"', 6, "cutover.windows[0].to", "of two kinds", "give both"),
    ("12-06 06:00", "12-05T19:00", 8, "cutover.windows[1].to", "it ends before it begins", "swap from and to"),
    ("12-06 06:00", "02-30T19:00", 8, "cutover.windows[1].to", "is no date with a time", "write one such as"),
    ("from: 2026-12-05", "days: [mon]\n      from: 2026-12-05", 7, "cutover.windows[1]", "days of the week", "remove"),
    (
        WINDOW,
        "    - from: 2027-03-28T02:10\n      to: 2027-03-28T02:50\n",
        7,
        "cutover.windows[1]",
        "jump over",
        "other",
    ),
    ("      reason: end of the year\n", "", 10, "cutover.freezes[0].reason", "the key is missing", "add reason:"),
    ('"2027-01-05"', '"2026-12-19"', 11, "cutover.freezes[0].to", "it ends before it begins", "swap"),
    ('"2027-01-05"', '"2027-13-05"', 11, "cutover.freezes[0].to", "is no date", "2026-12-24"),
    ("windows:", "window:", 3, "cutover.window", "there is no such key", "did you mean windows?"),
    ('to: "04:00"', 'until: "04:00"', 4, "cutover.windows[0].to", "the key is missing", "add to:"),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "message", "fix"), MISTAKES)
def test_mistakes_in_a_cutover_are_told(old: str, new: str, line: int, field: str, message: str, fix: str) -> None:
    """Line, field, what is wrong, and what would be right."""
    assert CUTOVER.count(old) == 1 or old == "windows:"
    with pytest.raises(PlanFileError) as refused:
        read(CUTOVER.replace(old, new))
    problem = next(one for one in refused.value.problems if one.field == field)
    assert LINES + line == problem.line
    assert message in problem.message
    assert fix in problem.fix


def test_a_machine_that_may_never_fail_over_is_refused_where_that_is_said() -> None:
    """The plan's freeze covers the only window of one machine: told at that machine."""
    window = "2026-12-24T20:00\n            to: 2026-12-24T23:00"
    own = f"      - name: web-02\n        cutover:\n          windows:\n          - from: {window}\n"
    with pytest.raises(PlanFileError) as refused:
        read(plan=GOOD.replace("      - name: web-02\n", own))
    [problem] = refused.value.problems
    assert ("waves[0].vms[1].cutover.windows", LINES + 3) == (problem.field, problem.line)
    assert "no failover may ever begin" in problem.message


def test_the_nearest_windows_count_and_freezes_add_up() -> None:
    """A machine's windows replace its wave's and the plan's, in the nearest time zone; every freeze holds."""
    wave = """\
    cutover:
      time_zone: Europe/London
      windows: [{from: "01:00", to: "03:00"}]
      freezes: [{from: "2026-11-30", to: "2026-12-02", reason: stocktaking}]
"""
    own = 'web-02\n        cutover:\n          windows: [{days: [mon], from: "05:00", to: "06:00"}]\n'
    plan = GOOD.replace("  - name: first\n", f"  - name: first\n{wave}").replace("web-02\n", own)
    first, second = (vm.cutover for vm in vm_specs(read(plan=plan)))
    assert first is not None
    assert second is not None
    assert [("01:00", "Europe/London", 7)] == _windows(first)
    assert [("05:00", "Europe/London", 1)] == _windows(second)
    expected = [("end of the year", "Europe/Amsterdam"), ("stocktaking", "Europe/London")]
    assert [expected] * 2 == [[(one.reason, one.time_zone) for one in whole.freezes] for whole in (first, second)]


def _windows(schedule: Schedule) -> list[tuple[str, str, int]]:
    return [(window.begin, window.time_zone, len(window.days)) for window in schedule.windows]


def test_a_plan_without_the_key_has_no_schedule_and_one_with_it_survives_the_history() -> None:
    """Existing plans are as before; `from` and `to` are written as they were read."""
    assert [None, None] == [vm.cutover for vm in vm_specs(read(""))]
    plan = read()
    assert plan == Plan.model_validate_json(plan.model_dump_json())
    assert '"from":"22:00"' in plan.model_dump_json()
    assert plan.content_hash != read(CUTOVER.replace("04:00", "05:00")).content_hash
