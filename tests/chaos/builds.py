"""A new build of the worker whose workflow differs: a copy of the project with a step more, behind a patch."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.e2e.clone import PARTS
from tests.e2e.stack import ROOT

STORY = Path("workflows/migrate_vm.py")
_STEP = "        await self.step(Phase.CHECKING, checks.check_prerequisites)\n"
_CHANGE = '        if workflow.patched("a-pause-more"):\n            await workflow.sleep(0.01)\n'


def new_build(folder: Path) -> Path:
    """Copy what a worker needs into *folder*, change the story of a machine, and return the folder."""
    for part in PARTS:
        if part not in {"console", "plans", "simulator"}:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "worker.py", folder / "worker.py")
    story = (folder / STORY).read_text(encoding="utf-8")
    assert 1 == story.count(_STEP), f"{STORY} has changed: say here where its beginning is"
    (folder / STORY).write_text(story.replace(_STEP, _STEP + _CHANGE), encoding="utf-8")
    return folder
