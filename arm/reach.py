"""Asks a machine over the network, from the worker: a TCP connection, or one HTTP request without credentials.

Names are resolved here, each address is judged, and the connection goes to an address that was judged: nothing on the
way, a name that changes its address or a redirect, leads to the platform's own addresses.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from migration.hosts import forbidden
from migration.plan_verification import CommandProbe, HttpProbe
from migration.probing import TRY_SECONDS, Tried, address_of, reached

if TYPE_CHECKING:
    from migration.plan_verification import Probe
    from migration.probing import Address

_MOST_BYTES = 65_536
_AGENT = "azure-vm-migration-probe"


class ForbiddenAddressError(OSError):
    """A name leads to an address that nobody may ask."""


async def ask(probe: Probe, own_address: str) -> Tried:
    """Try a TCP or HTTP probe once; *own_address*: where the machine itself answers."""
    asked = probe.question
    if isinstance(asked, CommandProbe):
        return Tried(ok=False, evidence="a command is not asked over the network")
    where = address_of(asked, own_address)
    try:
        async with asyncio.timeout(TRY_SECONDS):
            if isinstance(asked, HttpProbe):
                status, body = await _get(where)
                holds = asked.contains is not None and asked.contains.encode() in body
                return reached(probe, "ok", where, status, contains=holds)
            await _connect(where)
            return reached(probe, "ok", where)
    except ForbiddenAddressError as error:
        return Tried(ok=False, evidence=f"{where}: {error}")
    except (OSError, aiohttp.ClientError, ssl.SSLError) as error:
        return reached(probe, _result(error), where)


async def _connect(where: Address) -> None:
    last: OSError | None = None
    for found in await _addresses(where.host, where.port):
        try:
            _, writer = await asyncio.open_connection(found["host"], where.port)
        except OSError as error:
            last = error
        else:
            writer.close()
            return
    raise last or OSError("no address")


async def _get(where: Address) -> tuple[int, bytes]:
    await _addresses(where.host, where.port)  # an address in the place of a name passes the resolver by
    connector = aiohttp.TCPConnector(resolver=_Judging(), use_dns_cache=False, ssl=where.verified, force_close=True)
    host = f"[{where.host}]" if ":" in where.host else where.host
    headers = {"User-Agent": _AGENT, **({"Host": _site(where)} if where.site else {})}
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
    async with session:
        url = f"{where.scheme}://{host}:{where.port}{where.path}"
        options: dict[str, Any] = {"server_hostname": where.site} if where.site and where.scheme == "https" else {}
        async with session.get(url, headers=headers, allow_redirects=False, **options) as response:
            return response.status, await _beginning(response)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    while len(body) < _MOST_BYTES and (more := await response.content.read(_MOST_BYTES - len(body))):
        body += more
    return body


def _site(where: Address) -> str:
    usual = 443 if where.scheme == "https" else 80
    return where.site if where.port == usual else f"{where.site}:{where.port}"


async def _addresses(host: str, port: int) -> list[ResolveResult]:
    if why := forbidden(host):
        raise ForbiddenAddressError(why)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    for *_, address in found:
        if why := forbidden(str(address[0])):
            raise ForbiddenAddressError(f"it resolves to {address[0]}: {why}")
    return [
        ResolveResult(hostname=host, host=str(address[0]), port=port, family=family, proto=proto, flags=0)
        for family, _, proto, _, address in found
    ]


class _Judging(AbstractResolver):
    """Resolves names for aiohttp, and refuses those that lead to the platform."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        return [one for one in await _addresses(host, port) if family in {socket.AF_UNSPEC, one["family"]}]

    async def close(self) -> None:
        """Close nothing: it holds nothing."""


def _result(error: BaseException) -> str:
    inner = getattr(error, "os_error", None) or error
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError | ssl.SSLError):
        return "tls"
    if isinstance(inner, socket.gaierror) or isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns"
    if isinstance(inner, ConnectionRefusedError):
        return "refused"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "empty"
    return "unreachable" if isinstance(error, OSError) else "failed"
