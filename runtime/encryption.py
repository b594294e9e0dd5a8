"""Payloads encrypted before they leave a process: inputs, results, heartbeats, memos, headers, summaries and failures.

What Temporal itself has to read stays in clear: workflow ids, search attributes, names of workflows, activities,
signals and task queues, the types of failures, times. AES-256-GCM with a nonce for each payload; the key's id stands
beside the text, and is authenticated with it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec
from temporalio.exceptions import ApplicationError

from runtime.compression import PayloadCompression
from runtime.errors import SettingsError
from runtime.payload_keys import KEYS_FILE_VARIABLE, KEYS_VARIABLE, Keyring

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
_CIPHER, _AES_GCM = "encryption-cipher", b"AES-256-GCM"
_NONCE_BYTES = 12
_PAUSE = timedelta(seconds=10)


class PayloadKeyError(SettingsError, ApplicationError):
    """An encrypted payload cannot be read here, for want of its key.

    To an activity it is a failure of the environment: tried again, also by workers that have the key, and never a
    reason to undo anything. A workflow task that fails with it is tried again for ever.
    """

    def __init__(self, message: str) -> None:
        ApplicationError.__init__(self, message, type="EnvironmentFailure", next_retry_delay=_PAUSE)

    def __str__(self) -> str:
        return self.message

    @classmethod
    def unknown(cls, key_id: str, known: Keyring) -> Self:
        """Return the error of a payload whose key is not configured."""
        others = f"only {', '.join(map(repr, known.keys))}" if known else "no key"
        return cls(
            f"reading an encrypted payload: its key {key_id!r} is not configured here ({others}); add "
            f"{key_id}:<the key> to {KEYS_VARIABLE}, or to the file that {KEYS_FILE_VARIABLE} names, and start again"
        )

    @classmethod
    def wrong(cls, key_id: str) -> Self:
        """Return the error of a payload that its key does not open."""
        return cls(
            f"reading an encrypted payload: the key configured as {key_id!r} is not the one that encrypted it, or "
            f"somebody changed it; compare {KEYS_VARIABLE} (or the file that {KEYS_FILE_VARIABLE} names) with that of "
            "the process that wrote it"
        )


class PayloadEncryption(PayloadCodec):
    """Encrypts with the first key of a ring, decrypts with all. Payloads that nobody encrypted pass as they are."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._ciphers = {name: AESGCM(key) for name, key in keyring.keys.items()}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads encrypted, or as they are where no key is configured."""
        key_id = self._keyring.encrypts_with
        return list(payloads) if key_id is None else [self._encrypted(payload, key_id) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads in clear.

        Raises:
            PayloadKeyError: the key of one is not here, or another one than it was encrypted with.
        """
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload, key_id: str) -> Payload:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[key_id].encrypt(nonce, payload.SerializeToString(), key_id.encode())
        metadata = {"encoding": ENCODING, _CIPHER: _AES_GCM, KEY_ID: key_id.encode()}
        return Payload(metadata=metadata, data=nonce + sealed)

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get(KEY_ID, b"").decode(errors="replace")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise PayloadKeyError.unknown(key_id, self._keyring)
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, key_id.encode()))
        except (InvalidTag, ValueError, DecodeError):
            raise PayloadKeyError.wrong(key_id) from None


class PackedAndEncrypted(PayloadCodec):
    """Compresses what is large, then encrypts: what is encrypted no longer compresses."""

    def __init__(self, keyring: Keyring) -> None:
        self._packing, self._encryption = PayloadCompression(), PayloadEncryption(keyring)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads as they leave the process."""
        return await self._encryption.encode(await self._packing.encode(payloads))

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads as they were, also those that were only encrypted, or neither.

        Raises:
            PayloadKeyError: the key of one is not here, or another one than it was encrypted with.
            PackedPayloadError: one is damaged, or unpacks to more than we ever write.
        """
        return await self._packing.decode(await self._encryption.decode(payloads))


def data_converter(keyring: Keyring) -> DataConverter:
    """Return the converter of all our processes: pydantic's, large payloads compressed, encrypted where there is a key.

    Without a key the codec stays, so that an encrypted payload stops a process before anything is decided by it.
    """
    converter = dataclasses.replace(pydantic_data_converter, payload_codec=PackedAndEncrypted(keyring))
    if not keyring:
        return converter
    return dataclasses.replace(converter, failure_converter_class=DefaultFailureConverterWithEncodedAttributes)
