"""What the sandbox costs a run of a workflow, behind production's wall and behind one around all our modules.

`python -m tests.runtime.sandbox_costs` prints both.
"""

import gc
import sys
import time
from pathlib import Path

from temporalio.worker.workflow_sandbox import SandboxRestrictions
from temporalio.worker.workflow_sandbox._importer import Importer
from temporalio.worker.workflow_sandbox._restrictions import RestrictionContext

from runtime.sandbox import WALLS
from worker import RUNNER

RUNS = 20
PAGE_KIB = 4


def measure(restrictions: SandboxRestrictions) -> tuple[float, float]:
    """Return the processor's milliseconds and the KiB that a run's imports take."""
    kept = [imported(restrictions) for _ in range(2)]
    gc.collect()
    memory, began = _resident_kib(), time.process_time()
    kept += [imported(restrictions) for _ in range(RUNS)]
    milliseconds = (time.process_time() - began) * 1000 / RUNS
    gc.collect()
    return milliseconds, (_resident_kib() - memory) / RUNS


def imported(restrictions: SandboxRestrictions) -> tuple[Importer, dict[str, object]]:
    """Return what imports for a run, and what it has imported, as the sandbox does."""
    importer, names = Importer(restrictions, RestrictionContext()), dict[str, object]()
    with importer.applied():
        exec("import workflows.migrate_vm", names)  # noqa: S102 - as the sandbox does
    return importer, names


def _resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KIB


if __name__ == "__main__":
    # The narrow one first: memory that the wide one frees would hide what it takes.
    for name, restrictions in (("around definitions", RUNNER.restrictions), ("around all modules", WALLS)):
        milliseconds, kib = measure(restrictions)
        sys.stdout.write(f"a wall {name}: {milliseconds:.1f} ms of a processor, {kib:.0f} KiB for a run\n")
