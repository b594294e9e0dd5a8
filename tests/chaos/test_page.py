"""The page of the matrix: a run writes its own block, and nothing else."""

import pytest

from tests.chaos import page
from tests.chaos.trials import MIGRATED, Trial
from tests.e2e.estates import Case

ROWS = [
    Trial("killed", Case("a"), MIGRATED, nth=7, phase="enabling", outcome="migrated"),
    Trial("lost", Case("b"), MIGRATED, outcome="migrated", broken={"I4": ["request 9 repeats 8"]}),
    Trial("stuck", Case("c"), MIGRATED, error="it stands at enabling: a | b"),
]


def test_a_run_writes_its_block_and_no_other() -> None:
    """What stands around a block, and the blocks of other sets, stay as they are."""
    before = "# A\n<!-- small: written by make chaos -->\nold\n<!-- small: end -->\nB\n"
    other = "<!-- full: written by make chaos -->\nkept\n<!-- full: end -->\n"
    expected = "# A\n<!-- small: written by make chaos -->\nnew \\1\n<!-- small: end -->\nB\n" + other
    assert expected == page.replaced(before + other, "small", "new \\1")


def test_a_page_without_the_block_is_refused() -> None:
    """A matrix that lands nowhere would be lost in silence."""
    with pytest.raises(ValueError, match="has 0 blocks"):
        page.replaced("# A\n", "small", "new")


def test_the_published_page_has_a_block_for_what_the_target_writes() -> None:
    """The markers that the target looks for are in the page."""
    assert "new" in page.replaced(page.PAGE.read_text(encoding="utf-8"), "small", "new")


def test_a_row_tells_what_is_not_green() -> None:
    """Whoever reads the table sees which invariant broke, and that no invariant is known to hold without an end."""
    green, broken, stuck = page.table(ROWS).splitlines()[2:]
    assert green == "| killed | enabling | request 7 | migrated | 16/16 | green |"
    assert broken == "| lost | - | - | migrated | 15/16 | **not green**: I4 |"
    assert stuck == "| stuck | - | - | - | 0/16 | **not green**: it stands at enabling: a / b |"


def test_a_run_is_green_only_as_a_whole() -> None:
    """One row that is not green, or none at all, fails the target."""
    assert page.Run("", ROWS[:1], 1, 1).is_green
    assert not page.Run("", ROWS, 1, 1).is_green
    assert not page.Run("", [], 1, 1).is_green
