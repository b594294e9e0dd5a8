"""Who approves, by the claims of an Entra ID access token; and what carries an approval from a person to the worker.

The rules follow `Access token claims reference <https://learn.microsoft.com/entra/identity-platform/
access-token-claims-reference>`_. Whether the tenant signed the claims is another question (`arm.tokens`): this one can
be asked in a workflow as well, to refuse early what would be refused anyway.
"""

import base64
import binascii
import hashlib
import json
import re
from typing import Any, Literal

from pydantic import Field

from migration.base import Value
from migration.evidence import Evidence
from migration.plan_approval import GROUP, IdentityKind

SKEW_SECONDS = 120
"""How far the clocks of a tenant and of Temporal's server may be apart."""
MAX_AGE_SECONDS = 900
"""How old a token may be: who approves has signed in just now."""
LONGEST_TOKEN = 16_384
LONGEST_SEALED = 65_536
_NAME = 256
_LATEST = 1e11
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_API = re.compile(rf"api://({_GUID.pattern})/?")


class UnacceptableError(ValueError):
    """A token does not approve; the text says why, and never holds the token."""


class Rules(Value):
    """Whose tokens count, for what."""

    approvers: list[str]
    tenant: str
    audiences: list[str] = Field(description="Every spelling of the application's id; empty where it is not known.")
    max_age_seconds: int = MAX_AGE_SECONDS


class Person(Value):
    """Whom a token proves. `object_id` tells people apart; names are for people to read."""

    object_id: str
    name: str = ""
    user_name: str = ""
    token_id: str = Field("", description="A hash of the token's own id; never the token.")

    @property
    def label(self) -> str:
        """How lists name the person."""
        return self.user_name or self.name or self.object_id

    def is_called(self, name: str) -> bool:
        """Tell whether *name* means this person: the object id or the user name, in any case."""
        wanted = name.strip().casefold()
        return bool(wanted) and wanted in {self.object_id.casefold(), self.user_name.casefold()}


class Statement(Value):
    """What a command line seals: one person's word about some virtual machines of a plan, as each stood."""

    id: str
    plan: str
    decision: Literal["approve", "reject"]
    evidence: dict[str, str] = Field(description="Virtual machine of the plan to the hash of its evidence.")
    token: str = Field(repr=False)


class OpenDesk(Value):
    """Asks a worker how tokens may be sent to it."""

    tenant: str | None
    audience: str | None


class Desk(Value):
    """How tokens may be sent to a worker: nothing of it is secret."""

    tenant: str = ""
    audience: str = ""
    audiences: list[str] = Field(default_factory=list)
    authority: str = ""
    max_age_seconds: int = MAX_AGE_SECONDS
    key_id: str = ""
    public_key: str = ""
    problem: str = Field("", description="Why no token can be verified there.")


class VerifyApproval(Value):
    """Asks whose decision it is. Of `token` and `sealed` one is given, as it was received."""

    plan: str
    vm: str
    decision: Literal["approve", "reject"]
    evidence: str
    tenant: str | None
    audience: str | None
    approvers: list[str]
    token: str | None = Field(None, repr=False)
    sealed: str | None = Field(None, repr=False)


class Verified(Value):
    """Whose decision it is, or why that is nobody's."""

    person: Person | None = None
    evidence: str = Field("", description="The hash of what the decision is about.")
    refusal: str = ""
    wrong_key: bool = Field(default=False, description="It was sealed to a key that this worker does not have.")


class ApprovalState(Value):
    """What an approver has to know of a virtual machine that waits, and what its approval has come to."""

    identity: IdentityKind
    required: int = 1
    approved_by: list[str] = Field(default_factory=list)
    evidence: str | None = Field(None, description="The hash of the bundle.")
    bundle: Evidence | None = None
    desk: Desk | None = None


def audiences_of(audience: str) -> list[str]:
    """Return the spellings under which tokens of one application carry its id."""
    bare = audience.rstrip("/")
    by_uri = _API.fullmatch(audience)
    ids = {bare, f"{bare}/"} | ({by_uri[1].lower()} if by_uri else set())
    if _GUID.fullmatch(audience):
        ids = {audience, f"api://{audience}", f"api://{audience}/"}
    if bare in _MANAGEMENT:
        ids |= {*_MANAGEMENT, *(f"{one}/" for one in _MANAGEMENT)}
    return sorted(ids)


_MANAGEMENT = ("https://management.azure.com", "https://management.core.windows.net")
"""Both names of Azure Resource Manager in the public cloud."""


def judge(claims: dict[str, Any], rules: Rules, now: float) -> Person:
    """Return whom *claims* prove at the time *now* (Unix seconds).

    Raises:
        UnacceptableError: they prove nobody who may decide.
    """
    _require_here(claims, rules)
    _require_now(claims, rules, now)
    object_id = _require_person(claims)
    person = Person(
        object_id=object_id,
        name=_text(claims, "name"),
        user_name=_text(claims, "upn") or (_text(claims, "preferred_username") if claims.get("ver") == "2.0" else ""),
        token_id=_token_id(claims),
    )
    _require_approver(person, claims, rules)
    return person


def unverified(token: str) -> dict[str, Any]:
    """Return the claims that *token* shows, which nobody vouches for yet.

    Raises:
        UnacceptableError: it is no signed token of the one kind that is taken.
    """
    parts = token.split(".")
    if len(token) > LONGEST_TOKEN or len(parts) != 3:
        raise UnacceptableError("this is no access token")
    header, claims = _json(parts[0]), _json(parts[1])
    if header.get("alg") != "RS256":
        raise UnacceptableError("the token is not signed with RS256")
    if not parts[2] or not isinstance(header.get("kid"), str) or "crit" in header:
        raise UnacceptableError("the token does not name the key that signed it, or asks for more")
    return claims


def _json(part: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UnacceptableError("this is no access token")
    return found


def _require_here(claims: dict[str, Any], rules: Rules) -> None:
    if str(claims.get("tid", "")).lower() != rules.tenant.lower():
        raise UnacceptableError("the token is of another tenant")
    if rules.audiences and claims.get("aud") not in rules.audiences:
        raise UnacceptableError(f"the token is for another application than {rules.audiences[0]}")


def _require_now(claims: dict[str, Any], rules: Rules, now: float) -> None:
    issued, ends, begins = (_number(claims, name) for name in ("iat", "exp", "nbf"))
    if issued is None or ends is None:
        raise UnacceptableError("the token does not say when it was issued, or when it expires")
    if now > ends + SKEW_SECONDS:
        raise UnacceptableError("the token has expired; sign in again")
    if max(issued, begins or issued) > now + SKEW_SECONDS:
        raise UnacceptableError("the token is of the future; see to the clocks")
    if now - issued > rules.max_age_seconds + SKEW_SECONDS:
        minutes = f"{rules.max_age_seconds // 60} minutes"
        raise UnacceptableError(f"the token was issued more than {minutes} ago; sign in again")


def _require_person(claims: dict[str, Any]) -> str:
    object_id = _text(claims, "oid")
    if claims.get("idtyp", "user") != "user" or not _text(claims, "scp"):
        raise UnacceptableError("the token is an application's, and only a person may decide")
    if not object_id:
        raise UnacceptableError("the token does not tell whose it is (no oid)")
    return object_id


def _require_approver(person: Person, claims: dict[str, Any], rules: Rules) -> None:
    people = [one for one in rules.approvers if not one.casefold().startswith(GROUP)]
    if any(person.is_called(one) for one in people):
        return
    groups = {one.casefold().removeprefix(GROUP) for one in rules.approvers if one.casefold().startswith(GROUP)}
    listed = claims.get("groups")
    if isinstance(listed, list) and groups & {str(one).casefold() for one in listed}:
        return
    if groups and _is_overage(claims):
        raise UnacceptableError(
            f"{person.label} is in too many groups for the token to list them, so that it is unknown whether an "
            "approver's group is among them; name the person in the plan by object id, or let the application's "
            "tokens list assigned groups only"
        )
    raise UnacceptableError(f"{person.label} is not an approver of this plan")


def _is_overage(claims: dict[str, Any]) -> bool:
    elsewhere = claims.get("_claim_names")
    return bool(claims.get("hasgroups")) or (isinstance(elsewhere, dict) and "groups" in elsewhere)


def _token_id(claims: dict[str, Any]) -> str:
    own = _text(claims, "uti") or _text(claims, "jti")
    if not own:
        raise UnacceptableError("the token has no id (uti), so that its reuse could not be told")
    return hashlib.sha256(f"{_text(claims, 'tid').lower()}/{own}".encode()).hexdigest()[:32]


def _number(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < _LATEST:
        return None
    return float(value)


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value[:_NAME] if isinstance(value, str) else ""
