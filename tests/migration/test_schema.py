"""The schema that editors use says what the plan's own reader says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from migration.schema import FILE, plan_schema, schema_text

PLANS = Path(__file__).parents[2] / "plans"
EXAMPLES = [estate.with_name(estate.name.replace(".estate", "")) for estate in sorted(PLANS.glob("*.estate.yaml"))]


def validate(data: Any) -> None:
    """Hold a plan against the schema."""
    jsonschema.Draft202012Validator(plan_schema()).validate(data)


def contoso() -> Any:
    """Return the Contoso plan as plain values."""
    return yaml.safe_load((PLANS / "contoso.yaml").read_text(encoding="utf-8"))


def test_the_committed_schema_is_current() -> None:
    """`docs/plan.schema.json` is what `python -m migration.schema` writes."""
    assert schema_text() == FILE.read_text(encoding="utf-8")


def test_the_schema_is_one() -> None:
    """The schema is valid by its own standard."""
    jsonschema.Draft202012Validator.check_schema(plan_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_plans_pass(path: Path) -> None:
    """Each example plan passes, and names the schema in its first line for editors."""
    text = path.read_text(encoding="utf-8")

    validate(yaml.safe_load(text))
    assert "# yaml-language-server: $schema=../docs/plan.schema.json" == text.splitlines()[0]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("approval", "deadline", 7),
        ("approval", "deadline", "a week"),
        ("source", "region", "West Europe"),
        ("source", "regoin", "westeurope"),
        ("failover", "if_shutdown_fails", "panic"),
        ("concurrency", "cutover", 0),
    ],
)
def test_mistakes_do_not_pass(section: str, key: str, value: object) -> None:
    """What the reader refuses, an editor marks."""
    data = contoso()
    data[section][key] = value

    with pytest.raises(jsonschema.ValidationError):
        validate(data)


def test_every_key_is_described() -> None:
    """Each key of a plan tells a person what it is for."""
    definitions = plan_schema()["$defs"].values()
    nodes = [(key, node) for part in (plan_schema(), *definitions) for key, node in part["properties"].items()]

    assert [] == [key for key, node in nodes if "description" not in node and "$ref" not in node]
