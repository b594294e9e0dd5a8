"""Goals, comparisons, and the page that tells of them."""

import copy
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks import charts, goals, page, results
from benchmarks.goals import MET, NOT_MET, UNKNOWN
from tests.benchmarks.logs import result, run

_LIMITED: Any = {"limits": True, "bounds": {"critical path": 1_190.0, "reads": 1_195.0}}


def _verdicts(json: dict[str, Any]) -> dict[str, str]:
    return {row.id: row.verdict for row in goals.rows(json)}


def test_every_goal_has_a_row() -> None:
    """In order; what a fleet without limits cannot tell is left to one with them."""
    limited = result(size=1_000)
    for each in limited["runs"]:
        if each["for"] == "fleet":
            each.update(_LIMITED)

    assert [f"P{number}" for number in range(1, 19)] == list(_verdicts(limited))
    assert [f"P{number}" for number in range(1, 19) if number not in {3, 4}] == list(_verdicts(result()))
    assert {MET} == {verdict for goal, verdict in _verdicts(limited).items() if goal != "P2"}
    assert {MET} == set(_verdicts(result()).values())


_ONE_WRONG: list[tuple[str, tuple[str, str], dict[str, Any]]] = [
    ("P1", ("ours", "one"), {"virtual_seconds": 1_230.0}),
    ("P2", ("ours", "fleet"), {"virtual_seconds": 1_320.0}),
    ("P5", ("ours", "fleet"), {"requests": {"repeated_writes": 1}}),
    ("P5", ("ours", "fleet"), {"requests": {"writes_per_vm": 5.1}}),
    ("P6", ("ours", "fleet"), {"requests": {"reads_per_vm": 61.0}}),
    ("P6", ("ours", "long"), {"requests": {"reads_per_vm": 201.0}}),
    ("P7", ("ours", "fleet"), {"detection": {"p95_of_allowed": 1.1}}),
    ("P8", ("ours", "long"), {"temporal": {"actions_per_vm": 61.0}}),
    ("P9", ("ours", "one"), {"temporal": {"events_most": 251}}),
    ("P10", ("ours", "fleet"), {"used": {"worker": {"cpu_seconds": 1.0, "most_mib": 250.0}}}),
    ("P11", ("ours", "fleet"), {"steps": {"mean_seconds": 0.6}}),
    ("P12", ("concurrent", "fleet"), {"virtual_seconds": 1_130.0}),
    ("P13", ("sequential", "sequential"), {"seconds_of_each": [100.0]}),
    ("P17", ("ours", "fleet"), {"approval_seconds": {"p95": 1.1}}),
    ("P18", ("ours", "fleet"), {"used": {"worker": {"cpu_seconds": 20.0, "most_mib": 220.0}}}),
]


@pytest.mark.parametrize(
    ("goal", "late"), [("P14", {"reading": 32.1}), ("P14", {"waiting": 2.1}), ("P15", {"server": 5.1})]
)
def test_a_recovery_that_is_late_is_said_plainly(goal: str, late: dict[str, float]) -> None:
    """A lost worker is noticed within the heartbeat timeout of what it did; for a first copy, half a minute."""
    json = result()
    json["recovery"] |= late
    assert {goal} == {each for each, verdict in _verdicts(json).items() if verdict != MET}


@pytest.mark.parametrize(("goal", "which", "wrong"), _ONE_WRONG, ids=lambda one: one if isinstance(one, str) else "")
def test_a_goal_that_is_missed_is_said_plainly(goal: str, which: tuple[str, str], wrong: dict[str, Any]) -> None:
    """Whatever else is met."""
    json = result()
    for each in json["runs"]:
        if (each["program"], each["for"]) == which:
            for key, value in wrong.items():
                each[key] = {**each[key], **value} if isinstance(value, dict) else value

    assert NOT_MET == _verdicts(json)[goal]


def test_limits_bind_a_fleet() -> None:
    """The bound is ARM's where that is longer than the path; a lost machine misses the goal however quick it was."""

    def verdicts(**changes: Any) -> dict[str, str]:
        fleet = [run(program, "fleet", 1_000, **{**_LIMITED, **changes}) for program in ("ours", "concurrent")]
        return _verdicts({**result(size=1_000), "runs": fleet})

    assert MET == verdicts()["P3"]
    assert NOT_MET == verdicts(virtual_seconds=1_400.0)["P3"]
    assert MET == verdicts(virtual_seconds=1_400.0, bounds={"reads": 1_390.0, "critical path": 600.0})["P3"]
    assert NOT_MET == verdicts(outcomes={"migrated": 999, "rolled_back": 1})["P3"]
    assert NOT_MET == verdicts(requests={**run("ours", "fleet")["requests"], "share_of_429": 0.006})["P4"]
    assert UNKNOWN == verdicts()["P1"]


def test_what_was_not_measured_is_not_judged() -> None:
    """A fleet with limits says nothing of one without; a part of a goal that is missed is enough to miss it."""
    fleet = [run(program, "fleet", 1_000, **_LIMITED) for program in ("ours", "concurrent")]
    found = _verdicts({**result(size=1_000), "runs": fleet})
    assert [UNKNOWN] * 4 == [found[goal] for goal in ("P1", "P2", "P6", "P10")]
    fleet[0]["requests"]["reads_per_vm"], fleet[0]["used"]["worker"]["most_mib"] = 61.0, 701.0
    found = _verdicts({**result(size=1_000), "runs": fleet})
    assert [NOT_MET] * 2 == [found[goal] for goal in ("P6", "P10")]


def test_the_sequential_script_waits_for_copies_as_long_as_those_of_the_fleet() -> None:
    """Its twenty machines copy for five minutes, a large fleet's for longer."""
    short, long = result(), result()
    for each in long["runs"]:
        if each["for"] == "fleet":
            each["copy_minutes"] = 55
    told = [goals.sequential_seconds(json) for json in (short, long)]

    assert told[0] is not None
    assert told[0] + 50 * 60 == told[1]


def test_growth_is_fitted_and_the_cliff_at_a_hundred_is_looked_for() -> None:
    """The time of all steps grows as the fleet does: exponent 1; pools of a hundred show from 100 to 101."""
    more = [run("ours", "growth", size, steps={"mean_seconds": 0.3}) for size in (100, 101)]
    cliff = copy.deepcopy(more)
    cliff[1]["steps"]["mean_seconds"] = 0.45

    assert pytest.approx(1.0) == goals.fitted(goals.growth(result(*more)))
    assert pytest.approx(1.5) == goals.jump_at_101(goals.growth(result(*cliff)))
    assert NOT_MET == _verdicts(result(*cliff))["P11"]
    assert goals.fitted([(50, 0.3)]) is None


def test_what_got_worse_is_said() -> None:
    """By more than a tenth, and by more than is worth speaking of; what got better is no matter."""
    before, after = result(), result()
    after["runs"][0]["virtual_seconds"] *= 1.2
    after["runs"][0]["requests"]["reads_per_vm"] *= 1.05
    after["runs"][0]["used"]["worker"]["cpu_seconds"] *= 0.5
    after["runs"][0]["approval_seconds"]["p95"] = 0.29

    told = results.worse(after, before)

    assert ["overhead of the fleet", "makespan over its bound"] == [line.partition(":")[0] for line in told]
    assert [] == results.worse(after, None)


def test_another_machine_is_said_beside_what_got_worse() -> None:
    """What takes processors takes longer on a slower machine, which no change of ours has done."""

    def on(*seconds: float) -> dict[str, Any]:
        made = result()
        return made | {"machine": made["machine"] | ({"loop_seconds": [*seconds]} if seconds else {})}

    slow, quick, alike = (1.3, 1.1), (0.5, 0.5), (0.51, 0.53)
    told = [results.other_machine(on(*now), on(*then)) for now, then in ((slow, quick), (quick, slow), (alike, quick))]
    told.append(results.other_machine(on(*slow), on()))

    [slower, faster, *same] = told
    assert "2.4 times slower" in str(slower)
    assert "2.4 times faster" in str(faster)
    assert [None, None] == same
    assert "ten million additions in Python: 1.3 s before, 1.1 s after" in page.text([on(*slow)], {})


def test_the_page_tells_all_and_its_pictures_have_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table with its verdicts, each picture a light SVG beside its description; written again it is the same."""
    operations = [{"vm": "vm-0001", "kind": "enable", "from": 0.0, "until": 300.0}]
    operations.append({"vm": "vm-0001", "kind": "fail over", "from": 310.0, "until": 450.0})
    json = result()
    for each in json["runs"]:
        each["slowest"] = operations
    monkeypatch.setattr(results, "FOLDER", tmp_path / "kept")
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")
    monkeypatch.setattr(page, "IMAGES", tmp_path / "images")
    results.write(json)

    page.write()
    text = page.PAGE.read_text(encoding="utf-8")
    drawn = {file.name: file.read_bytes() for file in page.IMAGES.iterdir()}
    page.write()

    assert json == results.last(50)
    assert page.table(json) in text
    assert "14 minutes on 2 processors" in text
    assert set(re.findall(r"images/([\w.-]+)", text)) == set(drawn)
    assert {"benchmarks-makespan-50.svg", "benchmarks-chain-50.svg", "benchmarks-requests-50.svg"} <= set(drawn)
    assert all(len(words) > 60 for words in re.findall(r"!\[(.*)\]\(", text))
    assert all(len(svg) < 40_000 and ET.fromstring(svg).tag.endswith("svg") for svg in drawn.values())  # noqa: S314 - our own
    assert drawn == {file.name: file.read_bytes() for file in page.IMAGES.iterdir()}
    assert "10 s between operations" in charts.chain(json)[1]  # type: ignore[index]


def test_the_page_that_is_kept_follows_from_the_results_that_are_kept() -> None:
    """Nobody has changed it by hand, or forgotten to write it."""
    words = {name: told for name, (_, told) in page.pictures(results.all_kept())}

    assert page.PAGE.read_text(encoding="utf-8") == page.text(results.all_kept(), words)


def test_times_of_recovery_are_those_of_the_docs() -> None:
    """The block that `python -m tests.chaos.recovery` writes is found and read."""
    assert {"when", "reading", "waiting", "server"} == set(results.recovery())
