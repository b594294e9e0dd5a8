"""The folder `.state/` of an embedded stack: its files, who holds it, and what an earlier stack left running."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from runtime.simulator_environment import shell_lines, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STOP_SECONDS = 20
"""How long a supervisor may take to stop its processes before it is killed."""


class StackError(Exception):
    """Why the stack cannot run, in one sentence with the fix."""


@dataclass(frozen=True)
class StateFolder:
    """The places of one clone's stack; every file in it that others read is written whole."""

    root: Path

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.root / ".state"

    @property
    def database(self) -> Path:
        """Temporal's database file."""
        return self.path / "temporal.sqlite"

    @property
    def simulator(self) -> Path:
        """The simulator's own folder."""
        return self.path / "simulator"

    @property
    def logs(self) -> Path:
        """The folder of the processes' logs."""
        return self.path / "logs"

    @property
    def codec_ready(self) -> Path:
        """Written by the codec server once it listens."""
        return self.path / "codec.ready"

    @property
    def supervisor_pid(self) -> Path:
        """The process id of the supervisor itself."""
        return self.path / "supervisor.pid"

    @property
    def complete(self) -> Path:
        """Exists once Temporal's database and the simulator's estate were both ready: they live and die together."""
        return self.path / "estate.ready"

    def pid_file(self, name: str) -> Path:
        """Return the file with the process id of the process *name*."""
        return self.path / f"{name}.pid"

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write the file *name* whole: a reader sees the old one or the new one."""
        write_whole(self.path / name, text, mode)

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Write `env`, lines for a shell; for the owner only, since it holds the simulator's secret."""
        self.write("env", shell_lines(variables), mode=0o600)

    def remove_announcements(self) -> None:
        """Remove the files by which an earlier stack said that it was there."""
        for name in (
            "env",
            "simulator.json",
            "worker.ready",
            "codec.ready",
            *(f"{name}.pid" for name in self.markers()),
        ):
            (self.path / name).unlink(missing_ok=True)

    def start_anew(self) -> None:
        """Remove Temporal's database, the simulator's estate and the logs."""
        self.complete.unlink(missing_ok=True)
        for file in self.path.glob("temporal.sqlite*"):
            file.unlink()
        shutil.rmtree(self.simulator, ignore_errors=True)
        shutil.rmtree(self.logs, ignore_errors=True)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process; the hold ends with the process, however that ends.

        Raises:
            StackError: another process holds it.
        """
        self.path.mkdir(exist_ok=True)
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackError(self._occupied()) from None
            self.write(self.supervisor_pid.name, f"{os.getpid()}\n")
            try:
                yield
            finally:
                self.supervisor_pid.unlink(missing_ok=True)

    def _occupied(self) -> str:
        pid = _read_pid(self.supervisor_pid)
        return (
            f"starting the stack: one runs already in this clone (process {pid or 'unknown'}, its shell lines are in "
            f"{self.path / 'env'}); stop it with Ctrl-C there, or by `.venv/bin/python -m runtime.embedded stop`"
        )

    def markers(self) -> dict[str, str]:
        """Return the argument by which each of this clone's processes is told from every other process."""
        return {
            "temporal": str(self.database),
            "simulator": str(self.simulator),
            "worker": str(self.root / "worker.py"),
            "codec": str(self.codec_ready),
        }

    def stop_leftovers(self) -> list[int]:
        """Stop the processes that a killed supervisor left behind and return their ids."""
        found = [
            process
            for name, marker in self.markers().items()
            if (process := _process(_read_pid(self.pid_file(name)), marker)) is not None
        ]
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        _, alive = psutil.wait_procs(found, timeout=5)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=5)
        return [process.pid for process in found]

    def stop_supervisor(self) -> int | None:
        """Stop the supervisor that holds the folder, and return its id; None where nobody holds it."""
        process = _process(_read_pid(self.supervisor_pid), "runtime.embedded")
        if process is None or Path(process.cwd()) != self.root:
            return None
        process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(max(0, deadline - time.monotonic()))
        if process.is_running():
            process.kill()
        return process.pid


def _read_pid(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _process(pid: int | None, marker: str) -> psutil.Process | None:
    """Return the process *pid* if it was started with the argument *marker*: ids are used again."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        return process if marker in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None
