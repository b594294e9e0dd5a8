"""How this process reaches Azure: through the proxy that its environment names, and with what it needs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import subprocess
import sys

import pytest
from azure.core.exceptions import AzureError

from arm import reads
from arm.clients import AzureClients, proxy_of
from arm.credentials import AzureAccess
from tests.support.sim import Simulator


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "management.azure.com"}, None),
        ({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "example.com"}, "http://proxy.example:3128"),
    ],
)
def test_the_environment_names_the_proxy(
    environment: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests go through the proxy for their scheme, unless the host is one that goes without."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy == proxy_of("https://management.azure.com/")


async def test_requests_go_to_the_proxy_with_its_password(
    access: AzureAccess, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is asked for Azure's host, by the user and password of its address."""
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with AzureClients(access) as direct:
            await direct.sign_in()
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:word@127.0.0.1:{port}")
            monkeypatch.setenv("NO_PROXY", "")
            monkeypatch.setenv("no_proxy", "")
            async with AzureClients(access) as azure:
                azure.credential = direct.credential
                with contextlib.suppress(AzureError):
                    await reads.read(azure, f"/subscriptions/{sim.subscription_id}/resourceGroups/shop")
    told = asked[0].decode()
    host = access.endpoint.removeprefix("https://").rstrip("/")
    assert told.startswith(f"CONNECT {host} ")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'user:word').decode()}" in told


def test_a_worker_imports_of_azure_only_what_it_uses() -> None:
    """The models of Azure's services take half a second to import, and a worker that restarts is waited for."""
    code = "import sys, worker; print([name for name in sys.modules if name.startswith('azure.mgmt.')])"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "azure.mgmt.core" in imported
    services = ("authorization", "compute", "network", "recoveryservices", "resource", "storage")
    assert [] == [one for one in services if f"azure.mgmt.{one}" in imported]


async def test_a_version_that_is_asked_for_stands_in_place_of_the_usual_one(
    azure: AzureClients, sim: Simulator
) -> None:
    """A read names one version of the interface, the one that its caller wants."""
    told = sim.requests()[-1:]
    since = told[0]["n"] if told else 0
    await reads.read(azure, f"/subscriptions/{sim.subscription_id}", version="2022-12-01")
    (asked,) = [line for line in sim.requests() if line["n"] > since and line["path"].lower().startswith("/subscr")]
    assert "api-version=2022-12-01" == asked["query"]
