"""The programs of the embedded stack: where they are, their arguments, their ports, and the environment they get."""

from __future__ import annotations

import random
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migration.names import SEARCH_ATTRIBUTES
from runtime.embedded_state import StackError, StateFolder
from runtime.payload_keys import KEY_VARIABLES, KEYS_FILE_VARIABLE
from runtime.simulator_environment import azure_variables
from runtime.urls import LOOPBACK

TEMPORAL_PORT = 7233
UI_PORT = 8233
METRICS_PORT = 9464
"""Where OpenTelemetry's own exporters answer Prometheus."""
NAMESPACE = "default"
MATCHING = {
    "matching.enableFairness": "true",
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
}
"""How Temporal hands out tasks: by subscription in turn, and by priority over a whole queue instead of each partition
of it, of which there would be four."""
SHARD = {"history.shardIOConcurrency": "32"}
"""How many changes of workflows a development server writes at once: all lie in one shard, which by default writes one.
On busy processors each then waits 0.2 s for its turn, and a plan, to which hundreds talk, is heard after minutes."""
LOOKS = {"history.transferProcessorMaxPollRPS": "100"}
"""How often a second a shard looks for what it has to hand to workers. By default it does 20 times, and each task waits
40 ms once two or three workflows run."""
ATTRIBUTES = {"system.forceSearchAttributesCacheRefreshOnRead": "false"}
"""A development server reads what search attributes there are with each use of one, so that a new one is known at once:
four of ten of its reads and writes, through one connection to its file. A workflow task whose start waits for that for
more than a second is lost, and done after ten (https://github.com/temporalio/temporal/issues/11733)."""
_PORTS = range(20_000, 32_000)
_OLDEST_TEMPORAL = (1, 9)
_FOREIGN = ("AZURE_", "TEMPORAL_")
_FOREIGN_NAMES = {
    "MIGRATION_APPROVER",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "WORKER_READY_FILE",
    "METRICS_ADDRESS",
}
_PROXIES = {"http_proxy", "https_proxy", "all_proxy"}


@dataclass(frozen=True)
class Ports:
    """Where Temporal and its UI listen."""

    temporal: int
    ui: int

    @property
    def temporal_address(self) -> str:
        """Temporal's address as its tools take it."""
        return f"{LOOPBACK}:{self.temporal}"

    @property
    def ui_address(self) -> str:
        """The address of Temporal's UI."""
        return f"http://{LOOPBACK}:{self.ui}"


USUAL_PORTS = Ports(TEMPORAL_PORT, UI_PORT)


def choose_ports(wanted: Ports) -> Ports:
    """Return *wanted*, with free ports instead of those that are taken or 0."""
    temporal, ui = (port if port and is_free(port) else free_port() for port in (wanted.temporal, wanted.ui))
    return Ports(temporal, ui)


def metrics_port() -> int:
    """Return the usual port for metrics, or a free one where somebody has it."""
    return METRICS_PORT if is_free(METRICS_PORT) else free_port()


def temporal_program() -> str:
    """Return the Temporal CLI of PATH where it is recent and a program itself, else the one beside our Python.

    A script on PATH (a version manager's shim) is passed over: its process id would not be the server's.

    Raises:
        StackError: there is none.
    """
    beside = Path(sys.executable).parent / "temporal"
    found = shutil.which("temporal")
    if found and not _is_script(Path(found)) and _version(found) >= _OLDEST_TEMPORAL:
        return found
    if not beside.exists():
        message = f"starting temporal: {beside} is missing; run `make clean setup`"
        raise StackError(message)
    return str(beside)


def temporal_command(state: StateFolder, ports: Ports, codec: str | None = None) -> list[str]:
    """Return the command of a development server that keeps its history in a file and registers our attributes.

    Its UI reads encrypted payloads by the *codec* server of that address.
    """
    return [
        temporal_program(),
        *("server", "start-dev", "--ip", LOOPBACK, "--port", str(ports.temporal), "--ui-port", str(ports.ui)),
        *("--ui-disable-news-fetch", "--log-level", "warn", *server_options(state.database)),
        *(("--ui-codec-endpoint", codec) if codec else ()),
    ]


def server_options(database: Path) -> list[str]:
    """Return how a development server keeps its history in a file, writes it, and hands out tasks; its attributes."""
    attributes = [f"--search-attribute={name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items()]
    return [
        *attributes,
        *("--db-filename", str(database)),
        # With a sync for each transaction the file is a third as fast; without, only a power cut can harm it.
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=off"),
        *dynamic_config(),
    ]


def dynamic_config() -> list[str]:
    """Return how a development server writes, hands out tasks, and reads what search attributes there are."""
    return [f"--dynamic-config-value={name}={value}" for name, value in (MATCHING | SHARD | LOOKS | ATTRIBUTES).items()]


def codec_command(state: StateFolder, ports: Ports, port: int) -> list[str]:
    """Return the command of the server by which the UI reads encrypted payloads."""
    origins = (f"--origin=http://{host}:{ports.ui}" for host in (LOOPBACK, "localhost"))
    ready = ("--ready-file", str(state.codec_ready))
    return [sys.executable, "-m", "runtime.codec", "--port", str(port), *origins, *ready]


def simulator_command(state: StateFolder, speed: float, seed: Path | None, port: int | None) -> list[str]:
    """Return the command of the simulator; without *seed* it goes on with what its folder holds."""
    return [
        *(sys.executable, "-m", "simulator", "--state-dir", str(state.simulator), "--speed", f"{speed:g}"),
        *(("--seed", str(seed)) if seed else ()),
        *(("--port", str(port)) if port else ()),
    ]


def worker_command(state: StateFolder) -> list[str]:
    """Return the command of the worker."""
    return [sys.executable, str(state.root / "worker.py")]


def base_environment(shell: Mapping[str, str], state: StateFolder) -> dict[str, str]:
    """Return the shell's environment without what would lead to another cloud or another Temporal."""
    kept = {
        name: value
        for name, value in shell.items()
        if not name.startswith(_FOREIGN) and name not in _FOREIGN_NAMES and name not in {"PYTHONHOME", "PYTHONPATH"}
    }
    # A profile of the person's own could name another server, or ask for TLS here.
    kept["TEMPORAL_CONFIG_FILE"] = str(state.path / "temporal.toml")
    kept["PYTHONUNBUFFERED"] = "1"
    return kept | _proxy_exceptions(shell)


def stack_environment(
    shell: Mapping[str, str],
    state: StateFolder,
    ports: Ports,
    simulator: Mapping[str, str],
    approver: str,
    codec: str | None = None,
) -> dict[str, str]:
    """Return what a shell needs to talk to this stack: the lines of `.state/env`."""
    return {
        **({"TEMPORAL_CODEC_ENDPOINT": codec, **_keys(shell)} if codec else {}),
        "TEMPORAL_ADDRESS": ports.temporal_address,
        "TEMPORAL_NAMESPACE": NAMESPACE,
        "TEMPORAL_CONFIG_FILE": str(state.path / "temporal.toml"),
        "TEMPORAL_UI_ADDRESS": ports.ui_address,
        **azure_variables(simulator),
        "MIGRATION_APPROVER": approver,
        **_proxy_exceptions(shell),
    }


def _keys(shell: Mapping[str, str]) -> dict[str, str]:
    """Return where the keys of payloads are, as other folders find it."""
    given = {name: shell[name].strip() for name in KEY_VARIABLES if shell.get(name, "").strip()}
    return {name: str(Path(text).resolve()) if name == KEYS_FILE_VARIABLE else text for name, text in given.items()}


def _proxy_exceptions(shell: Mapping[str, str]) -> dict[str, str]:
    if not any(name.lower() in _PROXIES for name in shell):
        return {}
    exceptions = ",".join(filter(None, [shell.get("NO_PROXY") or shell.get("no_proxy"), "localhost", LOOPBACK]))
    return {"NO_PROXY": exceptions, "no_proxy": exceptions}


def is_free(port: int) -> bool:
    """Tell whether nobody listens at a port of this machine, and we could."""
    for family, host in ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            probe.settimeout(1)
            if probe.connect_ex((host, port)) == 0:
                return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port on which nobody listens now, of those that no system gives to an outgoing connection.

    Raises:
        StackError: none was found.
    """
    for port in random.sample(_PORTS, 100):
        if is_free(port):
            return port
    raise StackError(f"looking for a free port: a hundred between {_PORTS.start} and {_PORTS.stop} are in use")


def _is_script(program: Path) -> bool:
    with program.open("rb") as file:
        return file.read(2) == b"#!"


def _version(program: str) -> tuple[int, ...]:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"version (\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else ()
