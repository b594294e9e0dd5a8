"""The tests' own spreading over processes."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from tests.scheduling import LONG_FIRST, ON_ONE_CLONE, unit_of

CONFTEST = """\
import pytest
from tests.scheduling import WholeFiles

def pytest_xdist_make_scheduler(config, log):
    return WholeFiles(config, log)
"""
TESTS = """\
import time
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(number):
    time.sleep(0.02)
"""


def test_the_tests_of_a_file_run_in_one_process(tmp_path: Path, root: Path) -> None:
    """No process starts what a file's tests share once more; several processes are used."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("a", "b", "c"):
        (tmp_path / f"test_{name}.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "-p", "no:cacheprovider", "-c", "/dev/null"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=root, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    processes: dict[str, set[str]] = defaultdict(set)
    for process, file in re.findall(r"\[(gw\d)\].* PASSED (\S+)::", done.stdout):
        processes[file].add(process)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert [1, 1, 1] == [len(one) for one in processes.values()]
    assert {"gw0", "gw1"} == set().union(*processes.values())


def test_the_files_that_are_named_are_there(root: Path) -> None:
    """A file that was renamed does not lose its place in silence."""
    assert [] == [name for name in (*LONG_FIRST, *ON_ONE_CLONE) if not (root / name).exists()]
    assert {"one clone"} == {unit_of(f"{name}::test") for name in ON_ONE_CLONE}
