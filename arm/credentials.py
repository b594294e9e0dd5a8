"""How this process proves to Azure who it is: by the variables that Azure's own tools use.

Order: client secret, client certificate, federated token (workload identity), managed identity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.identity.aio import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

PUBLIC_AUTHORITY = "https://login.microsoftonline.com"
PUBLIC_ENDPOINT = "https://management.azure.com"


@dataclass(frozen=True)
class AzureAccess:
    """Where Azure is, and the identity to use there. Secrets do not show in its `repr`."""

    endpoint: str = PUBLIC_ENDPOINT
    authority: str = PUBLIC_AUTHORITY
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    certificate_path: str | None = None
    certificate_password: str | None = field(default=None, repr=False)
    federated_token_file: str | None = None
    ca_bundle: str | None = None

    @property
    def scope(self) -> str:
        """The scope of the tokens that Azure Resource Manager takes."""
        return f"{self.endpoint.rstrip('/')}/.default"


def credential_for(access: AzureAccess) -> AsyncTokenCredential:
    """Return the credential that *access* describes; close it when done."""
    common = _common(access)
    tenant, client = access.tenant_id, access.client_id
    if tenant and client and access.client_secret:
        return ClientSecretCredential(tenant, client, access.client_secret, **common)
    if tenant and client and access.certificate_path:
        password = access.certificate_password
        return CertificateCredential(tenant, client, access.certificate_path, password=password, **common)
    if tenant and client and access.federated_token_file:
        token_file = access.federated_token_file
        return WorkloadIdentityCredential(tenant_id=tenant, client_id=client, token_file_path=token_file, **common)
    return ManagedIdentityCredential(client_id=client) if client else ManagedIdentityCredential()


def _common(access: AzureAccess) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "authority": access.authority,
        "connection_timeout": 10,
        "read_timeout": 30,
        # Whoever needs the token tries again; a person who waits for a check is told soon.
        "retry_connect": 1,
        # The public clouds vouch for an authority; a private cloud's is unknown to them, and may not reach them at all.
        "disable_instance_discovery": access.authority.rstrip("/") != PUBLIC_AUTHORITY,
    }
    if access.ca_bundle:
        settings["connection_verify"] = access.ca_bundle
    return settings
