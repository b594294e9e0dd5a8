"""The embedded stack on real processes and the real Temporal server, in small clones."""

import asyncio
import base64
import contextlib
import json
import os
import pty
import select
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from google.protobuf.json_format import MessageToDict
from temporalio.client import Client

from runtime.temporal import connect
from tests.runtime.small_clone import STARTER_WITH_A_VM_THAT_WAITS, SmallClone, wait_until


@pytest.fixture
def clone(tmp_path: Path, root: Path) -> Iterator[SmallClone]:
    """Return a small clone in a folder with a space and a letter that is not ASCII."""
    clone = SmallClone(tmp_path / "clone für Zoë", root)
    yield clone
    clone.run("stop")


def test_env_names_everything_and_is_for_the_owner_only(clone: SmallClone) -> None:
    """A shell that reads `.state/env` talks to this stack, and nobody else reads its secret, there or beside it."""
    with clone.up():
        env = clone.env()
        modes = {stat.S_IMODE((clone.state / name).stat().st_mode) for name in ("env", "simulator.json")}
        worker = json.loads((clone.state / "worker.environment.json").read_text())

    assert "it's secret" == env["AZURE_CLIENT_SECRET"]
    assert "https://localhost:40001" == env["AZURE_RESOURCE_MANAGER_ENDPOINT"]
    assert "approver@contoso.example" == env["MIGRATION_APPROVER"]
    assert f"http://{worker['METRICS_ADDRESS']}/metrics" == env["WORKER_METRICS"]
    assert "METRICS_ADDRESS" not in env  # another worker of this shell would want the same port
    assert {0o600} == modes


async def test_with_a_key_the_ui_is_wired_to_a_codec_server(clone: SmallClone) -> None:
    """The worker and every shell get the key, the UI and the Temporal CLI a server that decrypts; it dies with all."""
    clone.write("keys", f"one:{base64.b64encode(bytes(32)).decode()}\n")
    with clone.up(environment={"MIGRATION_PAYLOAD_KEYS_FILE": "keys"}):
        env, pid = clone.env(), clone.pid("codec")
        worker = json.loads((clone.state / "worker.environment.json").read_text())
        client = await connect(env)
        await client.start_workflow("Anything", "a resource id", id="sealed", task_queue="nobody")
        plain = await Client.connect(env["TEMPORAL_ADDRESS"])
        event = (await plain.get_workflow_handle("sealed").fetch_history()).events[0]
        sealed = MessageToDict(event.workflow_execution_started_event_attributes.input)
        headers = {"Origin": env["TEMPORAL_UI_ADDRESS"]}
        with requests.Session() as http:
            http.trust_env = False
            shown = http.get(f"{env['TEMPORAL_UI_ADDRESS']}/api/v1/settings", timeout=10).json()["Codec"]
            opened = http.post(f"{shown['Endpoint']}/decode", json=sealed, headers=headers, timeout=10)

    assert str(clone.path / "keys") == env["MIGRATION_PAYLOAD_KEYS_FILE"] == worker["MIGRATION_PAYLOAD_KEYS_FILE"]
    assert env["TEMPORAL_CODEC_ENDPOINT"] == shown["Endpoint"]
    assert b'"a resource id"' == base64.b64decode(opened.json()["payloads"][0]["data"])
    assert env["TEMPORAL_UI_ADDRESS"] == opened.headers["Access-Control-Allow-Origin"]
    assert "resource" not in str(sealed)
    assert pid
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("name", ["temporal", "simulator", "worker"])
def test_a_process_that_dies_is_started_again_every_time(clone: SmallClone, name: str) -> None:
    """Within a second where the machine is free, again and again, on the same port."""
    with clone.up():
        address = clone.env()["TEMPORAL_ADDRESS"]
        took = []
        for _ in range(3):
            before = clone.pid(name)
            os.kill(before, signal.SIGKILL)
            took.append(wait_until(lambda before=before: clone.pid(name) not in {0, before}, 30))  # type: ignore[misc]
        after = clone.env()["TEMPORAL_ADDRESS"]

    assert address == after
    # The quickest: a machine that runs other tests as well adds to the others.
    assert min(took) < 1


async def test_history_survives_the_death_of_temporal(clone: SmallClone) -> None:
    """A workflow that was started before the server's death is there after it."""
    with clone.up():
        address = clone.env()["TEMPORAL_ADDRESS"]
        client = await Client.connect(address)
        await client.start_workflow("Anything", id="kept", task_queue="nobody")
        before = clone.pid("temporal")
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: clone.pid("temporal") not in {0, before}, 30)
        again = await _connected(address)

        assert "kept" == (await again.get_workflow_handle("kept").describe()).id


async def test_up_without_a_seed_goes_on_and_with_one_starts_anew(clone: SmallClone) -> None:
    """Temporal's database and the simulator's estate live and die together."""
    with clone.up():
        client = await Client.connect(clone.env()["TEMPORAL_ADDRESS"])
        await client.start_workflow("Anything", id="kept", task_queue="nobody")
    with clone.up():
        client = await Client.connect(clone.env()["TEMPORAL_ADDRESS"])
        kept = [execution.id async for execution in client.list_workflows()]
    clone.write("other.yaml", "resources: []\n")
    with clone.up("--seed", "other.yaml"):
        client = await Client.connect(clone.env()["TEMPORAL_ADDRESS"])
        anew = [execution.id async for execution in client.list_workflows()]

    assert ["kept"] == kept
    assert [] == anew
    assert str(clone.path / "other.yaml") == (clone.state / "simulator/seed").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(clone: SmallClone, number: signal.Signals) -> None:
    """All processes end, and nothing says that a stack is there."""
    with clone.up() as process:
        pids = [clone.pid(name) for name in ("temporal", "simulator", "worker")]
        process.send_signal(number)
        code = process.wait(60)

    assert 0 == code
    assert [] == [pid for pid in pids if psutil.pid_exists(pid)]
    assert [] == [name for name in ("env", "simulator.json", "worker.pid") if (clone.state / name).exists()]


def test_a_second_up_says_that_one_runs(clone: SmallClone) -> None:
    """Two stacks in one clone would share one database."""
    with clone.up() as process:
        second = clone.run("up")

    assert 1 == second.returncode
    assert f"one runs already in this clone (process {process.pid}" in second.stderr


def test_two_clones_run_side_by_side(clone: SmallClone, tmp_path: Path, root: Path) -> None:
    """Where a port is taken, a free one is used and said."""
    other = SmallClone(tmp_path / "other", root)
    with clone.up():
        first = clone.env()
        taken = first["TEMPORAL_ADDRESS"].split(":")[1]
        with other.up("--temporal-port", taken):
            second = other.env()
            port = second["TEMPORAL_ADDRESS"].split(":")[1]
            output = other.output()

    assert taken != port
    assert f"Port {taken} is taken: Temporal uses {port}\n" in output


def test_what_a_killed_supervisor_left_is_stopped_first(clone: SmallClone) -> None:
    """The next stack does not share its database with processes that nobody watches."""
    with clone.up() as process:
        left = [clone.pid(name) for name in ("temporal", "simulator", "worker")]
        process.kill()
        process.wait()
        (clone.state / "env").unlink()
        with clone.up():
            alive = [pid for pid in left if psutil.pid_exists(pid)]

    assert [] == alive


def test_stop_ends_a_stack_that_runs(clone: SmallClone) -> None:
    """From another terminal, as `make clean` does."""
    with clone.up() as process:
        pids = [clone.pid(name) for name in ("temporal", "simulator", "worker")]
        stopped = clone.run("stop")
        ended = process.wait(60)

    assert f"stopped the stack (processes {process.pid})\n" == stopped.stdout
    assert 0 == ended
    assert [] == [pid for pid in pids if psutil.pid_exists(pid)]


def test_a_stranger_with_a_remembered_id_is_left_alone(clone: SmallClone) -> None:
    """A process id of an earlier stack may belong to somebody else by now."""
    clone.state.mkdir(parents=True)
    (clone.state / "worker.pid").write_text(f"{os.getpid()}\n")

    assert "no stack runs in this clone\n" == clone.run("stop").stdout


def test_the_calling_shell_leads_nowhere_else(clone: SmallClone) -> None:
    """AZURE_* and TEMPORAL_* of the shell do not reach the worker, and a proxy is not asked for localhost."""
    shell = {
        "AZURE_CLIENT_CERTIFICATE_PATH": "/elsewhere",
        "TEMPORAL_API_KEY": "elsewhere",
        "AZURE_TENANT_ID": "elsewhere",
        "HTTPS_PROXY": "http://proxy.example:3128",
    }
    with clone.up(environment=shell):
        environment = (clone.state / "worker.environment.json").read_text()

    assert "elsewhere" not in environment
    assert "localhost,127.0.0.1" in environment


def test_a_program_that_never_starts_is_explained(clone: SmallClone) -> None:
    """The sentence holds the end of its log, and nothing is left running."""
    clone.write("worker.py", "raise SystemExit('the worker has no hands')")

    done = clone.run("up")

    assert 1 == done.returncode
    assert "starting worker: it ended 3 times, at last with exit code 1" in done.stderr
    assert "the worker has no hands" in done.stderr
    assert "no stack runs in this clone\n" == clone.run("stop").stdout


def test_a_seed_that_is_not_there_is_explained(clone: SmallClone) -> None:
    """The answer comes before anything is started or removed."""
    done = clone.run("up", "--seed", "missing.yaml")

    assert 1 == done.returncode
    assert "reading the estate missing.yaml: there is no such file; give SEED=FILE the path of a seed\n" == done.stderr


@pytest.mark.parametrize(("outcome", "code"), [("migrated", 0), ("rolled_back", 1)])
def test_demo_ends_with_the_outcome(clone: SmallClone, outcome: str, code: int) -> None:
    """Without a terminal the demo runs the commands, prints where the report is, and stops the stack."""
    clone.write("outcome", outcome)

    done = clone.run("demo")

    assert code == done.returncode, done.stderr
    assert "starter start plans/contoso.yaml --yes\n" in done.stdout
    assert f"Outcome      {outcome}\n" in done.stdout
    assert str(clone.path / "out/contoso/report.html") in done.stdout
    assert "no stack runs in this clone\n" == clone.run("stop").stdout


def test_demo_approves_by_itself_without_a_terminal(clone: SmallClone) -> None:
    """As soon as all that runs waits for approval."""
    clone.write("starter.py", STARTER_WITH_A_VM_THAT_WAITS)

    done = clone.run("demo")

    assert 0 == done.returncode, done.stderr
    assert "Waiting for approval: web-01\n" in done.stdout
    assert "starter approve contoso --comment make demo\n" in done.stdout


@pytest.mark.parametrize(("answer", "outcome", "code"), [("", "migrated", 0), ("n", "rolled_back", 1)])
def test_demo_asks_at_a_terminal_and_stays_up(clone: SmallClone, answer: str, outcome: str, code: int) -> None:
    """The person decides, looks at the UI, and presses Enter."""
    clone.write("starter.py", STARTER_WITH_A_VM_THAT_WAITS)
    keyboard, terminal = pty.openpty()
    process = subprocess.Popen(clone.command("demo"), cwd=clone.path, stdin=terminal, stdout=terminal)
    os.close(terminal)
    try:
        screen = read_until(keyboard, "Commit the migration? [Y/n]")
        os.write(keyboard, f"{answer}\n".encode())
        screen += read_until(keyboard, "Press Enter to stop it.")
        running = clone.pid("temporal")
        os.write(keyboard, b"\n")
        read_until(keyboard, "`make up` shows this history again.")
        ended = process.wait(60)
    finally:
        os.close(keyboard)

    assert code == ended
    assert f"Outcome      {outcome}" in screen
    assert running
    assert not psutil.pid_exists(running)


def test_make_that_is_interrupted_alone_stops_the_stack(clone: SmallClone) -> None:
    """GNU make does not pass on a SIGINT that only it received."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux shows which signals another process blocks")
    recipe = f"@exec '{sys.executable}' -m runtime.embedded up"
    clone.write("Makefile", f"up:\n\t{recipe}\n")
    make = subprocess.Popen(["make", "up"], cwd=clone.path, stdout=subprocess.DEVNULL)
    wait_until((clone.state / "env").exists, 120)
    pid = clone.pid("temporal")
    make.send_signal(signal.SIGINT)
    make.wait(60)

    assert not psutil.pid_exists(pid)


async def _connected(address: str) -> Client:
    for _ in range(600):
        with contextlib.suppress(RuntimeError):
            return await Client.connect(address)
        await asyncio.sleep(0.1)
    pytest.fail("Temporal did not come back")


def read_until(terminal: int, text: str) -> str:
    """Return what a terminal shows up to and with *text*."""
    shown = ""
    while text not in shown:
        assert select.select([terminal], [], [], 60)[0], f"nothing more came after {shown!r}"
        shown += os.read(terminal, 4096).decode()
    return shown


def test_a_port_is_taken_also_where_it_listens_on_ipv6_only() -> None:
    """`localhost` may mean ::1, where a browser would meet another server."""
    from runtime.embedded_programs import is_free

    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        other.listen()

        assert not is_free(other.getsockname()[1])


def test_a_free_port_goes_to_no_outgoing_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that hands it out meanwhile would leave a program without it; where none is free, that is said."""
    from runtime import embedded_programs
    from runtime.embedded_state import StackError

    ports = {embedded_programs.free_port() for _ in range(5)}
    monkeypatch.setattr(embedded_programs, "is_free", lambda _: False)

    assert all(20_000 <= port < 32_000 for port in ports)
    with pytest.raises(StackError, match="looking for a free port: a hundred between 20000 and 32000 are in use"):
        embedded_programs.free_port()
