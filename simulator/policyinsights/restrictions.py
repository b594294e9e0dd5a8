"""Policy restrictions: the deny policies that would refuse a resource, asked before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.authorization import policies
from simulator.provider import ArmError, Call, Reply

if TYPE_CHECKING:
    from simulator.world import World


def policy_restrictions_check_at_subscription_scope(call: Call) -> Reply:
    """Tell which policies would refuse a resource in some group of the subscription."""
    return _check(call, f"/subscriptions/{call.subscription}/resourceGroups/to-be-made")


def policy_restrictions_check_at_resource_group_scope(call: Call) -> Reply:
    """Tell which policies would refuse a resource in the group."""
    return _check(call, f"/subscriptions/{call.subscription}/resourceGroups/{call.group}")


def _check(call: Call, group_id: str) -> Reply:
    details = call.body_object().get("resourceDetails") or {}
    content, parent = details.get("resourceContent"), str(details.get("scope") or group_id)
    if not isinstance(content, dict) or not content.get("type"):
        raise ArmError(400, "InvalidRequestContent", "resourceDetails.resourceContent with a type is required.")
    name = str(content.get("name") or "to-be-made")
    namespace, *kinds = str(content["type"]).split("/")
    path = "/".join(f"{kind}/{part}" for kind, part in zip(kinds, name.split("/"), strict=False))
    document = {**content, "name": name, "id": f"{group_id}/providers/{namespace}/{path}"}
    found = _evaluations(call.world, document)
    # Without the resource that it is a child of, Azure is asked about the group, not what is assigned below it.
    evaluations = [one for one in found if not _is_below(one, parent)]
    return Reply(200, {"fieldRestrictions": [], "contentEvaluationResult": {"policyEvaluations": evaluations}})


def _is_below(evaluation: dict[str, Any], scope: str) -> bool:
    assigned = paths.scope_of(evaluation["policyInfo"]["policyAssignmentId"])
    return paths.within(assigned, scope) and not paths.within(scope, assigned)


def _evaluations(world: World, document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "policyInfo": {"policyDefinitionId": definition[0], "policyAssignmentId": assignment.id},
            "evaluationResult": "NonCompliant",
            "evaluationDetails": {"reason": str(definition[1].get("displayName") or "")},
            "effectDetails": {"policyEffect": "Deny"},
        }
        for assignment, definition in policies.denials(world, document)
    ]
