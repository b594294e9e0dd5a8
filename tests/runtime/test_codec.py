"""The codec server: the Temporal UI and the CLI read what is encrypted, pages of others do not."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload, Payloads

from runtime import codec
from runtime.codec import codec_app
from runtime.encryption import PayloadEncryption
from runtime.payload_keys import KEYS_VARIABLE, Keyring

UI = "http://127.0.0.1:8233"
KEYS = Keyring({"one": bytes(32)})
SECRET = Payload(metadata={"encoding": b"json/plain"}, data=b'"a resource id"')
PAGE = {"Origin": UI, "X-Namespace": "default"}


@pytest.fixture
async def server() -> AsyncIterator[TestClient[Any, Any]]:
    """Return a client of a codec server for the pages of one UI."""
    async with TestClient(TestServer(codec_app(KEYS, [UI]))) as client:
        yield client


def body(*payloads: Payload) -> dict[str, Any]:
    """Return what a client of Temporal sends."""
    return dict(MessageToDict(Payloads(payloads=payloads)))


async def test_what_was_encoded_is_decoded(server: TestClient[Any, Any]) -> None:
    """As the UI asks it, and the codec of a worker reads it."""
    sealed = await (await server.post("/encode", json=body(SECRET), headers=PAGE)).json()
    answer = await server.post("/decode", json=sealed, headers=PAGE)
    data = base64.b64decode(sealed["payloads"][0]["data"])
    metadata = {name: base64.b64decode(text) for name, text in sealed["payloads"][0]["metadata"].items()}

    assert body(SECRET) == await answer.json()
    assert [SECRET] == await PayloadEncryption(KEYS).decode([Payload(metadata=metadata, data=data)])
    assert (UI, "Origin") == (answer.headers["Access-Control-Allow-Origin"], answer.headers["Vary"])


async def test_a_browser_is_told_who_may_ask(server: TestClient[Any, Any]) -> None:
    """The preflight names the UI's origin, and refuses every other; a program of this machine has none."""
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-namespace"}
    allowed = await server.options("/decode", headers={**PAGE, **asks})
    refused = await server.options("/decode", headers={"Origin": "http://evil.example", **asks})
    posted = await server.post("/decode", json=body(SECRET), headers={"Origin": "http://127.0.0.1:9999"})
    rebound = await server.post("/decode", json=body(SECRET), headers={"Host": "evil.example:8233"})
    program = await server.post("/decode", json=body(SECRET))

    assert (204, UI) == (allowed.status, allowed.headers["Access-Control-Allow-Origin"])
    assert "x-namespace" in allowed.headers["Access-Control-Allow-Headers"].lower()
    assert [403] * 3 == [answer.status for answer in (refused, posted, rebound)]
    assert not [answer for answer in (refused, posted) if "Access-Control-Allow-Origin" in answer.headers]
    assert (200, None) == (program.status, program.headers.get("Access-Control-Allow-Origin"))


async def test_what_cannot_be_read_is_explained(server: TestClient[Any, Any]) -> None:
    """To a page of the UI as well: without the origin's header the browser would show nothing."""
    (foreign,) = await PayloadEncryption(Keyring({"other": bytes(32)})).encode([SECRET])
    unknown = await server.post("/decode", json=body(foreign), headers=PAGE)
    garbage = [await server.post("/decode", data=data, headers=PAGE) for data in (b"{", b"[1]", b'{"payloads": 1}')]
    read = await server.get("/decode", headers=PAGE)

    assert (400, UI) == (unknown.status, unknown.headers["Access-Control-Allow-Origin"])
    assert "its key 'other' is not configured here (only 'one')" in (await unknown.json())["message"]
    assert [400, 400, 400] == [answer.status for answer in garbage]
    assert 405 == read.status


def test_it_starts_only_with_a_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence says which variable to set; an origin with a path is refused as such."""
    monkeypatch.delenv(KEYS_VARIABLE, raising=False)

    assert 2 == codec.main(["--port", "0"])
    assert "starting the codec server: no key is configured; set MIGRATION_PAYLOAD_KEYS\n" == capsys.readouterr().err
    with pytest.raises(SystemExit):
        codec.main(["--origin", f"{UI}/namespaces"])
    assert "is no origin such as http://127.0.0.1:8233" in capsys.readouterr().err
