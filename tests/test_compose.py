"""The Compose file against the schema of the Compose specification, and against what it promises."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from migration.names import AZURE_TASK_QUEUE
from runtime.embedded_programs import LOOKS, MATCHING


@pytest.fixture(scope="session")
def compose(root: Path) -> dict[str, Any]:
    """Return the Compose file."""
    content: dict[str, Any] = yaml.safe_load((root / "docker-compose.yml").read_text())
    return content


def _check(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_file_follows_the_compose_schema(root: Path) -> None:
    """The schema is the one of the Compose specification, as check-jsonschema ships it."""
    done = _check(root / "docker-compose.yml")

    assert 0 == done.returncode, done.stdout


def test_the_schema_finds_a_mistake(root: Path, tmp_path: Path) -> None:
    """A check that passes everything would prove nothing."""
    broken = tmp_path / "docker-compose.yml"
    broken.write_text((root / "docker-compose.yml").read_text().replace("depends_on:", "depend_on:"))

    assert 0 != _check(broken).returncode


def test_the_simulator_shares_the_workers_loopback(compose: dict[str, Any]) -> None:
    """It listens nowhere else, and runs only where it is asked for."""
    simulator = compose["services"]["simulator"]

    assert "service:worker" == simulator["network_mode"]
    assert ["simulator"] == simulator["profiles"]


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    """Neither Temporal nor its UI asks who is there."""
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert ports
    assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]


def test_images_have_a_version(compose: dict[str, Any]) -> None:
    """What is tested today is what runs tomorrow."""
    images = [service["image"] for service in compose["services"].values() if "build" not in service]

    assert [] == [image for image in images if ":" not in image or image.endswith(":latest")]


def test_the_image_holds_what_the_worker_imports(root: Path) -> None:
    """Every package of ours that worker.py or starter.py needs passes .dockerignore."""
    let_in = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {folder.name for folder in root.iterdir() if (folder / "__init__.py").exists()}
    ours = packages - {"tests", "benchmarks"}

    assert ours | {"worker.py", "starter.py", "requirements.lock", "plans"} <= let_in


def test_temporal_hands_out_tasks_as_in_the_embedded_stack(compose: dict[str, Any]) -> None:
    """At once, by subscription in turn, and by priority over a whole queue: that of reads and writes at least."""
    settings = yaml.safe_load(compose["configs"]["temporal-dynamic-configuration"]["content"])

    for name, wanted in (MATCHING | LOOKS).items():
        [entry] = settings[name]
        assert wanted == str(entry["value"]).lower()
        assert entry.get("constraints") in (None, {"taskQueueName": AZURE_TASK_QUEUE})
