"""Calls of the user's own addresses: signed, bounded, never redirected, and by a channel's name only.

A plan names channels; their addresses and secrets are settings of the worker and enter no history, log or error.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from temporalio import activity
from temporalio.exceptions import ApplicationError

from migration.wires import variable

FAILURE = "WebhookFailure"
ATTEMPT_SECONDS = 15.0
_MOST_BYTES = 4_096
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_AZURE_HOST = "168.63.129.16"
"""Azure's own service address, which answers every virtual machine."""
_NOT_NOW = {408, 425, 429}


@dataclass(frozen=True)
class Channel:
    """An address, and the secret that signs what is sent to it."""

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Channels:
    """The channels of a worker, by name."""

    by_name: Mapping[str, Channel] = field(default_factory=dict)

    def named(self, name: str) -> Channel:
        """Return a channel.

        Raises:
            ApplicationError: this worker has none of that name.
        """
        found = self.by_name.get(name)
        if found is None:
            raise _refused(f"the worker has no channel {name}: set {variable(name)} to its address")
        return found


async def post(name: str, channel: Channel, content: Any, key: str, seconds: float = ATTEMPT_SECONDS) -> str:
    """Send *content* as JSON once, and return the beginning of what was answered.

    `Idempotency-Key` is the same for every attempt of one thing. With a secret, `X-Migration-Signature` is the
    HMAC-SHA256 of `<X-Migration-Timestamp>.<body>`.

    Raises:
        ApplicationError: it was refused, or not answered in time; may be retried where that can help.
    """
    body = json.dumps(content, ensure_ascii=False).encode()
    timeout = aiohttp.ClientTimeout(total=seconds)
    connector = aiohttp.TCPConnector(resolver=_CarefulResolver(loopback=_is_loopback(channel.url)))
    try:
        _check_literal(channel.url)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.post(channel.url, data=body, headers=_headers(channel, body, key), allow_redirects=False) as answer,
        ):
            said = (await answer.content.read(_MOST_BYTES)).decode(errors="replace")
            return _judged(name, answer.status, answer.headers.get("Retry-After"), said)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        # Its text may hold the address.
        raise _later(f"calling channel {name}: {_cause(error)}") from None


def _headers(channel: Channel, body: bytes, key: str) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "azure-vm-migration",
        "Idempotency-Key": key,
    }
    if channel.secret:
        stamp = str(int(time.time()))
        signed = hmac.new(channel.secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers |= {"X-Migration-Timestamp": stamp, "X-Migration-Signature": f"sha256={signed}"}
    return headers


def _judged(name: str, status: int, retry_after: str | None, said: str) -> str:
    if 200 <= status < 300:
        return said
    if 300 <= status < 400:
        raise _refused(f"calling channel {name}: HTTP {status}: redirects are not followed; give the final address")
    if status >= 500 or status in _NOT_NOW:
        seconds = int(retry_after) if retry_after and retry_after.isdigit() else None
        raise _later(f"calling channel {name}: HTTP {status}", seconds)
    raise _refused(f"calling channel {name}: HTTP {status}")


def _cause(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection"
    return f"it broke off ({type(error).__name__})"


def _refused(message: str) -> ApplicationError:
    return ApplicationError(message, _attempt(), type=FAILURE, non_retryable=True)


def _later(message: str, seconds: int | None = None) -> ApplicationError:
    delay = None if seconds is None else timedelta(seconds=min(seconds, 120))
    return ApplicationError(message, _attempt(), type=FAILURE, next_retry_delay=delay)


def _attempt() -> int:
    return activity.info().attempt if activity.in_activity() else 1


def _is_loopback(url: str) -> bool:
    return (urlsplit(url).hostname or "").lower() in _LOOPBACK


class _CarefulResolver(AbstractResolver):
    """Resolves no name to where no hook lives: this machine (unless meant), and what only a cloud's host may ask."""

    def __init__(self, *, loopback: bool) -> None:
        self._loopback = loopback
        self._plain = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses that may be called."""
        found = await self._plain.resolve(host, port, family)
        allowed = [one for one in found if _may_be_called(one["host"], loopback=self._loopback)]
        if not allowed:
            raise OSError("its address is one that is never called")
        return allowed

    async def close(self) -> None:
        """Close the resolver."""
        await self._plain.close()


def _check_literal(url: str) -> None:
    """Refuse an address that stands in the URL itself, for which no name is resolved."""
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    if not _may_be_called(host, loopback=_is_loopback(url)):
        raise OSError("its address is one that is never called")


def _may_be_called(text: str, *, loopback: bool) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if address.is_loopback:
        return loopback
    special = address.is_link_local or address.is_multicast or address.is_unspecified
    return not special and str(address) != _AZURE_HOST
