"""The clock of a process is off by as much as its row says, and its monotonic clock is not."""

import os
import subprocess
import sys
import time

import pytest

from tests.chaos import clocks


@pytest.mark.parametrize("seconds", [3_600, -3_600])
def test_a_process_lives_at_another_hour(seconds: int) -> None:
    """The time of day is off, for files of certificates and tokens alike; timeouts are as long as they were."""
    if clocks.missing():
        pytest.skip(clocks.missing())
    told = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time(), time.monotonic())"],
        env=os.environ | clocks.off_by(seconds),
        capture_output=True,
        text=True,
        check=True,
    )
    wall, monotonic = map(float, told.stdout.split())
    assert abs(wall - time.time() - seconds) < 60
    assert abs(monotonic - time.monotonic()) < 60
