"""How an operation of Compute went: read from the URL of its answer while the process that sent it lives.

The URL may be signed, so it is neither kept nor logged; a process that died finds out from the resource itself.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog
from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest

from arm.errors import redacted, word
from arm.pauses import pause_asked

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from arm.writes import Accepted


class OperationFailedError(AzureError):
    """Azure took a write, and its operation failed."""


_ENDED_BADLY = {"failed", "canceled", "cancelled"}
_log = structlog.get_logger(__name__)


async def failure_of(
    azure: AzureClients, subscription: str, accepted: Accepted, patience_seconds: float
) -> tuple[str, str] | None:
    """Return code and message of an operation that failed, None where it did not, or nobody can tell in that time."""
    if accepted.operation_url is None:
        return None
    until = time.monotonic() + patience_seconds
    request = HttpRequest("GET", accepted.operation_url)
    try:
        while time.monotonic() < until:
            response = await azure.resources(subscription).send_request(request)
            if response.status_code != 200:
                return None
            document = response.json()
            status = str(document.get("status") or "").lower()
            if status in _ENDED_BADLY:
                error = document.get("error") or {}
                return word(str(error.get("code") or status)), redacted(str(error.get("message") or ""))
            if status != "inprogress":
                return None
            wanted = pause_asked(response.headers, 5)
            await asyncio.sleep(max(min(wanted, until - time.monotonic()), 0))
    except (AzureError, ValueError) as error:
        _log.info("the operation's status cannot be read", cause=type(error).__name__)
    return None
