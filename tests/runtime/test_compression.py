"""Large payloads travel compressed, and what somebody else packed is unpacked only as far as ours ever go."""

import dataclasses
import zlib

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter

from migration.packing import MOST_UNPACKED_BYTES
from runtime import compression
from runtime.compression import PackedPayloadError, PayloadCompression
from runtime.encryption import PackedAndEncrypted, PayloadEncryption, data_converter
from runtime.payload_keys import Keyring

KEYS = Keyring({"one": bytes(32)})
LARGE = Payload(metadata={"encoding": b"json/plain"}, data=b'"a virtual machine"' * 20_000)
SMALL = Payload(metadata={"encoding": b"json/plain"}, data=b'"a virtual machine"')


def zipped(data: bytes) -> Payload:
    """Return what somebody who compresses sends."""
    return Payload(metadata={"encoding": compression.ENCODING}, data=zlib.compress(data, 9))


async def test_only_what_is_large_and_shrinks_is_compressed() -> None:
    """A reader without a codec reads the rest; what is compressed is so once, and comes back whole."""
    noise = Payload(metadata={"encoding": b"binary/plain"}, data=bytes(range(256)) * 300)
    random = Payload(metadata={"encoding": b"binary/encrypted"}, data=_noise(100_000))
    codec = PayloadCompression()
    packed, small, shrunk, same = await codec.encode([LARGE, SMALL, noise, random])

    assert (SMALL, random) == (small, same)
    assert [b"binary/zlib"] * 2 == [one.metadata["encoding"] for one in (packed, shrunk)]
    assert len(packed.data) < len(LARGE.data) / 100
    assert [LARGE, SMALL, noise, random] == await codec.decode([packed, small, shrunk, same])
    assert [packed] == await codec.encode([packed])


async def test_it_is_compressed_before_it_is_encrypted() -> None:
    """The other way round nothing would shrink; what earlier releases only encrypted, or neither, is read as well."""
    codec = PackedAndEncrypted(KEYS)
    (sealed,) = await codec.encode([LARGE])
    (earlier,) = await PayloadEncryption(KEYS).encode([LARGE])

    assert b"binary/encrypted" == sealed.metadata["encoding"]
    assert len(sealed.data) < len(LARGE.data) / 100
    assert [LARGE] * 3 + [SMALL] == await codec.decode([sealed, earlier, LARGE, SMALL])
    assert [LARGE] == await PackedAndEncrypted(Keyring()).decode(await PayloadCompression().encode([LARGE]))


async def test_our_processes_compress_whether_they_encrypt_or_not() -> None:
    """A value goes through the converter that a connection has, and is small on its way."""
    for keyring in (Keyring(), KEYS):
        converter = data_converter(keyring)
        (payload,) = await converter.encode(["a virtual machine" * 20_000])
        assert payload.ByteSize() < 10_000
        assert ["a virtual machine" * 20_000] == await converter.decode([payload], [str])
        plain = await dataclasses.replace(pydantic_data_converter, payload_codec=None).encode(["as before"])
        assert ["as before"] == await converter.decode(plain, [str])


async def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    """As are stumps and garbage: each with what to do, and never as a reason to undo anything."""
    bomb = zipped(bytes(MOST_UNPACKED_BYTES + 1))
    whole = zipped(LARGE.SerializeToString())
    stump = Payload(metadata=whole.metadata, data=whole.data[:-20])
    for payload, cause in (
        (bomb, "unpacks to more than 32 MiB"),
        (stump, "it is damaged"),
        (Payload(metadata=whole.metadata, data=b"none"), "it is damaged"),
        (zipped(b"\xff\xff\xff"), "it is damaged"),
    ):
        with pytest.raises(PackedPayloadError, match=cause) as caught:
            await PackedAndEncrypted(KEYS).decode([payload])
        assert ("EnvironmentFailure", False) == (caught.value.type, caught.value.non_retryable)
    assert len(bomb.data) < 100_000


def _noise(size: int) -> bytes:
    state, made = 1, bytearray()
    while len(made) < size:
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        made += (state >> 32).to_bytes(4, "big")
    return bytes(made)
