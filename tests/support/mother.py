"""``python -m tests.support.mother``: a process that has imported our programs once, and forks them from itself.

A program's imports cost a second or two of a processor, a fork twenty milliseconds; a run of all tests starts some
hundreds. It starts no thread and opens no connection itself, so that a fork is the same as a new process that has come
to the line behind its imports. Who starts it is :mod:`tests.support.forked`.

Each message on its standard input, a Unix socket of whole messages, asks for a program: JSON
``{"command": [...], "cwd": path, "environment": {...}}`` with the three standard files beside it. The answer is the
process id.
"""

from __future__ import annotations

import ctypes
import gc
import io
import json
import os
import pkgutil
import platform
import runpy
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

MESSAGE_BYTES = 1 << 20
_SYS_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE_PARENT = 0x8000
_STANDARD_FILES = (("stdin", 0, "r", "strict"), ("stdout", 1, "w", "strict"), ("stderr", 2, "w", "backslashreplace"))
_FAILED, _INTERRUPTED = 1, 130


def _starter() -> None:
    """Import what the commands import when they are given."""
    console = import_module("console")
    for part in pkgutil.iter_modules(console.__path__):
        import_module(f"console.{part.name}")
    for name in ("temporalio.client", "temporalio.contrib.pydantic", "rich.console", "rich.live", "rich.table"):
        import_module(name)


def _worker() -> None:
    """Import the worker, and the clients that it imports for its first calls."""
    import_module("worker")
    for package in import_module("arm.clients").PACKAGES.values():
        import_module(package)


def _simulator() -> None:
    import_module("simulator.__main__")
    # It is run once more, as the program: of a module that is there already `runpy` warns.
    del sys.modules["simulator.__main__"]


IMPORTS: dict[str, Callable[[], None]] = {
    "starter.py": _starter,
    "worker.py": _worker,
    "tests.chaos.fuse": _worker,
    "simulator": _simulator,
}
"""What each program imports, by its file or its module."""


def is_possible() -> bool:
    """Whether a child can be given to our parent on this machine."""
    return sys.platform == "linux" and platform.machine() in _SYS_CLONE


def main() -> None:
    """Fork until nobody can ask any more."""
    requests = socket.socket(fileno=sys.stdin.fileno())
    ready: set[str] = set()
    while True:
        message, files, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 3)
        if not message:
            return
        wanted = json.loads(message)
        program = program_of(wanted["command"])
        if program not in ready:
            IMPORTS[program]()
            ready.add(program)
            gc.collect()
            gc.freeze()
        pid = _fork()
        if not pid:
            requests.detach()
            _become(wanted, files)
        for file in files:
            os.close(file)
        requests.send(str(pid).encode())


def program_of(command: list[str]) -> str:
    """Return which of our programs a command runs: `python worker.py`, `python -m simulator`; empty for another."""
    name = command[2] if command[1] == "-m" else Path(command[1]).name
    return name if name in IMPORTS else ""


def _fork() -> int:
    """Fork, and make the child our parent's: whoever asked waits for it as for one of their own."""
    library = ctypes.PyDLL(None)
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = int(library.syscall(_SYS_CLONE[platform.machine()], _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0))
    if pid:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    return pid


def _become(wanted: dict[str, Any], files: list[int]) -> NoReturn:
    """Run a program as `python` would, from the line behind its imports."""
    code = _FAILED
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
        for file in files:
            os.close(file)
        Path("/proc/self/comm").write_text(program_of(wanted["command"]), encoding="utf-8")
        os.chdir(wanted["cwd"])
        os.environ.clear()
        os.environ.update(wanted["environment"])
        time.tzset()
        _open_standard_files()
        code = _run(wanted["command"][1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BaseException:  # noqa: BLE001 - as the interpreter does with what nobody has caught
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _open_standard_files() -> None:
    for name, number, mode, errors in _STANDARD_FILES:
        line_buffering = name == "stderr" or os.isatty(number)
        binary = os.fdopen(number, f"{mode}b", closefd=False)
        stream = io.TextIOWrapper(binary, encoding="utf-8", errors=errors, line_buffering=line_buffering)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _run(words: list[str]) -> int:
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = words
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            return ending.code or 0
        sys.stderr.write(f"{ending.code}\n")
        return _FAILED
    return 0


if __name__ == "__main__":
    main()
