"""One process of the embedded stack, started again whenever it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from runtime.embedded_state import StackError, StateFolder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

RESTART_SECONDS = 0.2
FIRST_STARTS = 3
"""How often a process that was never ready is started before that is an error."""
_LOG_TAIL_LINES = 5
_LOG_TAIL_BYTES = 4096


class ManagedProcess:
    """A program that runs until it is stopped, with its id in `.state/<name>.pid` and its words in `.state/logs`."""

    def __init__(
        self,
        name: str,
        state: StateFolder,
        command: Callable[[], list[str]],
        environment: Callable[[], Mapping[str, str]],
        *,
        say: Callable[[str], None],
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self._state = state
        self._command = command
        self._environment = environment
        self._say = say
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self.is_ready = False

    @property
    def pid(self) -> int | None:
        """The id of the process that was started last."""
        return self._process.pid if self._process else None

    async def start(self, ready: Callable[[], Awaitable[None]], *, within_seconds: float) -> None:
        """Start the program and return once *ready* does.

        Raises:
            StackError: it ended too often or was not ready in time; holds the last lines of its log.
        """
        self._loop = asyncio.create_task(self._keep_running())
        probe = asyncio.ensure_future(ready())
        try:
            done, _ = await asyncio.wait(
                {self._loop, probe}, timeout=within_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if not probe.done():
                probe.cancel()
        if self._loop in done:
            self._loop.result()
        if probe not in done:
            raise StackError(self._trouble(f"it was not ready within {within_seconds:g} s"))
        await probe
        self.is_ready = True

    async def wait(self) -> None:
        """Wait for as long as the program is kept running."""
        if self._loop:
            await asyncio.shield(self._loop)

    async def stop(self, within_seconds: float) -> None:
        """Ask the program to end, and kill it where it has not after *within_seconds*."""
        self._stopping = True
        process = self._process
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), within_seconds)
            self.kill()
            await process.wait()
        if self._loop:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        self._state.pid_file(self.name).unlink(missing_ok=True)

    def kill(self) -> None:
        """Kill the program and what it started."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _keep_running(self) -> None:
        starts = 0
        while True:
            starts += 1
            code = await self._run_once()
            if self._stopping:
                return
            if not self.is_ready and starts >= FIRST_STARTS:
                raise StackError(self._trouble(f"it ended {starts} times, at last with exit code {code}"))
            if self.is_ready:
                self._say(f"{self.name} ended with exit code {code}; it is started again")
            await asyncio.sleep(RESTART_SECONDS)

    async def _run_once(self) -> int:
        self._state.logs.mkdir(exist_ok=True)
        with self._log().open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                cwd=self._state.root,
                env=dict(self._environment()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if self._on_line else log,
                stderr=log,
                # Ctrl-C at the terminal goes to the supervisor, which stops the processes in order.
                start_new_session=True,
            )
        self._state.write(f"{self.name}.pid", f"{self._process.pid}\n")
        if self._process.stdout and self._on_line:
            async for line in self._process.stdout:
                self._on_line(line.decode(errors="replace"))
        return await self._process.wait()

    def _log(self) -> Path:
        return self._state.logs / f"{self.name}.log"

    def _trouble(self, cause: str) -> str:
        try:
            with self._log().open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        except OSError:
            lines = []
        tail = "".join(f"\n  {line}" for line in lines)
        return f"starting {self.name}: {cause}; its log is {self._log()}{' and ends with' if lines else ''}{tail}"
