"""What people see while Temporal or the worker's program is away, and what they are asked."""

import asyncio
import base64
import os
import pty
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from console import asking
from console.connection import Link
from console.main import main
from console.reading import read_plan
from migration import names
from migration.findings import PlanCheck, VmFindings
from migration.phases import Outcome, Phase
from migration.report import MemoKeys
from runtime.embedded_programs import free_port
from runtime.payload_keys import KEYS_VARIABLE
from runtime.temporal import connect
from tests.conftest import program
from tests.console.conftest import ROOT, CommandLine, command_line, eventually, new_namespace, standin_worker
from tests.console.standins import finding


async def serve(port: int, database: Path) -> asyncio.subprocess.Process:
    """Start a Temporal server that keeps what it knows in a file."""
    return await asyncio.create_subprocess_exec(
        *(program("temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)),
        *("--db-filename", str(database), "--log-level", "never"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def test_watch_survives_a_restart_of_temporal(tmp_path: Path) -> None:
    """While the server is away watch says so once, and goes on when it is back."""
    port = free_port()
    server = await serve(port, tmp_path / "temporal.db")
    try:
        client = await _connected(port)
        await client.start_workflow(names.MIGRATE_PLAN, id=names.migrate_plan_id("contoso"), task_queue="nobody")
        watch = await command_line(client, tmp_path).start("watch", "contoso")
        assert watch.stdout is not None
        assert watch.stderr is not None
        await watch.stdout.readline()
        server.kill()
        await server.wait()
        notes = await _until(watch.stderr, "does not answer")
        server = await serve(port, tmp_path / "temporal.db")
        notes += await _until(watch.stderr, "answers again")
        assert notes.count("does not answer") == 1
        watch.terminate()
        await watch.wait()
    finally:
        if server.returncode is None:
            server.terminate()
            await server.wait()


async def test_worker_that_goes_away_takes_nothing_back(dev_server: WorkflowEnvironment, tmp_path: Path) -> None:
    """What was known stays known while nobody answers; what Temporal records goes on."""
    client = await new_namespace(dev_server, "leaving")
    starter = command_line(client, tmp_path)
    path, name = starter.plan(["refused-1", "web-1"])
    link = Link(client, client.service_client.config.target_host, time.monotonic())
    async with standin_worker(client):
        await starter("start", path)
        while (before := await read_plan(link, name)).vms[1].phase is not Phase.AWAITING_APPROVAL:
            await asyncio.sleep(0.1)
    view = await read_plan(link, name, before)
    alone = await read_plan(link, name)

    assert (before.is_answered, view.is_answered) == (True, False)
    assert [vm.outcome for vm in view.vms] == [Outcome.REFUSED, None]
    assert [vm.phase for vm in view.vms] == [Phase.DONE, Phase.AWAITING_APPROVAL]
    assert [vm.phase for vm in alone.vms] == [Phase.CHECKING, Phase.AWAITING_APPROVAL]
    assert [vm.needs_action for vm in alone.vms] == [False, True]
    assert [vm.is_answered for vm in alone.vms] == [True, False]


async def test_one_that_gives_no_answer_for_once_takes_nothing_back(standins: Client, tmp_path: Path) -> None:
    """An alarm stays on the screen of a watcher while its machine stands there and is too busy to say it again."""
    starter = command_line(standins, tmp_path)
    path, name = starter.plan(["mute-1"])
    await starter("start", path)
    link = Link(standins, standins.service_client.config.target_host, time.monotonic())
    while (silent := await read_plan(link, name)).vms[0].phase is not Phase.AWAITING_APPROVAL:
        await asyncio.sleep(0.1)
    told = replace(silent.vms[0], alarm="both copies run", needs_action=False, is_answered=True)
    after = await read_plan(link, name, replace(silent, vms=(told,)))
    moved = await read_plan(link, name, replace(silent, vms=(replace(told, phase=Phase.VERIFYING),)))

    assert [("both copies run", False)] == [(vm.alarm, vm.is_answered) for vm in after.vms]
    assert [True] == [vm.needs_action for vm in after.vms], "by what Temporal records now"
    assert [("", False, Phase.AWAITING_APPROVAL)] == [(vm.alarm, vm.is_answered, vm.phase) for vm in moved.vms]


async def test_a_key_that_is_missing_is_named(lonely_starter: CommandLine) -> None:
    """What Temporal recorded of an encrypted plan is read with its key; without, one sentence says which one."""
    address, namespace = (lonely_starter.environment[f"TEMPORAL_{name}"] for name in ("ADDRESS", "NAMESPACE"))
    key = f"one:{base64.b64encode(bytes(32)).decode()}"
    client = await connect({"TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": namespace, KEYS_VARIABLE: key})
    await client.start_workflow(
        names.MIGRATE_PLAN,
        id=names.migrate_plan_id("sealed"),
        task_queue="nobody",
        memo={MemoKeys.SUMMARY: [{"wave": "web", "vms": ["web-01"]}]},
    )
    with_key = await lonely_starter("status", "sealed", **{KEYS_VARIABLE: key})
    without = await lonely_starter("status", "sealed")

    assert (0, True) == (with_key.code, "web-01" in with_key.out)
    assert (2, "") == (without.code, without.out)
    assert without.err.startswith(
        "reading an encrypted payload: its key 'one' is not configured here (no key); add one:"
    )


async def test_start_asks_at_a_terminal_before_a_cloud_that_is_not_local(
    starter: CommandLine, standins: Client
) -> None:
    """A person sees endpoint, tenant, subscription and identity, and only a yes starts the plan."""
    path, name = starter.plan(["fast-1"])
    refused = await asyncio.to_thread(_typed, starter, path, b"n\n")
    runs = [run async for run in standins.list_workflows(f"WorkflowId = 'migrate-plan/{name}'")]
    taken = await asyncio.to_thread(_typed, starter, path, b"y\n")

    assert (refused[0], runs) == (1, [])
    for shown in [
        "https://management.azure.com",
        "tenant",
        "6b1f6e0a-52c4-4a8e-9d0b-3f5c8a7e2d11",
        "identity",
        "[y/N]",
    ]:
        assert shown in refused[1]
    assert taken[0] == 0


@pytest.mark.parametrize(("severity", "code"), [("blocking", 1), ("warning", 0)])
def test_local_check_reads_what_the_workers_program_answers(
    severity: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--local needs no Temporal: the worker's program checks in a process of its own."""
    answer = PlanCheck(vms=[VmFindings(name="db-01", findings=[finding(severity, "virtualMachines db-01")])])
    _pretend_worker(tmp_path, f"print({answer.model_dump_json()!r})")
    monkeypatch.setattr(asking, "ROOT", tmp_path)

    assert main(["check", str(ROOT / "plans" / "contoso.yaml"), "--local"], {}) == code
    assert "virtualMachines db-01" in " ".join(capsys.readouterr().out.split())


def test_local_check_passes_on_why_it_could_not_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where Azure cannot be reached the exit code is 3, with or without a worker."""
    _pretend_worker(tmp_path, "raise SystemExit(3)")
    monkeypatch.setattr(asking, "ROOT", tmp_path)

    assert main(["check", str(ROOT / "plans" / "contoso.yaml"), "--local"], {}) == 3
    assert capsys.readouterr().out == ""


def _pretend_worker(folder: Path, code: str) -> None:
    (folder / "worker.py").write_text(f"import sys\nassert sys.argv[1] == '--check'\n{code}\n", encoding="utf-8")


async def _connected(port: int) -> Client:
    found: list[Client] = []

    async def is_up() -> bool:
        try:
            found.append(await Client.connect(f"127.0.0.1:{port}", data_converter=pydantic_data_converter))
        except RuntimeError:
            return False
        return True

    await eventually(is_up)
    return found[0]


async def _until(stream: asyncio.StreamReader, text: str) -> str:
    """Return what *stream* tells up to the line with *text*."""
    told = ""
    async with asyncio.timeout(60):
        while text not in told:
            line = await stream.readline()
            assert line, told
            told += line.decode()
    return told


def _typed(starter: CommandLine, path: str, answer: bytes) -> tuple[int, str]:
    """Start a plan at a pseudo-terminal, type *answer*, and return the exit code and all that was shown."""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    cloud = {"AZURE_RESOURCE_MANAGER_ENDPOINT": "https://management.azure.com", "AZURE_CLIENT_ID": "the-client"}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "starter.py"), "start", path],
        cwd=starter.folder,
        env={**starter.environment, **cloud},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = []
    try:
        while part := os.read(ours, 65536):
            shown.append(part)
    except OSError:
        pass
    os.close(ours)
    return process.wait(), b"".join(shown).decode()
