"""Who may call: the tenant's service principals and users, and the tokens that prove them."""

from __future__ import annotations

import base64
import os
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from simulator import guids
from simulator.clock import from_micros, rfc_seconds
from simulator.errors import ArmError

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.world import World

AZURE_AUDIENCES = (
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
)
TOKEN_SECONDS = 3599
MOST_REMEMBERED = 10_000
MOST_RETIRED = 5
"""Keys that a tenant signed with before, and still publishes."""
CLI_CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


@dataclass(frozen=True)
class Identity:
    """A service principal or a user of the tenant."""

    kind: str
    """``service_principal`` or ``user``."""
    object_id: str
    client_id: str
    """The application's id; for a user the one of the tool that signed in."""
    name: str
    """The user's name, or the client id."""
    groups: tuple[str, ...] = ()
    roles: tuple[dict[str, Any], ...] = field(default=(), compare=False)
    """The seed's assignments, each ``{"role": name or {"actions", "notActions"}, "scope"}``."""

    @property
    def label(self) -> str:
        """How the request log and ``created_by`` name it."""
        return self.name


class Identities:
    """The principals of the tenant, kept in the world, and the key that signs their tokens."""

    def __init__(self, world: World) -> None:
        """Read the tenant from the state folder or found it."""
        self._world = world
        self._area = world.store.area("identities")
        self._key = _signing_key(world.state_dir / "signing.pem")
        self._public = self._key.public_key()
        self._verified: dict[str, tuple[float, str]] = {}
        self._known: dict[tuple[str, str], Identity] = {}
        if world.settings.get("tenant") is None:
            with guids.drawn_from(world.seed_number, "tenant"):
                founded = {"tenant_id": guids.new_guid(), "key_id": secrets.token_hex(16)}
            world.settings.put("tenant", founded, quiet=True)
        tenant = world.settings.get("tenant") or {}
        self.tenant_id: str = tenant["tenant_id"]
        self.key_id: str = tenant["key_id"]

    def put(self, identity: dict[str, Any]) -> dict[str, Any]:
        """Keep a principal as the seed writes it.

        One that is known already, by its object id, client id or user name, keeps what *identity* does not say; of a
        new one, ids and secret that are missing are made up.
        """
        kept = {"kind": "service_principal", "groups": [], "roles": [], **(self._find(identity) or {}), **identity}
        kept.setdefault("object_id", guids.new_guid())
        if kept["kind"] == "service_principal":
            kept.setdefault("client_id", guids.new_guid())
            kept.setdefault("secret", _new_secret())
        self._area.put(kept["object_id"], kept, quiet=True)
        self.reload()
        return kept

    def _find(self, identity: dict[str, Any]) -> dict[str, Any] | None:
        """The known principal that *identity* is about."""
        if object_id := identity.get("object_id"):
            return self._area.get(object_id)
        if user_name := identity.get("user_name"):
            return self.find_user(user_name)
        client_id = identity.get("client_id")
        return self.find_client(client_id) if client_id else None

    def replace_all(self, identities: list[dict[str, Any]]) -> None:
        """Forget every principal, then keep these."""
        for key in self._area.keys():  # noqa: SIM118 - an area is no dict
            self._area.delete(key, quiet=True)
        for identity in identities:
            self.put(identity)

    def reload(self) -> None:
        """Look at every principal anew."""
        self._known.clear()
        self._world.store.access_version += 1

    def raw(self) -> list[dict[str, Any]]:
        """Every principal as kept, secrets included."""
        return self._area.values()

    def find_client(self, client_id: str) -> dict[str, Any] | None:
        """The service principal with that application id."""
        return next((i for i in self.raw() if str(i.get("client_id", "")).lower() == client_id.lower()), None)

    def find_user(self, name: str) -> dict[str, Any] | None:
        """The user with that name."""
        return next((i for i in self.raw() if str(i.get("user_name", "")).lower() == name.lower()), None)

    def identity(self, object_id: str, client_id: str = CLI_CLIENT_ID) -> Identity | None:
        """The principal with that object id."""
        known = self._known.get((object_id, client_id))
        if known is not None:
            return known
        kept = self._area.get(object_id)
        if kept is None:
            return None
        identity = self._known[object_id, client_id] = Identity(
            kind=kept["kind"],
            object_id=kept["object_id"],
            client_id=kept.get("client_id", client_id),
            name=kept.get("user_name") or kept["client_id"],
            groups=tuple(kept.get("groups", ())),
            roles=tuple(kept.get("roles") or ()),
        )
        return identity

    @property
    def audiences(self) -> list[str]:
        """What a token may be for, without trailing slash: this cloud's ARM or Azure's own names of it."""
        return [self._world.endpoint, self._world.endpoint.replace("localhost", "127.0.0.1"), *AZURE_AUDIENCES]

    def accepts_audience(self, audience: str) -> bool:
        """Tell whether tokens for *audience* open this cloud."""
        return audience.rstrip("/") in self.audiences

    def is_application(self, audience: str) -> bool:
        """Tell whether *audience* is an application of the tenant: its id, or ``api://`` and its id."""
        return self.find_client(audience.removeprefix("api://").rstrip("/")) is not None

    def audience(self, audience: str, *, version: str) -> str:
        """How a token names what it is for: tokens of the second version name an application by its bare id."""
        return audience.removeprefix("api://").rstrip("/") if version and self.is_application(audience) else audience

    def rotate(self) -> str:
        """Sign with a new key from now on, and return its id; the old ones stay in the key set."""
        kept = self._retired()
        self._world.settings.put("retired_keys", {"keys": [self.jwk(), *kept][:MOST_RETIRED]}, quiet=True)
        file = self._world.state_dir / "signing.pem"
        file.unlink()
        self._key = _signing_key(file)
        self._public = self._key.public_key()
        self.key_id = secrets.token_hex(16)
        tenant = self._world.settings.get("tenant") or {}
        self._world.settings.put("tenant", {**tenant, "key_id": self.key_id}, quiet=True)
        return self.key_id

    def jwks(self) -> list[dict[str, str]]:
        """The key set: the key that signs, then those that did."""
        return [self.jwk(), *self._retired()]

    def _retired(self) -> list[dict[str, str]]:
        return list((self._world.settings.get("retired_keys") or {}).get("keys", ()))

    def sign(self, claims: dict[str, Any]) -> str:
        """A token of these claims, signed with RS256."""
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self.key_id, "x5t": self.key_id})

    def decode(self, token: str, **options: Any) -> dict[str, Any]:
        """The claims of a token that this tenant signed; raises ``jwt.InvalidTokenError``."""
        name = jwt.get_unverified_header(token).get("kid")
        retired = [jwt.PyJWK(key, algorithm="RS256").key for key in self._retired() if key["kid"] == name]
        return jwt.decode(token, retired[0] if retired else self._public, algorithms=["RS256"], **options)

    def jwk(self) -> dict[str, str]:
        """The public key as the tenant's key set lists it."""
        numbers = self._public.public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.key_id,
            "x5t": self.key_id,
            "n": _base64url(numbers.n),
            "e": _base64url(numbers.e),
        }

    def authenticate(self, authorization: str | None) -> Identity:
        """The principal behind an Authorization header; raises ARM's 401."""
        if not authorization:
            raise self._unauthorized(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise self._unauthorized(
                "AuthenticationFailedInvalidHeader",
                "Authentication failed. The 'Authorization' header is provided in an invalid format.",
            )
        expires, object_id = self._verified.get(token) or self._verify(token)
        if expires <= time.time():
            raise self._expired(expires)
        identity = self.identity(object_id)
        if identity is None:
            raise self._unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
        return identity

    def _verify(self, token: str) -> tuple[float, str]:
        self._refuse_foreign(token)
        try:
            claims = self.decode(token, options={"verify_aud": False, "verify_exp": False})
        except jwt.InvalidTokenError:
            raise self._unauthorized("InvalidAuthenticationToken", "The access token is invalid.") from None
        if not self.accepts_audience(str(claims.get("aud", ""))) or claims.get("typ") == "refresh":
            raise self._unauthorized(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource "
                f"'{claims.get('aud')}'. It should exactly match with one of the allowed audiences "
                + ",".join(f"'{audience}/'" for audience in self.audiences)
                + ".",
            )
        verified = (float(claims["exp"]), str(claims["oid"]))
        if len(self._verified) >= MOST_REMEMBERED:
            self._verified.clear()
        self._verified[token] = verified
        return verified

    def _refuse_foreign(self, token: str) -> None:
        """Refuse a token of another tenant by that name; whether it is sound can be told by that tenant alone."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return
        tenant = str(claims.get("tid", ""))
        if tenant and tenant.lower() != self.tenant_id.lower():
            raise self._unauthorized(
                "InvalidAuthenticationTokenTenant",
                f"The access token is from the wrong issuer 'https://sts.windows.net/{tenant}/'. It must match the "
                f"tenant 'https://sts.windows.net/{self.tenant_id}/' associated with this subscription. Please use the "
                f"authority (URL) 'https://login.windows.net/{self.tenant_id}' to get the token. Note, if the "
                "subscription is transferred to another tenant there is no impact to the services, but information "
                "about new tenant could take time to propagate (up to an hour).",
            )

    def _expired(self, expires: float) -> ArmError:
        expiry = rfc_seconds(from_micros(int(expires * 1_000_000)))
        now = rfc_seconds(from_micros(int(time.time() * 1_000_000)))
        return self._unauthorized(
            "ExpiredAuthenticationToken",
            f"The access token expiry UTC time '{expiry}' is earlier than current UTC time '{now}'.",
        )

    def _unauthorized(self, code: str, message: str) -> ArmError:
        authority = f"{self._world.endpoint}/{self.tenant_id}"
        challenge = (
            f'Bearer authorization_uri="{authority}", error="invalid_token", '
            'error_description="The access token is missing or invalid."'
        )
        return ArmError(401, code, message, headers={"WWW-Authenticate": challenge, "x-ms-failure-cause": "gateway"})


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _new_secret() -> str:
    """A secret that can be an argument of a command: one that began with a hyphen would be taken for an option."""
    secret = secrets.token_urlsafe(24)
    while secret.startswith("-"):
        secret = secrets.token_urlsafe(24)
    return secret


def _signing_key(file: Path) -> rsa.RSAPrivateKey:
    if file.exists():
        return cast("rsa.RSAPrivateKey", serialization.load_pem_private_key(file.read_bytes(), password=None))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(file, text)
    return key


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    scratch = file.with_name(file.name + ".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    scratch.replace(file)
