"""Programs that are forked from a process that has imported them do what new processes do."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.run import OURS, Spec
from tests.support.forked import ROOT, Forked, popen
from tests.support.mother import is_possible
from tests.support.sim import Simulator

pytestmark = pytest.mark.skipif(not is_possible(), reason="only Linux gives a child to its grandparent")
Start = Callable[..., subprocess.Popen[Any]]


def starter(start: Start, folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run a command to its end."""
    process = start(
        [sys.executable, str(ROOT / "starter.py"), *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "TEMPORAL_ADDRESS": "127.0.0.1:1", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(
    "command", [("--help",), ("nonsense",), ("status", "contoso"), ("start", "für Zoë.yaml"), ("approve",)]
)
def test_a_fork_says_what_a_new_process_says(command: tuple[str, ...], tmp_path: Path) -> None:
    """Its exit code, its answer and its errors are the same."""
    assert starter(subprocess.Popen, tmp_path, *command) == starter(popen, tmp_path, *command)


def test_a_forked_simulator_says_what_a_new_one_says() -> None:
    """Also where it does not start: one that ends by an exception for its exit code."""
    command = [sys.executable, "-m", "simulator", "--speed", "fast"]
    told = []
    for start in (subprocess.Popen, popen):
        process = start(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, stderr=subprocess.PIPE, encoding="utf-8")
        _, err = process.communicate(timeout=60)
        told.append((process.returncode, err))
    assert (2, told[0]) == (told[0][0], told[1])


def test_forks_keep_nothing_of_each_other(tmp_path: Path) -> None:
    """Each has the environment that it was given, and no other."""
    named = starter(popen, tmp_path, "status", "contoso", TEMPORAL_ADDRESS="127.0.0.1:2")
    assert "127.0.0.1:2" in named[2]
    assert "127.0.0.1:1" in starter(popen, tmp_path, "status", "contoso")[2]


def test_a_measured_cloud_is_no_fork() -> None:
    """The programs of a benchmark have no page of memory in common with others."""
    with Spec(OURS, 1, 1.0, 3).cloud() as simulator:
        assert not isinstance(simulator.process, Forked)


def test_a_fork_is_a_child_of_ours_and_can_be_killed() -> None:
    """Who waits for it learns by which signal it ended; after that there is no such process."""
    with Simulator() as simulator:
        assert isinstance(simulator.process, Forked)
        os.kill(simulator.process.pid, signal.SIGKILL)
        assert -signal.SIGKILL == simulator.process.wait(10)
        with pytest.raises(ProcessLookupError):
            os.kill(simulator.process.pid, 0)


@pytest.mark.parametrize(
    ("command", "cwd", "env"),
    [
        ([sys.executable, "-c", "print(1)"], ROOT, {}),
        ([sys.executable, "worker.py", "--help"], ROOT, {"LD_PRELOAD": ""}),
        ([sys.executable, "-m", "simulator", "--help"], ROOT.parent, {}),
    ],
)
def test_what_would_not_be_the_same_is_no_fork(command: list[str], cwd: Path, env: dict[str, str]) -> None:
    """Other programs, other clones, other libraries."""
    process = popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process.wait(60)
    assert not isinstance(process, Forked)
