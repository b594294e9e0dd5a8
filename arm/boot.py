"""Whether a machine has booted: its agent says so, or the serial log that Azure keeps of it.

`Azure boot diagnostics <https://learn.microsoft.com/azure/virtual-machines/boot-diagnostics>`_. The log is what the
machine prints, and is never believed further than that a line stands in it.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import aiohttp
from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest

from arm.reads import API_VERSIONS, send_read
from migration.hosts import forbidden
from migration.ids import ResourceId
from migration.proofs import quoted

if TYPE_CHECKING:
    from arm.clients import AzureClients

Log = Literal["", "clean", "login", "failed", "unread"]
_TAIL_BYTES, _MOST_BYTES = 65_536, 16_000_000
_SECONDS = 20
_FAILURES = re.compile(
    r"(?i)kernel panic|unable to mount root fs|entering emergency mode|you are in emergency mode"
    r"|welcome to emergency mode|give root password for maintenance|dracut-initqueue.*timeout"
    r"|does not exist\.\s+dropping to a shell|grub rescue>|error: no such (?:device|partition)"
    r"|no bootable device|operating system not found|inaccessible.boot.device|bugcheck"
)
_LOGIN = re.compile(r"(?im)^[\w.-]+ login:\s*$|^SAC>|cloud-init.*finished at")


async def serial_log(azure: AzureClients, vm_id: str) -> tuple[Log, str]:
    """Return what the serial log of a machine shows, and by which line; one that cannot be read says nothing."""
    try:
        text = await _read(azure, vm_id)
    except (AzureError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return "unread", quoted(f"its serial log could not be read: {type(error).__name__}")
    return judged(text) if text else ("", "")


def judged(text: str) -> tuple[Log, str]:
    """Return what a serial log shows of the newest boot in it, with the line that shows it."""
    failed, login = _last(_FAILURES, text), _last(_LOGIN, text)
    if failed is not None and (login is None or login.start() < failed.start()):
        return "failed", quoted(_line(text, failed), 200)
    if login is not None:
        return "login", quoted(_line(text, login), 200)
    lines = [line for line in text.splitlines() if line.strip()]
    return "clean", quoted(lines[-1] if lines else "", 200)


async def _read(azure: AzureClients, vm_id: str) -> str:
    path = f"{vm_id}/retrieveBootDiagnosticsData"
    params = {"api-version": API_VERSIONS["microsoft.compute"], "sasUriExpirationTimeInMinutes": "5"}
    request = HttpRequest("POST", path, params=params)
    answer = await send_read(azure, ResourceId.parse(vm_id).subscription, request)
    address = str((answer or {}).get("serialConsoleLogBlobUri") or "")
    return await _tail(address, azure.access.ca_bundle) if address else ""


async def _tail(address: str, ca_bundle: str | None) -> str:
    """Return the end of a blob. Its address is signed: it goes into no message, and no token of ours goes with it."""
    parts = urlsplit(address)
    if parts.scheme != "https" or parts.username or not parts.hostname or forbidden(parts.hostname):
        raise ValueError("the address of the log is none that may be asked")
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ca_bundle), force_close=True)
    session = aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
    )
    headers = {"Range": f"bytes=-{_TAIL_BYTES}", "x-ms-version": "2021-08-06"}
    async with session, session.get(address, headers=headers, allow_redirects=False) as response:
        if response.status == 404:
            return ""  # the machine has printed nothing yet
        if response.status not in {200, 206}:
            raise ValueError(f"the log's answer has status {response.status}")
        body, read = b"", 0
        while read < _MOST_BYTES and (more := await response.content.read(_TAIL_BYTES)):
            body, read = (body + more)[-_TAIL_BYTES:], read + len(more)
        return body.decode("utf-8", errors="replace")


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for match in pattern.finditer(text):
        found = match
    return found


def _line(text: str, match: re.Match[str]) -> str:
    begin = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    return text[begin : end if end >= 0 else len(text)]
