"""Every mistake in a plan file is told with its file, line, field and what would be right."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import yaml

from migration.errors import PlanFileError, PlanProblem
from migration.models import vm_specs
from migration.plan_file import load_plan, parse_plan

ESTATES = sorted((Path(__file__).parents[2] / "plans").glob("*.estate.yaml"))
GOOD = """\
version: 1
name: shop
subscription: 6b1f6e0a-52c4-4a8e-9d0b-3f5c8a7e2d11
source:
  region: westeurope
  resource_group: shop
target:
  region: northeurope
  resource_group: shop-ne
  network: shop-vnet
  subnet: servers
vault:
  name: shop-vault
  resource_group: shop-vault
  region: northeurope
approval:
  approvers: [anna@contoso.example]
  deadline: 7d
waves:
  - name: first
    vms:
      - name: web-01
        target:
          size: Standard_D2s_v5
      - name: web-02
"""


WAIVED = (
    GOOD
    + """\
waivers:
  - rule: churn
    vm: WEB-01
    by: anna@contoso.example
    reason: the nightly load is paused
  - rule: quota
    by: anna@contoso.example
    reason: the request is approved
"""
)


def problems_of(text: str, file: str = "plan.yaml") -> list[PlanProblem]:
    """Return what is wrong with a plan's text."""
    with pytest.raises(PlanFileError) as caught:
        parse_plan(text, file)
    return caught.value.problems


def replaced(old: str, new: str) -> str:
    """Return the good plan with one piece of text replaced."""
    assert 1 == GOOD.count(old)
    return GOOD.replace(old, new)


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


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n", "- a\n", "plan\n", "{}\n"])
def test_text_without_a_plan(text: str) -> None:
    """An empty file, a list or a word is told to be no plan."""
    found = problems_of(text)

    assert found
    assert all(problem.message for problem in found)


def test_yaml_spellings_that_are_fine() -> None:
    """CRLF, a byte order mark, comments, quotes and numbers for zones are as good as any."""
    plain = parse_plan(GOOD, "plan.yaml")
    spelled = GOOD.replace("name: shop\n", 'name: "shop" # the shop\n').replace("\n", "\r\n")

    assert plain == parse_plan(spelled, "plan.yaml")
    zoned = parse_plan(replaced("size: Standard_D2s_v5", "zone: 2"), "plan.yaml")
    assert "2" == zoned.vms[0].target.zone


def test_byte_order_mark(tmp_path: Path) -> None:
    """A file that Windows wrote with a byte order mark is read."""
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())

    assert "shop" == load_plan(path).name


def test_unicode_names() -> None:
    """Names may hold letters of any script; one spelling of an accent equals the other."""
    plan = parse_plan(GOOD.replace("web-02", "kasse-größe").replace("name: shop\n", "name: 店\n"), "plan.yaml")

    assert ("店", "kasse-größe") == (plan.name, plan.vms[1].name)
    twice = GOOD.replace("web-01", "caf\u00e9").replace("web-02", "cafe\u0301")
    assert ["waves[0].vms[1].name"] == [problem.field for problem in problems_of(twice)]


def test_json_plan(tmp_path: Path) -> None:
    """A JSON plan, indented with tabs and with escaped characters, is read as the YAML one is."""
    data = yaml.safe_load(GOOD)
    data["name"] = "caf\u00e9"
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(data, indent="\t"))

    assert "caf\u00e9" == load_plan(path).name


def test_json_mistakes(tmp_path: Path) -> None:
    """A JSON plan's mistakes are told with their lines too."""
    data = yaml.safe_load(GOOD)
    data["source"]["region"] = "West Europe"
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(data, indent=1))
    line = 1 + path.read_text().splitlines().index('  "region": "West Europe",')

    with pytest.raises(PlanFileError) as caught:
        load_plan(path)
    assert [(line, "source.region")] == [(problem.line, problem.field) for problem in caught.value.problems]

    path.write_text('{"version": 1,\n "name" "shop"}')
    with pytest.raises(PlanFileError) as caught:
        load_plan(path)
    assert [2] == [problem.line for problem in caught.value.problems]


def test_more_machines_than_a_check_takes() -> None:
    """A plan of 1,001 virtual machines is refused, one of 1,000 is not."""
    rows = "".join(f"      - name: vm-{n:03}\n" for n in range(998))

    assert 1_000 == len(parse_plan(GOOD + rows, "plan.yaml").vms)
    found = problems_of(GOOD + rows + "      - name: one-more\n")
    assert [(19, "waves")] == [(problem.line, problem.field) for problem in found]
    assert "1001" in found[0].message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "directory"),
        (lambda _: None, "no such file"),
        (os.mkfifo, "no regular file"),
        (lambda path: path.write_bytes("name: größe".encode("latin-1")), "not UTF-8"),
        (lambda path: path.write_bytes(GOOD.encode("utf-16")), "not UTF-8"),
    ],
)
def test_file_that_cannot_be_read(tmp_path: Path, make: object, message: str) -> None:
    """A directory, an absent file, a pipe and another encoding are told apart."""
    path = tmp_path / "plan.yaml"
    make(path)  # type: ignore[operator]

    with pytest.raises(PlanFileError, match=message):
        load_plan(path)


def test_name_with_a_null_character() -> None:
    """A path that no file can have is told, not raised."""
    with pytest.raises(PlanFileError, match="cannot be read"):
        load_plan("plans/\x00.yaml")


def test_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A file of 20 MB is refused at once."""
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"a" * 20_000_000)
    began = time.monotonic()

    with pytest.raises(PlanFileError, match=r"20\.0 MB"):
        load_plan(path)
    assert time.monotonic() - began < 1


def test_alias_bomb_is_refused_at_once() -> None:
    """Nested aliases, which would fill the memory, are refused at the first anchor."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    began = time.monotonic()

    assert [1] == [problem.line for problem in problems_of(bomb)]
    assert time.monotonic() - began < 1


def test_flood_of_values_is_refused() -> None:
    """A file of many small values is refused after a bounded amount of work."""
    found = problems_of("[" + "a," * 300_000 + "]")

    assert "values" in found[0].message


@pytest.mark.parametrize("path", [estate.with_name(estate.name.replace(".estate", "")) for estate in ESTATES], ids=str)
def test_example_plans_load(path: Path) -> None:
    """Each example plan is one, and has its file's name."""
    assert path.stem == load_plan(path).name


# What is replaced in the waivers, by what → line, field, words of the message, words of the fix.
WAIVER_MISTAKES = [
    ("rule: churn", "rule: churm", 27, "waivers[0].rule", "no rule", "did you mean churn?"),
    ("rule: churn", "rule: source-running", 27, "waivers[0].rule", "may not be waived", "az vm start"),
    ("vm: WEB-01", "vm: web-1", 28, "waivers[0].vm", "no virtual machine", "did you mean web-01?"),
    (
        "by: anna@contoso.example\n    reason: the nightly",
        "by: anna\n    reason: the nightly",
        29,
        "waivers[0].by",
        "no approver",
        "anna@contoso.example",
    ),
    ("reason: the nightly load is paused", 'reason: ""', 30, "waivers[0].reason", "empty", ""),
    ("    reason: the request is approved\n", "", 31, "waivers[1].reason", "missing", ""),
    (
        "rule: quota",
        "rule: churn\n    vm: web-01",
        31,
        "waivers[1].rule",
        "waived twice, first in line 27",
        "remove one",
    ),
    ("rule: quota", "rule: quota\n    vm: web-01", 32, "waivers[1].vm", "virtual machines share", "remove the key vm"),
    ("rule: quota", "rule: quota\n    until: tomorrow", 32, "waivers[1].until", "no such key", ""),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "message", "fix"), WAIVER_MISTAKES)
def test_mistakes_in_waivers_are_told(old: str, new: str, line: int, field: str, message: str, fix: str) -> None:
    """Who waives what cannot be waived, or what is not there, is told where and what would be right."""
    assert 1 == WAIVED.count(old)
    (problem,) = problems_of(WAIVED.replace(old, new))

    assert (line, field) == (problem.line, problem.field)
    assert message in problem.message
    assert fix in problem.fix


def test_waivers_reach_their_machines() -> None:
    """A waiver without a machine holds for all of the plan, one with a machine for that one, whatever its case."""
    plan = parse_plan(WAIVED, "plan.yaml")

    assert [["churn", "quota"], ["quota"]] == [[one.rule for one in spec.waivers] for spec in vm_specs(plan)]
