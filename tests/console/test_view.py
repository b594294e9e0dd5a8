"""When a plan has settled, what its outcome is, and how a view is shown."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from console.displays import LineDisplay, LiveDisplay
from console.tables import plan_table, screen
from console.texts import clean, local_time, moment, span, utc_text
from console.view import PlanView, VmView, outcome_of
from migration.phases import Outcome, Phase

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def vm(name: str = "a", **fields: Any) -> VmView:
    """Return a virtual machine that runs."""
    return VmView(**{"name": name, "wave": "one", "is_running": True, "has_run": True, "started": NOW, **fields})


def view(*vms: VmView, **fields: Any) -> PlanView:
    """Return a plan that runs."""
    return PlanView(**{"plan": "contoso", "vms": vms, "is_running": True, "phase": "moving", "started": NOW, **fields})


ENDED: dict[str, Any] = {"phase": Phase.DONE, "outcome": Outcome.MIGRATED, "is_running": False}
STUCK: dict[str, Any] = {"phase": Phase.NEEDS_ACTION, "needs_action": True}


@pytest.mark.parametrize(
    ("plan", "settled"),
    [
        (view(), False),
        (view(is_running=False), True),
        (view(vm(**ENDED)), False),
        (view(vm(**ENDED), is_running=False), True),
        (view(vm(**STUCK), vm("b", **ENDED)), True),
        (view(vm(**STUCK), vm("b", phase=Phase.REPLICATING)), False),
        (view(vm(**STUCK), vm("b", phase=Phase.AWAITING_APPROVAL, needs_action=True)), False),
        (view(vm(**STUCK), vm("b", is_running=False, has_run=False)), False),
        (view(vm(phase=Phase.REPLICATING), is_running=False), False),
        (view(vm(**STUCK), is_running=False), True),
    ],
)
def test_watching_ends_with_the_plan_or_when_only_operators_can_go_on(plan: PlanView, settled: bool) -> None:
    """A plan settles when it and its virtual machines have ended, or when all that is left needs an operator."""
    assert plan.has_settled is settled


def test_outcome_of_a_plan_that_left_none_is_its_vms_common_one() -> None:
    """Without the plan's own word, an outcome is told only once every virtual machine has one."""
    rolled_back = ENDED | {"outcome": Outcome.ROLLED_BACK}

    assert outcome_of((vm(**ENDED), vm("b", **ENDED))) is Outcome.MIGRATED
    assert outcome_of((vm(**ENDED), vm("b", **rolled_back))) is Outcome.MIXED
    assert outcome_of((vm(**ENDED), vm("b"))) is None
    assert outcome_of(()) is None


def test_lines_tell_a_change_once() -> None:
    """A countdown in a text is no change; a phase, ten percent more, a refusal are."""
    lines: list[str] = []
    display = LineDisplay(lines.append)
    with display:
        views: list[dict[str, Any]] = [
            {"progress_percent": 41, "waiting_for": "a copy, 59 min left"},
            {"progress_percent": 42, "waiting_for": "a copy, 58 min left"},
            {"progress_percent": 50, "waiting_for": "a copy, 50 min left"},
            {"phase": Phase.AWAITING_APPROVAL, "last_refusal": "refused: eve"},
        ]
        for fields in views:
            display.show(view(vm(**{"phase": Phase.REPLICATING, **fields})))

    told = [line.split("  ", 1)[1] for line in lines if " a: " in line]
    assert told == [
        "a: replicating; 41 %; a copy, 59 min left",
        "a: replicating; 50 %; a copy, 50 min left",
        "a: awaiting approval; last refusal: eve",
    ]


@pytest.mark.parametrize(("told", "width"), [("200", 200), ("", 80), ("wide", 80)])
def test_a_pipe_is_as_wide_as_the_environment_says(monkeypatch: pytest.MonkeyPatch, told: str, width: int) -> None:
    """`COLUMNS=200 starter.py status contoso | less -S` shows long names in one line; else 80 columns."""
    monkeypatch.setenv("COLUMNS", told)
    assert width == screen(plain=True).width


def test_a_screen_too_small_for_all_shows_first_who_needs_a_person() -> None:
    """With fifty virtual machines on a small screen the one that waits is seen, and the others are counted."""
    out = StringIO()
    console = Console(file=out, width=80, height=16, force_terminal=True, color_system=None)
    others = [vm(f"vm-{number:02}", **ENDED) for number in range(49)]
    with LiveDisplay(console) as display:
        display.show(
            view(*others, vm("waits", phase=Phase.AWAITING_APPROVAL, needs_action=True, waiting_for="approval"))
        )

    drawn = out.getvalue()
    assert "waits" in drawn
    assert "! approval" in drawn
    assert "and 40 VMs more: 40 migrated" in drawn


def test_table_fits_80_columns_and_hides_nothing() -> None:
    """Long names and texts go on in the next line."""
    out = StringIO()
    long_name = "a-virtual-machine-with-a-very-long-name-that-somebody-chose-2026"
    Console(file=out, width=80, color_system=None).print(
        plan_table(view(vm(long_name, waiting_for="approval by one of " + ", ".join(["anna@contoso.example"] * 4))))
    )

    lines = out.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 80
    name_column = lines[0].index("wave")
    assert "".join(line[:name_column].strip() for line in lines[1:]) == long_name


def test_text_of_others_cannot_steer_the_terminal() -> None:
    """Escapes, line ends and marks that turn the direction of text are taken out."""
    assert clean("a\x1b[2Jb\r\nc\u202ed\x9be") == "a [2Jb c d e"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (45, "45 s"),
        (200, "3 min 20 s"),
        (7_500, "2 h 05 min"),
        (93_600, "1 d 02 h"),
        (-3, "0 s"),
    ],
)
def test_spans_of_time_are_told_in_two_units(seconds: float | None, text: str) -> None:
    """A span is told as a person would."""
    assert span(seconds) == text


def test_times_keep_their_moment() -> None:
    """Azure's seven digits and a missing zone are understood; JSON gets UTC with Z."""
    assert moment("2026-03-01T10:02:00.1234567Z") == datetime(2026, 3, 1, 10, 2, 0, 123456, tzinfo=UTC)
    assert moment("2026-03-01T10:02:00") == datetime(2026, 3, 1, 10, 2, tzinfo=UTC)
    assert utc_text(NOW + timedelta(seconds=1)) == "2026-03-01T12:00:01Z"
    assert local_time("soon\x1b") == "soon"
    assert local_time(None) == "-"
