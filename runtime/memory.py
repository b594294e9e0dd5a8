"""What a worker spares: collections of what lies still, and memory that threads would keep each for itself."""

from __future__ import annotations

import ctypes
import gc

_COLLECT_AFTER = 7_000
_ARENA_MAX = -8
"""glibc's `M_ARENA_MAX` (`mallopt(3) <https://man7.org/linux/man-pages/man3/mallopt.3.html>`_)."""
_ARENAS = 2


def spare_imported() -> None:
    """Let the collector of garbage pass over what was imported: one look at all of it takes a tenth of a second.

    Otherwise it looks a tenth as often: most of what a worker makes holds no cycles.
    """
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    gc.enable()


def share_arenas() -> bool:
    """Let all threads take their memory from two arenas; tell whether the C library has done so.

    By default glibc gives each of the Temporal SDK's thirty threads one of its own, up to eight for a processor, and
    what is freed in one serves no other.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS))
    except (AttributeError, OSError):  # another C library than glibc
        return False
