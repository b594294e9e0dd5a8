"""A process that has talked to Temporal ends with its exit code, every time."""

import subprocess
import sys
from pathlib import Path

from temporalio.client import Client

PROGRAM = """
import asyncio, atexit, sys
from runtime.leaving import leave
from runtime.temporal import connect

asyncio.run(connect({"TEMPORAL_ADDRESS": sys.argv[1]}))
atexit.register(print, "the interpreter is taken down")
print("said", end="")
leave(7)
"""


async def test_the_exit_code_survives_temporals_threads(client: Client, root: Path) -> None:
    """What was printed is printed, and the interpreter, which may abort then, is not taken down."""
    command = [sys.executable, "-c", PROGRAM, client.service_client.config.target_host]

    ended = [_run(command, root) for _ in range(3)]

    assert [(7, "said")] * 3 == ended


def test_without_temporal_a_process_ends_as_usual(root: Path) -> None:
    """What is to be done at exit is done."""
    program = "import atexit; atexit.register(print, 'bye'); from runtime.leaving import leave; leave(7)"

    assert (7, "bye\n") == _run([sys.executable, "-c", program], root)


def _run(command: list[str], root: Path) -> tuple[int, str]:
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout
