"""The embedded stack: Temporal with its UI, the simulator and a worker, started in order and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import yaml

from runtime.embedded_process import ManagedProcess
from runtime.embedded_programs import (
    NAMESPACE,
    Ports,
    base_environment,
    choose_ports,
    codec_command,
    free_port,
    is_free,
    metrics_port,
    simulator_command,
    stack_environment,
    temporal_command,
    worker_command,
)
from runtime.embedded_state import StackError, StateFolder
from runtime.errors import TemporalError
from runtime.payload_keys import Keyring
from runtime.temporal import connect
from runtime.urls import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_PLAN = Path("plans/contoso.yaml")
DEFAULT_SEED = Path("plans/contoso.estate.yaml")
START_SECONDS = 60
WORKER_STOP_SECONDS = 8
"""A worker is given time to hand its activities back; all is stopped within 15 s."""
STOP_SECONDS = 4
_PROBE_SECONDS = 0.05


class Stack:
    """The three processes of one clone, four where payloads are encrypted, and what others need to talk to them."""

    def __init__(
        self,
        state: StateFolder,
        shell: Mapping[str, str],
        *,
        speed: float,
        seed: Path | None,
        ports: Ports,
        say: Callable[[str], None],
    ) -> None:
        self.state = state
        self.ports = choose_ports(ports)
        self._wanted_ports = ports
        self.environment: dict[str, str] = {}
        self._shell = shell
        self._speed = speed
        self._seed = seed
        self._say = say
        self._metrics_port = metrics_port()
        self._ready_line: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._temporal = self._process("temporal", self._temporal_command)
        self._simulator = self._process("simulator", self._simulator_command, on_line=self._read_simulator)
        self._worker = self._process("worker", self._worker_command)
        self._codec_port = free_port() if Keyring.from_mapping(shell) else 0
        self._codec = self._process("codec", self._codec_command) if self._codec_port else None

    async def start(self) -> None:
        """Start everything and write `.state/env` last.

        Raises:
            StackError: a process does not become ready.
        """
        self.state.write("temporal.toml", "")
        starts = (
            self._temporal.start(self._temporal_ready, within_seconds=START_SECONDS),
            self._simulator.start(self._simulator_ready, within_seconds=START_SECONDS),
        )
        for outcome in await asyncio.gather(*starts, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        self.state.write(self.state.complete.name, "")
        simulator, approver = await self._ready_line, _approver(self.state.root)
        codec = self.codec_address
        self.environment = stack_environment(self._shell, self.state, self.ports, simulator, approver, codec)
        if self._codec:
            await self._codec.start(self._codec_ready, within_seconds=START_SECONDS)
        self.environment["WORKER_METRICS"] = f"http://{LOOPBACK}:{self._metrics_port}/metrics"
        await self._worker.start(self._worker_ready, within_seconds=START_SECONDS)
        self.state.write_environment(self.environment)

    @property
    def codec_address(self) -> str | None:
        """Where the UI and the Temporal CLI read encrypted payloads, None where none are."""
        return f"http://{LOOPBACK}:{self._codec_port}" if self._codec_port else None

    @property
    def _processes(self) -> list[ManagedProcess]:
        return [one for one in (self._worker, self._simulator, self._temporal, self._codec) if one]

    async def wait(self) -> None:
        """Wait for as long as the processes are kept running."""
        await asyncio.gather(*(process.wait() for process in self._processes))

    async def stop(self) -> None:
        """Stop the worker first, then what it talks to."""
        await self._worker.stop(WORKER_STOP_SECONDS)
        await asyncio.gather(*(process.stop(STOP_SECONDS) for process in self._processes[1:]))
        self.state.remove_announcements()

    def kill(self) -> None:
        """Kill all processes, without waiting for anything."""
        for process in self._processes:
            process.kill()

    def child_environment(self) -> dict[str, str]:
        """Return the environment of a program that uses this stack."""
        return base_environment(self._shell, self.state) | self.environment

    def _process(
        self, name: str, command: Callable[[], list[str]], on_line: Callable[[str], None] | None = None
    ) -> ManagedProcess:
        def environment() -> Mapping[str, str]:
            return {
                "LOG_FORMAT": "json",
                # Here nobody is billed for a heartbeat, and an hour passes in a minute.
                "PROGRESS_SECONDS": "1",
                "POLL_FLOOR_SECONDS": "1",
                **self.child_environment(),
                **({} if name != "worker" else self._metrics_environment()),
                "WORKER_READY_FILE": str(self.state.path / "worker.ready"),
            }

        return ManagedProcess(name, self.state, command, environment, say=self._say, on_line=on_line)

    def _metrics_environment(self) -> dict[str, str]:
        """Return where the worker answers Prometheus; nowhere if another process has taken the port since."""
        port = self._metrics_port
        return {"METRICS_ADDRESS": f"{LOOPBACK}:{port}"} if is_free(port) else {}

    def _temporal_command(self) -> list[str]:
        # Another stack may have taken a port since we looked.
        if self._temporal.pid and not self._temporal.is_ready:
            self.ports = choose_ports(self._wanted_ports)
        return temporal_command(self.state, self.ports, self.codec_address)

    def _codec_command(self) -> list[str]:
        self.state.codec_ready.unlink(missing_ok=True)
        return codec_command(self.state, self.ports, self._codec_port)

    def _simulator_command(self) -> list[str]:
        port: int | None
        if self._ready_line.done():
            port = int(self._ready_line.result()["endpoint"].rsplit(":", 1)[1])
        else:
            # Somebody may have taken the port that its folder remembers.
            port = free_port() if self._simulator.pid else None
        return simulator_command(self.state, self._speed, self._seed, port)

    def _worker_command(self) -> list[str]:
        (self.state.path / "worker.ready").unlink(missing_ok=True)
        return worker_command(self.state)

    def _read_simulator(self, line: str) -> None:
        try:
            ready = json.loads(line)
        except ValueError:
            return
        self.state.write("simulator.json", line, mode=0o600)
        if not self._ready_line.done():
            self._ready_line.set_result(ready)

    async def _temporal_ready(self) -> None:
        # A server that answers could be another stack's: ours is the one whose process listens.
        while not {self.ports.temporal, self.ports.ui} <= _listening_ports(self._temporal.pid):
            await asyncio.sleep(_PROBE_SECONDS)
        settings = {"TEMPORAL_ADDRESS": self.ports.temporal_address, "TEMPORAL_NAMESPACE": NAMESPACE}
        settings["TEMPORAL_CONFIG_FILE"] = str(self.state.path / "temporal.toml")
        while True:
            with contextlib.suppress(TemporalError):
                await connect(settings, timeout_seconds=2)
                return
            await asyncio.sleep(_PROBE_SECONDS)

    async def _simulator_ready(self) -> None:
        await asyncio.shield(self._ready_line)

    async def _codec_ready(self) -> None:
        while not self.state.codec_ready.exists():
            await asyncio.sleep(_PROBE_SECONDS)

    async def _worker_ready(self) -> None:
        while not (self.state.path / "worker.ready").exists():
            await asyncio.sleep(_PROBE_SECONDS)


def seed_for(state: StateFolder, seed: Path | None, *, anew: bool) -> Path | None:
    """Return the estate to start with, None to go on with the one that is there.

    Raises:
        StackError: *seed* is no file.
    """
    if seed and not seed.is_file():
        message = f"reading the estate {seed}: there is no such file; give SEED=FILE the path of a seed"
        raise StackError(message)
    whole = state.complete.exists() and state.database.exists() and state.simulator.is_dir()
    if seed is None and whole and not anew:
        return None
    return (seed or state.root / DEFAULT_SEED).resolve()


def describe(stack: Stack, seed: Path | None) -> str:
    """Return what a person needs to know about a stack that has just started."""
    simulator = stack.environment["SIMULATOR_ENDPOINT"]
    estate = f"a fresh estate from {seed}" if seed else "the estate of the last time"
    return "\n".join(
        [
            f"Temporal UI  {stack.ports.ui_address}",
            f"Temporal     {stack.ports.temporal_address}, namespace {NAMESPACE}",
            f"Simulator    {simulator}, {estate}",
            f"Metrics      {stack.environment['WORKER_METRICS']}",
            f"Worker       polls; the logs of all are in {stack.state.logs}",
            *(
                [f"Codec server {stack.codec_address}, for the UI: payloads are encrypted"]
                if stack.codec_address
                else []
            ),
            f"Shell        . {shlex.quote(str(stack.state.path / 'env'))}",
        ]
    )


def describe_ports(ports: Ports, wanted: Ports) -> list[str]:
    """Return a line for each wanted port that is taken."""
    pairs = (("Temporal", wanted.temporal, ports.temporal), ("the Temporal UI", wanted.ui, ports.ui))
    return [f"Port {asked} is taken: {name} uses {used}" for name, asked, used in pairs if asked not in {used, 0}]


def _approver(root: Path) -> str:
    plan = yaml.safe_load((root / DEFAULT_PLAN).read_text(encoding="utf-8"))
    return str(plan["approval"]["approvers"][0])


def _listening_ports(pid: int | None) -> set[int]:
    if pid is None:
        return set()
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return set()
    return {connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN}
