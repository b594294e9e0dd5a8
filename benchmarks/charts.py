"""The pictures of the page, as SVG with the text as text: small, and sharp at every size.

Each picture has its words beside it (:func:`told`), which the page gives to those who do not see it.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks import goals
from benchmarks.cloudlog import COPY
from benchmarks.goals import Json, Result
from benchmarks.measures import median
from benchmarks.run import CONCURRENT, NAMES, OURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {OURS: "#0b5cad", CONCURRENT: "#b8560f", "bound": "#6b7280", "sequential": "#6b7280"}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmarks",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "axes.axisbelow": True,
    "figure.facecolor": "white",
}
mpl.rcParams.update(_STYLE)
_LABELLED_SECONDS = 140
"""Shorter operations have no room for their name."""


def makespan(result: Json) -> tuple[str, str]:
    """Return bars of how long each program took for the fleet beside what none can be faster than; and its words."""
    of = Result(result)
    runs = {name: of.runs(name, "fleet") for name in (OURS, CONCURRENT)}
    bound = median([max(run["bounds"].values()) for run in runs[OURS]])
    bars = [("no program is faster", bound, COLOURS["bound"])]
    bars += [
        (NAMES[name], median([float(run["virtual_seconds"]) for run in found]), COLOURS[name])
        for name, found in runs.items()
        if found
    ]
    figure, axes = _figure(len(bars) * 0.5 + 0.9)
    minutes = [seconds / 60 for _, seconds, _ in bars]
    axes.barh([name for name, _, _ in bars], minutes, color=[colour for _, _, colour in bars])
    for place, value in enumerate(minutes):
        axes.annotate(f" {value:.1f} min", (value, place), va="center")
    axes.invert_yaxis()
    axes.set_xlabel(f"minutes by Azure's clock, {of.size:,} VMs")
    axes.margins(x=0.12)
    words = "; ".join(f"{name} {seconds / 60:.1f} minutes" for name, seconds, _ in bars)
    each = goals.sequential_seconds(result)
    if each:
        words += f"; the sequential script, extrapolated, {each * of.size / 3600:.1f} hours"
        axes.set_title(f"one after the other: {each * of.size / 3600:.1f} h (extrapolated)", loc="right", fontsize=9)
    return _svg(figure), f"Time to move {of.size:,} virtual machines: {words}."


def chain(result: Json) -> tuple[str, str] | None:
    """Return one machine's operations over time, ours above the script's, with the gaps between; and its words."""
    of = Result(result)
    found = [
        (name, run["slowest"]) for name in (OURS, CONCURRENT) for run in of.runs(name, "one")[:1] if run["slowest"]
    ]
    if not found:
        return None
    figure, axes = _figure(len(found) * 0.7 + 1.1)
    for place, (name, operations) in enumerate(found):
        for one in operations:
            begins, lasts = one["from"] / 60, (one["until"] - one["from"]) / 60
            axes.barh(place, lasts, left=begins, color=COLOURS[name], edgecolor="white", linewidth=0.5, height=0.5)
            if one["until"] - one["from"] > _LABELLED_SECONDS:
                middle = (one["from"] + one["until"]) / 120
                axes.annotate(one["kind"], (middle, place), ha="center", va="center", color="white", fontsize=8)
    axes.set_yticks(range(len(found)), [NAMES[name] for name, _ in found])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("minutes by Azure's clock, 1 VM (white: nothing runs in Azure)")
    words = "; ".join(f"{NAMES[name]}: {_gaps(operations):.0f} s between operations" for name, operations in found)
    kinds = ", ".join(one["kind"] for one in found[0][1])
    return _svg(figure), f"The operations of one virtual machine one after the other ({kinds}). {words}."


def requests(result: Json) -> tuple[str, str]:
    """Return bars of the requests for one machine, by kind, ours beside the script's; and its words."""
    of = Result(result)
    kinds: dict[str, dict[str, float]] = {}
    for name in (OURS, CONCURRENT):
        for run in of.runs(name, "fleet")[-1:]:
            kinds[name] = {**run["requests"]["reads_by_kind_per_vm"], "writes": run["requests"]["writes_per_vm"]}
    order = sorted(
        {kind for found in kinds.values() for kind in found}, key=lambda kind: -kinds.get(OURS, {}).get(kind, 0.0)
    )
    figure, axes = _figure(len(order) * 0.36 + 1.0)
    for number, (name, found) in enumerate(kinds.items()):
        places = [place + (number - 0.5) * 0.36 for place in range(len(order))]
        axes.barh(places, [found.get(kind, 0.0) for kind in order], height=0.36, color=COLOURS[name], label=NAMES[name])
    axes.set_yticks(range(len(order)), order)
    axes.invert_yaxis()
    axes.set_xlabel(f"requests for each of {of.size:,} VMs")
    axes.legend(frameon=False, loc="lower right")
    words = "; ".join(
        f"{NAMES[name]}: " + ", ".join(f"{kind} {found[kind]:.1f}" for kind in order if found.get(kind, 0) >= 0.05)
        for name, found in kinds.items()
    )
    return _svg(figure), f"Requests for one virtual machine by what they are about. {words}."


def overheads(results: list[Json]) -> tuple[str, str] | None:
    """Return the overhead by the size of the fleet, of all results; and its words."""
    found = {name: _overheads(results, name) for name in (OURS, CONCURRENT)}
    if len(found[OURS]) < 2:
        return None
    figure, axes = _figure(3.0)
    for name, points in found.items():
        axes.plot(list(points), list(points.values()), marker="o", color=COLOURS[name], label=NAMES[name])
    axes.set_xscale("log")
    sizes = sorted({size for points in found.values() for size in points})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.axhline(1.0, color=COLOURS["bound"], linewidth=1)
    axes.set_ylim(bottom=0.98)
    axes.set_xlabel("VMs")
    axes.set_ylabel("time ÷ critical path")
    axes.legend(frameon=False)
    words = "; ".join(
        f"{NAMES[name]}: " + ", ".join(f"{value:.3f} at {size:,}" for size, value in points.items())
        for name, points in found.items()
        if points
    )
    return _svg(figure), f"Time divided by the critical path, by the number of virtual machines. {words}."


def _overheads(results: list[Json], program: str) -> dict[int, float]:
    found: dict[int, list[float]] = {}
    for result in results:
        of = Result(result)
        for what_for in ("one", "growth", of.unbound):
            for run in of.runs(program, what_for):
                found.setdefault(int(run["size"]), []).append(goals.overhead(run))
    return {size: median(numbers) for size, numbers in sorted(found.items())}


def _gaps(operations: list[Json]) -> float:
    pairs = itertools.pairwise(operations)
    return float(sum(after["from"] - before["until"] for before, after in pairs if after["kind"] != COPY))


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, height), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    # Coordinates to a hundredth of a point: nobody sees more, and the file is a third smaller.
    return re.sub(r"(\d+\.\d{2})\d+", r"\1", text.getvalue())


PICTURES: dict[str, Callable[[Json], tuple[str, str] | None]] = {
    "makespan": makespan,
    "chain": chain,
    "requests": requests,
}
"""The pictures of one result, by the name of their file."""
