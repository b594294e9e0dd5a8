"""The management clients of this process: one of each kind per subscription, over one shared connection pool."""

from __future__ import annotations

import asyncio
import ssl
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

import aiohttp
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import HttpRequest
from azure.mgmt.authorization.aio import AuthorizationManagementClient
from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.network.aio import NetworkManagementClient
from azure.mgmt.recoveryservices.aio import RecoveryServicesClient
from azure.mgmt.recoveryservicessiterecovery.aio import SiteRecoveryManagementClient
from azure.mgmt.resource.locks.aio import ManagementLockClient
from azure.mgmt.resource.resources.aio import ResourceManagementClient
from azure.mgmt.storage.aio import StorageManagementClient

from arm import leases
from arm.credentials import AzureAccess, credential_for
from arm.limiter import Limiter
from arm.policies import pipeline_policies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from arm.calls import CallObserver

Client = TypeVar("Client")

_METADATA_API = "2022-09-01"
_NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
CONNECTIONS = 400
"""Requests at once; azure-core's own transport stops at aiohttp's 100."""
CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60


class AzureClients:
    """The clients that activities get injected. Make them in the running loop that uses them; close them when done."""

    def __init__(
        self, access: AzureAccess, limiter: Limiter | None = None, observers: Sequence[CallObserver] = ()
    ) -> None:
        """Make them for one identity; *observers* are told of each request."""
        self.access = access
        self._observers = observers
        self.limiter = limiter or Limiter()
        self.credential = credential_for(access)
        self._transport = _transport(access.ca_bundle)
        self._clients: dict[tuple[type, str], Any] = {}

    async def __aenter__(self) -> Self:
        """Return the clients, which connect when they are first used."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections and the credential."""
        await self._transport.close()
        await self.credential.close()

    async def sign_in(self) -> None:
        """Get a token, or see that the one there is still serves.

        Raises:
            AzureError: the identity is not known, or nobody answers.
        """
        await self.credential.get_token(self.access.scope)

    async def greet(self, within_seconds: float) -> None:
        """Sign in and ask Azure Resource Manager for what it tells everybody, before much is asked of it.

        Raises:
            AzureError: the identity is not known, or nobody answers *within_seconds*; names the address.
        """
        request = HttpRequest("GET", "/metadata/endpoints", params={"api-version": _METADATA_API})
        try:
            async with asyncio.timeout(within_seconds):
                await self.sign_in()
                await self.resources(_NO_SUBSCRIPTION).send_request(request)
        except TimeoutError:
            addresses = " or ".join(dict.fromkeys((self.access.authority, self.access.endpoint)))
            raise ServiceRequestError(f"no answer from {addresses} within {within_seconds:g} s") from None

    def compute(self, subscription: str) -> ComputeManagementClient:
        """Return the client of virtual machines, disks, sizes and quotas."""
        return self._of_subscription(ComputeManagementClient, subscription)

    def network(self, subscription: str) -> NetworkManagementClient:
        """Return the client of virtual networks and network interfaces."""
        return self._of_subscription(NetworkManagementClient, subscription)

    def storage(self, subscription: str) -> StorageManagementClient:
        """Return the client of storage accounts."""
        return self._of_subscription(StorageManagementClient, subscription)

    def resources(self, subscription: str) -> ResourceManagementClient:
        """Return the client of resource groups and providers."""
        return self._of_subscription(ResourceManagementClient, subscription)

    def authorization(self, subscription: str) -> AuthorizationManagementClient:
        """Return the client of permissions."""
        return self._of_subscription(AuthorizationManagementClient, subscription)

    def locks(self, subscription: str) -> ManagementLockClient:
        """Return the client of management locks."""
        return self._of_subscription(ManagementLockClient, subscription)

    def recovery_services(self, subscription: str) -> RecoveryServicesClient:
        """Return the client of Recovery Services vaults."""
        return self._of_subscription(RecoveryServicesClient, subscription)

    def site_recovery(self, subscription: str) -> SiteRecoveryManagementClient:
        """Return the client of what lies in a vault: fabrics, containers, protected items, jobs."""
        return self._of_subscription(SiteRecoveryManagementClient, subscription)

    def _of_subscription(self, kind: type[Client], subscription: str) -> Client:
        key = (kind, subscription.lower())
        if key not in self._clients:
            make: Any = kind
            self._clients[key] = make(self.credential, subscription, **self._settings)
        client: Client = self._clients[key]
        return client

    @cached_property
    def _settings(self) -> dict[str, Any]:
        access = self.access
        return {
            "base_url": access.endpoint.rstrip("/"),
            "credential_scopes": [access.scope],
            "transport": self._transport,
            "policies": pipeline_policies(
                self.credential, access.endpoint, access.scope, self.limiter, self._observers
            ),
        }


def _transport(ca_bundle: str | None) -> AioHttpTransport:
    # azure-core would make a TLS context, and with it a new connection, for each request that names a CA bundle.
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=ssl.create_default_context(cafile=ca_bundle))
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=True,
        middlewares=(_send_writes_once,),
    )
    return AioHttpTransport(
        session=session, connection_timeout=CONNECT_TIMEOUT_SECONDS, read_timeout=READ_TIMEOUT_SECONDS
    )


async def _send_writes_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE again when a kept connection breaks: Azure may have taken the first."""
    lease = leases.current()
    if lease is not None and request.method not in {"GET", "HEAD", "OPTIONS"}:
        if lease.sent:
            raise aiohttp.ClientConnectionError("the connection broke before the answer to a write")
        lease.sent = True
    return await send(request)
