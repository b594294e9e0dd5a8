"""Every mistake in a plan file is told with its file, line, field and what would be right."""

from __future__ import annotations

import pytest

from migration.errors import PlanFileError
from tests.migration.plan_text import GOOD, problems_of, replaced

# What is replaced, by what → line, field, words of the message, words of the fix.
MISTAKES = [
    pytest.param("name: shop\n", "nmae: shop\n", 2, "nmae", "no such key", "did you mean name?", id="key with a typo"),
    pytest.param("name: shop\n", "", 1, "name", "missing", "add name:", id="missing key"),
    pytest.param(
        "name: shop\n",
        "name: shop\nregoin: westeurope\n",
        3,
        "regoin",
        "no such key",
        "did you mean region? region belongs under source or target or vault",
        id="key with a typo in the wrong section",
    ),
    pytest.param(
        "  subnet: servers\n", "", 7, "target.subnet", "missing", "add subnet:", id="missing key of a section"
    ),
    pytest.param("version: 1", "version: 2", 1, "version", "2 is not one", "write 1", id="another version"),
    pytest.param("version: 1", "version: 1.0", 1, "version", "fraction", "whole number", id="version with a fraction"),
    pytest.param("version: 1", 'version: "1"', 1, "version", "not text (1)", "without quotes", id="version in quotes"),
    pytest.param("name: shop\n", "name: ../shop\n", 2, "name", "no safe name", "1 to 64 letters", id="path in a name"),
    pytest.param("name: shop\n", "name: a/b\n", 2, "name", "no safe name", "1 to 64 letters", id="slash in a name"),
    pytest.param("name: shop\n", "name: no\n", 2, "name", "readers differ about no", '"no"', id="word no as a name"),
    pytest.param("name: shop\n", "name: 010\n", 2, "name", "readers differ", '"010"', id="octal number as a name"),
    pytest.param("name: shop\n", "name: 12:30\n", 2, "name", "base 60", '"12:30"', id="sexagesimal number as a name"),
    pytest.param("name: shop\n", "name: 2026-01-01\n", 2, "name", "date", '"2026-01-01"', id="date as a name"),
    pytest.param("name: shop\n", "name: 17\n", 2, "name", "should be text", '"17"', id="number as a name"),
    pytest.param("name: shop\n", "name:\n", 2, "name", "no value", "text", id="name without a value"),
    pytest.param("name: shop\n", "name: ' shop'\n", 2, "name", "space", '"shop"', id="space before a name"),
    pytest.param(
        "region: westeurope", "region: West Europe", 5, "source.region", "how Azure", "westeurope", id="display name"
    ),
    pytest.param(
        "region: westeurope",
        "region: westeurop",
        5,
        "source.region",
        "no Azure region",
        "westeurope?",
        id="region typo",
    ),
    pytest.param("6b1f6e0a", "6b1f6e0", 3, "subscription", "no subscription's id", "az account list", id="short guid"),
    pytest.param("name: shop-vault", "name: 1vault", 13, "vault.name", "Recovery Services", "2 to 50", id="vault name"),
    pytest.param(
        "network: shop-vnet",
        "network: /subscriptions/s",
        10,
        "target.network",
        "type",
        "virtual network",
        id="other id",
    ),
    pytest.param(
        "network: shop-vnet",
        "network: /subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/x",
        10,
        "target.network",
        "id of a subnet",
        "before /subnets/",
        id="id of a subnet as network",
    ),
    pytest.param("7d", "a week", 18, "approval.deadline", "no duration", "7d", id="duration in words"),
    pytest.param("7d", "7", 18, "approval.deadline", "no unit", "7d", id="duration without a unit"),
    pytest.param("7d", "1.5d", 18, "approval.deadline", "no duration", "whole number", id="duration with a fraction"),
    pytest.param("7d", "999d", 18, "approval.deadline", "no duration to wait", "365d", id="duration of years"),
    pytest.param("[anna@contoso.example]", "[anna]", 17, "approval.approvers[0]", "no approver", "@", id="no e-mail"),
    pytest.param("[anna@contoso.example]", "[]", 17, "approval.approvers", "empty", "at least one", id="no approver"),
    pytest.param(
        "[anna@contoso.example]", "anna@contoso.example", 17, "approval.approvers", "a list", "a list", id="no list"
    ),
    pytest.param(
        "deadline: 7d",
        "identity: entraa",
        18,
        "approval.identity",
        "not one of",
        "trusted_network",
        id="unknown choice",
    ),
    pytest.param(
        "deadline: 7d",
        "allow_self_approval: yes",
        18,
        "approval.allow_self_approval",
        "differ",
        "true",
        id="yes for true",
    ),
    pytest.param(
        "deadline: 7d",
        'allow_self_approval: "true"',
        18,
        "approval.allow_self_approval",
        "true or false",
        "without quotes",
        id="quoted true",
    ),
    pytest.param(
        "size: Standard_D2s_v5",
        "size: D2s_v5",
        24,
        "waves[0].vms[0].target.size",
        "no size",
        "Standard_D2s_v5",
        id="size",
    ),
    pytest.param(
        "size: Standard_D2s_v5",
        "zone: 4",
        24,
        "waves[0].vms[0].target.zone",
        "no availability zone",
        "1, 2 or 3",
        id="zone",
    ),
    pytest.param(
        "size: Standard_D2s_v5",
        "address: 10.0.0.256",
        24,
        "waves[0].vms[0].target.address",
        "no IPv4",
        "10.1.0.4",
        id="address",
    ),
    pytest.param(
        "size: Standard_D2s_v5",
        "disk_types: {os: Premium}",
        24,
        "waves[0].vms[0].target.disk_types.os",
        "not one of",
        "Premium_LRS",
        id="disk type",
    ),
    pytest.param(
        "size: Standard_D2s_v5", "disk_types: {*: Premium_LRS}", 24, "", "begins an alias", '"*"', id="unquoted star"
    ),
    pytest.param(
        "      - name: web-02",
        "      - name: WEB-01",
        25,
        "waves[0].vms[1].name",
        "twice, first in line 22",
        "rename",
        id="VM twice",
    ),
    pytest.param(
        "      - name: web-02",
        "      - name: b\n        source_name: Web-01",
        25,
        "waves[0].vms[1].name",
        "source virtual machine",
        "rename",
        id="one source by two names",
    ),
    pytest.param(
        "      - name: web-02",
        "      - name: web-02\n        size: Standard_D2s_v5",
        26,
        "waves[0].vms[1].size",
        "no such key",
        "belongs under waves.vms.target",
        id="key in the wrong section",
    ),
    pytest.param(
        "  region: northeurope\n  resource_group: shop-ne",
        "  region: westeurope\n  resource_group: shop-ne",
        8,
        "target.region",
        "same region",
        "move to",
        id="equal regions",
    ),
    pytest.param(
        "shop-vault\n  region: northeurope",
        "shop-vault\n  region: westeurope",
        15,
        "vault.region",
        "source region",
        "northeurope",
        id="vault in the source region",
    ),
    pytest.param(
        "name: shop\n", "name: shop\nname: again\n", 3, "name", "twice, first in line 2", "remove one", id="key twice"
    ),
    pytest.param("name: shop\n", "name: &a shop\n", 2, "name", "anchor &a", "remove", id="anchor"),
    pytest.param("name: shop\n", "name: *a\n", 2, "name", "alias *a", "write the value out", id="alias"),
    pytest.param("name: shop\n", "name: !!python/name:os.system\n", 2, "name", "tag", "remove", id="tag"),
    pytest.param("name: shop\n", "<<: {name: shop}\n", 2, '["<<"]', "merge key", "write the keys out", id="merge key"),
    pytest.param(
        "name: shop\n", "name: shop\n---\n", 3, "", "second document", "one plan per file", id="two documents"
    ),
    pytest.param("  region: westeurope", "\tregion: westeurope", 5, "", "tab", "spaces", id="tab"),
    pytest.param("name: shop\n", "name: sh\x00op\n", 2, "", "U+0000", "plain text", id="control character"),
    pytest.param("name: shop\n", "name: shop: x\n", 2, "", "colon", "quote", id="second colon"),
    pytest.param("name: shop\n", "name: 'shop\n", 26, "", "quote", "close it", id="open quote"),
    pytest.param(
        "[anna@contoso.example]", "[" * 40 + "]" * 40, 17, "approval.approvers[0]", "nested", "deep", id="deep nesting"
    ),
    pytest.param(
        "waves:\n",
        "failover: {test_first: true}\nwaves:\n",
        19,
        "failover",
        "test_network",
        "isolated",
        id="test without network",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "message", "fix"), MISTAKES)
def test_mistake_is_told_with_its_place(old: str, new: str, line: int, field: str, message: str, fix: str) -> None:
    """A mistake is told once, with its line and field, what is wrong and what would be right."""
    found = problems_of(replaced(old, new))

    assert [(line, field)] == [(problem.line, problem.field) for problem in found if message in problem.message][:1]
    assert fix in next(problem.fix for problem in found if message in problem.message)
    assert not [word for word in ("pydantic", "validat", "Input should") if word in str(PlanFileError(found))]


def test_all_mistakes_are_told_at_once() -> None:
    """Three mistakes of different kinds are all in the answer, in the order of the file."""
    text = GOOD.replace("westeurope", "West Europe").replace("7d", "soon").replace("web-02", "web-01")

    found = problems_of(text)

    assert [5, 18, 25] == [problem.line for problem in found]


def test_rendering() -> None:
    """A problem reads file, line, field, what is wrong, what would be right."""
    problem = problems_of(replaced("region: westeurope", "region: West Europe"), "plans/x.yaml")[0]

    expected = 'plans/x.yaml:5: source.region: "West Europe" is not how Azure names the region; write westeurope'
    assert expected == str(problem)
