"""Makes the values of what stands around virtual machines from ARM's JSON. Each function takes one document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ids import id_key, vault_of
from migration.surroundings import BackupItem, Churn, PolicyDenial, RoleAssignment, Subscription, scope_of_assignment

if TYPE_CHECKING:
    from arm.reads import Json


def subscription(document: Json) -> Subscription:
    """Return a subscription's state."""
    return Subscription(document["id"], document.get("state") or "")


def role_assignment(document: Json) -> RoleAssignment:
    """Return a role assignment."""
    body = document.get("properties") or {}
    return RoleAssignment(
        id=document["id"],
        scope=body.get("scope") or "",
        principal_id=body.get("principalId") or "",
        role=body.get("roleDefinitionId") or "",
        principal_type=body.get("principalType") or "",
    )


def backup_item(document: Json) -> BackupItem:
    """Return an item of Azure Backup; those of other kinds than virtual machines have no machine id."""
    body = document.get("properties") or {}
    machine_id = body.get("virtualMachineId") or body.get("sourceResourceId") or ""
    return BackupItem(document["id"], machine_id, vault_of(document["id"]))


def churn(metric: Json) -> dict[str, Churn]:
    """Return what each virtual machine writes, by its key, from a metric's totals by the minute, split by resource."""
    found = {}
    for series in metric.get("timeseries") or []:
        named = {entry["name"]["value"].lower(): entry["value"] for entry in series.get("metadatavalues") or []}
        totals = [float(point["total"]) for point in series.get("data") or [] if point.get("total") is not None]
        if totals and "microsoft.resourceid" in named:
            machine = id_key(named["microsoft.resourceid"])
            found[machine] = Churn(sum(totals) / len(totals) / 60, max(totals) / 60)
    return found


def assigned_to(document: Json) -> str:
    """Return the scope of a policy assignment."""
    return str((document.get("properties") or {}).get("scope") or scope_of_assignment(document["id"]))


def denials(answer: Json, subject: str) -> tuple[PolicyDenial, ...]:
    """Return the policies that would refuse a resource.

    `Check policy restrictions <https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions>`_.
    """
    found = []
    for evaluation in (answer.get("contentEvaluationResult") or {}).get("policyEvaluations") or []:
        effect = str((evaluation.get("effectDetails") or {}).get("policyEffect") or "deny").lower()
        if str(evaluation.get("evaluationResult", "")).lower() == "noncompliant" and effect == "deny":
            info = evaluation.get("policyInfo") or {}
            found.append(
                PolicyDenial(
                    assignment_id=info.get("policyAssignmentId") or "",
                    definition_id=info.get("policyDefinitionId") or "",
                    subject=subject,
                    reason=_reason(evaluation.get("evaluationDetails") or {}),
                )
            )
    return tuple(found)


def _reason(details: Json) -> str:
    expressions = details.get("evaluatedExpressions") or []
    told = [
        f"{each.get('path') or each.get('expression')} is {each.get('expressionValue')}, "
        f"{each.get('operator')} {each.get('targetValue')}"
        for each in expressions
        if str(each.get("result", "")).lower() == "true" and each.get("expressionValue") is not None
    ]
    return str(details.get("reason") or "; ".join(told[:2]))
