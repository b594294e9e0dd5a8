"""What a plan file may hold to mislead its reader, its terminal or this program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migration.errors import MOST_SHOWN, PlanFileError
from migration.plan_file import load_plan
from tests.migration.plan_text import GOOD, problems_of, replaced

SUBSCRIPTION = "/subscriptions/6b1f6e0a-52c4-4a8e-9d0b-3f5c8a7e2d11"
DISK_TYPES = "disk_types: {%s}"
# What is replaced, by what → the field, words of the message, words of the fix.
TRICKS = [
    pytest.param(
        "deadline: 7d", "deadline: \u0661\u0665m", "approval.deadline", "no duration", "15m", id="other digits"
    ),
    pytest.param("deadline: 7d", "deadline:", "approval.deadline", "no value", "unit", id="duration without a value"),
    pytest.param("deadline: 7d", "deadline: true", "approval.deadline", "true is", "unit", id="duration of a truth"),
    pytest.param("deadline: 7d", "deadline: [7d]", "approval.deadline", "a list is", "unit", id="list of durations"),
    pytest.param(
        "network: shop-vnet",
        f"network: {SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/diskEncryptionSets/keys",
        "target.network",
        "Microsoft.Compute/diskEncryptionSets",
        "a virtual network",
        id="disk encryption set as a network",
    ),
    pytest.param(
        "network: shop-vnet",
        "network: /subscriptions/mine/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v",
        "target.network",
        "no subscription's id",
        "az account list",
        id="id without a subscription",
    ),
    pytest.param(
        "size: Standard_D2s_v5",
        DISK_TYPES % "a/b: Premium_LRS",
        'waves[0].vms[0].target.disk_types["a/b"]',
        "no name",
        "90",
        id="path as a disk",
    ),
    pytest.param(
        "size: Standard_D2s_v5",
        DISK_TYPES % "data: Premium_LRS, Data: Standard_LRS",
        "waves[0].vms[0].target.disk_types",
        '"Data" and "data" are one disk',
        "remove one",
        id="disk twice in other case",
    ),
    pytest.param(
        "size: Standard_D2s_v5",
        "address: 168.63.129.16",
        "waves[0].vms[0].target.address",
        "cannot be",
        "subnet",
        id="Azure's own address",
    ),
    pytest.param("name: shop\n", f"name: shop\n{'x' * 900}: 1\n", f'["{"x" * 60}"]', "no such key", "", id="long key"),
]


@pytest.mark.parametrize(("old", "new", "field", "message", "fix"), TRICKS)
def test_trick_is_told_with_its_field(old: str, new: str, field: str, message: str, fix: str) -> None:
    """What only looks right is told with its field, what is wrong and what would be right."""
    (problem,) = problems_of(replaced(old, new))

    assert field == problem.field
    assert message in problem.message
    assert fix in problem.fix


def test_merge_key_is_told_once() -> None:
    """A merge key is a trick of YAML, not also an unknown key."""
    found = problems_of(replaced("source:\n", "source:\n  <<: {region: westeurope}\n"))

    assert ["a merge key stands here"] == [problem.message for problem in found]


@pytest.mark.parametrize(
    ("escape", "shown"),
    [("\\e[31m", "\\x1b[31m"), ("\\nvm", "\\nvm"), ("\\u202egnp", "\\u202egnp"), ("\\u200b", "\\u200b")],
)
def test_a_name_does_not_steer_the_terminal(escape: str, shown: str) -> None:
    """Control characters, turned text and what cannot be seen are spelled out, a problem on one line."""
    text = str(PlanFileError(problems_of(replaced("name: shop\n", f'name: "a{escape}"\n'))))

    assert f'plan.yaml:2: name: "a{shown}" is no safe name' in text
    assert text.isprintable()


def test_a_flood_of_mistakes_is_told_in_part() -> None:
    """Thousands of mistakes do not fill the screen."""
    text = str(PlanFileError(problems_of(GOOD + "".join(f"key{n}: 1\n" for n in range(3000)))))

    assert MOST_SHOWN + 1 == len(text.splitlines())
    assert text.endswith("there are more mistakes: mend these first")


def test_a_number_of_thousands_of_digits(tmp_path: Path) -> None:
    """A JSON number that Python would not convert is a mistake like any other."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"version": 0}).replace("0", "1" * 5000))

    with pytest.raises(PlanFileError, match="version: it should be a number"):
        load_plan(path)


def test_only_plans_are_offered_instead_of_an_absent_one(tmp_path: Path) -> None:
    """Of the files beside the one that is not there, the ones that look like plans are named."""
    (tmp_path / "shop.yaml").write_text(GOOD)
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")

    with pytest.raises(PlanFileError, match=r"no such file; plans there: shop\.yaml$"):
        load_plan(tmp_path / "shopp.yaml")
