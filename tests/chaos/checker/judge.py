"""All invariants by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.chaos.checker import books, copies, gate, liveness, writes
from tests.chaos.checker.evidence import Evidence

Invariant = Callable[[Evidence], Iterator[str]]

INVARIANTS: dict[str, Invariant] = {
    "I1": copies.one_running_copy,
    "I2": copies.source_left_alone,
    "I3": copies.source_runs_again,
    "I4": writes.no_write_twice,
    "I5": gate.verified_before_committed,
    "I6": books.all_that_was_made_is_told,
    "I7": writes.only_where_the_plan_says,
    "I8": gate.decided_by_an_allowed_person,
    "I9": gate.point_is_fresh,
    "I10": books.no_secret_is_told,
    "I11": books.report_tells_the_truth,
    "I12": liveness.everything_ends,
    "I13": liveness.others_go_on,
    "I14": liveness.starting_again_changes_nothing,
    "I15": liveness.waits_have_deadlines,
    "I16": liveness.histories_stay_small,
}


def judge(evidence: Evidence) -> dict[str, list[str]]:
    """Return what each invariant that does not hold says; empty where all hold."""
    found = {name: list(invariant(evidence)) for name, invariant in INVARIANTS.items()}
    return {name: told for name, told in found.items() if told}
