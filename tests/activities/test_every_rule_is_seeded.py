"""Every rule of the catalogue is tripped by an estate in the simulated cloud, which the real check reads.

The rows are those that the tests of their modules run; each has also been seen not to be tripped by a sound estate.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration.rules.catalogue import RULES
from tests.activities import (
    test_guests,
    test_preflight_causes,
    test_preflight_cutover,
    test_preflight_seeds,
    test_preflight_troubles,
)


def seeded() -> Iterator[str]:
    """Yield the rule that each row of these tests has tripped."""
    yield from (rule for rule, _ in test_preflight_troubles.TROUBLES)
    yield from (rule for rule, _ in test_preflight_troubles.HANGING_ON)
    yield from (row.rule for row in test_preflight_seeds.SEEDED)
    yield from (rule for rule, _ in test_preflight_cutover.SEEDED)
    yield from (case.rule for case in test_preflight_causes.CASES.values())
    yield from (cause.rule for cause in test_guests.CAUSES.values())


OF_THE_WORKER = {"channels-set-up"}
"""Rules about how the worker that checks is set up, which no estate trips; `test_preflight.py` has a test of them."""


def test_every_rule_is_tripped_by_a_seeded_estate() -> None:
    """A rule without a row, or a row of a rule that is gone, fails here."""
    assert {rule.id for rule in RULES} - OF_THE_WORKER == set(seeded())
