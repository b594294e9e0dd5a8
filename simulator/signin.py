"""The addresses outside Azure Resource Manager: the tenant's sign-in endpoints and the cloud's metadata."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from simulator import devicecode, tokens
from simulator.provider import Reply

if TYPE_CHECKING:
    from simulator.world import World

# The versions of the metadata between these list the clouds; before them there is one short object, from then on one
# whole object, the cloud that was asked (so the Azure CLI and Terraform expect).
_FIRST_LIST_VERSION = "2019-05-01"
_FIRST_CLOUD_VERSION = "2022-09-01"
Handler = Callable[["Asked"], Reply]


@dataclass(frozen=True)
class Asked:
    """A request to the tenant or the cloud itself: the parts of its path, its query and its form."""

    world: World
    path: str
    parts: dict[str, str | None]
    query: dict[str, str]
    form: dict[str, str]

    @property
    def tenant(self) -> str:
        """The tenant that the path names."""
        return self.parts.get("tenant") or ""

    @property
    def version(self) -> str:
        """``v2.0``, or an empty string for the first version of the protocol."""
        return "v2.0" if self.parts.get("version") else ""


def answer(world: World, method: str, path: str, query: dict[str, str], content: bytes) -> Reply | None:
    """The answer of a sign-in or metadata address, or None where *path* is none of them."""
    found = find(method, path)
    if found is None:
        return None
    address, parts = found
    form = dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))
    return address.handler(Asked(world, path, parts, query, form))


def find(method: str, path: str) -> tuple[Address, dict[str, str | None]] | None:
    """The address that a request is for, with the parts of its path, or None."""
    if path.lower().startswith(("/subscriptions/", "/providers/")):
        return None
    for address in ADDRESSES:
        match = address.pattern.fullmatch(path) if address.method in {"*", method} else None
        if match is not None:
            return address, match.groupdict()
    return None


def metadata_endpoints(asked: Asked) -> Reply:
    """The cloud's endpoints, as ``az cloud register`` and SDKs ask for them."""
    return metadata(asked.world, asked.query.get("api-version", ""))


def instance_discovery(asked: Asked) -> Reply:
    """What MSAL asks to see whether an authority is genuine."""
    return tokens.instance_discovery(asked.world)


def user_realm(asked: Asked) -> Reply:
    """What MSAL asks before it sends a user's password."""
    return tokens.user_realm(asked.parts["user"] or "")


def openid_configuration(asked: Asked) -> Reply:
    """The tenant's OpenID configuration."""
    return tokens.openid_configuration(asked.world, asked.tenant, version=asked.version)


def keys(asked: Asked) -> Reply:
    """The tenant's key set."""
    return tokens.keys(asked.world)


def token(asked: Asked) -> Reply:
    """Tokens by client secret, password, refresh token or device code (RS256, an hour of wall time)."""
    return tokens.token(asked.world, asked.tenant, asked.form, version=asked.version)


def device_code(asked: Asked) -> Reply:
    """A code for signing in on another device."""
    return tokens.device_code(asked.world, asked.tenant, asked.form)


def device_page(asked: Asked) -> Reply:
    """The page where a person types the code."""
    return devicecode.form_page(asked.path)


def device_decision(asked: Asked) -> Reply:
    """What the person decided on that page."""
    return tokens.device_decision(asked.world, asked.path, asked.form)


@dataclass(frozen=True)
class Address:
    """An address outside Azure Resource Manager."""

    method: str
    template: str
    handler: Handler

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The template as an expression, without regard to case; ``[/v2.0]`` may be absent."""
        pattern = re.escape(self.template).replace(re.escape("[/v2.0]"), r"(?P<version>/v2\.0)?")
        return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern), re.IGNORECASE)


ADDRESSES = (
    Address("*", "/metadata/endpoints", metadata_endpoints),
    Address("*", "/common/discovery/instance", instance_discovery),
    Address("*", "/common/userrealm/{user}", user_realm),
    Address("*", "/{tenant}[/v2.0]/.well-known/openid-configuration", openid_configuration),
    Address("*", "/{tenant}/discovery[/v2.0]/keys", keys),
    Address("POST", "/{tenant}/oauth2[/v2.0]/token", token),
    Address("POST", "/{tenant}/oauth2[/v2.0]/devicecode", device_code),
    Address("GET", "/{tenant}/oauth2/deviceauth", device_page),
    Address("POST", "/{tenant}/oauth2/deviceauth", device_decision),
)


def metadata(world: World, api_version: str) -> Reply:
    """The cloud's endpoints, in the shape of *api_version*."""
    endpoint = world.endpoint
    audiences = [endpoint, "https://management.core.windows.net/", "https://management.azure.com/"]
    if api_version < _FIRST_LIST_VERSION:
        return Reply(
            200,
            {
                "galleryEndpoint": endpoint,
                "graphEndpoint": endpoint,
                "portalEndpoint": endpoint,
                "authentication": {"loginEndpoint": endpoint, "audiences": audiences},
            },
        )
    cloud = _cloud(world, audiences)
    return Reply(200, cloud if api_version >= _FIRST_CLOUD_VERSION else [cloud])


def _cloud(world: World, audiences: list[str]) -> dict[str, Any]:
    endpoint = world.endpoint
    host = endpoint.removeprefix("https://")
    return {
        "name": "AzureSimulator",
        "portal": endpoint,
        "authentication": {
            "loginEndpoint": endpoint,
            "audiences": audiences,
            "tenant": world.tenant_id,
            "identityProvider": "AAD",
        },
        "resourceManager": endpoint,
        "media": endpoint,
        "graph": endpoint,
        "graphAudience": endpoint,
        "microsoftGraphResourceId": endpoint,
        "gallery": endpoint,
        "batch": endpoint,
        "sqlManagement": endpoint,
        "activeDirectoryDataLake": endpoint,
        "vmImageAliasDoc": endpoint,
        "suffixes": {
            "storage": f"storage.{host}",
            "keyVaultDns": f"vault.{host}",
            "sqlServerHostname": f"database.{host}",
            "acrLoginServer": f"azurecr.{host}",
        },
    }
