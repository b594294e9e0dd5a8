"""What a plan may say about who approves, and where in the file a mistake is told."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from migration.errors import PlanFileError
from migration.plan import Plan
from migration.plan_file import parse_plan

CONTOSO = yaml.safe_load((Path(__file__).parents[2] / "plans" / "contoso.yaml").read_text(encoding="utf-8"))
OID = "6e0f1c5a-0000-4000-8000-00000000000A"
TENANT = "6E0F1C5A-0000-4000-8000-00000000feed"
ENTRA = {"identity": "entra", "tenant": TENANT, "audience": f"api://{OID}"}


def read(**approval: Any) -> Plan:
    """Return the Contoso plan with another approval."""
    return parse_plan(yaml.safe_dump(CONTOSO | {"approval": {"approvers": ["a@b.example"], **approval}}), "plan.yaml")


def test_all_that_tokens_need_can_be_said() -> None:
    """Ids are kept in lower case; groups are written as such; what is not said has its default."""
    approval = read(**ENTRA, required=3, approvers=[OID, "Anna@contoso.example", f"GROUP:{OID}"]).approval
    assert [OID.lower(), "Anna@contoso.example", f"group:{OID.lower()}"] == approval.approvers
    assert (TENANT.lower(), 3, False) == (approval.tenant, approval.required, approval.allow_self_approval)
    assert ("trusted_network", 1, None) == (read().approval.identity, read().approval.required, read().approval.tenant)


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "a tenant that is a name": ({**ENTRA, "tenant": "contoso"}, "approval.tenant", "is no tenant id"),
    "a tenant without tokens": ({"tenant": TENANT}, "approval.tenant", "tenant means nothing where names are believed"),
    "an audience without tokens": ({"audience": "api://x"}, "approval.audience", "write identity: entra"),
    "an audience with a space": ({**ENTRA, "audience": "a b"}, "approval.audience", "is no audience"),
    "a group of names": ({"approvers": [f"group:{OID}"]}, "approval.approvers[0]", "can be told by a token alone"),
    "a group without an id": (
        {**ENTRA, "approvers": ["group:admins"]},
        "approval.approvers[0]",
        "object id of a group",
    ),
    "too many": ({**ENTRA, "required": 2}, "approval.required", "2 approvals are required and 1 approvers named"),
    "one person twice": (
        {"approvers": ["a@b.example", "A@B.example"], "required": 2},
        "approval.required",
        "name more approvers",
    ),
    "none": ({"required": 0}, "approval.required", "write 1 or more"),
    "another identity": ({"identity": "entraid"}, "approval.identity", "did you mean entra?"),
}


@pytest.mark.parametrize(("approval", "field", "told"), WRONG.values(), ids=WRONG)
def test_mistakes_are_told_at_their_line(approval: dict[str, Any], field: str, told: str) -> None:
    """File, line, field, what is wrong, what would be right."""
    with pytest.raises(PlanFileError) as refused:
        read(**approval)
    [problem] = refused.value.problems
    assert field == problem.field
    assert told in str(problem)
    assert 0 < problem.line


FEW: dict[str, tuple[dict[str, Any], str | None]] = {
    "of its own": ({"approvers": ["a@b.example", "A@B.example"], "required": 2}, "2 approvals are required and 1 appr"),
    "of the plan": ({"required": 3}, "3 approvals are required and 2 approvers named; name more approvers, or a group"),
    "enough of the plan": ({"required": 2}, None),
    "a group": ({"approvers": [f"group:{OID}"], "required": 5}, None),
}


@pytest.mark.parametrize(("finalise", "told"), FEW.values(), ids=FEW)
def test_no_more_people_are_wanted_for_the_end_of_a_source_than_are_named(
    finalise: dict[str, Any], told: str | None
) -> None:
    """Where `finalise` names nobody the plan's approvers count; a group may have any number of members."""
    approval = {**ENTRA, "approvers": ["a@b.example", "c@d.example"]}
    text = yaml.safe_dump(CONTOSO | {"approval": approval, "finalise": finalise})
    if told is None:
        assert finalise["required"] == parse_plan(text, "plan.yaml").finalise.required
        return
    with pytest.raises(PlanFileError) as refused:
        parse_plan(text, "plan.yaml")
    [problem] = refused.value.problems
    line = 1 + text.splitlines().index(f"  required: {finalise['required']}")
    assert ("finalise.required", line) == (problem.field, problem.line)
    assert told in str(problem)


def test_who_approves_the_end_of_a_source_may_be_a_group_where_tokens_tell() -> None:
    """A group of `finalise` counts with tokens, and is refused at its line where names are believed."""
    wanted = {"finalise": {"approvers": ["a@b.example", f"GROUP:{OID}"]}}
    proved = CONTOSO | wanted | {"approval": {**ENTRA, "approvers": ["a@b.example"]}}
    assert f"group:{OID.lower()}" == parse_plan(yaml.safe_dump(proved), "plan.yaml").finalise.approvers[1]
    with pytest.raises(PlanFileError) as refused:
        parse_plan(yaml.safe_dump(CONTOSO | wanted), "plan.yaml")
    [problem] = refused.value.problems
    assert "finalise.approvers[1]" == problem.field
    assert "can be told by a token alone" in str(problem)
