"""What the faults happen to: a Temporal server of our own that can be killed, a simulator, workers, and who watches."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError

from migration import names
from runtime.embedded_programs import free_port, server_options
from tests.chaos.builds import PATCH, Change, build
from tests.chaos.checker import Look
from tests.chaos.watch import Watch
from tests.conftest import program
from tests.e2e import judge as e2e
from tests.e2e.estates import Case
from tests.e2e.stack import Stack, WorkerProcess, until
from tests.e2e.table import let_the_copy_last
from tests.support.sim import Simulator

SPEED = 60.0
LOOK_SECONDS = 0.4
_COPY_MINUTES = 60
"""How long a first copy takes that has to be met: a strike waits for its end, and is given up after minutes."""


@functools.cache
def _quiet() -> Runtime:
    """Return a runtime that does not tell of each try while Temporal is away: that is meant."""
    return Runtime(telemetry=TelemetryConfig(logging=None))


class TemporalServer:
    """Temporal's development server with its database in a file, so that a crash loses nothing."""

    def __init__(self, folder: Path, namespaces: Sequence[str] = ()) -> None:
        self._database = folder / "temporal.db"
        self._namespaces = namespaces
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            *(program("temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port)),
            *("--log-level", "never"),
            *server_options(self._database),
            *(f"--namespace={name}" for name in self._namespaces),
        ]
        # Several servers share two processors: one thread each, and fewer collections, are a quarter less of them.
        environment = {**os.environ, "GOMAXPROCS": "1", "GOGC": "400"}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
        changes: Sequence[Change] = (),
    ) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(simulator, address, folder, settings)
        if changes:
            self.root = build(folder / "build", changes)
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

    worker: Worker

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
        self.watch = Watch(client)
        super().__init__(simulator, client, self.new_worker())

    @classmethod
    @contextlib.asynccontextmanager
    async def up(
        cls,
        seed: dict[str, Any],
        *,
        settings: Mapping[str, str] | None = None,
        serves: bool = True,
    ) -> AsyncIterator[Self]:
        """Start everything, and look until the end. *settings* stand in the place of the workers' for tests.

        Where nobody *serves*, the caller starts the workers.
        """
        with tempfile.TemporaryDirectory(prefix="chaos-") as scratch, Simulator(seed=seed, speed=SPEED) as simulator:
            async with contextlib.AsyncExitStack() as ends:
                server = TemporalServer(Path(scratch))
                ends.callback(server.kill)
                await server.start()
                stage = cls(simulator, await server.connect(), server, Path(scratch), settings)
                ends.callback(stage._kill_workers)
                if serves:
                    await stage.worker.start()
                for watching in (stage._look(), stage.watch.run()):
                    ends.callback(asyncio.create_task(watching).cancel)
                yield stage

    async def at(self, case: Case, *phases: str) -> None:
        """Wait until the first virtual machine shows one of *phases*; the phases that last are seen."""
        workflow_id = names.migrate_vm_id(case.name, case.vms[0])
        async with asyncio.timeout(240):
            while (standing := self.watch.of(workflow_id)) is None or standing.phase not in phases:
                await self.watch.round()

    async def at_the_copy(self, case: Case) -> None:
        """Wait for the first copy, made to last: on a busy machine one of two minutes is over before it is seen."""
        let_the_copy_last(self.simulator, case, _COPY_MINUTES)
        await self.at(case, "replicating")

    def new_worker(
        self,
        address: str | None = None,
        *,
        lost_disk: bool = False,
        settings: Mapping[str, str] | None = None,
        changes: Sequence[Change] = (),
    ) -> Worker:
        """Return one more worker, which is not started yet."""
        folder = self.folder / f"worker-{len(self.workers)}"
        where, given = address or self.server.address, {**(self.settings or {}), **(settings or {})}
        worker = Worker(self.simulator, where, folder, lost_disk=lost_disk, settings=given, changes=changes)
        self.workers.append(worker)
        return worker

    def phases(self, case: Case) -> str:
        """Return where the machines of a plan are now, in words."""
        standings = [self.watch.of(names.migrate_vm_id(case.name, vm)) for vm in case.vms]
        return ", ".join(dict.fromkeys(standing.phase if standing else "preparing" for standing in standings))

    def is_over(self, case: Case) -> bool:
        """Tell whether the plan's workflow has ended."""
        standing = self.watch.of(names.migrate_plan_id(case.name))
        return standing is not None and standing.closed

    async def is_patched(self, case: Case) -> bool:
        """Tell whether a machine's workflow has taken the way behind the other build's patch."""
        history = await self.vm(case).fetch_history()
        markers = [event.marker_recorded_event_attributes for event in history.events]
        patches = [payload.data for marker in markers for payload in marker.details["patch-data"].payloads]
        return any(json.loads(data)["id"] == PATCH for data in patches)

    @property
    def last_request(self) -> int:
        """The number of the last request that the simulator has seen."""
        return max((int(line["n"]) for line in self.simulator.requests()), default=0)

    def writes_since(self, number: int, case: Case) -> list[dict[str, Any]]:
        """Return the requests after *number* about a plan that would change something, whatever was answered."""
        lines = e2e.about(case, self.simulator.requests(number))
        return [line for line in lines if e2e.changes(line)]

    def times_met(self) -> dict[str, int]:
        """Return how many requests have met each fault, or would have before its turn."""
        return {each["id"]: int(each["seen"]) for each in self.simulator.control("GET", "faults").json()}

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
            self.looks.append(await asyncio.to_thread(look_at, self.simulator))
            await asyncio.sleep(LOOK_SECONDS)


def look_at(simulator: Simulator) -> Look:
    """Return the power state of every machine, at one moment."""
    seen = simulator.control("GET", "power").json()
    return Look(seen["virtual"], seen["machines"])
