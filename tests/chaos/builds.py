"""Another build of the worker: a copy of the product in which some lines read otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("activities", "arm", "migration", "runtime", "workflows")


@dataclass(frozen=True)
class Change:
    """A line of the product, and what stands there in the other build."""

    file: str
    old: str
    new: str


_ENABLE = "        await self.step(Phase.ENABLING, replication.enable, undo=replication.disable_and_remove)\n"
_LATER = "        await asyncio.sleep(1)\n"
STORY = "workflows/migrate_vm.py"
UNPATCHED = (Change(STORY, _ENABLE, _LATER + _ENABLE),)
"""Another story, for which nobody wrote a patch: it cannot go on with a run that has passed the line."""
PATCH = "chaos"
PATCHED = (Change(STORY, _ENABLE, f"        if workflow.patched('{PATCH}'):\n    {_LATER}{_ENABLE}"),)
"""The same behind a patch: who has passed the line goes on, who has not takes the new way."""
POLICIES = "workflows/policies.py"
IMPATIENT = (
    Change(POLICIES, "JOB_DEADLINE = timedelta(hours=6)", "JOB_DEADLINE = timedelta(seconds=30)"),
    Change(POLICIES, "LAST_LOOK = timedelta(seconds=90)", "LAST_LOOK = timedelta(seconds=5)"),
)
"""Deadlines that pass within a trial: nobody waits six hours for a job that never ends."""


def build(folder: Path, changes: Sequence[Change]) -> Path:
    """Copy the product into *folder* with *changes*, and return where its `worker.py` lies.

    Raises:
        AssertionError: the product has no such line any more.
    """
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "worker.py", folder)
    for change in changes:
        file = folder / change.file
        text = file.read_text(encoding="utf-8")
        assert text.count(change.old) == 1, f"{change.file} has no single line '{change.old.strip()}'"
        file.write_text(text.replace(change.old, change.new), encoding="utf-8")
    return folder
