"""A tenant of Entra ID that tests sign for: its keys, its people, and tokens with whatever is wrong in them."""

import time
import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from activities.approval import ApprovalDesk
from arm.credentials import AzureAccess
from arm.tokens import TenantKeys, _Issuer
from migration.sealing import SealingKey

AUTHORITY = "https://login.example"
AUDIENCE = "api://6e0f1c5a-0000-4000-8000-00000000a0d1"
GROUP = "6e0f1c5a-0000-4000-8000-0000000000aa"
ANNA = "6e0f1c5a-0000-4000-8000-000000000001"
BERT = "6e0f1c5a-0000-4000-8000-000000000002"
MALLORY = "6e0f1c5a-0000-4000-8000-000000000666"
NAMES = {ANNA: "anna@contoso.example", BERT: "bert@contoso.example", MALLORY: "mallory@contoso.example"}


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """Return the RSA key of that name; making one takes a while."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Tenant:
    """Signs tokens, as version 2 of the protocol writes them."""

    id: str = "6e0f1c5a-0000-4000-8000-00000000feed"
    kid: str = "key-1"
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa_key("tenant"))

    @property
    def issuer(self) -> str:
        """What its tokens name as issuer."""
        return f"{AUTHORITY}/{self.id}/v2.0"

    def claims(self, oid: str = ANNA, *, now: float | None = None, **differing: Any) -> dict[str, Any]:
        """Return the claims of a sound token of a person; *differing* replaces some, None takes one away."""
        at = int(time.time() if now is None else now)
        sound = {
            "ver": "2.0",
            "iss": self.issuer,
            "aud": AUDIENCE,
            "tid": self.id,
            "oid": oid,
            "sub": oid,
            "name": NAMES.get(oid, "").partition("@")[0].title(),
            "preferred_username": NAMES.get(oid, ""),
            "scp": "user_impersonation",
            "idtyp": "user",
            "iat": at,
            "nbf": at,
            "exp": at + 3600,
            "uti": uuid.uuid4().hex,
        }
        return {name: value for name, value in (sound | differing).items() if value is not None}

    def token(self, oid: str = ANNA, *, now: float | None = None, **differing: Any) -> str:
        """Return a token of those claims."""
        return self.sign(self.claims(oid, now=now, **differing))

    def sign(self, claims: dict[str, Any], **headers: Any) -> str:
        """Return *claims* signed with this tenant's key."""
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.kid, **headers})

    def desk(self, *, key: SealingKey | None = None) -> ApprovalDesk:
        """Return a worker's desk that knows this tenant's key."""
        keys = TenantKeys(AzureAccess(authority=AUTHORITY))
        known = _Issuer(self.issuer, {self.kid: self.key.public_key()}, read=time.monotonic(), tried=time.monotonic())
        keys._issuers[self.id, "2.0"] = known
        return ApprovalDesk(
            keys, key or SealingKey(), authority=AUTHORITY, tenant=self.id, audience=AUDIENCE, max_age_seconds=900
        )
