"""How progress is shown: a table that is redrawn at a terminal, else a line for each change."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from console.fleet_tables import alike_and_others, overview, wave_line, waves_of
from console.fleets import DETAILED, urgency
from console.tables import plan_line, plan_table, progress, ready_in, screen, state, steering_lines, waiting, wave_lines
from console.texts import clean, clock_time, counted
from console.view import PlanView, VmView
from migration.eta.reckoning import goal

_STEP_PERCENT = 10
_REST_OF_SCREEN = 6
"""Lines of a terminal that the table leaves: headings, the plan's line, the count of what is left out, the prompt."""


class Display(Protocol):
    """Shows one view after the other."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *_: object) -> None:
        """Leave the last view where it is."""

    def show(self, view: PlanView) -> None:
        """Show *view*."""


class LineDisplay:
    """Tells each change on a line of its own, for files, pipes and screens that are not to be redrawn."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._told: dict[str, str] = {}
        self._steering: list[str] = []

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave what was told."""

    def show(self, view: PlanView) -> None:
        """Tell what changed since the last view."""
        self._tell(view, "", f"{view.outcome or view.phase} {view.waiting_for}", plan_line(view, with_times=False))
        self._show_steering(view)
        if view.is_large:
            self._show_waves(view)
            return
        for vm in view.vms:
            parts = (state(vm), progress(vm), _end(vm), _marked(vm))
            self._tell(view, vm.name, _change(vm), f"{vm.name}: " + "; ".join(part for part in parts if part))

    def _show_steering(self, view: PlanView) -> None:
        """Tell of each pause, held gate and limit once, and when it holds no more."""
        lines = steering_lines(view)
        for line in [line for line in self._steering if line not in lines] if not view.ended else []:
            self._write(f"{clock_time(view.read)}  no more: {line}")
        for line in [line for line in lines if line not in self._steering]:
            self._write(f"{clock_time(view.read)}  {line}")
        self._steering = lines

    def _show_waves(self, view: PlanView) -> None:
        """Tell of each wave where its virtual machines are, and of those that newly need a person."""
        waves = waves_of(view)
        for name, members in waves.items():
            asking = sum(vm.needs_action for vm in members)
            states = Counter(state(vm) for vm in members)
            tenths = {what: 10 * number // len(members) for what, number in states.items()}
            self._tell(view, f"wave {name}", f"{tenths} {asking}", wave_line(view, name, members))
        alike, others = alike_and_others(view)
        for one in alike:
            tenth = 10 * len(one.members) // len(waves[one.wave])
            self._tell(view, f"{one.members[0].phase} of {one.wave}", str(tenth), one.line)
        for vm in [vm for vm in others if vm.waiting_for][:DETAILED]:
            self._tell(view, vm.name, _change(vm), f"{vm.name}: {state(vm)}; {_marked(vm)}")

    def _tell(self, view: PlanView, subject: str, change: str, line: str) -> None:
        if self._told.get(subject) != change:
            self._told[subject] = change
            self._write(f"{clock_time(view.read)}  {clean(line)}")


class LiveDisplay:
    """Redraws one table; what stands still for a person comes first when the screen is too small for all."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or screen(plain=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        """Begin to redraw."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last view on the screen."""
        self._live.stop()

    def show(self, view: PlanView) -> None:
        """Draw *view* in place of the last one."""
        self._live.update(self._drawn(view), refresh=True)

    def _drawn(self, view: PlanView) -> RenderableType:
        room = max(1, self._console.height - _REST_OF_SCREEN)
        if view.is_large:
            return overview(view, room - len(waves_of(view)) - 2)
        head = Text("\n".join([plan_line(view), *steering_lines(view), *wave_lines(view)]))
        if len(view.vms) <= room:
            return Group(head, plan_table(view, elapsed=True))
        first = sorted(view.vms, key=urgency)[:room]
        shown = {vm.name for vm in first}
        rest = [vm for vm in view.vms if vm.name not in shown]
        part = PlanView(plan=view.plan, vms=tuple(first))
        return Group(head, plan_table(part, elapsed=True), Text(_summary(rest)))


def _summary(vms: list[VmView]) -> str:
    states: dict[str, int] = {}
    for vm in vms:
        states[state(vm)] = states.get(state(vm), 0) + 1
    return f"and {counted(len(vms), 'VM')} more: " + ", ".join(f"{number} {name}" for name, number in states.items())


def _end(vm: VmView) -> str:
    end = ready_in(vm.eta)
    return f"{goal(vm.eta)} in {end}" if vm.eta and end and end != "unknown" else ""


def _marked(vm: VmView) -> str:
    text = waiting(vm)
    return f"needs a person: {text}" if vm.needs_action and text else text


def _change(vm: VmView) -> str:
    """Return what makes a line worth telling; numbers in a text that only count up or down do not."""
    stuck = vm.eta.stuck if vm.eta else None
    steps = "" if vm.progress_percent is None else str(vm.progress_percent // _STEP_PERCENT)
    return f"{state(vm)} {steps} {vm.needs_action} {re.sub(r'[0-9]+', '#', vm.waiting_for)} {vm.last_refusal} {stuck}"
