"""The management clients of this process: one of each kind per subscription, over one shared connection pool."""

from __future__ import annotations

import asyncio
import ssl
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import HttpRequest

from arm import leases
from arm.credentials import AzureAccess, credential_for
from arm.handover import Handover
from arm.limiter import Limiter
from arm.policies import pipeline_policies
from arm.together import Together
from arm.turnstile import Turnstile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from azure.mgmt.authorization.aio import AuthorizationManagementClient
    from azure.mgmt.compute.aio import ComputeManagementClient
    from azure.mgmt.network.aio import NetworkManagementClient
    from azure.mgmt.recoveryservices.aio import RecoveryServicesClient
    from azure.mgmt.recoveryservicessiterecovery.aio import SiteRecoveryManagementClient
    from azure.mgmt.resource.locks.aio import ManagementLockClient
    from azure.mgmt.resource.resources.aio import ResourceManagementClient
    from azure.mgmt.storage.aio import StorageManagementClient

    from arm.calls import CallObserver

PACKAGES = {
    "AuthorizationManagementClient": "azure.mgmt.authorization.aio",
    "ComputeManagementClient": "azure.mgmt.compute.aio",
    "ManagementLockClient": "azure.mgmt.resource.locks.aio",
    "NetworkManagementClient": "azure.mgmt.network.aio",
    "RecoveryServicesClient": "azure.mgmt.recoveryservices.aio",
    "ResourceManagementClient": "azure.mgmt.resource.resources.aio",
    "SiteRecoveryManagementClient": "azure.mgmt.recoveryservicessiterecovery.aio",
    "StorageManagementClient": "azure.mgmt.storage.aio",
}
"""Of which package each client is. It is imported when it is first used: a worker seldom needs all of them, and their
models take half a second to import."""
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
        self.handed = Handover()
        self._observers = (*observers, self.handed)
        self.limiter = limiter or Limiter()
        self.turnstile = Turnstile()
        self.together = Together(self)
        self.credential = credential_for(access)
        self._transport = _transport(access)
        self._clients: dict[tuple[str, str], Any] = {}

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
        client: ComputeManagementClient = self._of_subscription("ComputeManagementClient", subscription)
        return client

    def network(self, subscription: str) -> NetworkManagementClient:
        """Return the client of virtual networks and network interfaces."""
        client: NetworkManagementClient = self._of_subscription("NetworkManagementClient", subscription)
        return client

    def storage(self, subscription: str) -> StorageManagementClient:
        """Return the client of storage accounts."""
        client: StorageManagementClient = self._of_subscription("StorageManagementClient", subscription)
        return client

    def resources(self, subscription: str) -> ResourceManagementClient:
        """Return the client of resource groups and providers."""
        client: ResourceManagementClient = self._of_subscription("ResourceManagementClient", subscription)
        return client

    def authorization(self, subscription: str) -> AuthorizationManagementClient:
        """Return the client of permissions."""
        client: AuthorizationManagementClient = self._of_subscription("AuthorizationManagementClient", subscription)
        return client

    def locks(self, subscription: str) -> ManagementLockClient:
        """Return the client of management locks."""
        client: ManagementLockClient = self._of_subscription("ManagementLockClient", subscription)
        return client

    def recovery_services(self, subscription: str) -> RecoveryServicesClient:
        """Return the client of Recovery Services vaults."""
        client: RecoveryServicesClient = self._of_subscription("RecoveryServicesClient", subscription)
        return client

    def site_recovery(self, subscription: str) -> SiteRecoveryManagementClient:
        """Return the client of what lies in a vault: fabrics, containers, protected items, jobs."""
        client: SiteRecoveryManagementClient = self._of_subscription("SiteRecoveryManagementClient", subscription)
        return client

    def _of_subscription(self, kind: str, subscription: str) -> Any:
        key = (kind, subscription.lower())
        if key not in self._clients:
            make = getattr(import_module(PACKAGES[kind]), kind)
            self._clients[key] = make(self.credential, subscription, **self._settings)
        return self._clients[key]

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


def _transport(access: AzureAccess) -> AioHttpTransport:
    # azure-core would make a TLS context, and with it a new connection, for each request that names a CA bundle.
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=ssl.create_default_context(cafile=access.ca_bundle))
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        middlewares=(_send_writes_once,),
        proxy=proxy_of(access.endpoint),
    )
    return AioHttpTransport(
        session=session, connection_timeout=CONNECT_TIMEOUT_SECONDS, read_timeout=READ_TIMEOUT_SECONDS
    )


def proxy_of(endpoint: str) -> str | None:
    """Return the proxy that the environment names for Azure Resource Manager, None where there is none.

    All requests go to this one host. aiohttp would read the environment, and a `.netrc` from the disk, anew for each
    of them, in threads: a tenth of a worker's processor time.
    """
    target = urlsplit(endpoint)
    bypassed = target.hostname is None or proxy_bypass(target.hostname)
    return None if bypassed else getproxies().get(target.scheme)


async def _send_writes_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE again when a kept connection breaks: Azure may have taken the first."""
    lease = leases.current()
    if lease is not None and request.method not in {"GET", "HEAD", "OPTIONS"}:
        if lease.sent:
            raise aiohttp.ClientConnectionError("the connection broke before the answer to a write")
        lease.sent = True
    return await send(request)
