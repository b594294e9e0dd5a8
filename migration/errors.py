"""What can be wrong with what a person gave us.

MigrationError               never raised itself
└── PlanFileError            the plan file cannot be used; carries every problem found (exit code 2)

ValueError
└── InvalidValueError        one value is wrong, and what would be right
    └── InvalidPlanError     values that are right by themselves and wrong together; says where they stand
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from migration.redaction import REDACTED, is_secret_name, redact_text

PathStep = str | int
MOST_SHOWN = 100
"""Mistakes that a person is shown at once; whoever has more of them needs no list."""
_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
_PATH = re.compile(r"""(https?://[^/\s'"]+)/[^\s'"]+""")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""What steers a terminal, turns the direction of text, or cannot be seen."""


class MigrationError(Exception):
    """The base of this module's errors; never raised itself."""


class InvalidValueError(ValueError):
    """A value is wrong: *problem* says how, *fix* what would be right."""

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(f"{problem}; {fix}" if fix else problem)
        self.problem = problem
        self.fix = fix


class InvalidPlanError(InvalidValueError):
    """Values contradict each other. *path* leads to the one to mend; for a list of all VMs, its index there."""

    def __init__(self, problem: str, fix: str, path: tuple[PathStep, ...], other: tuple[PathStep, ...] = ()) -> None:
        super().__init__(problem, fix)
        self.path = path
        self.other = other


@dataclass(frozen=True)
class PlanProblem:
    """One mistake in a plan file. Lines and columns count from 1; 0 where the file as a whole is meant."""

    file: str
    line: int
    column: int
    field: str
    message: str
    fix: str

    def __post_init__(self) -> None:
        """Repeat no secret that somebody wrote into a plan by mistake."""
        message = _PATH.sub(rf"\1/{REDACTED}", redact_text(self.message))
        if is_secret_name(self.field.rpartition(".")[2]):
            message = _QUOTED.sub(REDACTED, message)
        object.__setattr__(self, "message", message)

    def __str__(self) -> str:
        """Return the line for a person: `plans/a.yaml:12: waves[0].name: what is wrong; what would be right`."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        field = f"{self.field}: " if self.field else ""
        return visible(f"{place}: {field}{self.message}" + (f"; {self.fix}" if self.fix else ""))


class PlanFileError(MigrationError):
    """A plan file cannot be used; *problems* lists every mistake found, in the order of the file."""

    def __init__(self, problems: list[PlanProblem]) -> None:
        shown = [str(problem) for problem in problems[:MOST_SHOWN]]
        if len(problems) > MOST_SHOWN:
            shown.append("there are more mistakes: mend these first")
        super().__init__("\n".join(shown))
        self.problems = problems

    def as_json(self) -> list[dict[str, Any]]:
        """Return the problems for `--json`."""
        return [asdict(problem) for problem in self.problems]


def visible(text: str) -> str:
    """Return *text* with what could steer a terminal, or hides, spelled out: a file's words are anybody's."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
