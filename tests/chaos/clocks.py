"""Processes whose clock is wrong: Debian's faketime, which every call of a process for the time of day goes through.

The monotonic clock stays, as it does on a machine whose clock is set wrong. Python, Rust and OpenSSL are all deceived:
tokens, certificates, `Retry-After` and logs see the wrong hour.
"""

from __future__ import annotations

from pathlib import Path

_PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")


def library() -> Path | None:
    """Return the library that is put before the C library, None where it is not installed."""
    return next((found for place in _PLACES for found in sorted(Path("/").glob(place.lstrip("/")))), None)


def missing() -> str:
    """Say what has to be installed; empty where nothing has."""
    return "" if library() else "faketime is not installed (Debian: apt-get install faketime)"


def off_by(seconds: int) -> dict[str, str]:
    """Return the environment of a process whose clock is off by *seconds*."""
    stays = {"DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    return {"LD_PRELOAD": str(library()), "FAKETIME": f"{seconds:+d}", **stays}
