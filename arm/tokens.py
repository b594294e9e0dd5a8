"""Whether a tenant of Entra ID signed a token: by the keys that its OpenID configuration names.

Only RS256 counts, whatever a token asks for. Keys are kept for a while; one that is not known makes them be read again,
but not more often than a stranger who makes up names of keys may cause.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from migration.approvals import UnacceptableError, unverified

if TYPE_CHECKING:
    from arm.credentials import AzureAccess

KEPT_SECONDS = 3600
"""How long keys are believed; a tenant publishes a new one days before it signs with it."""
PAUSE_SECONDS = 30
"""The shortest time between two readings of one tenant's keys."""
STALE_SECONDS = 86_400
"""How long known keys are believed while the tenant cannot be asked."""
_TIMEOUT = aiohttp.ClientTimeout(total=4, connect=3)
_MOST_BYTES = 1_000_000
_LEAST_KEY_BITS = 2048
_VERSIONS = {"1.0": "", "2.0": "/v2.0"}


class KeysUnreadError(Exception):
    """The tenant's keys cannot be read now: nothing is known about a token."""


@dataclass
class _Issuer:
    """What one version of a tenant's protocol says of itself."""

    name: str = ""
    keys: dict[str, RSAPublicKey] = field(default_factory=dict)
    read: float | None = None
    tried: float | None = None


class TenantKeys:
    """The keys of the tenants of one authority."""

    def __init__(self, access: AzureAccess) -> None:
        self._authority = access.authority.rstrip("/")
        self._ca_bundle = access.ca_bundle
        self._issuers: dict[tuple[str, str], _Issuer] = {}
        self._reading = asyncio.Lock()

    async def claims(self, token: str, tenant: str) -> dict[str, Any]:
        """Return the claims of *token*, which *tenant* has signed. Times, audience and person are not judged here.

        Raises:
            UnacceptableError: that tenant did not sign it.
            KeysUnreadError: nobody can tell now.
        """
        version = unverified(token).get("ver")
        if version not in _VERSIONS:
            raise UnacceptableError("the token is of no known version")
        name = str(jwt.get_unverified_header(token).get("kid"))
        issuer = await self._issuer_with(tenant, str(version), name)
        key = issuer.keys.get(name)
        if key is None:
            raise UnacceptableError("the token is signed with a key that is not the tenant's")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                # The moment that counts is Temporal's, not this worker's: `migration.approvals` judges times.
                options=jwt.types.Options(
                    verify_aud=False,
                    verify_exp=False,
                    verify_iat=False,
                    verify_nbf=False,
                    verify_sub=False,
                    verify_jti=False,
                ),
            )
        except (jwt.InvalidTokenError, ValueError):
            raise UnacceptableError("the token's signature is not the tenant's") from None
        if claims.get("iss") != issuer.name:
            raise UnacceptableError("the token was not issued by the tenant")
        return claims

    async def _issuer_with(self, tenant: str, version: str, key: str) -> _Issuer:
        """Return the issuer, read anew where its keys are old or do not have this one."""
        issuer = self._issuers.setdefault((tenant.lower(), version), _Issuer())
        async with self._reading:
            now = time.monotonic()
            age = float("inf") if issuer.read is None else now - issuer.read
            if age < KEPT_SECONDS and key in issuer.keys:
                return issuer
            if issuer.tried is None or now - issuer.tried >= PAUSE_SECONDS:
                issuer.tried = now
                try:
                    await self._read(issuer, tenant, version)
                except KeysUnreadError:
                    if age > STALE_SECONDS or key not in issuer.keys:
                        raise
            elif age > STALE_SECONDS:
                raise KeysUnreadError("they could not be read a moment ago")
        return issuer

    async def _read(self, issuer: _Issuer, tenant: str, version: str) -> None:
        address = f"{self._authority}/{tenant}{_VERSIONS[version]}/.well-known/openid-configuration"
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as session:
                document = await self._json(session, address)
                name, place = str(document.get("issuer")), str(document.get("jwks_uri"))
                if f"/{tenant.lower()}/" not in f"{name.lower()}/" or not self._is_ours(place):
                    raise KeysUnreadError(f"{address} speaks for another tenant or authority")
                listed = (await self._json(session, place)).get("keys")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise KeysUnreadError(f"reading {address}: {type(error).__name__}") from None
        issuer.name, issuer.keys = name, _usable(listed if isinstance(listed, list) else [])
        issuer.read = time.monotonic()

    def _is_ours(self, address: str) -> bool:
        theirs, ours = urlsplit(address), urlsplit(self._authority)
        return (theirs.scheme, theirs.netloc.lower()) == (ours.scheme, ours.netloc.lower())

    async def _json(self, session: aiohttp.ClientSession, address: str) -> dict[str, Any]:
        context = ssl.create_default_context(cafile=self._ca_bundle)
        async with session.get(address, ssl=context, allow_redirects=False) as answer:
            if answer.status != 200:
                raise KeysUnreadError(f"reading {address}: status {answer.status}")
            content = bytearray()
            async for chunk in answer.content.iter_chunked(65_536):
                content += chunk
                if len(content) > _MOST_BYTES:
                    raise KeysUnreadError(f"reading {address}: more than {_MOST_BYTES} bytes")
        found = json.loads(content)
        if not isinstance(found, dict):
            raise KeysUnreadError(f"reading {address}: no object")
        return found


def _usable(listed: list[Any]) -> dict[str, RSAPublicKey]:
    """Return the keys that may sign, by name."""
    keys: dict[str, RSAPublicKey] = {}
    for document in listed:
        if not isinstance(document, dict) or document.get("kty") != "RSA" or document.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(document, algorithm="RS256").key
        except (jwt.InvalidKeyError, jwt.PyJWKError, ValueError, KeyError, TypeError):
            continue
        if isinstance(key, RSAPublicKey) and key.key_size >= _LEAST_KEY_BITS and document.get("kid"):
            keys[str(document["kid"])] = key
    return keys
