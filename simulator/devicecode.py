"""Signing in on another device: a code for the terminal, a page for the person, and tokens once both have met.

Times are wall time, as all that has to do with tokens.
"""

from __future__ import annotations

import secrets
import time
from html import escape
from typing import TYPE_CHECKING, Any

from simulator.page_parts import STYLE
from simulator.provider import Reply
from simulator.signin_errors import SignInError

if TYPE_CHECKING:
    from simulator.store import Area
    from simulator.world import World

GRANTS = frozenset({"urn:ietf:params:oauth:grant-type:device_code", "device_code"})
EXPIRES_IN_SECONDS = 900
INTERVAL_SECONDS = 5
_LETTERS = "BCDFGHJKLMNPQRSTVWXYZ23456789"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"


def _flows(world: World) -> Area:
    return world.store.area("device-codes")


def begin(world: World, tenant: str, form: dict[str, str], audience: str, scopes: list[str]) -> Reply:
    """Give out a device code and the code that the person types."""
    device_code, user_code = secrets.token_urlsafe(48), "".join(secrets.choice(_LETTERS) for _ in range(9))
    flow = {
        "user_code": user_code,
        "client_id": form.get("client_id", ""),
        "audience": audience,
        "scopes": scopes,
        "expires": time.time() + EXPIRES_IN_SECONDS,
        "state": "pending",
    }
    _flows(world).put(device_code.lower(), flow, quiet=True)
    address = f"{world.endpoint}/{tenant}/oauth2/deviceauth"
    message = (
        f"To sign in, use a web browser to open the page {address} and enter the code {user_code} to authenticate."
    )
    body = {
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": address,
        "expires_in": EXPIRES_IN_SECONDS,
        "interval": INTERVAL_SECONDS,
        "message": message,
    }
    return Reply(200, body)


def redeem(world: World, form: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The flow of a device code that a person has approved, and that person; the code works once."""
    key = (form.get("device_code") or form.get("code") or "").lower()
    flow = _flows(world).get(key)
    if flow is None:
        raise SignInError(400, "invalid_grant", 70000, "The provided device code is malformed or invalid.")
    if flow["expires"] <= time.time():
        raise SignInError(400, "expired_token", 70020, "The provided value for the device code is expired.")
    if flow["state"] == "declined":
        raise SignInError(400, "authorization_declined", 70018, "The end user has denied the authorization request.")
    if flow["state"] == "pending":
        message = "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
        raise SignInError(400, "authorization_pending", 70016, message)
    _flows(world).delete(key, quiet=True)
    kept = world.store.area("identities").get(flow["object_id"])
    if kept is None:
        raise SignInError(400, "invalid_grant", 50034, "The user account does not exist in the directory.")
    return flow, kept


def decide(world: World, user_code: str, user: dict[str, Any], *, approve: bool) -> bool:
    """Let *user* approve or decline the sign-in of *user_code*; tell whether such a one is pending."""
    for key, flow in _flows(world).items():
        same = secrets.compare_digest(flow["user_code"].encode(), user_code.strip().upper().encode())
        if same and flow["state"] == "pending" and flow["expires"] > time.time():
            state = "approved" if approve else "declined"
            _flows(world).put(key, {**flow, "state": state, "object_id": user["object_id"]}, quiet=True)
            return True
    return False


def form_page(path: str, message: str = "") -> Reply:
    """The page where the person types the code, name and password."""
    note = f'<p role="status">{escape(message)}</p>' if message else ""
    text = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Sign in on another device</title>'
        f"<style>{STYLE}</style></head><body><main><h1>Sign in on another device</h1>{note}"
        f'<form method="post" action="{escape(path)}">'
        '<p><label>Code <input name="user_code" required autocomplete="off"></label></p>'
        '<p><label>User name <input name="username" required autocomplete="username"></label></p>'
        '<p><label>Password <input name="password" type="password" required></label></p>'
        '<p><button name="decision" value="approve">Sign in</button> '
        '<button name="decision" value="decline">Decline</button></p></form></main></body></html>'
    )
    return Reply(200, text, {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _POLICY})
