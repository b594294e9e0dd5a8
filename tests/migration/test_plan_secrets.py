"""A secret that somebody wrote into a plan: the plan is refused, and no word of it repeated."""

import json
from pathlib import Path

import pytest

from migration.capping import MOST_FINDINGS, worst
from migration.errors import PlanFileError
from migration.models import Finding
from migration.plan_file import parse_plan

CANARY = "Zq8XKc0canary3-71Aa"
CONTOSO = (Path(__file__).resolve().parents[2] / "plans/contoso.yaml").read_text(encoding="utf-8")
NOT_REPEATED = [
    (
        f"hooks: {{before_cutover: [{{name: a, webhook: {{channel: 'https://ops.example/{CANARY}'}}}}]}}",
        "an address stands",
    ),
    (f"notifications: [{{on: [migrated], webhook: {{channel: {CANARY}-secret}}}}]", "this is no name of a channel"),
    (f"hooks: {{before_cutover: [{{name: a, webhook: {{channel: ops, headers: {{x-key: {CANARY}}}}}}}]}}", "headers"),
    (f"verification: {{probes: [{{name: a, http: {{url: 'https://u:{CANARY}@shop.example/'}}}}]}}", "credentials"),
]
SECRETS = {
    "hooks.before_cutover[0].command.parameters.password": (
        f"hooks: {{before_cutover: [{{name: a, command: {{script: x, parameters: {{password: {CANARY}}}}}}}]}}"
    ),
    "hooks.before_cutover[0].command.script": (
        f"hooks: {{before_cutover: [{{name: a, command: {{script: 'curl -H \"Authorization: Bearer {CANARY}\" x'}}}}]}}"
    ),
    "hooks.before_cutover[0].webhook.body.url": (
        "hooks: {before_cutover: [{name: a, webhook: {channel: ops, body: "
        f"{{url: 'https://hooks.slack.com/services/T0/B0/{CANARY}'}}}}}}]}}"
    ),
    "verification.probes[0].http.path": (
        f"verification: {{probes: [{{name: a, http: {{port: 80, path: '/health?code={CANARY}'}}}}]}}"
    ),
}


@pytest.mark.parametrize("field", SECRETS)
def test_a_plan_with_a_secret_is_refused(field: str) -> None:
    """Its place is named, and what to do; the secret is not."""
    with pytest.raises(PlanFileError) as caught:
        parse_plan(f"{CONTOSO}\n{SECRETS[field]}\n", "plan.yaml")

    told = str(caught.value) + json.dumps(caught.value.as_json())
    assert f"{field}: what looks like a secret stands here; a plan is kept where others read it" in told
    assert CANARY not in told


@pytest.mark.parametrize(("section", "told"), NOT_REPEATED)
def test_a_mistake_beside_a_secret_does_not_repeat_it(section: str, told: str) -> None:
    """Whatever else is wrong with it."""
    with pytest.raises(PlanFileError, match=told) as caught:
        parse_plan(f"{CONTOSO}\n{section}\n", "plan.yaml")

    assert CANARY not in str(caught.value) + json.dumps(caught.value.as_json())


def test_scripts_may_fetch_their_secrets() -> None:
    """On the machine, by the name of a variable or the output of a command."""
    script = 'mysql --password="$(cat /run/password)"; curl -H "Authorization: Bearer $TOKEN" https://shop.example/'
    section = {"hooks": {"before_cutover": [{"name": "a", "command": {"script": script}}]}}

    plan = parse_plan(f"{CONTOSO}\n{json.dumps(section)[1:-1]}\n", "plan.yaml")
    assert plan.hooks is not None


def test_thousands_of_findings_of_a_machine_are_bounded() -> None:
    """The worst stay in their order, and the last one tells what is left out."""
    note, warning = (
        Finding.model_validate(
            {"rule": "a", "severity": severity, "subject": "vm", "evidence": "e", "remedy": "r", "at_worst": severity}
        )
        for severity in ("note", "warning")
    )
    blocking = note.model_copy(update={"severity": "blocking", "at_worst": "blocking"})
    found = worst([note] * 2_500 + [blocking] * 3 + [warning] * 2_500)

    assert MOST_FINDINGS + 1 == len(found)
    assert ["blocking"] * 3 + ["warning"] * 197 + ["note"] == [one.severity for one in found]
    assert "4803 more findings are left out, warning at the most" == found[-1].evidence
    assert not found[-1].blocks
    assert [note, warning] == worst([note, warning])
