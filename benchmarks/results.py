"""Results as files: one for each size of fleet in docs/benchmarks, and what got worse since the one before."""

from __future__ import annotations

import json
import os
import platform
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import goals
from benchmarks.choices import Choices
from benchmarks.goals import Json, Result
from benchmarks.run import OURS, Run
from tests.support.sim import ROOT

FOLDER = ROOT / "docs" / "benchmarks"
DURABILITY = ROOT / "docs" / "durability.md"
WORSE = 1.10
"""From how many times the last figure on something got worse."""


def result_of(
    choices: Choices, runs: list[Run], offline: dict[str, float], seconds: float, loops: tuple[float, float]
) -> Json:
    """Return everything that was measured; of parts that were left out this time, what was measured the last time.

    *loops*: what a loop took before and after.
    """
    new = [run.as_dict() for run in runs]
    kinds = {run["for"] for run in new}
    before = (last(choices.size) or {}).get("runs", []) if choices.leaves_out_parts else []
    made: Json = {
        "size": choices.size,
        "rounds": choices.rounds,
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "minutes": round(seconds / 60, 1),
        "machine": {
            "processors": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
            "load_before": choices.load_before,
            "loop_seconds": list(loops),
        },
        "offline": offline,
        "recovery": recovery(),
        "runs": [*new, *(run for run in before if run["for"] not in kinds)],
    }
    return {**made, "rows": [asdict(row) for row in goals.rows(made)]}


def recovery(page: Path = DURABILITY) -> Json:
    """Return the times of recovery as `python -m tests.chaos.recovery --write` has put them into the docs."""
    block = re.search(r"<!-- recovery: [^>]*-->\n(.*?)<!-- recovery: end", page.read_text(encoding="utf-8"), re.DOTALL)
    if block is None:
        return {}
    cells = (re.split(r"\s*\|\s*", line.strip("| ")) for line in block[1].splitlines() if line.startswith("|"))
    found = {(row[0], row[1]): row[2] for row in cells if len(row) > 2}
    approved = "the wait for an approval, which comes at that moment"
    wanted = {
        "reading": [("worker killed", "a wait for the first copy")],
        "waiting": [("worker killed", approved)],
        "server": [("Temporal killed", approved), ("Temporal killed", "a job ends while Temporal is away")],
    }
    times = {
        name: max(float(found[key].removesuffix(" s")) for key in keys)
        for name, keys in wanted.items()
        if set(keys) <= set(found)
    }
    return {"when": block[1].strip().partition(",")[0], **times} if times else {}


def file_of(size: int) -> Path:
    """Return where the result of a size is kept."""
    return FOLDER / f"{size}.json"


def last(size: int) -> Json | None:
    """Return the last result of a size, if there is one."""
    file = file_of(size)
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def all_kept() -> list[Json]:
    """Return every result that is kept, the smallest fleet first."""
    found = (json.loads(file.read_text(encoding="utf-8")) for file in FOLDER.glob("*.json"))
    return sorted(found, key=lambda one: int(one["size"]))


def write(result: Json) -> Path:
    """Keep a result in the place of the last one of its size."""
    file = file_of(result["size"])
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".tmp")
    written.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    written.replace(file)
    return file


def figures(result: Json) -> dict[str, tuple[float, float]]:
    """Return what is compared between results, less being better: each with what is too little to speak of."""
    of = Result(result)
    found: dict[str, tuple[float | None, float]] = {
        "overhead of 1 VM": (of.median(OURS, "one", goals.overhead), 0.0),
        "overhead of the fleet": (of.median(OURS, of.unbound, goals.overhead), 0.0),
        "makespan over its bound": (of.median(OURS, "fleet", goals.over_bound), 0.0),
        "reads per VM": (of.median(OURS, "fleet", lambda run: run["requests"]["reads_per_vm"]), 1.0),
        "writes per VM": (of.median(OURS, "fleet", lambda run: run["requests"]["writes_per_vm"]), 0.0),
        "Temporal actions per VM": (of.median(OURS, "fleet", lambda run: run["temporal"]["actions_per_vm"]), 1.0),
        "events of a VM": (of.median(OURS, "fleet", lambda run: run["temporal"]["events_most"]), 5.0),
        "worker's processor time per VM": (
            of.median(OURS, "fleet", lambda run: run["used"]["worker"]["cpu_seconds"] / run["size"]),
            0.03,
        ),
        "worker's memory in MiB": (of.median(OURS, "fleet", lambda run: run["used"]["worker"]["most_mib"]), 5.0),
        "seconds from an approval to the next call": (
            of.median(OURS, "fleet", lambda run: run["approval_seconds"].get("p95", 0.0)),
            0.1,
        ),
        "seconds of the offline check": ((result.get("offline") or {}).get("seconds"), 0.3),
    }
    return {name: (float(value), slack) for name, (value, slack) in found.items() if value is not None}


def other_machine(result: Json, before: Json | None) -> str | None:
    """Return in words by how much the machine is another one than the last time, where that is more than a tenth."""
    now, then = (sum(((one or {}).get("machine") or {}).get("loop_seconds", ())) for one in (result, before))
    if not now or not then or max(now, then) <= WORSE * min(now, then):
        return None
    than = "slower" if now > then else "faster"
    return f"this machine was {max(now, then) / min(now, then):.1f} times {than} than that of the last time"


def worse(result: Json, before: Json | None) -> list[str]:
    """Return what got worse by more than a tenth since the result *before*, in words."""
    if before is None:
        return []
    old = figures(before)
    return [
        f"{name}: {value:.4g}, {old[name][0]:.4g} before"
        for name, (value, slack) in figures(result).items()
        if name in old and value > old[name][0] * WORSE and value - old[name][0] > slack
    ]
