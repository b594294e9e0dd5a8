"""The exhaustive set and the random plans, without running them: what is struck, how it is kept and told."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos import fuse
from tests.chaos.actors import APPROVE, REJECT
from tests.chaos.drawn import MOST_FAULTS, draw
from tests.chaos.exhaustive import all_strikes, batches, runs_of
from tests.chaos.random_plans import KNOWN, known_seeds
from tests.chaos.results import Results, matrix
from tests.chaos.strikes import CLEAN, FAULTS, MOMENTS, Strike, phase_at

LENGTHS = {"approved": 5, "rejected": 7}
REPORT = {
    "vms": [
        {
            "phases": [
                {"name": "checking", "started": "2026-11-26T10:00:00Z", "ended": "2026-11-26T10:00:10Z"},
                {"name": "enabling", "started": "2026-11-26T10:00:10Z", "ended": "2026-11-26T10:00:20Z"},
            ]
        }
    ]
}


def test_every_request_is_struck_by_every_fault() -> None:
    """All of both runs, each once, whatever the batches; parts together are the whole, and share the faults."""
    strikes = all_strikes(LENGTHS)
    struck = {(strike.run, strike.fault, strike.nth) for strike in strikes}
    expected = {
        (run, fault, nth) for run, length in LENGTHS.items() for fault in FAULTS for nth in range(1, length + 1)
    }
    runs = runs_of(strikes, 3)
    kept = [strike.key for batch in batches(runs, 10) for run in batch for strike in run]
    kills = [sum(run[0].fault in MOMENTS for run in batch) for batch in batches(runs, 10)]
    assert (expected, len(expected)) == (struck, len(strikes))
    assert {1} == {len({(strike.run, strike.fault) for strike in run}) for run in runs}
    assert [1, 3, 5] == [strike.nth for strike in runs[0]]
    assert sorted(strike.key for strike in strikes) == sorted(kept)
    assert max(kills) - min(kills) <= 1


def test_results_outlive_the_process(tmp_path: Path) -> None:
    """What has run is known to the next run, the last word about a strike counts, and the matrix tells what is red."""
    file = tmp_path / "out" / "results.jsonl"
    red = Strike("approved", FAULTS[0], 3, phase="enabling", outcome="rolled_back")
    green = Strike("approved", FAULTS[0], 4, phase="enabling", outcome="migrated")
    Results(file).keep([Strike("approved", CLEAN, requests=5, outcome="migrated"), red, green])
    Results(file).keep([Strike("approved", FAULTS[0], 3, phase="enabling", outcome="migrated")])
    results = Results(file)
    known = [results.of(strike) for strike in all_strikes({"approved": 5})]
    done = [strike for strike in known if strike is not None]
    assert (5, 0) == (results.length("approved"), results.length("rejected"))
    assert [True, True] == [strike.is_green for strike in done]
    assert "| migrated · 2 · 16 |" in matrix(done, 80, LENGTHS, "abc")
    assert "**1 of 2 not green: 3**" in matrix([red, green], 80, LENGTHS, "abc")


@pytest.mark.parametrize(
    ("at", "phase"),
    [
        ("2026-11-26T09:59:59", "preparing the plan"),
        ("2026-11-26T10:00:05", "checking"),
        ("2026-11-26T10:00:12", "enabling"),
        ("2026-11-26T10:00:21", "ending the plan"),
    ],
)
def test_the_phase_of_a_request_is_told_by_the_clock(at: str, phase: str) -> None:
    """Before and after the machine's own phases a request is the plan's."""
    assert phase == phase_at(REPORT, at)


def test_a_fuse_burns_at_its_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only requests about the subscription count, from each order anew, and the process ends at the kth."""
    killed: list[int] = []
    monkeypatch.setattr("os.kill", lambda _, number: killed.append(number))
    its = fuse.Fuse(tmp_path)
    mine, other = "https://cloud/subscriptions/ABC/x?a=1", "https://cloud/subscriptions/def/x"
    met: list[bool] = []
    for began in ("one", "two"):
        order = {"subscription": "abc", "nth": 2, "moment": "after", "began": began}
        (tmp_path / fuse.ORDER).write_text(json.dumps(order))
        met += [bool(its.meets(url)) for url in (mine, other, mine, mine)]
    its.burn(SimpleNamespace(method="GET", url=mine))
    struck: dict[str, Any] = json.loads((tmp_path / fuse.STRUCK).read_text())
    assert [False, False, True, False] * 2 == met
    assert ([signal.SIGKILL], "https://cloud/subscriptions/ABC/x") == (killed, struck["url"])


def test_a_seed_means_one_plan() -> None:
    """The same seed draws the same, seeds differ, and each is a plan that a person may write, with its faults."""
    drawn = [draw(seed) for seed in range(300)]
    again = draw(7)
    machines = {len(one.actor.case.vms) for one in drawn}
    words = {word for one in drawn for word in one.actor.decisions.values()}
    assert (drawn[7].told, drawn[7].actor.case) == (again.told, again.actor.case)
    assert (1, 20) == (min(machines), max(machines))
    assert {1, 2, 3, 4} == {len(one.actor.case.plan.waves) for one in drawn}
    assert {APPROVE, REJECT} == words
    assert set(range(1, MOST_FAULTS + 1)) == {len(one.told) for one in drawn}
    assert 300 == len({one.actor.case.subscription for one in drawn})


def test_faults_at_writes_leave_the_questions_of_a_check_alone() -> None:
    """A check that may not ask refuses its plan, and should; what changes something is met in its own subscription."""
    drawn = [draw(seed) for seed in range(60)]
    faults = [(one, fault["match"]["path"]) for one in drawn for fault in one.actor.faults if "(?!" in str(fault)]
    for one, path in faults:
        mine = f"/subscriptions/{one.actor.case.subscription}/resourceGroups/g/providers/x/virtualMachines/vm"
        met = [bool(re.search(path, f"{mine}/{verb}")) for verb in ("start", "runCommand", "checkPolicyRestrictions")]
        assert [True, False, False] == met
        assert re.search(path, "/subscriptions/other/x/start") is None
    assert len(faults) > 20


def test_a_known_seed_still_means_what_it_found() -> None:
    """A seed is kept with its faults in words: where the drawing changes, the list would replay something else."""
    lines = [line for line in KNOWN.read_text(encoding="utf-8").splitlines() if line[:1].isdigit()]
    told = {int(line.partition(":")[0]): line.split(": ", 1)[1].split(" -> ")[0] for line in lines}
    assert known_seeds() == list(told)
    assert told == {seed: "; ".join(draw(seed).told) for seed in told}
