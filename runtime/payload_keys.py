"""The keys that payloads are encrypted with: their ids, which one encrypts, and where they are configured."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from runtime.errors import SettingsError

KEYS_VARIABLE = "MIGRATION_PAYLOAD_KEYS"
KEYS_FILE_VARIABLE = "MIGRATION_PAYLOAD_KEYS_FILE"
KEY_VARIABLES = (KEYS_VARIABLE, KEYS_FILE_VARIABLE)
KEY_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FORM = "write <id>:<32 random bytes in base64>, the key that encrypts first; make one with `openssl rand -base64 32`"


@dataclass(frozen=True)
class Keyring:
    """Keys by their ids, in order: the first one encrypts, all decrypt. Empty: nothing is encrypted."""

    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def from_mapping(cls, environment: Mapping[str, str]) -> Self:
        """Return the keys that *environment* holds, or the file that it names.

        Raises:
            SettingsError: they cannot be used; the message repeats no part of a key.
        """
        text, name = (environment.get(variable, "").strip() for variable in KEY_VARIABLES)
        if text and name:
            raise SettingsError(
                f"reading the environment variables {KEYS_VARIABLE} and {KEYS_FILE_VARIABLE}: both are set; keep one"
            )
        if not name:
            return cls(_parsed(text, KEYS_VARIABLE) if text else {})
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise SettingsError(
                f"reading the environment variable {KEYS_FILE_VARIABLE}: it must name a readable file of keys, a line "
                f"each: {_FORM}"
            ) from None
        keys = _parsed(text, KEYS_FILE_VARIABLE)
        if not keys:
            raise SettingsError(
                f"reading the environment variable {KEYS_FILE_VARIABLE}: its file holds no key: {_FORM}"
            )
        return cls(keys)

    @property
    def encrypts_with(self) -> str | None:
        """The id of the key that encrypts, None where nothing is encrypted."""
        return next(iter(self.keys), None)

    def __bool__(self) -> bool:
        return bool(self.keys)


def _parsed(text: str, variable: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    lines = (line.partition("#")[0] for line in text.splitlines())
    given = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    for number, entry in enumerate(given, 1):
        name, colon, encoded = (part.strip() for part in entry.partition(":"))
        where = f"reading the environment variable {variable}: key {number}"
        if not colon or not _ID.fullmatch(name):
            raise SettingsError(f"{where} has no id of letters, digits, '.', '_' and '-': {_FORM}")
        if name in keys:
            raise SettingsError(f"{where} has the id {name!r} of an earlier one; every key needs an id of its own")
        try:
            keys[name] = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise SettingsError(f"{where} ({name!r}) is not base64: {_FORM}") from None
        if len(keys[name]) != KEY_BYTES:
            raise SettingsError(f"{where} ({name!r}) has {len(keys[name])} bytes, must have {KEY_BYTES}: {_FORM}")
    return keys
