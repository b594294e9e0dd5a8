"""The whole state of a simulator as one file: what a state folder holds, so that a copy of it goes on from there.

Unlike an exported estate it has operations, jobs, faults, buckets, clock, request log, and the keys that sign tokens:
keep it as you keep secrets. The simulator may be running while it is saved.
"""

from __future__ import annotations

import sqlite3
import tempfile
import zipfile
from pathlib import Path

from simulator.identity import write_private

DATABASE = "state.sqlite"
JOURNAL = "state.journal"
KEYS = ".pem"


class StateError(ValueError):
    """A folder or file that holds no state, or a folder that must not be overwritten; the message is one line."""


def save(state_dir: Path, file: Path) -> None:
    """Write the state of *state_dir* to *file*."""
    if not (state_dir / DATABASE).exists():
        message = f"{state_dir}: holds no simulator's state; give the folder of --state-dir"
        raise StateError(message)
    with tempfile.TemporaryDirectory(prefix="simulator-save-") as scratch:
        # The journal first: a commit in between carries its records into the database, and they count once.
        journal = state_dir / JOURNAL
        kept = journal.read_bytes() if journal.exists() else b""
        copy = Path(scratch) / DATABASE
        copy_database(state_dir / DATABASE, copy)
        packed = Path(scratch) / "state.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(copy, DATABASE)
            archive.writestr(JOURNAL, kept)
            for found in sorted(state_dir.iterdir()):
                if found.suffix == KEYS:
                    archive.write(found, found.name)
        write_private(file, packed.read_bytes())


def load(file: Path, state_dir: Path) -> None:
    """Make *state_dir*, which must be empty or absent, of what :func:`save` wrote."""
    if state_dir.exists() and any(state_dir.iterdir()):
        message = f"{state_dir}: is not empty; give a folder that is, or that is not there yet"
        raise StateError(message)
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            good = DATABASE in names and all(Path(name).name == name for name in names)
            contents = {name: archive.read(name) for name in names} if good else {}
    except zipfile.BadZipFile:
        contents = {}
    if not contents:
        message = f"{file}: is no saved state; give a file that `save` wrote"
        raise StateError(message)
    state_dir.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_private(state_dir / name, content)


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that may be in use."""
    reading = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    writing = sqlite3.connect(target)
    try:
        reading.backup(writing)
    finally:
        reading.close()
        writing.close()
