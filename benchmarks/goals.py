"""The goals, P1 to P18, and whether a result meets them.

A row is computed from a result's JSON alone, so that the page can be written anew from what is kept.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.fleet import MINIMUM_WRITES
from benchmarks.measures import median, percentile
from benchmarks.run import CONCURRENT, OURS, SEQUENTIAL
from workflows import policies

Json = dict[str, Any]
MET, NOT_MET, UNKNOWN = "met", "not met", "not measured"
LEAST_FOR_MEMORY = 10
"""Smaller fleets take less memory than a worker takes more or less of by itself."""
YOUNG_SECONDS = policies.WAITS[0][0].total_seconds()
"""The heartbeat timeout of a wait for a first copy that has just begun, which P14 kills the worker in."""


@dataclass(frozen=True)
class Row:
    """One goal beside what was measured."""

    id: str
    metric: str
    goal: str
    ours: str
    script: str = "–"
    verdict: str = UNKNOWN


@dataclass(frozen=True)
class Result:
    """What was measured in one go."""

    json: Json

    @property
    def size(self) -> int:
        """How many machines the fleet had."""
        return int(self.json["size"])

    @property
    def unbound(self) -> str:
        """Which runs had no limits of ARM's."""
        return "free" if any(run["for"] == "free" for run in self.json["runs"]) else "fleet"

    @property
    def limits_are_away(self) -> bool:
        """Whether those runs were made: a large fleet may have been moved with ARM's limits on alone."""
        return not any(run["limits"] for run in self.runs(OURS, self.unbound))

    def runs(self, program: str, what_for: str) -> list[Json]:
        """Return the runs of a program for a purpose."""
        return [run for run in self.json["runs"] if run["program"] == program and run["for"] == what_for]

    def numbers(self, program: str, what_for: str, of: Callable[[Json], float]) -> list[float]:
        """Return a figure of each of those runs."""
        return [of(run) for run in self.runs(program, what_for)]

    def median(self, program: str, what_for: str, of: Callable[[Json], float]) -> float | None:
        """Return the median of a figure over those runs; None where there is none."""
        found = self.numbers(program, what_for, of)
        return median(found) if found else None


def overhead(run: Json) -> float:
    """Return how many times its critical path a run took."""
    path = run["bounds"]["critical path"]
    return float(run["virtual_seconds"]) / path if path else math.nan


def over_bound(run: Json) -> float:
    """Return how many times its bound a run took: path, ARM's limits or disks, whichever is longest."""
    bound = max(run["bounds"].values())
    return float(run["virtual_seconds"]) / bound if bound else math.nan


def moved(run: Json) -> int:
    """Return how many machines were migrated."""
    return int(run["outcomes"].get("migrated", 0))


def rows(json: Json) -> list[Row]:
    """Return all rows, in order."""
    result = Result(json)
    made = (
        *_times(result),
        *_requests(result),
        *_temporal(result),
        *_machine(result),
        *_against_scripts(result),
        *_recovery(json.get("recovery", {})),
        *_small_things(result),
    )
    return sorted(made, key=lambda row: int(row.id[1:]))


def _times(result: Result) -> Iterable[Row]:
    ours, script = (result.median(name, "one", overhead) for name in (OURS, CONCURRENT))
    yield Row("P1", "overhead, 1 VM: time ÷ critical path", "≤ 1.03", _x(ours), _x(script), _at_most(ours, 1.03))
    found, theirs = (
        result.numbers(name, result.unbound, overhead) if result.limits_are_away else [] for name in (OURS, CONCURRENT)
    )
    worst = percentile(found, 95) if found else None
    good = bool(found and theirs) and percentile(found, 95) <= 1.10 and median(found) <= 1.05 * median(theirs)
    yield Row(
        "P2",
        f"overhead, {result.size:,} VMs, ARM's limits away",
        "≤ 1.10 (p95), ≤ 1.05 × the script",
        f"{_x(worst)} (median {_x(median(found))})" if found else "–",
        _x(median(theirs)) if theirs else "–",
        (MET if good else NOT_MET) if found else UNKNOWN,
    )
    limited = [run for run in result.runs(OURS, "fleet") if run["limits"]]
    if limited:
        worst = max(over_bound(run) for run in limited)
        lost = sum(run["size"] - moved(run) for run in limited)
        scripts = result.runs(CONCURRENT, "fleet")
        their = max((over_bound(run) for run in scripts), default=math.nan)
        left = sum(run["size"] - moved(run) for run in scripts)
        yield Row(
            "P3",
            f"makespan ÷ bound, {result.size:,} VMs, ARM's limits on",
            "≤ 1.15, no VM failed",
            f"{_x(worst)}, {lost} failed",
            f"{_x(their)}, {left} failed",
            MET if worst <= 1.15 and not lost else NOT_MET,
        )
        share, its = (
            result.median(name, "fleet", lambda run: run["requests"]["share_of_429"]) for name in (OURS, CONCURRENT)
        )
        yield Row(
            "P4", "share of 429 among the requests", "≤ 0.5 %", _percent(share), _percent(its), _at_most(share, 0.005)
        )


def _requests(result: Result) -> Iterable[Row]:
    writes, theirs = (
        result.median(name, "fleet", lambda run: run["requests"]["writes_per_vm"]) for name in (OURS, CONCURRENT)
    )
    again = sum(run["requests"]["repeated_writes"] for run in result.runs(OURS, "fleet"))
    yield Row(
        "P5",
        "ARM writes per VM",
        f"{MINIMUM_WRITES}, none twice",
        f"{_number(writes)}, {again} twice",
        _number(theirs),
        (MET if writes <= MINIMUM_WRITES and not again else NOT_MET) if writes is not None else UNKNOWN,
    )

    def read(run: Json) -> float:
        return float(run["requests"]["reads_per_vm"])

    fleet, single, script = (
        result.median(OURS, "fleet", read),
        result.median(OURS, "long", read),
        result.median(CONCURRENT, "fleet", read),
    )
    yield Row(
        "P6",
        "ARM reads per VM (1 VM: a first copy of 6 h)",
        f"≤ 60 of {result.size:,} VMs, ≤ 200 of 1 VM",
        f"{_number(fleet)}; {_number(single)}",
        _number(script),
        _all_of(_at_most(fleet, 60), _at_most(single, 200)),
    )
    late, its = (
        result.median(name, "fleet", lambda run: run["detection"]["p95_of_allowed"]) for name in (OURS, CONCURRENT)
    )
    seconds = result.median(OURS, "fleet", lambda run: run["detection"]["p95_seconds"])
    yield Row(
        "P7",
        "an operation's end is seen after (p95, of what is allowed)",
        "2 % of its time or 5 s",
        f"{_seconds(seconds)}, {_percent(late)} of that" if late is not None else "–",
        f"{_percent(its)} of that" if its is not None else "–",
        _at_most(late, 1.0),
    )


def _temporal(result: Result) -> Iterable[Row]:
    def of(name: str) -> Callable[[Json], float]:
        return lambda run: float(run["temporal"][name])

    fleet, long = result.median(OURS, "fleet", of("actions_per_vm")), result.median(OURS, "long", of("actions_per_vm"))
    yield Row(
        "P8",
        "Temporal actions per VM (fleet; 1 VM over 6 h with its plan)",
        "≤ 60",
        f"{_number(fleet)}; {_number(long)}",
        verdict=_all_of(_at_most(fleet, 60), _at_most(long, 60)),
    )
    everything = [run for run in result.json["runs"] if run["program"] == OURS and run["for"] != "faulty"]
    events = max((run["temporal"]["events_most"] for run in everything), default=None)
    size = max((run["temporal"]["kib_most"] for run in everything), default=None)
    good = events is not None and events <= 250 and size is not None and size < 512
    yield Row(
        "P9",
        "history of a VM: events, size (longest)",
        "≤ 250, < 512 KB",
        f"{_number(events)}, {_number(size)} KB",
        verdict=MET if good else NOT_MET if events is not None else UNKNOWN,
    )


def _machine(result: Result) -> Iterable[Row]:
    def most(run: Json) -> float:
        return float(run["used"]["worker"]["most_mib"])

    one, fleet = result.median(OURS, "one", most), result.median(OURS, "fleet", most)
    each = None
    if one is not None and fleet is not None and result.size >= LEAST_FOR_MEMORY:
        each = (fleet - one) * 1024 / (result.size - 1)
    yield Row(
        "P10",
        "worker's memory per VM in flight; at most",
        "≤ 256 KiB; ≤ 700 MiB",
        f"{_whole(each)} KiB; {_whole(fleet)} MiB",
        verdict=_all_of(_at_most(each, 256), _at_most(fleet, 700)),
    )
    points = growth(result.json)
    exponent, jump = fitted(points), jump_at_101(points)
    if exponent is not None:
        told = f"{exponent:.2f}" + (f"; {jump:.2f} ×" if jump is not None else "")
        yield Row(
            "P11",
            f"growth of the time for all steps, {points[0][0]} to {points[-1][0]:,} VMs; from 100 to 101",
            "exponent ≤ 1.05; ≤ 1.3 ×",
            told,
            verdict=MET if exponent <= 1.05 and (jump or 1) <= 1.3 else NOT_MET,
        )

    def used(run: Json) -> float:
        return float(run["used"]["worker"]["cpu_seconds"]) / int(run["size"])

    cpu = result.median(OURS, "fleet", used)
    script = result.median(CONCURRENT, "fleet", lambda run: run["used"]["script"]["cpu_seconds"] / run["size"])
    yield Row("P18", "worker's processor time per VM", "≤ 0.3 s", _seconds(cpu), _seconds(script), _at_most(cpu, 0.3))


def _against_scripts(result: Result) -> Iterable[Row]:
    def taken(run: Json) -> float:
        return float(run["virtual_seconds"])

    limits = "" if result.limits_are_away else ", ARM's limits on"
    ours, script = result.median(OURS, result.unbound, taken), result.median(CONCURRENT, result.unbound, taken)
    if ours and script:
        ratio = script / ours
        yield Row(
            "P12",
            f"throughput ÷ the asyncio script's, {result.size:,} VMs{limits}",
            "≥ 0.95",
            f"{ratio:.3f}",
            "1",
            MET if ratio >= 0.95 else NOT_MET,
        )
    each = sequential_seconds(result.json)
    best = result.median(OURS, result.unbound, taken)
    if each and best:
        speed_up, wanted = each * result.size / best, 500.0 if result.size >= 1_000 else 0.9 * result.size
        yield Row(
            "P13",
            f"speed-up over the sequential script, {result.size:,} VMs{limits} (its time is extrapolated)",
            f"≥ {wanted:g} ×",
            f"{speed_up:.0f} ×",
            "1",
            MET if speed_up >= wanted else NOT_MET,
        )


def sequential_seconds(json: Json) -> float | None:
    """Return how long the sequential script takes for one machine of the fleet, by Azure's clock.

    Where the fleet's first copies take longer than those of its twenty machines, it would wait for each so much longer.
    """
    result = Result(json)
    runs, fleets = result.runs(SEQUENTIAL, "sequential"), result.runs(OURS, result.unbound)
    if not runs or not runs[0]["seconds_of_each"]:
        return None
    longer = 60 * (fleets[0]["copy_minutes"] - runs[0]["copy_minutes"]) if fleets else 0
    return float(statistics.mean(runs[0]["seconds_of_each"]) * runs[0]["speed"] + longer)


def _recovery(found: Json) -> Iterable[Row]:
    worker, waiting, server = (found.get(name) for name in ("reading", "waiting", "server"))
    note = f" ({found['when']})" if "when" in found else ""
    yield Row(
        "P14",
        f"worker killed: a wait, a waiting VM go on after{note}",
        f"heartbeat timeout ({YOUNG_SECONDS:g} s) + 2 s; ≤ 2 s",
        f"{_seconds(worker)}; {_seconds(waiting)}",
        verdict=_all_of(_at_most(worker, YOUNG_SECONDS + 2), _at_most(waiting, 2)),
    )
    yield Row(
        "P15",
        f"Temporal killed: work goes on after its restart{note}",
        "≤ 5 s",
        _seconds(server),
        verdict=_at_most(server, 5),
    )


def _small_things(result: Result) -> Iterable[Row]:
    offline = result.json.get("offline") or {}
    good = bool(offline) and offline["seconds"] <= 5 and offline["mib"] <= 300 and offline["machines"] >= 5_000
    told = f"{offline['seconds']:.1f} s, {offline['mib']:.0f} MiB" if offline else "–"
    short = (
        f" (of {offline['machines']:,}: larger plans are refused)" if offline and offline["machines"] < 5_000 else ""
    )
    yield Row(
        "P16",
        "check of 5,000 VMs, the part that asks nobody",
        "≤ 5 s, ≤ 300 MiB",
        told + short,
        verdict=MET if good else NOT_MET if offline else UNKNOWN,
    )
    late = result.median(OURS, "fleet", lambda run: run["approval_seconds"].get("p95", math.nan))
    yield Row(
        "P17",
        f"approval to the next ARM call, {result.size:,} VMs (p95)",
        "≤ 1 s",
        _seconds(late, digits=2),
        verdict=_at_most(late, 1.0),
    )


def growth(json: Json) -> list[tuple[int, float]]:
    """Return how long a step takes in the mean, by the size of the fleet, where ARM's limits are away."""
    result = Result(json)
    found: dict[int, list[float]] = {}
    for what_for in ("one", "growth", result.unbound):
        for run in result.runs(OURS, what_for):
            found.setdefault(int(run["size"]), []).append(float(run["steps"]["mean_seconds"]))
    return sorted((size, median(numbers)) for size, numbers in found.items())


def fitted(points: list[tuple[int, float]]) -> float | None:
    """Return the exponent by which the time of all steps grows with the fleet; None of fewer than two sizes."""
    usable = [(size, seconds) for size, seconds in points if seconds > 0]
    if len({size for size, _ in usable}) < 2:
        return None
    slope, _ = statistics.linear_regression(
        [math.log(size) for size, _ in usable], [math.log(size * seconds) for size, seconds in usable]
    )
    return slope


def jump_at_101(points: list[tuple[int, float]]) -> float | None:
    """Return how many times as long a step takes with 101 machines as with 100."""
    by_size = dict(points)
    return by_size[101] / by_size[100] if by_size.get(100) and 101 in by_size else None


def _at_most(value: float | None, limit: float) -> str:
    if value is None or math.isnan(value):
        return UNKNOWN
    return MET if value <= limit else NOT_MET


def _all_of(*verdicts: str) -> str:
    """Return the verdict on a goal of several parts: one that is not met is enough, however few were measured."""
    return next((one for one in (NOT_MET, UNKNOWN) if one in verdicts), MET)


def _x(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}".removesuffix(".0")


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2g} %" if value < 1 else f"{100 * value:,.0f} %"


def _seconds(value: float | None, digits: int = 1) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f} s"
