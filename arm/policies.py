"""What happens to each request on its way to Azure Resource Manager, in this order.

Reads are retried briefly and obey throttling; writes are sent once, for Temporal retries them after reading the state
(azure-core would resend a POST such as `unplannedFailover` up to three times on a 5xx). No redirect is followed, and no
resource provider registered behind the user's back. A request to another host than the configured one is refused before
a token is attached: the URLs of long-running operations are chosen by whoever answers.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import structlog
from azure.core.exceptions import AzureError, DecodeError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    AsyncHTTPPolicy,
    CustomHookPolicy,
    HeadersPolicy,
    ProxyPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy

from arm import leases
from arm.decoding import DecodePolicy
from arm.throttling import budgets_in, kind_of, refusal_in
from migration.telemetry import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.core.credentials_async import AsyncTokenCredential

    from arm.calls import CallObserver
    from arm.limiter import Limiter

Request: TypeAlias = PipelineRequest[HttpRequest]
Response: TypeAlias = PipelineResponse[HttpRequest, AsyncHttpResponse]

TRANSIENT_STATUSES = frozenset({408, 500, 502, 503, 504})
READ_ATTEMPTS = 3
_POSTS_THAT_READ = ("/checknameavailability", "/checkpolicyrestrictions", "/retrievebootdiagnosticsdata")
_SUBSCRIPTION = re.compile(r"(?i)/subscriptions/([^/?]+)")
_log = structlog.get_logger(__name__)


class ForeignHostError(AzureError):
    """A request to a host that is not the configured Azure Resource Manager. Nothing was sent, no token attached."""


def pipeline_policies(
    credential: AsyncTokenCredential,
    endpoint: str,
    scope: str,
    limiter: Limiter,
    observers: Sequence[CallObserver] = (),
) -> list[Any]:
    """Return the policies that every management client of this process shares, outermost first."""
    return [
        HeadersPolicy(),
        UserAgentPolicy(sdk_moniker="azure-vm-migration"),
        ProxyPolicy(),
        BudgetPolicy(limiter),
        DecodePolicy(),
        OperationHostPolicy(endpoint),
        AsyncARMChallengeAuthenticationPolicy(credential, scope),
        RequestIdentityPolicy(),
        WriteLeasePolicy(),
        CustomHookPolicy(),
        TracePolicy(observers),
    ]


def is_write(request: HttpRequest) -> bool:
    """Tell whether a request may change something."""
    path = urlsplit(request.url).path.lower()
    return request.method not in {"GET", "HEAD", "OPTIONS"} and not path.endswith(_POSTS_THAT_READ)


def subscription_of(url: str) -> str:
    """Return the subscription that a URL lies in, empty where it lies in none."""
    match = _SUBSCRIPTION.search(url)
    return match[1].lower() if match else ""


class BudgetPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Sends a read up to three times, waits out its throttling, and never sends a write again.

    Reads wait here for their part of the budget. Writes had theirs before their intent was recorded, which grows old.
    What each answer tells of budgets holds for the whole process.
    """

    def __init__(self, limiter: Limiter) -> None:
        super().__init__()
        self._limiter = limiter

    async def send(self, request: Request) -> Response:
        """Send the request."""
        asked = request.http_request
        if is_write(asked):
            return (await self._send_once(request))[0]
        kind, path = kind_of(asked.method), urlsplit(asked.url).path
        attempt = 0
        while True:
            await self._limiter.admit(kind, path)
            attempt += 1
            try:
                response, refused = await self._send_once(request)
            except (ServiceRequestError, ServiceResponseError, DecodeError):
                if attempt >= READ_ATTEMPTS:
                    raise
            else:
                if refused:
                    attempt -= 1
                    continue
                if response.http_response.status_code not in TRANSIENT_STATUSES or attempt >= READ_ATTEMPTS:
                    return response
            await asyncio.sleep(0.5 * attempt)

    async def _send_once(self, request: Request) -> tuple[Response, bool]:
        """Send it, and take in what the answer tells of budgets; return it, and whether it refuses for too many."""
        kind, path = kind_of(request.http_request.method), urlsplit(request.http_request.url).path
        self._limiter.sent(kind, path)
        try:
            response = await self.next.send(request)
        finally:
            self._limiter.answered(kind, path)
        refusal = refusal_in(response.http_response)
        self._limiter.learn(kind, path, budgets_in(response.http_response.headers), refusal)
        return response, refusal is not None


class OperationHostPolicy(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Refuses a request whose scheme, host or port is not that of the configured endpoint."""

    def __init__(self, endpoint: str) -> None:
        self._origin = _origin(endpoint)
        self._host = urlsplit(endpoint).hostname

    def on_request(self, request: Request) -> None:
        """Check where the request goes."""
        origin = _origin(request.http_request.url)
        if origin is None or origin != self._origin:
            host = urlsplit(request.http_request.url).hostname
            raise ForeignHostError(f"sending a request to {host}: Azure Resource Manager is at {self._host}")


class RequestIdentityPolicy(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Gives each request its own `x-ms-client-request-id`: ARM answers a repeated one with the earlier payload."""

    def on_request(self, request: Request) -> None:
        """Set the header."""
        lease = leases.current() if is_write(request.http_request) else None
        request.http_request.headers["x-ms-client-request-id"] = lease.request_id if lease else str(uuid.uuid4())


class WriteLeasePolicy(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Lets a write through once, and only within the lease that its recorded intent gave."""

    def on_request(self, request: Request) -> None:
        """Use up the lease of a write."""
        if not is_write(request.http_request):
            return
        lease = leases.current()
        if lease is None:
            raise leases.LeaseError("sending a write: no intent was recorded for it")
        lease.spend()

    def on_response(self, request: Request, response: Response) -> None:
        """Give the lease back where the answer asks for another token: nothing was done."""
        lease = leases.current()
        if lease is not None and is_write(request.http_request) and response.http_response.status_code == 401:
            lease.renew()


class TracePolicy(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Writes what was asked and answered to the log: never a query, a header with a token, or a body."""

    def __init__(self, observers: Sequence[CallObserver] = ()) -> None:
        super().__init__()
        self._observers = observers

    def on_request(self, request: Request) -> None:
        """Note when the request left."""
        request.context["sent_at"] = time.monotonic()

    def on_response(self, request: Request, response: Response) -> None:
        """Log the answer, and tell of it."""
        asked, answered = request.http_request, response.http_response
        call = self._tell(request, answered.status_code, _remaining(answered))
        log = _log.info if call.kind == "write" or answered.status_code >= 429 else _log.debug
        log(
            "azure request",
            method=call.method,
            path=call.path,
            status=call.status,
            seconds=round(call.seconds, 3),
            arm_request_id=answered.headers.get("x-ms-request-id"),
            client_request_id=asked.headers.get("x-ms-client-request-id"),
            remaining=call.remaining,
        )

    def on_exception(self, request: Request) -> None:
        """Tell of a request that got no answer."""
        self._tell(request, None, {})

    def _tell(self, request: Request, status: int | None, remaining: dict[str, str]) -> Call:
        asked = request.http_request
        call = Call(
            method=asked.method,
            kind="write" if is_write(asked) else "read",
            subscription=subscription_of(asked.url),
            path=urlsplit(asked.url).path,
            status=status,
            seconds=time.monotonic() - request.context["sent_at"],
            remaining=remaining,
        )
        for observer in self._observers:
            observer.called(call)
        return call


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port of a URL, None for one that names a user or makes no sense."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme.lower())
    except ValueError:
        return None
    return None if "@" in parts.netloc else (parts.scheme.lower(), parts.hostname, port)


def _remaining(response: AsyncHttpResponse) -> dict[str, str]:
    prefix = "x-ms-ratelimit-remaining-"
    return {k.lower().removeprefix(prefix): v for k, v in response.headers.items() if k.lower().startswith(prefix)}
