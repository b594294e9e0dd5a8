"""JSON as Azure writes it, without spaces, by the quick reader and writer of pydantic's core."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = ["decode", "encode", "encode_bytes"]


def decode(text: str) -> Any:
    """Read JSON."""
    try:
        return from_json(text)
    except ValueError:
        # It may have half a surrogate pair, which the quick reader refuses.
        return json.loads(text)


def encode_bytes(value: Any) -> bytes:
    """Write JSON compactly, in UTF-8."""
    try:
        return to_json(value)
    except PydanticSerializationError:
        # Half a surrogate pair, which JSON may carry as an escape, but UTF-8 may not.
        return json.dumps(value, separators=(",", ":")).encode()


def encode(value: Any) -> str:
    """Write JSON compactly."""
    return encode_bytes(value).decode()
