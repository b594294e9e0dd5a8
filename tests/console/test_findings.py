"""What `check` prints, and what it writes as SARIF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.findings import print_check
from console.sarif import sarif
from console.session import Session
from migration.findings import PlanCheck, VmFindings, summary_by_wave
from migration.models import Finding, Waived
from migration.plan_file import load_plan
from migration.rules.catalogue import ALREADY_MIGRATED, RULES

PLANS = Path(__file__).parents[2] / "plans"
FILE = PLANS / "contoso.yaml"


def finding(rule: str = "quota", severity: str = "blocking", **more: Any) -> Finding:
    """Return a finding."""
    values = {"rule": rule, "severity": severity, "subject": f'virtualMachines "{rule}"', "evidence": "so it is"}
    return Finding.model_validate({**values, "remedy": "mend it", **more})


CHECK = PlanCheck(
    findings=[finding("policies")],
    vms=[
        VmFindings(
            name="db-01",
            wave="databases",
            size="Standard_E4s_v5",
            size_reason="the same as at the source",
            findings=[
                finding("source-running", prevents="150020"),
                finding("churn", "warning", waived=Waived(by="anna@contoso.example", reason="it is a batch")),
            ],
        ),
        VmFindings(name="web-01", wave="web", findings=[finding("quota, churn", "unknown", at_worst="warning")]),
        VmFindings(name="app-01", wave="web", already_migrated=True),
    ],
)


def test_a_table_for_each_machine_and_a_summary_by_wave(capsys: pytest.CaptureFixture[str]) -> None:
    """Each machine's findings stand under its name with its size; the waves and the verdict come last."""
    print_check(Session({}), load_plan(FILE), CHECK)

    lines = capsys.readouterr().out.splitlines()
    text = "\n".join(line.rstrip() for line in lines)
    assert "db-01 (wave databases): blocked; it will be Standard_E4s_v5, the same as at the source" in lines
    assert "web-01 (wave web): ready" in lines
    assert "app-01: migrated already" in lines
    assert text.index("What they share") < text.index("db-01 (wave") < text.index("web-01 (wave")
    assert "150020" in text
    assert "anna@contoso.example" in text
    assert ["databases", "1", "0", "1", "0", "0", "0", "1"] in [line.split() for line in lines]
    assert ["web", "2", "1", "0", "1", "1", "0", "0"] in [line.split() for line in lines]
    assert "plan contoso: 3 VMs checked, 4 findings; 2 to mend before it starts" == lines[-1]


def test_an_unknown_answer_blocks_only_where_the_rule_would() -> None:
    """What could not be asked counts as the worst that the rule may say, and is never taken for passed."""
    assert [False, True] == [finding("churn", "unknown", at_worst=worst).blocks for worst in ("warning", "blocking")]
    assert [0, 1] == [wave.ready for wave in summary_by_wave(CHECK)]


def test_sarif_names_rule_level_line_and_suppression() -> None:
    """Each finding is a result of its rule, at its machine's line in the plan; waived ones are suppressed."""
    log = sarif(CHECK, str(FILE))
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    results = {result["ruleId"]: result for result in run["results"]}
    lines = FILE.read_text(encoding="utf-8").splitlines()

    assert "2.1.0" == log["version"]
    assert [rule.id for rule in (*RULES, ALREADY_MIGRATED)] == [rule["id"] for rule in rules]
    assert all(rule["helpUri"].startswith("https://learn.microsoft.com/") for rule in rules)
    assert {"policies", "source-running", "churn", "quota"} == set(results)
    assert all(rules[result["ruleIndex"]]["id"] == rule_id for rule_id, result in results.items())
    assert ("error", "warning") == (results["source-running"]["level"], results["churn"]["level"])
    place = results["source-running"]["locations"][0]["physicalLocation"]
    assert "db-01" in lines[place["region"]["startLine"] - 1]
    assert place["artifactLocation"]["uri"].endswith("plans/contoso.yaml")
    waived = next(result for result in run["results"] if "suppressions" in result)
    assert ("churn", "it is a batch (anna@contoso.example)") == (
        waived["ruleId"],
        waived["suppressions"][0]["justification"],
    )
