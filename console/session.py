"""One call of the command line: its environment, its settings and where its words go."""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
"""The clone, or the image's folder: where worker.py stands."""
OUTPUT_FOLDER = Path("out")
"""Reports, in the folder where the command runs."""


@dataclass(frozen=True)
class Session:
    """What every command gets. stdout carries the answer, stderr everything else."""

    environment: Mapping[str, str]
    as_json: bool = False
    began: float = field(default_factory=time.monotonic)
    """When the command began (monotonic): what takes it long to load is part of what a person waits for."""

    @cached_property
    def settings(self) -> Settings:
        """The settings of the environment.

        Raises:
            SettingsError: a variable cannot be used.
        """
        from runtime.settings import Settings

        return Settings.from_mapping(self.environment)

    @property
    def person(self) -> str:
        """Who acts: `MIGRATION_REQUESTER`, else the name of the operating system's user."""
        named = self.environment.get("MIGRATION_REQUESTER", "").strip()
        return named or _user_name()

    @property
    def is_interactive(self) -> bool:
        """Whether a person can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def is_plain(self) -> bool:
        """Whether stdout takes text alone: no terminal, or a person who wants neither colour nor motion."""
        return (
            not sys.stdout.isatty() or bool(self.environment.get("NO_COLOR")) or self.environment.get("TERM") == "dumb"
        )

    @property
    def is_live(self) -> bool:
        """Whether stdout is a screen that may be redrawn."""
        return not (self.as_json or self.is_plain)

    def answer(self, text: str) -> None:
        """Print a line of the answer."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def answer_json(self, value: Any) -> None:
        """Print the answer as one JSON value."""
        self.answer(json.dumps(value, ensure_ascii=False, indent=2))

    def note(self, text: str) -> None:
        """Tell what is not the answer."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def project_version() -> str:
    """Return the version of this program."""
    import tomllib

    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
