"""An approver's access token: from a file, from the environment, or by signing in. It is shown and kept nowhere.

Where to sign in and for which application comes from the person's own environment, never from what a workflow says:
whoever can write to Temporal could ask for a token that opens something else.
"""

import asyncio
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from console.errors import InputError, RefusedError
from console.session import Session
from migration.approvals import LONGEST_TOKEN, MAX_AGE_SECONDS, UnacceptableError, unverified

if TYPE_CHECKING:
    from collections.abc import Callable

SignIn = Literal["auto", "az", "device-code", "browser"]
_PUBLIC_AUTHORITY = "https://login.microsoftonline.com"
_WAYS = "give --token-file FILE, set MIGRATION_APPROVER_TOKEN, or sign in by --sign-in device-code or browser"
_STANDARD_INPUT = "-"
_MARGIN_SECONDS = 60


@dataclass(frozen=True)
class Wanted:
    """Which token is wanted."""

    tenant: str
    audience: str
    max_age_seconds: int = MAX_AGE_SECONDS

    @property
    def scope(self) -> str:
        """What is asked of the directory."""
        return f"{self.audience.rstrip('/')}/.default"


async def token_for(session: Session, wanted: Wanted, token_file: str | None, sign_in: SignIn) -> str:
    """Return an access token of the person who types.

    Raises:
        InputError: there is none, or it can be seen that it will not count.
        RefusedError: the directory refuses.
    """
    given = _given(session, token_file)
    if given is not None:
        _see_that_it_may_count(given, wanted)
        return given
    token = await asyncio.to_thread(_signed_in, session, wanted, sign_in)
    _see_that_it_may_count(token, wanted)
    return token


async def who_starts(session: Session, tenant: str | None, token_file: str | None) -> str | None:
    """Return the object id of the person who types, where that can be told without asking; else None."""
    token = _given(session, token_file)
    if token is None and shutil.which("az"):
        wanted = Wanted(tenant or "", session.settings.approval_audience)
        token = await asyncio.to_thread(_by_az, wanted)
    try:
        claims = unverified(token) if token else {}
    except UnacceptableError as problem:
        raise InputError(f"reading the token of who starts: {problem}") from None
    object_id = claims.get("oid")
    return object_id.lower() if isinstance(object_id, str) and object_id else None


def _given(session: Session, token_file: str | None) -> str | None:
    if token_file is None:
        secret = session.settings.migration_approver_token
        return secret.get_secret_value().strip() if secret else None
    try:
        text = sys.stdin.read(LONGEST_TOKEN + 1) if token_file == _STANDARD_INPUT else _read(Path(token_file))
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "it is no text"
        raise InputError(f"reading --token-file {token_file}: {cause}; {_WAYS}") from None
    return text.strip()


def _read(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(LONGEST_TOKEN + 1)


def _see_that_it_may_count(token: str, wanted: Wanted) -> None:
    """Say here and now what the worker would say later: a person who waits is told at once."""
    try:
        claims = unverified(token)
    except UnacceptableError as problem:
        raise InputError(f"reading the approver's token: {problem}; {_WAYS}") from None
    age = _age(claims)
    if age is not None and age > wanted.max_age_seconds:
        raise InputError(
            f"reading the approver's token: it was issued {age // 60} minutes ago, and counts for "
            f"{wanted.max_age_seconds // 60}; sign in again"
        )


def _age(claims: dict[str, Any]) -> int | None:
    issued = claims.get("iat")
    return int(time.time() - issued) if isinstance(issued, int) and not isinstance(issued, bool) else None


def _signed_in(session: Session, wanted: Wanted, sign_in: SignIn) -> str:
    if sign_in in {"auto", "az"} and shutil.which("az"):
        token = _by_az(wanted)
        if token is not None and (sign_in == "az" or _is_fresh(token, wanted)):
            return token
    if sign_in == "az":
        raise InputError(f"signing in by the Azure CLI: it gives no token; run `az login`, or {_WAYS}")
    if sign_in == "auto" and not session.is_interactive:
        raise InputError(f"signing in: there is no terminal to sign in at; {_WAYS}")
    return _by_person(session, wanted, sign_in)


def _is_fresh(token: str, wanted: Wanted) -> bool:
    """Tell whether a token of the Azure CLI, which keeps them for an hour, is new enough to count."""
    try:
        age = _age(unverified(token))
    except UnacceptableError:
        return False
    return age is not None and age < wanted.max_age_seconds - _MARGIN_SECONDS


def _by_az(wanted: Wanted) -> str | None:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import AzureCliCredential, CredentialUnavailableError

    try:
        with AzureCliCredential(tenant_id=wanted.tenant, process_timeout=15) as credential:
            return str(credential.get_token(wanted.scope).token)
    except (ClientAuthenticationError, CredentialUnavailableError, ValueError):
        return None


def _by_person(session: Session, wanted: Wanted, sign_in: SignIn) -> str:
    from azure.core.exceptions import AzureError
    from azure.identity import DeviceCodeCredential, InteractiveBrowserCredential

    settings = session.settings
    common: dict[str, Any] = {
        "tenant_id": wanted.tenant,
        "authority": settings.azure_authority_host,
        "disable_instance_discovery": settings.azure_authority_host != _PUBLIC_AUTHORITY,
    }
    if settings.azure_ca_bundle:
        common["connection_verify"] = str(settings.azure_ca_bundle)
    make: Callable[..., Any] = InteractiveBrowserCredential
    if sign_in != "browser":
        make = DeviceCodeCredential
        common["prompt_callback"] = lambda uri, code, _: session.note(f"open {uri} and enter the code {code}")
    try:
        with make(**common) as credential:
            return str(credential.get_token(wanted.scope).token)
    except (AzureError, ValueError) as error:
        cause = " ".join(str(error).split())[:300]
        raise RefusedError(f"signing in for {wanted.audience} at {settings.azure_authority_host}: {cause}") from None
