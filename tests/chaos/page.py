"""The matrix in words: rows for the screen as they come, and the blocks of docs/durability.md that a run writes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.checker import INVARIANTS
from tests.chaos.trials import Trial

PAGE = Path(__file__).resolve().parents[2] / "docs" / "durability.md"
_COLUMNS = ("fault", "phase", "struck at", "outcome", "invariants held", "")


@dataclass(frozen=True)
class Run:
    """One run of the small set: what is printed at its end, and what its block in the page says."""

    command: str
    """What runs the same again."""
    trials: Sequence[Trial]
    seconds: float
    cpu_seconds: float

    @property
    def green(self) -> int:
        """How many are green."""
        return sum(trial.is_green for trial in self.trials)

    @property
    def is_green(self) -> bool:
        """Whether there is something, and all of it is green."""
        return 0 < len(self.trials) == self.green

    @property
    def summary(self) -> str:
        """The result in one line."""
        return (
            f"{self.green} of {len(self.trials)} green, in {self.seconds:.0f} s ({self.cpu_seconds:.0f} s of "
            f"{os.cpu_count()} processors): `{self.command}`"
        )


def show(trial: Trial) -> None:
    """Print a row of the matrix."""
    row = (
        f"{'ok' if trial.is_green else 'NOT':<4}{trial.fault:<44} {trial.phase or '-':<18} {trial.struck_at:<12} "
        f"{trial.outcome or '-':<14} {_held(trial)} invariants  {trial.seconds:.0f} s"
    )
    broken = [f"      {name}: {sentence}" for name, told in trial.broken.items() for sentence in told[:5]]
    say("\n".join([row, *broken, *([f"      {trial.error}"] if trial.error else [])]))


def say(text: str) -> None:
    """Print a line, or several, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(trials: Sequence[Trial]) -> str:
    """Return rows of the matrix as a table in Markdown."""
    head = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"
    return "\n".join([head, *(_row(trial) for trial in trials)])


def write(run: Run) -> None:
    """Put a run of the small set into its block of the page, with a row for each trial."""
    put("small", f"{datetime.now(UTC):%Y-%m-%d}: {run.summary}\n\n{table(run.trials)}")


def put(section: str, text: str) -> None:
    """Put *text* into a block of the page."""
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), section, text), encoding="utf-8")


def replaced(page: str, section: str, text: str) -> str:
    """Return *page* with *text* between the markers of *section*.

    Raises:
        ValueError: the page has no such block.
    """
    begin, end = f"<!-- {section}: written by make chaos -->", f"<!-- {section}: end -->"
    block = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    new, found = block.subn(lambda _: f"{begin}\n{text}\n{end}", page)
    if found != 1:
        message = f"writing the matrix: the page has {found} blocks between '{begin}' and '{end}', and needs one"
        raise ValueError(message)
    return new


def _row(trial: Trial) -> str:
    verdict = "green" if trial.is_green else f"**not green**: {trial.error or ', '.join(trial.broken)}"
    cells = (trial.fault, trial.phase, trial.struck_at, trial.outcome, _held(trial), verdict)
    return f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') or '-' for cell in cells)} |"


def _held(trial: Trial) -> str:
    """Return how many invariants hold; where there was no end to judge, none is known to."""
    return f"{0 if trial.error else len(INVARIANTS) - len(trial.broken)}/{len(INVARIANTS)}"
