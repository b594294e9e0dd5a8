"""The other end of the zygote: workers that cost a fork each, and that can be ordered to die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

from tests.chaos.zygote import ORDER, ROOT, STRUCK
from tests.e2e.stack import until
from tests.support.sim import Simulator

READY_SECONDS = 240
_NOT_HANDED_ON = ("AZURE_", "TEMPORAL_", "MIGRATION_")


class Nursery:
    """The zygote, and who was born of it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._birth = asyncio.Lock()
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._ends: dict[int, asyncio.Event] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        """Start the zygote; with it end all workers."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.zygote"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        nursery = cls(process)
        listening = asyncio.create_task(nursery._listen())
        try:
            yield nursery
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()
            await listening

    async def bear(self, environment: dict[str, str], log: Path) -> int:
        """Fork a worker; return its process id."""
        assert self._process.stdin is not None
        async with self._birth:
            line = json.dumps({"environment": environment, "log": str(log)})
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
            return await self._born.get()

    async def gone(self, pid: int) -> None:
        """Wait until a worker has ended."""
        await self._ends[pid].wait()

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            if pid := told.get("born"):
                self._ends[pid] = asyncio.Event()
                self._born.put_nowait(pid)
            else:
                self._ends[told["ended"]].set()


class Forked:
    """A worker of one namespace and one cloud, forked anew whenever it has died."""

    def __init__(self, nursery: Nursery, simulator: Simulator, address: str, namespace: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._nursery, self._folder = nursery, folder
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(_NOT_HANDED_ON)},
            **simulator.environment,
            "TEMPORAL_ADDRESS": address,
            "TEMPORAL_NAMESPACE": namespace,
            "POLL_FLOOR_SECONDS": "0.5",
            "INTENT_SETTLE_SECONDS": "3",
            "LOG_FORMAT": "json",
            "WORKER_READY_FILE": str(folder / "worker.ready"),
        }
        self.log = folder / "worker.log"
        self.pid = 0

    async def start(self) -> None:
        """Fork it, and wait until it polls."""
        ready = self._folder / "worker.ready"
        ready.unlink(missing_ok=True)
        self.pid = await self._nursery.bear(self._environment, self.log)
        try:
            await until(ready.exists, "the worker polls", seconds=READY_SECONDS, pause=0.1)
        except AssertionError as error:
            told = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
            message = f"{error}: {told}"
            raise AssertionError(message) from None

    def order(self, subscription: str, nth: int, moment: str) -> None:
        """Let it die at a request."""
        (self._folder / STRUCK).unlink(missing_ok=True)
        order = {"subscription": subscription.lower(), "nth": nth, "moment": moment, "began": uuid.uuid4().hex}
        fresh = self._folder / "order.new"
        fresh.write_text(json.dumps(order), encoding="utf-8")
        fresh.replace(self._folder / ORDER)

    def take_back(self) -> None:
        """Let it live."""
        (self._folder / ORDER).unlink(missing_ok=True)

    @property
    def struck(self) -> dict[str, Any] | None:
        """What it met when it died, None while it lives."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            told: dict[str, Any] = json.loads((self._folder / STRUCK).read_text(encoding="utf-8"))
            return told
        return None

    def forget(self) -> None:
        """Remove its log, which has been read."""
        self.log.unlink(missing_ok=True)

    @property
    def is_dying(self) -> bool:
        """Whether it has met the request at which it dies."""
        return (self._folder / STRUCK).exists()

    def freeze(self) -> None:
        """Stop it in mid-air."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    async def died(self) -> None:
        """Wait for its death."""
        await self._nursery.gone(self.pid)

    async def end(self) -> None:
        """Kill it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        await self.died()
