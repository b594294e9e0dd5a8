"""Probes from the worker: real connections, judged addresses, no credentials, no redirects."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from arm import reach
from migration.plan_verification import Probe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def site() -> AsyncIterator[tuple[int, list[web.Request]]]:
    """Run a site, and remember what it is asked."""
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "http://169.254.169.254/metadata"})
        return web.Response(text="all is well" + "x" * 100_000, headers={"Set-Cookie": "a=b"})

    application = web.Application()
    application.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    port = unused_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield port, asked
    await runner.cleanup()


def probe(**asked: Any) -> Probe:
    """Return a probe that the worker asks."""
    return Probe.model_validate({"name": "mine", "where": "worker", **asked})


async def test_a_machine_is_asked_at_its_own_address(site: tuple[int, list[web.Request]]) -> None:
    """Where the probe names no host it is the machine's; a page is asked without credentials, for its site."""
    port, asked = site
    tcp = await reach.ask(probe(tcp={"port": port}), "127.0.0.1")
    http = await reach.ask(probe(http={"port": port, "host_name": "shop.example", "contains": "is well"}), "127.0.0.1")
    nobody = await reach.ask(probe(tcp={"port": unused_port()}), "127.0.0.1")

    assert (True, True, False) == (tcp.ok, http.ok, nobody.ok), (tcp, http, nobody)
    assert "nothing listens there" in nobody.evidence
    [request] = asked
    assert f"shop.example:{port}" == request.headers["Host"]
    assert {"Authorization", "Cookie", "Referer"}.isdisjoint(request.headers)


async def test_a_redirect_is_an_answer_and_leads_nowhere(site: tuple[int, list[web.Request]]) -> None:
    """What a page redirects to is not asked."""
    port, asked = site
    tried = await reach.ask(probe(http={"port": port, "path": "/moved"}), "127.0.0.1")
    assert f"http://127.0.0.1:{port}/moved answers 302, wanted 200" == tried.evidence
    assert 1 == len(asked)


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "fe80::1", "::ffff:169.254.169.254", "::"])
async def test_a_name_that_leads_to_the_platform_is_not_asked(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Whatever a name resolves to is judged before anything is sent to it, for TCP and for HTTP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def resolved(*_: Any, **__: Any) -> list[Any]:
        return [(family, socket.SOCK_STREAM, 6, "", (address, 80))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    for asked in ({"tcp": {"port": 80, "host": "inside.example"}}, {"http": {"url": "http://inside.example/"}}):
        tried = await reach.ask(probe(**asked), "127.0.0.1")
        assert not tried.ok
        assert f"it resolves to {address}: " in tried.evidence
    own = await reach.ask(probe(http={"port": 80}), address)
    assert not own.ok
    assert "answers" not in own.evidence


async def test_an_untrusted_certificate_is_a_no_unless_the_plan_says_otherwise() -> None:
    """A certificate is verified where the probe names the site."""
    import ssl
    import tempfile
    from pathlib import Path

    from tests.activities.listeners import issue

    with tempfile.TemporaryDirectory() as scratch:
        file = issue("shop.example").write(Path(scratch) / "site.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
    application = web.Application()
    runner = web.AppRunner(application)
    await runner.setup()
    port = unused_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    asked = {"scheme": "https", "port": port, "status": 404}
    trusting = await reach.ask(probe(http=asked), "127.0.0.1")
    strict = await reach.ask(probe(http=asked | {"host_name": "shop.example"}), "127.0.0.1")
    await runner.cleanup()

    assert trusting.ok, trusting
    assert not strict.ok
    assert "certificate is not trusted" in strict.evidence
