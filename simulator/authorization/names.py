"""Resource types of Authorization and what its modules share about scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import paths

if TYPE_CHECKING:
    from simulator.provider import Call

LOCK = "Microsoft.Authorization/locks"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"


def scope_of(call: Call) -> str:
    """The scope that the request asks over: an id, or an empty string for the tenant."""
    return call.params.get("scope", "").rstrip("/")


def concerns(assigned: str, scope: str, *, below: bool) -> bool:
    """Whether something assigned at one scope is listed at *scope*: there, above, and on demand below it."""
    if assigned.rstrip("/") == "" or paths.within(scope, assigned):
        return True
    return below and (scope == "" or paths.within(assigned, scope))
