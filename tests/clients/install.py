"""Installs the Azure CLI into an environment of its own: `python -m tests.clients.install` (`lock` renews its lock)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "az.lock"
FOLDER = HERE.parents[1] / ".clients"
AZ = FOLDER / "az" / "bin" / "az"
HEAD = """\
# The Azure CLI with hashes, for an environment of its own (.clients/az).
# Made by `python -m tests.clients.install lock` from az.in; do not edit.
"""


def install() -> None:
    """Make ``.clients/az`` from the lock; at once where it is there already and the lock is the same."""
    stamp = FOLDER / "az.installed"
    if stamp.exists() and AZ.exists() and stamp.read_text(encoding="utf-8") == LOCK.read_text(encoding="utf-8"):
        return
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
    shutil.rmtree(FOLDER / "az", ignore_errors=True)
    venv.create(FOLDER / "az", with_pip=True)
    python = FOLDER / "az" / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(LOCK)]
    subprocess.run(command, check=True)
    stamp.write_text(LOCK.read_text(encoding="utf-8"), encoding="utf-8")


def lock() -> None:
    """Write the lock anew from ``az.in``: for all platforms, with hashes, without an index address (needs uv)."""
    uv = os.environ.get("UV", "uv")
    options = [
        "--quiet",
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
        "--no-annotate",
        "--no-header",
    ]
    hidden = ["--no-emit-index-url", "--no-emit-find-links"]
    command = [uv, "pip", "compile", *options, *hidden, str(HERE / "az.in")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    LOCK.write_text(HEAD + done.stdout, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    if arguments not in ([], ["lock"]):
        sys.stderr.write("usage: python -m tests.clients.install [lock]\n")
        return 2
    try:
        if arguments:
            lock()
        else:
            install()
            sys.stdout.write(f"{AZ}\n")
    except (OSError, subprocess.CalledProcessError) as problem:
        sys.stderr.write(f"installing the Azure CLI: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
