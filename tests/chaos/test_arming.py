"""Where faults strike: a request of the clean run, drawn by the seed, is found again in the run of another plan."""

import random
import re
from pathlib import Path

from tests.chaos import builds, matrix, processes
from tests.chaos.arming import at_a_poll, at_a_write, at_an_index
from tests.chaos.trials import MIGRATED, Line, Trial
from tests.e2e.estates import Case

EFFECT = {"kind": "truncate"}
GROUP = "/subscriptions/0d7f9a55-3a51-4c62-9e57-1f0e2b6c8a01/resourceGroups"
VAULT = f"{GROUP}/clean-vault/providers/Microsoft.RecoveryServices/vaults/clean-vault"


def line(method: str, path: str) -> Line:
    """Return a line of the clean run's log."""
    return {"method": method, "path": path, "write": method != "GET", "accepted": method != "GET"}


CLEAN = [
    line("GET", f"{GROUP}/clean-source"),
    line("PUT", VAULT),
    line("GET", f"{VAULT}/replicationJobs/0f0e0d0c-1111-2222-3333-444455556666"),
    line("GET", f"{VAULT}/replicationJobs/0f0e0d0c-1111-2222-3333-444455556666"),
    line("GET", f"{GROUP}/clean-source"),
]
OTHER = Trial("x", Case("x-y"), MIGRATED)


def test_the_request_is_found_in_another_plan() -> None:
    """Its path is that of the other plan, and it is counted among its like: the dice name the same call each time."""
    dice = random.Random(7)  # noqa: S311 - no secret
    drawn = {}
    for _ in range(40):
        [fault] = at_an_index(EFFECT)(OTHER, dice, CLEAN)
        drawn[OTHER.nth] = fault["match"]
    assert {1, 2, 3, 5} == set(drawn)  # the second look at a job may come never in another run
    assert (1, 2) == (drawn[1]["nth"], drawn[5]["nth"])
    assert re.search(drawn[5]["path"], f"{GROUP}/x-y-source", re.IGNORECASE)
    assert not re.search(drawn[5]["path"], f"{GROUP}/clean-source", re.IGNORECASE)
    assert re.search(drawn[3]["path"], VAULT.replace("clean", "x-y") + "/replicationJobs/aaaabbbb-9999", re.IGNORECASE)


def test_the_last_looks_of_the_clean_run_are_not_counted_on() -> None:
    """Of five looks another run may need four, or three: a fault that met none of them would show nothing."""
    clean = [line("GET", f"{GROUP}/clean-source")] * 5
    dice = random.Random(7)  # noqa: S311 - no secret
    met = {at_an_index(EFFECT)(OTHER, dice, clean)[0]["match"]["nth"] for _ in range(40)}
    assert {1, 2, 3, 4} == met


def test_writes_and_polls_are_drawn_from_their_own() -> None:
    """A fault for writes meets a write, and one for polls a request that follows an operation."""
    dice = random.Random(7)  # noqa: S311 - no secret
    [write], [poll] = at_a_write(EFFECT)(OTHER, dice, CLEAN), at_a_poll(EFFECT)(OTHER, dice, CLEAN)
    assert ("PUT", "GET") == (write["match"]["method"], poll["match"]["method"])
    assert "replicationjobs" in poll["match"]["path"]


def test_every_row_has_a_name_and_a_plan_of_its_own() -> None:
    """Rows that shared a plan would meet each other's faults."""
    rows = [*matrix.drawn(), *matrix.certain()]
    trials = [*rows, *(trial for deed in processes.deeds() for trial in deed.trials)]
    names = [trial.case.name for trial in trials]
    assert len(names) == len(set(names))
    assert len(rows) == len({row.fault for row in rows})


def test_the_other_builds_can_be_made(tmp_path: Path) -> None:
    """The lines that another build changes are there, once each."""
    made = builds.build(tmp_path / "build", (*builds.PATCHED, *builds.IMPATIENT))
    assert "workflow.patched('chaos')" in (made / builds.STORY).read_text(encoding="utf-8")
    assert (made / "worker.py").is_file()
