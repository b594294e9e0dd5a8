"""``python -m benchmarks.page``: docs/benchmarks.md with its pictures, from the results in docs/benchmarks."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from benchmarks import charts, goals, results
from benchmarks.goals import Json, Result
from benchmarks.measures import median
from benchmarks.run import CONCURRENT, NAMES, OURS
from tests.support.sim import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"
INTRODUCTION = """# Benchmarks

Written by `make bench`; do not change it by hand.

`make bench` moves the same virtual machines by three programs, in a simulated Azure on this machine: by the product as
its users run it (Temporal's server, `worker.py`, `starter.py start`, and somebody who approves at once); by an asyncio
script with the Azure SDK's pollers, the best of its kind that we can write
([concurrent.py](../benchmarks/scripts/concurrent.py)); and by the script that one writes first, `begin_*().result()`
one machine after the other ([sequential.py](../benchmarks/scripts/sequential.py)).

What is compared:

- All three protect the machine, wait for its first copy, set the target's size and network, fail over with the source
  shut down, wait until the copy has booted (its agent reports), commit, and forget the item, in a vault that is there.
  The product also checks plan, quotas, permissions and locks before it writes, asks again right before the failover,
  proves that the source is off and the copy as planned, watches both copies while it waits for its approval, and keeps
  all of that in a history. None of this is taken out of its figures. Scripts in the guests are not run by any of the
  three.
- **Critical path** is the time of the operations of one machine, each of which needs the one before, from when
  Azure accepted it until its last task ended (a boot: until the machine's agent reported): taken from the simulator's
  request log, jobs and machines, by Azure's clock, the same way for all three. **Bound** is the longest of the critical
  path, the requests ÷ what ARM grants (25 reads, 10 writes a second, beyond what the full buckets hold), and the waves
  that 3,000 protected disks force.
- Azure's clock runs faster than the wall's, at a speed that leaves the two processors time to spare; each run says its
  speed. What waits by the wall's clock is scaled by it: the script's intervals, the worker's floor between two reads
  (2 s), how often it tells of progress (24 s), and the requests a second that it allows itself. ARM's buckets refill
  by Azure's clock. A script's start (its imports) is not counted, nor is the start of the worker.
- Temporal's server runs as `make up` runs it: one partition for a queue, tasks by priority and by subscription in turn,
  32 changes of workflows written at once, 100 looks a second for tasks to hand out, and without reading the search
  attributes' definitions for each. Results of before 28 November 2026, 05:00 UTC, are of machines that sent ARM up to
  five reads more between their first copy and their end, and took up to five steps more, by each of which the server
  writes four times; of before 27 November 2026, 23:50 UTC, of a server that looked 20 times
  a second, so that each task waited up to 40 ms; of before 20:20 UTC, of one that read those definitions, and of a
  worker that fetched a hundred tasks of workflows at once: under load such tasks were lost, for ten seconds each; of
  before 16:50 UTC, of steps that read again what the one before had read more than five seconds ago, and of looks at
  both copies that went on after the approval; of before 14:00 UTC, of plans that told each machine of its turn to fail
  over by a signal of their own: in that of 1,000, hundreds waited for it for minutes; of before 11:20 UTC, of plans
  that started fifty machines at a time, after which the plan's own next task was lost, now and then, for the minute
  that it might take; now it is ten, and 20 s.
  Results of before 27 November 2026 are beside one with Temporal's own four partitions and no turns.
- The sequential script moves 20 machines; its time for more is **extrapolated**, also to the longer first copies of a
  large fleet. It runs beside everything, on a simulator of its own.
- Medians over the rounds. In a round the product and the asyncio script move the same fleet at the same time, each in
  a simulated Azure of its own: whatever else the machine does meets both. The script begins five seconds earlier.
  Single machines are moved when nothing else loads the machine, ours and the script's in turn.

`make bench` takes a quarter of an hour. `make bench SIZE=1000` runs one round with ARM's limits on, the same plan with
5 % of its machines in trouble (an enabling that fails, a failover that fails, a source that does not stop, a 503 three
times), and both without limits (`ONLY=limits,faulty,free,growth` chooses). Also: `ROUNDS=N`, `FAULTY=PERCENT`,
`SPEED=X`, `RECOVERY=1` (measures P14 and P15 anew). Raw figures are in [benchmarks/](benchmarks), request logs in
`out/benchmarks`; exit code 1 says that something got worse than the last time by more than a tenth.
"""
NOTHING = "Nothing has been measured yet.\n"


def write() -> None:
    """Write the page and its pictures."""
    kept = results.all_kept()
    IMAGES.mkdir(parents=True, exist_ok=True)
    drawn = dict(pictures(kept))
    for name, (svg, _) in drawn.items():
        _replace(IMAGES / f"benchmarks-{name}.svg", svg)
    _replace(PAGE, text(kept, {name: words for name, (_, words) in drawn.items()}))


def text(kept: list[Json], words: dict[str, str]) -> str:
    """Return the page, with the *words* of each picture by its name."""
    parts = [INTRODUCTION]
    if "overheads" in words:
        parts += ["## Overhead by size\n", _image("overheads", words)]
    parts += [_section(result, words) for result in kept] or [NOTHING]
    return "\n".join(parts)


def table(result: Json) -> str:
    """Return the table of goals as Markdown."""
    head = "| | metric | goal | ours | the asyncio script | |\n|---|---|---|---|---|---|"
    lines = [
        f"| {row.id} | {row.metric} | {row.goal} | {row.ours} | {row.script} | {_bold(row.verdict)} |"
        for row in goals.rows(result)
    ]
    return "\n".join([head, *lines])


def _bold(verdict: str) -> str:
    return f"**{verdict}**" if verdict == goals.NOT_MET else verdict


def _section(result: Json, words: dict[str, str]) -> str:
    size, machine = result["size"], result["machine"]
    rounds = f"{result['rounds']} rounds" if result["rounds"] > 1 else "one round"
    verdicts = Counter(row.verdict for row in goals.rows(result))
    lines = [
        f"## {size:,} virtual machines\n",
        (
            f"{result['when']}, {rounds}, {result['minutes']:g} minutes on {machine['processors']} processors "
            f"({machine['system']}, Python {machine['python']}; load average before: {machine['load_before']:g}"
            f"{_speed_of(machine)}): "
            f"{verdicts[goals.MET]} goals met, "
            f"{verdicts[goals.NOT_MET]} not met, {verdicts[goals.UNKNOWN]} not measured.\n"
        ),
        table(result),
        "",
        _runs(result),
        "",
    ]
    lines += [_image(f"{name}-{size}", words) for name in charts.PICTURES if f"{name}-{size}" in words]
    return "\n".join(lines)


def _speed_of(machine: Json) -> str:
    """Return how fast a machine is; of a result of earlier builds nothing is known of that."""
    if not machine.get("loop_seconds"):
        return ""
    before, after = machine["loop_seconds"]
    return f"; ten million additions in Python: {before:g} s before, {after:g} s after"


def _runs(result: Json) -> str:
    """Return a line for each kind of run: its speed, its time, how busy the processors were, what came of it."""
    head = "| run | ended (UTC) | VMs | speed | first copy | time (median) | processors busy | what became of them |"
    head += "\n|---|---|---|---|---|---|---|---|"
    kinds: dict[tuple[str, str, int], list[Json]] = {}
    for run in result["runs"]:
        kinds.setdefault((run["for"], run["program"], int(run["size"])), []).append(run)
    return "\n".join([head, *(_run(*key, runs, result["machine"]["processors"]) for key, runs in kinds.items())])


def _run(what_for: str, program: str, size: int, runs: list[Json], processors: int) -> str:
    first = runs[0]
    seconds = median([float(run["seconds"]) for run in runs])
    busy = median([sum(one["cpu_seconds"] for one in run["used"].values()) / run["seconds"] for run in runs])
    ends: Counter[str] = Counter()
    for run in runs:
        ends.update(run["outcomes"])
    conditions = [what_for] if what_for not in {"fleet", "one", "sequential"} else []
    conditions += ["ARM's limits on"] if first["limits"] else []
    conditions += [f"{first['faulty_percent']} % in trouble"] if first["faulty_percent"] else []
    name = NAMES[program] + (f" ({', '.join(conditions)})" if conditions else "")
    came = ", ".join(f"{count} {end}" for end, count in ends.most_common())
    cells = (
        name,
        runs[-1]["when"],
        f"{size:,}",
        f"{first['speed']:g}",
        f"{first['copy_minutes']} min",
        f"{seconds:.0f} s" + (f" × {len(runs)}" if len(runs) > 1 else ""),
        f"{busy:.1f} of {processors}",
        came,
    )
    return f"| {' | '.join(cells)} |"


def pictures(kept: list[Json]) -> list[tuple[str, tuple[str, str]]]:
    """Return the pictures of the results that are kept: the name of each, its SVG and its words."""
    found = [
        (f"{name}-{one['size']}", draw(one))
        for one in kept
        for name, draw in charts.PICTURES.items()
        if _has_fleet(one)
    ]
    found.append(("overheads", charts.overheads(kept)))
    return [(name, drawn) for name, drawn in found if drawn is not None]


def _has_fleet(result: Json) -> bool:
    of = Result(result)
    return bool(of.runs(OURS, "fleet") and of.runs(CONCURRENT, "fleet"))


def _image(name: str, words: dict[str, str]) -> str:
    return f"![{words[name]}](images/benchmarks-{name}.svg)\n"


def _replace(file: Path, content: str) -> None:
    written = file.with_suffix(".tmp")
    written.write_text(content, encoding="utf-8")
    written.replace(file)


if __name__ == "__main__":
    write()
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
