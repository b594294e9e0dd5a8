"""What a worker spares in memory."""

import platform

from runtime.memory import share_arenas


def test_the_c_library_takes_the_number_of_arenas() -> None:
    """Glibc says whether it did; other libraries have no such call, and nothing breaks."""
    assert share_arenas() == (platform.libc_ver()[0] == "glibc")
