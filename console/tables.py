"""Tables and lines for a screen of 80 columns. Colour only repeats what a word says."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from shutil import get_terminal_size

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from console.parity import summary
from console.texts import clean, local_time, span, words
from console.view import PlanView, VmView
from migration.eta.reckoning import goal, in_words
from migration.eta.values import Estimate
from migration.phases import Outcome, Phase

_WIDTH = 80
_MOST_LINES = 10
"""Of what people have paused, held and limited; `--json` tells all."""
_STANDS_STILL = {"no_progress", "rpo_rising", "health_error", "late"}
"""Why something stands still that its workflow does not wait for."""
_COLOURS = {
    "migrated": "green",
    "done": "green",
    "rolled back": "yellow",
    "refused": "yellow",
    "mixed": "yellow",
    "rolling back": "yellow",
    "awaiting approval": "cyan",
    "needs operator": "red",
    "needs action": "red",
    "lost": "red",
    "blocking": "red",
    "unknown": "red",
    "warning": "yellow",
}


def screen(*, plain: bool) -> Console:
    """Return the console that draws on stdout; a *plain* one writes no escapes.

    Where it is no terminal it has as many columns as the variable COLUMNS says, else 80.
    """
    console = Console(highlight=False, markup=False, emoji=False, color_system=None if plain else "auto")
    if not console.is_terminal:
        console.width = get_terminal_size((_WIDTH, 0)).columns
    return console


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table of plain cells; long ones go on in the next line."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for row in rows:
        drawn.add_row(*(styled(cell) for cell in row))
    return drawn


def styled(text: str) -> Text:
    """Return *text* as it stands, in its colour if it is a word that has one."""
    safe = clean(text)
    return Text(safe, style=_COLOURS.get(safe, ""))


def state(vm: VmView) -> str:
    """Return what a virtual machine is doing, or how it ended."""
    if vm.outcome and (vm.phase is Phase.DONE or not vm.is_running):
        return words(vm.outcome)
    return "lost" if vm.lost else words(vm.phase)


def progress(vm: VmView) -> str:
    """Return how far replication is and what an unplanned stop would lose now: `45 %, RPO 30 s`."""
    parts = []
    if vm.progress_percent is not None:
        parts.append(f"{vm.progress_percent} %")
    if vm.rpo_seconds is not None:
        parts.append(f"RPO {span(vm.rpo_seconds)}")
    return ", ".join(parts)


def waiting(vm: VmView) -> str:
    """Return what a virtual machine waits for, who must act, and what was refused."""
    parts = [f"ALARM: {vm.alarm}"] if vm.alarm else []
    parts += [vm.held] if _stands_before_its_turn(vm) and vm.held not in vm.waiting_for else []
    parts += [vm.waiting_for or (vm.reason if vm.outcome is not Outcome.MIGRATED else "")]
    if vm.eta and vm.eta.stuck in _STANDS_STILL:
        parts.append(f"stands still: {vm.eta.reason}")
    if vm.parity and not vm.parity.open and vm.phase is Phase.AWAITING_APPROVAL:
        parts.append(summary(vm.parity))
    if vm.choices:
        parts.append("decide: " + ", ".join(choice.replace("_", "-") for choice in vm.choices))
    if vm.last_refusal and vm.phase is Phase.AWAITING_APPROVAL:
        parts.append(f"last refusal: {vm.last_refusal.removeprefix('refused: ')}")
    return "; ".join(part for part in parts if part)


def _stands_before_its_turn(vm: VmView) -> bool:
    """Tell whether what holds a virtual machine keeps it from going on now: a copy goes on while it is paused."""
    return vm.phase is Phase.WAITING_FOR_TURN or not vm.has_run


def steering_lines(view: PlanView) -> list[str]:
    """Return a line for each pause, each gate that failures hold, and each limit that people have changed."""
    if view.ended:
        return []
    lines = [f"paused: {pause.told}" for pause in view.pauses[:_MOST_LINES]]
    lines += [
        f"! {gate.told}; open it: resume {view.plan} --wave {gate.wave} --reason TEXT"
        for gate in view.held_gates[:_MOST_LINES]
    ]
    lines += [f"limits now: {limits.told}" for limits in view.limits[:_MOST_LINES]]
    more = sum(max(len(told) - _MOST_LINES, 0) for told in (view.pauses, view.held_gates, view.limits))
    return [clean(line) for line in lines] + ([f"and {more} more: status {view.plan} --json"] if more else [])


def plan_line(view: PlanView, *, with_times: bool = True) -> str:
    """Return one line about the plan itself."""
    parts = [f"plan {view.plan}: {words(view.outcome or view.phase or ('running' if view.is_running else 'ended'))}"]
    if view.started and with_times:
        parts.append(f"started {local_time(view.started)}")
    if view.ended and with_times:
        parts.append(f"ended {local_time(view.ended)}")
    if view.waiting_for and not view.ended:
        parts.append(f"{'needs a person' if view.needs_action else 'waiting for'}: {view.waiting_for}")
    if view.reason:
        parts.append(view.reason)
    if view.eta and with_times:
        parts.append(end_line(view.eta))
    return clean("; ".join(parts))


def end_line(told: Estimate) -> str:
    """Return one sentence about when something is ready for approval, or done."""
    if told.is_unknown:
        return f"{goal(told)}: {in_words(told)}"
    return f"{goal(told)} in {in_words(told)}" + (f" ({told.reason})" if told.reason else "")


def wave_lines(view: PlanView) -> list[str]:
    """Return a line for each wave of a plan of several that has not ended."""
    return [clean(f"  {name}: {end_line(told)}") for name, told in view.waves.items()] if len(view.waves) > 1 else []


def plan_table(view: PlanView, *, elapsed: bool = False) -> RenderableType:
    """Return the table of a plan's virtual machines."""
    ends = ["ready in"] if any(vm.eta for vm in view.vms) else []
    headings = ["VM", "wave", "phase", "progress", *(["elapsed"] if elapsed else []), *ends, "waiting for"]
    return table(headings, (_row(vm, elapsed=elapsed, ends=bool(ends)) for vm in view.vms))


def ready_in(told: Estimate | None) -> str:
    """Return an estimate as a cell of a table; what waits for a person or a window has none of its own."""
    if told is None or told.waits_only:
        return ""
    return "unknown" if told.is_unknown else in_words(told)


def _row(vm: VmView, *, elapsed: bool, ends: bool) -> list[str]:
    age = [span(vm.elapsed_seconds(datetime.now(UTC)))] if elapsed else []
    end = [ready_in(vm.eta)] if ends else []
    mark = "! " if vm.needs_action else ""
    return [vm.name, vm.wave, state(vm), progress(vm), *age, *end, mark + waiting(vm)]
