"""What the faults happen to: a Temporal server of our own that can be killed, a simulator, workers, and who watches."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError

from migration.names import SEARCH_ATTRIBUTES
from tests.chaos.checker import Look
from tests.chaos.wire import Proxy
from tests.conftest import program
from tests.e2e.stack import Stack, WorkerProcess, until
from tests.support.sim import Simulator

LOOK_SECONDS = 0.4


@functools.cache
def _quiet() -> Runtime:
    """Return a runtime that does not tell of each try while Temporal is away: that is meant."""
    return Runtime(telemetry=TelemetryConfig(logging=None))


class TemporalServer:
    """Temporal's development server with its database in a file, so that a crash loses nothing."""

    def __init__(self, folder: Path, namespaces: Sequence[str] = ()) -> None:
        self._database = folder / "temporal.db"
        self._namespaces = namespaces
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        attributes = [f"--search-attribute={name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items()]
        command = [
            *(program("temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port)),
            *("--log-level", "never", "--db-filename", str(self._database)),
            *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=off", *attributes),
            *(f"--namespace={name}" for name in self._namespaces),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await until(self._answers, "Temporal answers", seconds=60, pause=0.2)

    def kill(self) -> None:
        """End it as a crash would, if it runs."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    async def connect(self, namespace: str = "default") -> Client:
        """Return a client."""
        return await Client.connect(
            self.address, namespace=namespace, data_converter=pydantic_data_converter, runtime=_quiet()
        )

    async def _answers(self) -> bool:
        with contextlib.suppress(RuntimeError, RPCError, TimeoutError):
            async with asyncio.timeout(5):
                client = await self.connect()
                return bool(await client.service_client.check_health())
        return False


class Worker(WorkerProcess):
    """A worker that can be stopped in mid-air, and one that has lost its disk."""

    def __init__(
        self,
        simulator: Simulator,
        address: str,
        folder: Path,
        *,
        lost_disk: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(simulator, address, folder)
        self._environment |= settings or {}
        if lost_disk:
            self.log = Path("/dev/full")

    def freeze(self) -> None:
        """Stop it in mid-air."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)


class Stage(Stack):
    """A stack whose parts can be killed, with somebody who looks at the machines all the time."""

    def __init__(
        self,
        simulator: Simulator,
        client: Client,
        server: TemporalServer,
        folder: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.server = server
        self.settings = settings
        self.folder = folder
        self.looks: list[Look] = []
        self.workers: list[Worker] = []
        self.simulator = simulator
        super().__init__(simulator, client, self.new_worker())

    @classmethod
    @contextlib.asynccontextmanager
    async def up(
        cls, seed: dict[str, Any], speed: float = 60, settings: Mapping[str, str] | None = None
    ) -> AsyncIterator[Self]:
        """Start everything, and look until the end. *settings* stand in the place of the workers' for tests."""
        with tempfile.TemporaryDirectory(prefix="chaos-") as scratch, Simulator(seed=seed, speed=speed) as simulator:
            async with contextlib.AsyncExitStack() as ends:
                server = TemporalServer(Path(scratch))
                ends.callback(server.kill)
                await server.start()
                stage = cls(simulator, await server.connect(), server, Path(scratch), settings)
                ends.callback(stage._kill_workers)
                await stage.worker.start()
                looking = asyncio.create_task(stage._look())
                ends.callback(looking.cancel)
                yield stage

    def new_worker(self, address: str | None = None, *, lost_disk: bool = False) -> Worker:
        """Return one more worker, which is not started yet."""
        folder = self.folder / f"worker-{len(self.workers)}"
        worker = Worker(
            self.simulator, address or self.server.address, folder, lost_disk=lost_disk, settings=self.settings
        )
        self.workers.append(worker)
        return worker

    @contextlib.asynccontextmanager
    async def cut_off_worker(self) -> AsyncIterator[tuple[Worker, Proxy]]:
        """Start a worker whose way to Temporal can be cut."""
        async with Proxy.to(self.server.port) as proxy:
            worker = self.new_worker(proxy.address)
            await worker.start()
            yield worker, proxy

    @property
    def logs(self) -> tuple[str, ...]:
        """What the workers wrote."""
        files = [worker.log for worker in self.workers if worker.log.is_file()]
        return tuple(file.read_text(errors="replace") for file in files)

    def _kill_workers(self) -> None:
        for worker in self.workers:
            if worker.process is not None and worker.process.poll() is None:
                worker.kill()

    async def _look(self) -> None:
        """Note every machine's power state again and again."""
        while True:
            looked = await asyncio.to_thread(self._look_once)
            self.looks.append(looked)
            await asyncio.sleep(LOOK_SECONDS)

    def _look_once(self) -> Look:
        now = self.simulator.clock()["virtual"]
        machines = [each for each in self.simulator.resources() if each.get("power_state")]
        return Look(now, {each["id"].lower(): each["power_state"] for each in machines})
