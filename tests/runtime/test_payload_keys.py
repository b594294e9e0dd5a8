"""The keys of payloads: from the environment or a file, the first encrypts, all decrypt, and no error tells one."""

import base64
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload

from runtime.encryption import ENCODING, KEY_ID, PayloadEncryption, PayloadKeyError, data_converter
from runtime.errors import SettingsError
from runtime.payload_keys import KEYS_FILE_VARIABLE, KEYS_VARIABLE, Keyring
from runtime.settings import Settings

ONE, TWO = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
SECRET = Payload(metadata={"encoding": b"json/plain"}, data=b'"a resource id"')


def ring(text: str) -> Keyring:
    """Return the keys that a variable holds."""
    return Keyring.from_mapping({KEYS_VARIABLE: text})


def test_keys_come_from_a_variable_or_a_file(tmp_path: Path) -> None:
    """In both the first one encrypts; a file may have comments, and no variable means no encryption."""
    file = tmp_path / "keys"
    file.write_text(f"# rotated in November\n2026-11: {TWO}\n2026-05:{ONE}  # until its runs have ended\n")

    from_file = Keyring.from_mapping({KEYS_FILE_VARIABLE: str(file)})

    assert ring(f"2026-11:{TWO},2026-05:{ONE}") == from_file
    assert ("2026-11", 2) == (from_file.encrypts_with, len(from_file.keys))
    assert None is Keyring.from_mapping({}).encrypts_with
    assert ONE not in repr(from_file)
    assert str(from_file.keys["2026-05"]) not in repr(from_file)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (ONE, "key 1 has no id"),
        (f"a:{ONE},b c:{TWO}", "key 2 has no id"),
        (f"a:{ONE},a:{TWO}", "key 2 has the id 'a' of an earlier one"),
        (f"a:{ONE[:-8]}!", "key 1 ('a') is not base64"),
        (f"a:{base64.b64encode(b'short').decode()}", "key 1 ('a') has 5 bytes, must have 32"),
    ],
)
def test_a_key_that_cannot_be_used_is_explained(text: str, cause: str) -> None:
    """Which variable, which key, and how to make one; never a part of a key."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_mapping({KEYS_VARIABLE: text})

    assert f"reading the environment variable {KEYS_VARIABLE}: {cause}" in str(caught.value)
    assert "openssl rand -base64 32" in str(caught.value) or "of its own" in str(caught.value)
    assert not [part for part in (ONE[:-8], TWO[:-8]) if part in str(caught.value)]


def test_keys_in_two_places_and_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    """Nobody should have to guess which ones count."""
    empty = tmp_path / "keys"
    empty.touch()
    for environment, cause in (
        ({KEYS_VARIABLE: f"a:{ONE}", KEYS_FILE_VARIABLE: str(empty)}, "both are set"),
        ({KEYS_FILE_VARIABLE: str(tmp_path / "none")}, "must name a readable file of keys"),
        ({KEYS_FILE_VARIABLE: str(empty)}, "its file holds no key"),
    ):
        with pytest.raises(SettingsError, match=cause):
            Keyring.from_mapping(environment)


def test_the_worker_connects_with_its_keys() -> None:
    """What a connection is made from holds them, and does not show them."""
    settings = Settings.from_mapping({KEYS_VARIABLE: f"a:{ONE}", "TEMPORAL_ADDRESS": "here:7233"})

    assert {KEYS_VARIABLE: f"a:{ONE}", "TEMPORAL_ADDRESS": "here:7233"} == settings.temporal_environment
    assert ONE not in repr(settings)


async def test_the_first_key_encrypts_and_all_decrypt() -> None:
    """Each payload under a nonce of its own; what nobody encrypted passes."""
    old, new = PayloadEncryption(ring(f"one:{ONE}")), PayloadEncryption(ring(f"two:{TWO},one:{ONE}"))
    before, after, again = *await old.encode([SECRET]), *await new.encode([SECRET, SECRET])

    assert {b"one", b"two"} == {before.metadata[KEY_ID], after.metadata[KEY_ID]}
    assert {ENCODING} == {one.metadata["encoding"] for one in (before, after)}
    assert b"resource" not in before.data + after.data
    assert after.data != again.data
    assert [SECRET] * 4 == await new.decode([before, after, again, SECRET])
    assert [SECRET] == await PayloadEncryption(Keyring()).encode([SECRET])


async def test_what_was_changed_is_not_read() -> None:
    """Neither another text nor another key's name under it, nor a stump."""
    codec = PayloadEncryption(ring(f"one:{ONE},two:{ONE}"))
    (sealed,) = await codec.encode([SECRET])
    renamed = Payload(metadata={**sealed.metadata, KEY_ID: b"two"}, data=sealed.data)
    bent = Payload(metadata=sealed.metadata, data=sealed.data[:-1] + bytes([sealed.data[-1] ^ 1]))
    stump = Payload(metadata=sealed.metadata, data=b"x")
    for payload in (renamed, bent, stump):
        with pytest.raises(PayloadKeyError, match="is not the one that encrypted it, or somebody changed it"):
            await codec.decode([payload])


def test_a_missing_key_never_undoes_anything() -> None:
    """To an activity it is a failure of the environment, and to no workflow the end."""
    error = PayloadKeyError.unknown("one", Keyring())

    assert ("EnvironmentFailure", False) == (error.type, error.non_retryable)
    assert data_converter(Keyring()).payload_codec is not None
