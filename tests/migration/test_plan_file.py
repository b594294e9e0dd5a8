"""What a plan's file may be: its spelling, its size, its kind; whatever is no plan is told, never raised."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from migration.errors import PlanFileError
from migration.plan_file import load_plan, parse_plan
from tests.migration.plan_text import GOOD, problems_of, replaced

ESTATES = sorted((Path(__file__).parents[2] / "plans").glob("*.estate.yaml"))


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


def test_more_machines_than_a_plan_takes() -> None:
    """A plan of 5,001 virtual machines is refused, in the line where they begin, and told into what to split it."""
    rows = "".join(f"      - name: vm-{n:04}\n" for n in range(4_999))
    found = problems_of(GOOD + rows)

    assert [(19, "waves")] == [(problem.line, problem.field) for problem in found]
    assert "5001" in found[0].message
    assert "split it into plans of at most 5000" in found[0].fix


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
    """One of a terabyte, of which nothing stands on the disk, would never be read to its end."""
    path = tmp_path / "plan.yaml"
    with path.open("wb") as file:
        file.truncate(1_000_000_000_000)

    with pytest.raises(PlanFileError, match=r"1000000\.0 MB"):
        load_plan(path)


def test_alias_bomb_is_refused_at_once() -> None:
    """Nested aliases, which would fill the memory, are refused at the first anchor."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )

    assert [1] == [problem.line for problem in problems_of(bomb)]


def test_flood_of_values_is_refused() -> None:
    """A file of many small values is refused after a bounded amount of work."""
    found = problems_of("[" + "a," * 300_000 + "]")

    assert "values" in found[0].message


@pytest.mark.parametrize("path", [estate.with_name(estate.name.replace(".estate", "")) for estate in ESTATES], ids=str)
def test_example_plans_load(path: Path) -> None:
    """Each example plan is one, and has its file's name."""
    assert path.stem == load_plan(path).name
