"""How large a value is once it is compressed, as large payloads are before they leave a process. Pure."""

import zlib

LEVEL = 6
"""Of zlib: a plan of 5,000 machines takes 15 ms."""
MOST_UNPACKED_BYTES = 32 * 1024 * 1024
"""What a payload may unpack to: ten times such a plan. A kilobyte of zeros can claim a gigabyte."""


def packed(data: bytes) -> bytes:
    """Return *data* compressed."""
    return zlib.compress(data, LEVEL)


def packed_size(data: bytes) -> int:
    """Return how large *data* is as a payload; of what is too large to be packed, its own size."""
    return len(packed(data)) if len(data) <= MOST_UNPACKED_BYTES else len(data)
