"""What shall outlive a kill but is not worth a transaction of its own: appended to a file until the next commit.

A request that only reads leaves a line in the request log and a little less in some buckets. One ``write`` of the
system keeps both (what the kernel has, a kill does not take away); the next transaction carries them into the database
and the file begins anew.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Journal:
    """Records of texts without tabs and newlines, each text in a field of its own."""

    def __init__(self, file: Path) -> None:
        """Open or create *file*; ``recovered`` is what an ended process left there."""
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._descriptor).st_size
        *whole, _torn = os.pread(self._descriptor, size, 0).decode("utf-8", "replace").split("\n")
        self.recovered = [record.split("\t") for record in whole]
        self._used = size > 0

    def append(self, *fields: str) -> None:
        """Keep a record; it is safe from a kill when this returns."""
        os.write(self._descriptor, ("\t".join(fields) + "\n").encode("utf-8", "replace"))
        self._used = True

    def clear(self) -> None:
        """Begin anew: what was kept is in the database now."""
        if self._used:
            os.ftruncate(self._descriptor, 0)
            self._used = False
            self.recovered = []

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
