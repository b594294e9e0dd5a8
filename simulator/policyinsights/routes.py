"""The route table of Microsoft.PolicyInsights."""

from __future__ import annotations

from simulator.policyinsights import restrictions
from simulator.provider import Route

_SUBSCRIPTION = "/subscriptions/{subscription}"
_CHECK = "providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
_ACTION = "Microsoft.PolicyInsights/checkPolicyRestrictions/read"

ROUTES = [
    Route(
        "POST",
        f"{_SUBSCRIPTION}/{_CHECK}",
        restrictions.policy_restrictions_check_at_subscription_scope,
        reads=True,
        action=_ACTION,
    ),
    Route(
        "POST",
        f"{_SUBSCRIPTION}/resourceGroups/{{group}}/{_CHECK}",
        restrictions.policy_restrictions_check_at_resource_group_scope,
        reads=True,
        action=_ACTION,
    ),
]
