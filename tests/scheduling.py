"""How the tests are spread over several processes: whole files, those that take long first.

A file's tests share a simulator, a Temporal server or a whole run, which another process would start once more.
The marker `xdist_group` would say the same, but with pytest 9.2 the groups of xdist 3.8 fall apart, in silence.
"""

from collections.abc import Sequence

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ON_ONE_CLONE = tuple(
    f"tests/e2e/test_{name}.py" for name in ("approving", "commands", "contracts", "examples", "groups", "ui")
)
"""The files whose tests run on one stack in one clone, which takes a minute to make."""

LONG_FIRST = (
    "tests/e2e/test_matrix_killed.py",
    "tests/e2e/test_matrix.py",
    "tests/e2e/test_any_plan.py",
    *ON_ONE_CLONE,
    "tests/e2e/",
    "tests/clients/",
    "tests/runtime/",
    "tests/workflows/",
    "tests/activities/",
    "tests/console/",
    "tests/simulator/",
)
"""Where a path begins so, its tests start before those of the next line; all others come last."""


class WholeFiles(LoadScopeScheduling):
    """Gives a process whole files, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def unit_of(nodeid: str) -> str:
    """Return the name of what a test shares a process with."""
    path = nodeid.partition("::")[0]
    return "one clone" if path in ON_ONE_CLONE else path


def long_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order in which they start."""
    return sorted(items, key=lambda item: _place(item.nodeid))


def _place(nodeid: str) -> int:
    return next((place for place, start in enumerate(LONG_FIRST) if nodeid.startswith(start)), len(LONG_FIRST))
