"""How long the part of a check takes that asks nobody: the file of a plan of 5,000 machines is read and judged."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZES = (5_000, 1_000)
"""The size of the goal, and what is taken where a plan of it is refused."""


def check_offline() -> dict[str, float]:
    """Return machines, seconds, and MiB at most, of a process that reads a plan as `check` does first."""
    from benchmarks.fleet import Fleet  # noqa: PLC0415 - the process that is measured does without it

    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            plan = Fleet(size, 5).write_plan(Path(scratch))
            command = [sys.executable, "-m", "benchmarks.offline", str(plan)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not done.returncode:
            found: dict[str, float] = json.loads(done.stdout)
            return found
    return {}


def main() -> int:
    """Read the plan that is named, and print what that took."""
    from migration.plan_file import load_plan  # noqa: PLC0415 - its import is counted with the memory, not with the time

    began = time.perf_counter()
    plan = load_plan(Path(sys.argv[1]))
    seconds = time.perf_counter() - began
    told = {"machines": len(plan.vms), "seconds": round(seconds, 2), "mib": round(_most_mib(), 1)}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _most_mib() -> float:
    """Return how much memory this program has held at most.

    Linux counts in `ru_maxrss` also what the process held that began it, before this program's own beginning.
    """
    status = Path("/proc/self/status")
    if status.exists():
        [peak] = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:")]
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    sys.exit(main())
