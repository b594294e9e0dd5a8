"""`report --verify`: a report is held against its own chain, its page, and what its workflows left in Temporal."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from console import reporting
from console.connection import open_link
from console.page import render
from console.reading import read_plan
from console.session import Session
from migration import names
from migration.chain import sealed
from migration.report import Report
from tests.console.conftest import CommandLine, command_line
from tests.console.test_page import full_report

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
async def ended(standins: Client, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandLine, str, Path]:
    """Return a plan that has ended, with its report."""
    starter = command_line(standins, tmp_path_factory.mktemp("ended"))
    path, name = starter.plan(["fast-1", "refused-1"])
    await starter("start", path, "--wait")
    return starter, name, starter.folder / "out" / name / "report.json"


def forged(file: Path, folder: Path, *, rechained: bool = False, **changes: Any) -> Path:
    """Return a copy of a report whose first virtual machine says something else."""
    document = json.loads(file.read_text(encoding="utf-8"))
    document["vms"][0] |= changes
    if rechained:
        document = sealed({key: value for key, value in document.items() if key not in {"chain", "head"}})
    copy = folder / "forged.json"
    copy.write_text(json.dumps(document), encoding="utf-8")
    return copy


async def test_a_report_is_vouched_for_by_its_workflows(ended: tuple[CommandLine, str, Path]) -> None:
    """As written it is intact, page and all; only its owner reads it; its head is the page's."""
    starter, name, file = ended
    answer = await starter("report", name, "--verify", str(file))
    of_page = await starter("report", name, "--verify", str(file.with_suffix(".html")), "--json")

    head = json.loads(file.read_text())["head"]
    assert (0, 0) == (answer.code, of_page.code)
    assert "its workflows vouch for it" in answer.out
    assert f"head {head}" in answer.out
    assert {"plan": name, "intact": True, "changes": [], "not_compared": [], "head": head} == {
        key: value for key, value in of_page.json.items() if key != "file"
    }
    assert head in file.with_suffix(".html").read_text()
    assert [0o600, 0o600] == [one.stat().st_mode & 0o777 for one in (file, file.with_suffix(".html"))]


async def test_a_changed_line_is_named(ended: tuple[CommandLine, str, Path], tmp_path: Path) -> None:
    """Whoever changes a line and leaves the chain is found without Temporal."""
    starter, name, file = ended
    copy = forged(file, tmp_path, downtime_seconds=1)
    answer = await starter("report", name, "--verify", str(copy), TEMPORAL_ADDRESS="127.0.0.1:9")

    assert 1 == answer.code
    assert "changed: vm fast-1" in answer.out
    assert "nothing was compared with Temporal" in answer.out
    assert "127.0.0.1:9" in answer.out


async def test_a_forger_who_makes_the_chain_anew_is_found_by_temporal(
    ended: tuple[CommandLine, str, Path], tmp_path: Path
) -> None:
    """The hashes in the workflows' memos are not in the file; neither is a run's id anybody's to choose."""
    starter, name, file = ended
    changed = await starter(
        "report", name, "--verify", str(forged(file, tmp_path, rechained=True, data_loss_seconds=9))
    )
    lost = await starter("report", name, "--verify", str(forged(file, tmp_path, rechained=True, run_id=str(uuid4()))))
    unnamed = await starter("report", name, "--verify", str(forged(file, tmp_path, rechained=True, run_id="")))
    alone = await starter(
        "report", name, "--verify", str(tmp_path / "forged.json"), "--json", TEMPORAL_ADDRESS="127.0.0.1:9"
    )

    assert (1, 1, 1) == (changed.code, unnamed.code, lost.code)
    assert "it names another run than its plan began" in lost.out
    assert "fast-1, as its workflow vouches for it" in changed.out
    assert "fast-1, as its workflow vouches for it" in unnamed.out
    assert (0, True) == (alone.code, alone.json["intact"])
    assert ["nothing was compared"] == [reason[:20] for reason in alone.json["not_compared"]]


async def test_what_a_run_vouches_for_is_not_asked_again(
    ended: tuple[CommandLine, str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large plan the written report stands where its run vouches for it; who was changed in it is asked."""
    starter, name, file = ended
    monkeypatch.setattr("console.reading.LARGE", 1)
    monkeypatch.setattr("console.reporting.OUTPUT_FOLDER", tmp_path)
    monkeypatch.setattr("console.known_reports._TELL_SECONDS", 0)
    asked: list[str] = []
    ask = reporting._asked

    async def counting(link: Any, handle: Any, kind: Any) -> Any:
        asked.append(handle.id)
        return await ask(link, handle, kind)

    monkeypatch.setattr(reporting, "_asked", counting)
    told: list[str] = []
    link = await open_link(Session(starter.environment))
    seen = await read_plan(link, name)
    first = await reporting.read_report(link, seen, told.append)
    reporting.write_report(first)
    asked_first = [*asked]
    asked.clear()
    again = await reporting.read_report(link, seen)
    (tmp_path / name / "report.json").write_text(forged(file, tmp_path, data_loss_seconds=9).read_text())
    mended = await reporting.read_report(link, seen)

    plan, fast = names.migrate_plan_id(name), names.migrate_vm_id(name, "fast-1")
    assert [plan, fast] == asked_first
    assert [plan, plan, fast] == asked
    assert first.vms == again.vms == mended.vms
    assert Report.model_validate(json.loads(file.read_text())).vms == first.vms
    assert "reading the report: 2 of 2 VMs" == told[-1]


async def test_what_never_ran_is_vouched_for_by_its_plan(ended: tuple[CommandLine, str, Path], tmp_path: Path) -> None:
    """A refused virtual machine has no workflow of its own, and is no gap."""
    starter, name, file = ended
    document = json.loads(file.read_text())
    for vm in document["vms"]:
        vm["reason"] = "another" if vm["name"] == "refused-1" else vm["reason"]
    copy = tmp_path / "forged.json"
    copy.write_text(json.dumps(sealed({key: document[key] for key in document if key not in {"chain", "head"}})))
    answer = await starter("report", name, "--verify", str(copy))

    assert 1 == answer.code
    assert "changed: vm refused-1, as its workflow vouches for it" in answer.out


async def test_a_changed_page_shows(ended: tuple[CommandLine, str, Path], tmp_path: Path) -> None:
    """The page carries a digest of its own, and the head of the report beside it."""
    starter, name, file = ended
    page, copy = tmp_path / "report.html", tmp_path / "report.json"
    page.write_text(file.with_suffix(".html").read_text().replace("migrated", "Migrated", 1))
    shutil.copy(file, copy)

    assert "changed: page report.html" in (await starter("report", name, "--verify", str(page))).out


@pytest.mark.parametrize(("content", "told"), [("{", "no JSON"), ("[]", "no report"), ('{"plan": "x"}', "no chain")])
async def test_what_is_no_report_is_exit_code_2(
    ended: tuple[CommandLine, str, Path], tmp_path: Path, content: str, told: str
) -> None:
    """A file that cannot be judged is neither intact nor changed."""
    starter, name, _ = ended
    file = tmp_path / "other.json"
    file.write_text(content)
    answer = await starter("report", name, "--verify", str(file))

    assert (2, "") == (answer.code, answer.out)
    assert told in answer.err


async def test_the_report_of_another_plan_is_exit_code_2(ended: tuple[CommandLine, str, Path]) -> None:
    """So is a file that is not there."""
    starter, _, file = ended
    answer = await starter("report", "another", "--verify", str(file))
    missing = await starter("report", "another", "--verify", "none.json")

    assert (2, 2) == (answer.code, missing.code)
    assert "not of 'another'" in answer.err
    assert "none.json" in missing.err


@pytest.mark.browser
def test_a_browser_draws_the_pictures(tmp_path: Path) -> None:
    """Headless chromium shows the page offline, with every picture at its size, and says nothing against it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        reason = "chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("REQUIRE_CHROMIUM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(render(full_report()), encoding="utf-8")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    flags = ["--headless", "--disable-gpu", "--enable-logging=stderr", "--window-size=1000,2400", *sandbox]
    done = subprocess.run(
        [program, *flags, f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )

    assert "CONSOLE" not in done.stderr  # where a browser tells what the page's policy keeps it from doing
    assert picture.stat().st_size > 40_000
