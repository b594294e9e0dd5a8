"""The route table of Microsoft.Authorization; every operation is open at any scope."""

from __future__ import annotations

from simulator.authorization import definitions, locks, policies, roles
from simulator.authorization.names import ASSIGNMENT, DEFINITION, LOCK
from simulator.provider import Route
from simulator.rbac import DENIALS

_AT = "{scope*}/providers"
_LOCK = f"{_AT}/{LOCK}/{{lock}}"
_ASSIGNMENT = f"{_AT}/{ASSIGNMENT}/{{assignment}}"
_POLICY_ASSIGNMENT = f"{_AT}/{policies.ASSIGNMENT}/{{policy}}"
_POLICY_DEFINITION = f"{_AT}/{policies.DEFINITION}/{{policy}}"
_POLICY_SET = f"{_AT}/{policies.SET_DEFINITION}/{{policy}}"

ROUTES = [
    Route("GET", f"{_AT}/Microsoft.Authorization/permissions", roles.permissions_list, action=""),
    Route("GET", f"{_AT}/{LOCK}", locks.management_locks_list),
    Route("GET", _LOCK, locks.management_locks_get),
    Route("PUT", _LOCK, locks.management_locks_create_or_update),
    Route("DELETE", _LOCK, locks.management_locks_delete),
    Route("GET", f"{_AT}/{ASSIGNMENT}", roles.role_assignments_list),
    Route("GET", _ASSIGNMENT, roles.role_assignments_get),
    Route("PUT", _ASSIGNMENT, roles.role_assignments_create),
    Route("DELETE", _ASSIGNMENT, roles.role_assignments_delete),
    Route("GET", f"{_AT}/{DEFINITION}", definitions.role_definitions_list),
    Route("GET", f"{_AT}/{DEFINITION}/{{definition}}", definitions.role_definitions_get),
    Route("PUT", f"{_AT}/{DEFINITION}/{{definition}}", definitions.role_definitions_create_or_update),
    Route("DELETE", f"{_AT}/{DEFINITION}/{{definition}}", definitions.role_definitions_delete),
    Route("GET", f"{_AT}/{policies.ASSIGNMENT}", policies.policy_assignments_list),
    Route("GET", f"{_AT}/{policies.DEFINITION}", policies.policy_definitions_list),
    Route("GET", f"{_AT}/{policies.SET_DEFINITION}", policies.policy_set_definitions_list),
    Route("GET", _POLICY_ASSIGNMENT, policies.policy_assignments_get),
    Route("PUT", _POLICY_ASSIGNMENT, policies.policy_assignments_create),
    Route("DELETE", _POLICY_ASSIGNMENT, policies.policy_assignments_delete),
    Route("GET", _POLICY_DEFINITION, policies.policy_definitions_get),
    Route("PUT", _POLICY_DEFINITION, policies.policy_definitions_create_or_update),
    Route("DELETE", _POLICY_DEFINITION, policies.policy_definitions_delete),
    Route("GET", _POLICY_SET, policies.policy_set_definitions_get),
    Route("PUT", _POLICY_SET, policies.policy_set_definitions_create_or_update),
    Route("DELETE", _POLICY_SET, policies.policy_set_definitions_delete),
    Route("GET", f"{_AT}/{DENIALS}", roles.deny_assignments_list),
    Route("GET", f"{_AT}/{DENIALS}/{{assignment}}", roles.deny_assignments_get),
]
