"""What a guest's programs meet on the network: names, ports, TLS and the proxy, in one place for every shell."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from simulator.compute.guest import Guest

LOCAL = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 - an address that scripts name
METADATA = "169.254.169.254"
WIRE_SERVER = "168.63.129.16"
OK, NO_NAME, NO_ROUTE, REFUSED, PROXY, UNTRUSTED = "ok", "dns", "timeout", "refused", "proxy", "tls"
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}$")


@dataclass(frozen=True)
class Target:
    """What a program connects to."""

    host: str
    port: int
    tls: bool


def target_of(url: str) -> Target:
    """The host, port and protocol of an address as programs take it, with or without a scheme."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    tls = parts.scheme == "https"
    return Target(parts.hostname or "", parts.port or (443 if tls else 80), tls)


def connect(guest: Guest, target: Target, *, through_proxy: bool = True) -> str:
    """How a connection goes: one of the words above."""
    if target.host in {*LOCAL, guest.hostname}:
        return OK if target.port in guest.ports else REFUSED
    if target.host in {METADATA, WIRE_SERVER}:
        return OK
    answer = guest.reaches(target.host)
    if answer == "dns" and _ADDRESS.match(target.host):
        answer = "ok"
    if answer == "proxy":
        # A program that does not know of the proxy gets no further than the firewall behind it.
        return PROXY if through_proxy else NO_ROUTE
    if answer == "dns":
        return NO_NAME
    if answer not in {"ok", "tls"}:
        return REFUSED if answer == "refused" else NO_ROUTE
    distrusted = answer == "tls" or guest.missing_roots or guest.expired_roots
    return UNTRUSTED if target.tls and distrusted else OK


def page_of(guest: Guest, target: Target, path: str) -> tuple[int, str]:
    """Status and body that a request gets which connects: the guest's own pages are those of its seed."""
    own = guest.page(target.port, path or "/") if target.host in {*LOCAL, guest.hostname} else None
    return own or (200, "<html></html>")


def path_of(url: str) -> str:
    """The path of an address."""
    return urlsplit(url if "://" in url else f"//{url}").path or "/"


def address_of(guest: Guest, host: str) -> str | None:
    """The IPv4 address that the guest's DNS has for a name, or None; made up, the same in every run."""
    if _ADDRESS.match(host):
        return host
    if host in {*LOCAL, guest.hostname}:
        return "127.0.0.1"
    if not guest.resolves(host):
        return None
    digest = hashlib.sha256(host.lower().encode()).digest()
    return f"20.{digest[0]}.{digest[1]}.{1 + digest[2] % 254}"
