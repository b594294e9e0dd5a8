"""Workers that can be ordered to die at a request: the other end of :mod:`tests.chaos.fuse`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from tests.chaos.fuse import ORDER, STRUCK
from tests.e2e.stack import until
from tests.support.forked import ROOT, popen
from tests.support.sim import Simulator

READY_SECONDS = 240
_DEATH_SECONDS = 0.05
"""Between two looks whether a worker has died."""
_NOT_HANDED_ON = ("AZURE_", "TEMPORAL_", "MIGRATION_")


class Doomed:
    """A worker of one namespace and one cloud, started anew whenever it has died."""

    def __init__(self, simulator: Simulator, address: str, namespace: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
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
        self.process: subprocess.Popen[Any] | None = None

    async def start(self) -> None:
        """Start it, and wait until it polls."""
        ready = self._folder / "worker.ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.chaos.fuse"]
        with self.log.open("ab") as log:
            files = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            self.process = await asyncio.to_thread(popen, command, cwd=ROOT, env=self._environment, **files)
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
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)

    async def died(self) -> None:
        """Wait for its death."""
        assert self.process is not None
        while self.process.poll() is None:
            await asyncio.sleep(_DEATH_SECONDS)

    async def end(self) -> None:
        """Kill it."""
        self._send(signal.SIGKILL)
        await self.died()

    def _send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
