"""The addresses outside Azure Resource Manager: the tenant's sign-in endpoints and the cloud's metadata."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from simulator import tokens
from simulator.provider import Reply

if TYPE_CHECKING:
    from simulator.world import World

_CONFIGURATION = re.compile(r"/(?P<tenant>[^/]+)(?P<version>/v2\.0)?/\.well-known/openid-configuration", re.IGNORECASE)
_KEYS = re.compile(r"/(?P<tenant>[^/]+)/discovery(?P<version>/v2\.0)?/keys", re.IGNORECASE)
_TOKEN = re.compile(r"/(?P<tenant>[^/]+)/oauth2(?P<version>/v2\.0)?/token", re.IGNORECASE)
_REALM = re.compile(r"/common/userrealm/(?P<user>[^/]+)", re.IGNORECASE)
# Single-object answers end with this version of the metadata; later ones list the clouds.
_LAST_OBJECT_VERSION = "2018-12-31"


def answer(world: World, method: str, path: str, query: dict[str, str], content: bytes) -> Reply | None:
    """The answer of a sign-in or metadata address, or None where *path* is none of them."""
    if path.lower() == "/metadata/endpoints":
        return metadata(world, query.get("api-version", ""))
    return _tenant(world, method, path, content)


def _tenant(world: World, method: str, path: str, content: bytes) -> Reply | None:
    if path.lower() == "/common/discovery/instance":
        return tokens.instance_discovery(world)
    if found := _REALM.fullmatch(path):
        return tokens.user_realm(found["user"])
    if found := _CONFIGURATION.fullmatch(path):
        return tokens.openid_configuration(world, found["tenant"], version=_version(found))
    if _KEYS.fullmatch(path):
        return tokens.keys(world)
    if (found := _TOKEN.fullmatch(path)) and method == "POST":
        form = dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))
        return tokens.token(world, found["tenant"], form, version=_version(found))
    return None


def _version(found: re.Match[str]) -> str:
    return "v2.0" if found["version"] else ""


def metadata(world: World, api_version: str) -> Reply:
    """The cloud's endpoints: one object for old api-versions (the Azure CLI asks so), a list of clouds for new ones."""
    endpoint = world.endpoint
    audiences = [endpoint, "https://management.core.windows.net/", "https://management.azure.com/"]
    if api_version <= _LAST_OBJECT_VERSION:
        return Reply(
            200,
            {
                "galleryEndpoint": endpoint,
                "graphEndpoint": endpoint,
                "portalEndpoint": endpoint,
                "authentication": {"loginEndpoint": endpoint, "audiences": audiences},
            },
        )
    return Reply(200, [_cloud(world, audiences)])


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
