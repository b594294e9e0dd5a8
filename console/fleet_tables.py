"""A plan of thousands on one screen: counts for each wave, those that need a person first, the rest on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from console.errors import InputError
from console.fleets import DETAILED, is_behind_gate, is_plain_approval, urgency
from console.tables import plan_line, plan_table, state, steering_lines, table
from console.texts import clean, counted, words
from console.view import PlanView, VmView
from migration.eta.reckoning import in_words
from migration.eta.values import Estimate
from migration.phases import Phase

_ALIKE = 3
"""So many of a wave that wait for nothing but their approval, or its gate, have a row each; more are told in a line."""


def waves_of(view: PlanView) -> dict[str, list[VmView]]:
    """Return the virtual machines of each wave, in the plan's order."""
    found: dict[str, list[VmView]] = {}
    for vm in view.vms:
        found.setdefault(vm.wave, []).append(vm)
    return found


def wave_table(view: PlanView) -> RenderableType:
    """Return a row for each wave: how many virtual machines are where, how many need a person, when it is ready."""
    headings = ["wave", "VMs", "need a person", "where they are", *(["ready in"] if view.waves else [])]
    rows = []
    for name, members in waves_of(view).items():
        asking = _asking(members)
        ends = [wave_ready_in(view.waves.get(name))] if view.waves else []
        rows.append([name, str(len(members)), f"! {asking}" if asking else "", _where(members), *ends])
    return table(headings, rows)


def wave_ready_in(told: Estimate | None) -> str:
    """Return the estimate of a wave in words; whom a person has to move on is told beside it, one of a hundred, too."""
    if told is None:
        return ""
    return in_words(told.model_copy(update={"reason": ""}) if told.waits_only else told)


def wave_line(view: PlanView, name: str, members: Sequence[VmView]) -> str:
    """Return the same of one wave as a line."""
    asking, end = _asking(members), view.waves.get(name)
    parts = [f"{counted(len(members), 'VM')}: {_where(members)}"]
    parts += [f"need a person: {asking}"] if asking else []
    parts += [f"ready{':' if end.is_unknown else ' in'} {wave_ready_in(end)}"] if end else []
    return clean(f"{name}: " + "; ".join(parts))


def _asking(members: Iterable[VmView]) -> int:
    return sum(vm.needs_action for vm in members)


def _where(members: Iterable[VmView]) -> str:
    return ", ".join(f"{number} {what}" for what, number in Counter(state(vm) for vm in members).most_common())


def overview(view: PlanView, room: int = DETAILED) -> RenderableType:
    """Return the whole of a large plan: its line, its waves, who needs a person, and what many of a wave wait for.

    Of those that need a person for anything else as many as have *room*.
    """
    alike, asking = alike_and_others(view)
    parts: list[RenderableType] = [Text("\n".join([plan_line(view), *steering_lines(view)])), wave_table(view)]
    if asking:
        shown = asking[: max(room - len(alike), 1)]
        parts += [Text(""), plan_table(replace(view, vms=tuple(shown)))]
        if len(asking) > len(shown):
            more = counted(len(asking) - len(shown), "more VM")
            parts.append(Text(f"and {more} that need a person: status {view.plan} --needs-action"))
    if alike:  # last: what only a person moves on is seen first where a screen is small
        parts += [Text(""), *(Text(one.line) for one in alike)]
    return Group(*parts)


class Alike(NamedTuple):
    """Many of a wave that wait for the same word of a person."""

    wave: str
    members: Sequence[VmView]
    line: str
    """Who has to say what about them, and by which command."""


def alike_and_others(view: PlanView) -> tuple[list[Alike], list[VmView]]:
    """Return those that wait for nothing but their approval, or behind a gate, where they are many; and who else asks.

    The latter in the order of their urgency.
    """
    held = {gate.wave for gate in view.held_gates}
    asking = sorted((vm for vm in view.vms if vm.needs_action), key=urgency)
    alike: list[Alike] = []
    for wave, members in waves_of(view).items():
        behind = [vm for vm in members if wave in held and is_behind_gate(vm)]
        plain = [vm for vm in members if is_plain_approval(vm)]
        lines = ((behind, gate_line(view.plan, wave, behind)), (plain, approval_line(view.plan, wave, plain)))
        alike += [Alike(wave, some, line) for some, line in lines if len(some) > _ALIKE]
    told = {id(vm) for one in alike for vm in one.members}
    return alike, [vm for vm in asking if id(vm) not in told]


def gate_line(plan: str, wave: str, members: Sequence[VmView]) -> str:
    """Return how many of a wave wait behind the gate that failures hold, and the command that opens it."""
    many = counted(len(members), "VM")
    return clean(f"! {wave}: {many} wait behind its gate: resume {plan} --wave {wave} --reason TEXT")


def approval_line(plan: str, wave: str, members: Sequence[VmView]) -> str:
    """Return who has to decide about those of a wave that wait for nothing else, and by which command."""
    told = next((vm.waiting_for for vm in members if vm.waiting_for), "a decision")
    what = told.partition(" on evidence")[0]
    return clean(f"! {wave}: {counted(len(members), 'VM')} wait for {what}: approve {plan} --wave {wave}")


def counts(vms: Iterable[VmView]) -> dict[str, Any]:
    """Return how many virtual machines are in which phase, how many ended how, and how many need a person."""
    members = list(vms)
    return {
        "vms": len(members),
        "needs_action": _asking(members),
        "phases": dict(Counter(vm.phase.value for vm in members if vm.phase is not Phase.DONE)),
        "outcomes": dict(Counter(vm.outcome.value for vm in members if vm.outcome)),
    }


def overview_json(view: PlanView) -> dict[str, Any]:
    """Return `status --json` of a large plan: what every plan has, and counts."""
    waves = []
    for name, members in waves_of(view).items():
        told = view.waves.get(name)
        waves.append({"name": name, **counts(members), "eta": told.as_json() if told else None})
    return view.as_json() | {"counts": counts(view.vms), "waves": waves}


def chosen(
    view: PlanView, *, wave: str | None = None, vm: str | None = None, phase: str | None = None, needs: bool = False
) -> PlanView:
    """Return the view of those virtual machines of a plan that somebody wants to see.

    Raises:
        InputError: there is no such phase.
    """
    wanted = words(phase).replace(" ", "_") if phase else None
    if wanted and wanted not in set(Phase):
        raise InputError(f'reading --phase "{phase}": the phases are {", ".join(Phase)}')
    found = [
        one
        for one in view.vms
        if (wave is None or one.is_in_wave(wave))
        and (vm is None or one.is_named(vm))
        and (wanted is None or one.phase.value == wanted)
        and (not needs or one.needs_action)
    ]
    return replace(view, vms=tuple(found))
