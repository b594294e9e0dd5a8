"""Our programs as processes that cost a fork each: see :mod:`tests.support.mother`."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.mother import is_possible, program_of

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., subprocess.Popen[Any]]
"""What starts a program: :func:`popen`, or `Popen` where a process is measured."""


class Mother:
    """The process from which programs are forked, as long as this one lives."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.support.mother"]
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=theirs.fileno())

    def bear(self, command: list[str], cwd: str, environment: dict[str, str], files: list[int]) -> int:
        """Fork a program; return its process id. It is a child of this process."""
        message = json.dumps({"command": command, "cwd": cwd, "environment": environment})
        with self._asking:
            socket.send_fds(self._requests, [message.encode()], files)
            answer = self._requests.recv(32)
        if not answer:
            message = f"starting {' '.join(command)}: the process that forks programs has ended"
            raise RuntimeError(message)
        return int(answer)

    def end(self) -> None:
        """End it; who was born of it lives on."""
        self._requests.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)


@functools.cache
def mother() -> Mother:
    """Return this process's own, started when it is first asked for."""
    it = Mother()
    atexit.register(it.end)
    return it


class Forked(subprocess.Popen[Any]):
    """A process of one of our programs, with all that `Popen` offers."""

    def _execute_child(self, *step: Any) -> None:
        """Do Popen's own step: its command, folder, environment, and both ends of the three pipes."""
        command, cwd, environment, pipes = step[0], step[5], step[6], step[10:16]
        theirs = (pipes[0], pipes[3], pipes[5])
        files = [own if end == -1 else end for own, end in enumerate(theirs)]
        self.pid = mother().bear(command, str(cwd), environment, files)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def popen(command: list[str], *, cwd: Path, env: dict[str, str], **files: Any) -> subprocess.Popen[Any]:
    """Start a program: by a fork where that is the same, else as anybody would.

    It is not the same for the code of another clone, nor behind a library that is to be put before the C library.
    """
    same = is_possible() and "LD_PRELOAD" not in env and _is_ours(command, cwd)
    return (Forked if same else subprocess.Popen)(command, cwd=cwd, env=env, **files)


def _is_ours(command: list[str], cwd: Path) -> bool:
    program = program_of(command)
    place = cwd if command[1] == "-m" else (cwd / command[1]).parent
    return bool(program) and place.resolve() == ROOT
