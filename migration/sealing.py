"""Sealing an approver's statement to the key of a worker, so that no history, log or listener ever holds the token.

HPKE (RFC 9180) in base mode with X25519, HKDF-SHA256 and AES-256-GCM. Who sends is proved by the token inside.
"""

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from pydantic import ValidationError

from migration.approvals import LONGEST_SEALED, Statement, UnacceptableError

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_PURPOSE = b"azure-vm-migration/approval/1"
KEY_BYTES = 32


class WrongKeyError(UnacceptableError):
    """It was sealed to another key."""


class SealingKey:
    """A worker's key: its own for as long as it runs, or one that the workers of a fleet share."""

    def __init__(self, secret: bytes | None = None) -> None:
        self._private = X25519PrivateKey.from_private_bytes(secret) if secret else X25519PrivateKey.generate()
        raw = self._private.public_key().public_bytes_raw()
        self.public = _text(raw)
        self.key_id = key_id(self.public)

    def open(self, sealed: str) -> Statement:
        """Return the statement that was sealed to this key.

        Raises:
            WrongKeyError: it was sealed to another one.
            UnacceptableError: it is broken, or no statement.
        """
        name, _, body = sealed.partition(".")
        if name != self.key_id:
            raise WrongKeyError("the decision was sealed to the key of a worker that is gone; send it again")
        try:
            opened = _SUITE.decrypt(_bytes(body), self._private, info=_PURPOSE)
            return Statement.model_validate_json(opened)
        except (InvalidTag, ValidationError, ValueError):
            # Neither the cause nor the text may leave: both may show what was inside.
            raise UnacceptableError("the sealed decision is broken") from None


def seal(statement: Statement, public_key: str) -> str:
    """Return *statement* so that only the owner of a key can read it.

    Raises:
        ValueError: it is too long, or *public_key* is none.
    """
    key = X25519PublicKey.from_public_bytes(_bytes(public_key))
    body = _SUITE.encrypt(statement.model_dump_json().encode(), key, info=_PURPOSE)
    sealed = f"{key_id(public_key)}.{_text(body)}"
    if len(sealed) > LONGEST_SEALED:
        raise ValueError("the decision names too many virtual machines for one message; decide wave by wave")
    return sealed


def secret_of(text: str) -> bytes:
    """Return the secret that a file holds: 32 bytes in base64.

    Raises:
        ValueError: it holds none.
    """
    secret = base64.b64decode(text.strip(), validate=True)
    if len(secret) != KEY_BYTES:
        raise ValueError(f"the key has {len(secret)} bytes instead of {KEY_BYTES}")
    return secret


def key_id(public_key: str) -> str:
    """Return the name of a key."""
    return hashlib.sha256(public_key.encode()).hexdigest()[:16]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise ValueError("no base64") from None
