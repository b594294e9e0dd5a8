"""A check as SARIF 2.1.0, which pipelines show beside the plan file: one result for each finding.

`SARIF specification <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>`_.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from migration.plan_file import places_of_vms
from migration.rules.catalogue import ALREADY_MIGRATED, BY_ID, RULES

if TYPE_CHECKING:
    from migration.findings import PlanCheck
    from migration.models import Finding
    from migration.rules.rule import Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"blocking": "error", "unknown": "error", "warning": "warning", "note": "note"}


def sarif(check: PlanCheck, plan_file: str) -> dict[str, Any]:
    """Return the log of a check; *plan_file* is where its results point, the line of each virtual machine."""
    lines = places_of_vms(plan_file)
    pairs = [(finding, "") for finding in check.findings]
    pairs += [(finding, vm.name) for vm in check.vms for finding in vm.findings]
    rules = [*RULES, ALREADY_MIGRATED]
    order = {rule.id: index for index, rule in enumerate(rules)}
    driver = {
        "name": "azure-vm-migration check",
        "rules": [_rule(rule) for rule in rules],
    }
    results = [
        _result(finding, rule_id, order, vm, plan_file, lines.get(vm, 1))
        for finding, vm in pairs
        for rule_id in finding.rule.split(", ")
    ]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _uri(plan_file: str) -> str:
    """Return where the plan file is, from the folder in which the command runs where it lies below that."""
    path = Path(plan_file).resolve()
    try:
        return quote(path.relative_to(Path.cwd()).as_posix())
    except ValueError:
        return path.as_uri()


def _rule(rule: Rule) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": rule.id,
        "shortDescription": {"text": rule.asks},
        "help": {"text": f"{rule.remedy[0].upper()}{rule.remedy[1:]}."},
        "helpUri": rule.link,
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"moments": list(rule.moments), "waivable": rule.waivable},
    }
    if rule.prevents:
        described["properties"]["prevents"] = rule.prevents
    return described


def _result(
    finding: Finding, rule_id: str, order: dict[str, int], vm: str, plan_file: str, line: int
) -> dict[str, Any]:
    is_known = rule_id in BY_ID
    place = {"artifactLocation": {"uri": _uri(plan_file)}, "region": {"startLine": line}}
    level = _LEVELS[finding.severity] if finding.blocks or finding.severity != "unknown" else "warning"
    result: dict[str, Any] = {
        "ruleId": rule_id,
        "level": level,
        "message": {"text": f"{finding.subject}: {finding.evidence}. To do: {finding.remedy}"},
        "locations": [
            {
                "physicalLocation": place,
                "logicalLocations": [{"name": vm or "plan", "kind": "resource", "fullyQualifiedName": finding.subject}],
            }
        ],
        "partialFingerprints": {"finding/v1": f"{rule_id}|{vm}|{finding.subject}"},
        "properties": {"severity": finding.severity},
    }
    if is_known:
        result["ruleIndex"] = order[rule_id]
    if finding.waived:
        because = f"{finding.waived.reason} ({finding.waived.by})"
        result["suppressions"] = [{"kind": "inSource", "status": "accepted", "justification": because}]
    return result
