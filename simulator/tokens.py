"""The tenant's sign-in endpoints: OpenID configuration, keys, token endpoint, instance discovery."""

from __future__ import annotations

import base64
import hmac
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import jwt

from simulator import devicecode
from simulator.clock import from_micros
from simulator.identity import CLI_CLIENT_ID, TOKEN_SECONDS
from simulator.provider import Reply
from simulator.signin_errors import SignInError

if TYPE_CHECKING:
    from simulator.world import World

MOST_GROUPS = 200
"""A token lists no more groups than these."""
SHARED_AUTHORITIES = frozenset({"common", "organizations"})


def openid_configuration(world: World, tenant: str, *, version: str) -> Reply:
    """The OpenID configuration of *tenant* for protocol *version* (``v2.0`` or an empty string)."""
    base, id_ = world.endpoint, world.tenant_id
    middle = "/v2.0" if version else ""
    body = {
        "token_endpoint": f"{base}/{tenant}/oauth2{middle}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/{tenant}/discovery{middle}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": _issuer(world, id_, version=version),
        "authorization_endpoint": f"{base}/{tenant}/oauth2{middle}/authorize",
        "device_authorization_endpoint": f"{base}/{tenant}/oauth2{middle}/devicecode",
        "end_session_endpoint": f"{base}/{tenant}/oauth2{middle}/logout",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "oid", "tid", "ver", "appid", "azp"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": base.removeprefix("https://"),
    }
    return Reply(200, body)


def keys(world: World) -> Reply:
    """The tenant's key set."""
    return Reply(200, {"keys": world.identities.jwks()})


def instance_discovery(world: World) -> Reply:
    """What MSAL asks to see whether an authority is genuine."""
    host = world.endpoint.removeprefix("https://")
    body = {
        "tenant_discovery_endpoint": f"{world.endpoint}/{world.tenant_id}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }
    return Reply(200, body)


def user_realm(user: str) -> Reply:
    """What MSAL asks before it sends a user's password: every user's account is managed by the tenant."""
    domain = user.partition("@")[2]
    return Reply(200, {"ver": "1.0", "account_type": "Managed", "domain_name": domain, "cloud_instance_name": "sim"})


def token(world: World, tenant: str, form: dict[str, str], *, version: str) -> Reply:
    """Answer the token endpoint; times of tokens are wall time."""
    try:
        return _token(world, tenant, form, version=version)
    except SignInError as refusal:
        return refusal.reply(from_micros(int(time.time() * 1_000_000)))


def _token(world: World, tenant: str, form: dict[str, str], *, version: str) -> Reply:
    _require_tenant(world, tenant)
    grant = form.get("grant_type", "")
    if grant in devicecode.GRANTS:
        flow, kept = devicecode.redeem(world, form)
        return _answer(world, kept, flow["client_id"], flow["audience"], flow["scopes"], version=version)
    audience, scopes = audience_of(world, form)
    if grant == "client_credentials":
        kept, client_id = _client(world, tenant, form), form.get("client_id", "")
    elif grant == "password":
        kept, client_id = _user(world, form), form.get("client_id") or CLI_CLIENT_ID
    elif grant == "refresh_token":
        kept, client_id = _refreshed(world, form), form.get("client_id") or CLI_CLIENT_ID
    else:
        raise SignInError(
            400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'."
        )
    return _answer(world, kept, client_id, audience, scopes, version=version)


def _require_tenant(world: World, tenant: str) -> None:
    if tenant.lower() not in {world.tenant_id.lower(), *SHARED_AUTHORITIES}:
        raise SignInError(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")


def device_code(world: World, tenant: str, form: dict[str, str]) -> Reply:
    """Answer the device code endpoint."""
    try:
        _require_tenant(world, tenant)
        audience, scopes = audience_of(world, form)
    except SignInError as refusal:
        return refusal.reply(from_micros(int(time.time() * 1_000_000)))
    return devicecode.begin(world, tenant, form, audience, scopes)


def device_decision(world: World, path: str, form: dict[str, str]) -> Reply:
    """Take what a person decided on the page of the device code."""
    try:
        user = checked_user(world, form.get("username", ""), form.get("password"))
    except SignInError as refusal:
        return devicecode.form_page(path, refusal.description)
    approve = form.get("decision", "approve") == "approve"
    if not devicecode.decide(world, form.get("user_code", ""), user, approve=approve):
        return devicecode.form_page(path, "That code is not known, or has expired.")
    said = "You are signed in on the other device." if approve else "You declined."
    return devicecode.form_page(path, f"{said} You may close this page.")


def audience_of(world: World, form: dict[str, str]) -> tuple[str, list[str]]:
    """What a token is asked for, and the scopes as written; refuses what this cloud does not have."""
    resource = form.get("resource")
    scopes = form.get("scope", "").split()
    if resource is None:
        resources = [scope for scope in scopes if "://" in scope]
        if not resources:
            raise SignInError(
                400,
                "invalid_scope",
                70011,
                f"The provided value for the input parameter 'scope' is not valid: '{scopes}'.",
            )
        resource = resources[0].rpartition("/")[0]
    if not (world.identities.accepts_audience(resource) or world.identities.is_application(resource)):
        raise SignInError(
            400, "invalid_resource", 500011, f"The resource principal named {resource} was not found in the tenant."
        )
    return resource, scopes


def _client(world: World, tenant: str, form: dict[str, str]) -> dict[str, Any]:
    client_id = form.get("client_id", "")
    kept = world.identities.find_client(client_id)
    if kept is None:
        raise SignInError(
            400,
            "unauthorized_client",
            700016,
            f"Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen "
            "if the application has not been installed by the administrator of the tenant.",
        )
    if not _equal(form.get("client_secret"), kept.get("secret")):
        raise SignInError(
            401,
            "invalid_client",
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{client_id}'.",
        )
    return kept


def _user(world: World, form: dict[str, str]) -> dict[str, Any]:
    return checked_user(world, form.get("username", ""), form.get("password"))


def checked_user(world: World, name: str, password: str | None) -> dict[str, Any]:
    """The user of that name and password; refuses anything else."""
    kept = world.identities.find_user(name)
    if kept is None:
        raise SignInError(400, "invalid_grant", 50034, f"The user account {name} does not exist in the directory.")
    if not _equal(password, kept.get("password")):
        raise SignInError(
            400, "invalid_grant", 50126, "Error validating credentials due to invalid username or password."
        )
    return kept


def _refreshed(world: World, form: dict[str, str]) -> dict[str, Any]:
    try:
        claims = world.identities.decode(form.get("refresh_token", ""), options={"verify_aud": False})
    except jwt.InvalidTokenError:
        claims = {}
    kept = world.store.area("identities").get(str(claims.get("oid", "")))
    if kept is None or claims.get("typ") != "refresh":
        raise SignInError(400, "invalid_grant", 70000, "The provided refresh token is malformed or invalid.")
    return kept


def _equal(given: str | None, kept: str | None) -> bool:
    return given is not None and kept is not None and hmac.compare_digest(given.encode(), str(kept).encode())


def _issuer(world: World, tenant: str, *, version: str) -> str:
    return f"{world.endpoint}/{tenant}/{version}"


def _claims(world: World, kept: dict[str, Any], client_id: str, audience: str, *, version: str) -> dict[str, Any]:
    now = int(time.time())
    user = kept["kind"] == "user"
    claims: dict[str, Any] = {
        "aud": world.identities.audience(audience, version=version),
        "iss": _issuer(world, world.tenant_id, version=version),
        "iat": now,
        "nbf": now - 5,
        "exp": now + TOKEN_SECONDS,
        "appid": client_id,
        "azp": client_id,
        "idtyp": "user" if user else "app",
        "oid": kept["object_id"],
        "sub": kept["object_id"],
        "tid": world.tenant_id,
        "uti": uuid.uuid4().hex[:22],
        "ver": "2.0" if version else "1.0",
        **_groups(world, kept),
    }
    if user:
        names = {"name": kept.get("display_name", kept["user_name"]), "upn": kept["user_name"]}
        claims |= {**names, "unique_name": kept["user_name"], "scp": "user_impersonation"}
        if version:
            claims["preferred_username"] = kept["user_name"]
    else:
        claims["roles"] = []
    return claims


def _groups(world: World, kept: dict[str, Any]) -> dict[str, Any]:
    """The groups of a principal; of too many, only where to ask for them (groups overage)."""
    groups = list(kept.get("groups", ()))
    if len(groups) <= MOST_GROUPS:
        return {"groups": groups}
    place = f"{world.endpoint}/v1.0/users/{kept['object_id']}/getMemberObjects"
    return {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": place}}}


def _answer(
    world: World, kept: dict[str, Any], client_id: str, audience: str, scopes: list[str], *, version: str
) -> Reply:
    claims = _claims(world, kept, client_id, audience, version=version)
    body: dict[str, Any] = {
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS if version else str(TOKEN_SECONDS),
        "ext_expires_in": TOKEN_SECONDS if version else str(TOKEN_SECONDS),
        "access_token": world.identities.sign(claims),
    }
    if not version:
        body |= {"expires_on": str(claims["exp"]), "not_before": str(claims["nbf"]), "resource": audience}
    if kept["kind"] == "user":
        body |= _user_tokens(world, kept, claims, client_id, scopes)
    return Reply(200, body, {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})


def _user_tokens(
    world: World, kept: dict[str, Any], claims: dict[str, Any], client_id: str, scopes: list[str]
) -> dict[str, Any]:
    refresh = {**claims, "typ": "refresh", "exp": claims["iat"] + 86_400}
    about = {"uid": kept["object_id"], "utid": world.tenant_id}
    info = base64.urlsafe_b64encode(json.dumps(about).encode()).rstrip(b"=").decode()
    id_claims = {**claims, "aud": client_id, "preferred_username": kept["user_name"], "name": kept["user_name"]}
    return {
        "scope": " ".join(scopes),
        "refresh_token": world.identities.sign(refresh),
        "id_token": world.identities.sign(id_claims),
        "client_info": info,
    }
