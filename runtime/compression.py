"""Large payloads compressed before they leave a process: a plan of thousands of machines is a few megabytes of JSON.

A server takes 2 MB as one value and 4 MB as one message, and warns at 256 KB. What is small stays as it is, so that the
Temporal UI and other clients read it without a codec. The form is that of Temporal's own zlib codec for Go
(`binary/zlib`: the whole payload, serialised and compressed).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec
from temporalio.exceptions import ApplicationError

from migration.packing import MOST_UNPACKED_BYTES, packed
from runtime.errors import SettingsError

ENCODING = b"binary/zlib"
SMALL_BYTES = 64 * 1024
"""What is no larger stays readable for everybody."""
_WORTH = 0.9
"""What hardly shrinks is not worth a reader's codec."""


class PackedPayloadError(SettingsError, ApplicationError):
    """A compressed payload cannot be unpacked here. Whoever wrote it, nothing is decided or undone by it."""

    def __init__(self, message: str) -> None:
        ApplicationError.__init__(self, message, type="EnvironmentFailure")

    def __str__(self) -> str:
        return self.message


class PayloadCompression(PayloadCodec):
    """Compresses large payloads, where that helps. Payloads that nobody compressed pass as they are."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads, the large ones compressed."""
        return [_packed(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads as they were.

        Raises:
            PackedPayloadError: one is damaged, or claims to be larger than anything that we write.
        """
        return [_unpacked(payload) for payload in payloads]


def _packed(payload: Payload) -> Payload:
    size = payload.ByteSize()
    if not SMALL_BYTES < size <= MOST_UNPACKED_BYTES or payload.metadata.get("encoding") == ENCODING:
        return payload
    data = packed(payload.SerializeToString())
    return Payload(metadata={"encoding": ENCODING}, data=data) if len(data) < _WORTH * size else payload


def _unpacked(payload: Payload) -> Payload:
    if payload.metadata.get("encoding") != ENCODING:
        return payload
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(payload.data, MOST_UNPACKED_BYTES)
        if reader.unconsumed_tail or (not reader.eof and reader.decompress(b"", 1)):
            raise PackedPayloadError(
                f"reading a compressed payload: it unpacks to more than {MOST_UNPACKED_BYTES >> 20} MiB, which none of "
                "ours does; see who else writes to this namespace"
            )
        if reader.eof:
            return Payload.FromString(data)
    except (zlib.error, DecodeError):
        pass
    raise PackedPayloadError("reading a compressed payload: it is damaged; see who else writes to this namespace")
