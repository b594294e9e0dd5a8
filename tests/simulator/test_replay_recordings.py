"""Every recording is replayed and matches; what is excepted is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import replay
from tests.support.sim import Simulator


def test_all_recordings_match(shared_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints for each recording how many interactions match, and no difference."""
    code = replay.main([str(shared_dir / "azure" / "recordings")])
    printed = capsys.readouterr().out

    assert "  differs" not in printed
    assert 0 == code
    assert "flow_A2A_scenarios.jsonl: 104 of 104 interactions match\n" in printed
    assert "flow_scenarios.jsonl: 12 of 12 interactions match\n" in printed
    assert "test_siterecovery_A2A_scenarios.yaml: 147 of 147 interactions match\n" in printed
    assert "test_siterecovery_scenarios.yaml: 19 of 19 interactions match\n" in printed
    assert "jobs_list_A2A_enable.json: 7 of 7 interactions match\n" in printed
    assert 0 == printed.count("  exception ")


def test_a_life_is_the_same_over_the_network(shared_dir: Path) -> None:
    """The server's own process, asked over TLS, gives the same answers to the whole life of a replication."""

    def start(seed: dict[str, Any]) -> Any:
        return Simulator(seed=seed)

    outcome = replay.Flow(shared_dir / "azure/recordings/cli/flow_A2A_scenarios.jsonl").run(start)

    assert ([], 104) == (outcome.differences, outcome.matching)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"b": 1, "a": "x"}, "/: keys"),
        ({"a": "y", "b": 1}, "/a: 'x' != 'y'"),
        ({"a": "x", "b": "1"}, "/b: 1 != '1'"),
        ({"a": "x"}, "/: keys"),
    ],
)
def test_differences_are_found(change: dict[str, Any], words: str) -> None:
    """Another order of keys, another value, another type and a missing key are differences."""
    found = [f"/{line}".replace("//", "/") for line in replay.differences({"a": "x", "b": 1}, change)]

    assert [words] == [line[: len(words)] for line in found]


@pytest.mark.parametrize(
    ("recorded", "actual", "alike"),
    [
        ("2023-01-16T08:48:29.5577361Z", "2026-11-23T18:48:29.1234567Z", True),
        ("2023-01-16T08:48:29.5577361Z", "2026-11-23T18:48:29Z", False),
        ("0001-01-01T00:00:00", "2026-11-23T18:48:29", False),
        ("/x/1b8a9bd2-d6d7-47f9-b885-8a5a21158e05", "/x/2b8a9bd2-d6d7-47f9-b885-8a5a21158e05", True),
        (None, "", False),
    ],
)
def test_only_identifiers_and_moments_may_differ(recorded: Any, actual: Any, *, alike: bool) -> None:
    """Times differ in their moment, not in their precision; a sentinel is no moment."""
    assert alike is not any(replay.differences(recorded, actual))


def test_a_difference_is_printed_and_fails(
    shared_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recording that says something else makes the command print what, and exit with 1."""
    source = shared_dir / "azure" / "recordings"
    for part in ("powershell-excerpts", "net-excerpts"):
        (tmp_path / part).symlink_to(source / part)
    (tmp_path / "cli").mkdir()
    lines = (source / "cli" / "flow_scenarios.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    entries[0]["status"] = 404
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (tmp_path / "cli" / "flow_scenarios.jsonl").write_text(text, encoding="utf-8")

    assert 1 == replay.main([str(tmp_path)])
    assert "  differs   #0 vm create GET: status: 404 != 200: " in capsys.readouterr().out


def test_absent_recordings_are_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the recordings the command names their folder and exits with 2."""
    assert 2 == replay.main([str(tmp_path / "none")])
    assert f"{tmp_path / 'none'} is not there; give their folder" in capsys.readouterr().err
