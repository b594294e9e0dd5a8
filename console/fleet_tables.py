"""A plan of thousands on one screen: counts for each wave, those that need a person first, the rest on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from console.errors import InputError
from console.fleets import DETAILED, urgency
from console.tables import plan_line, plan_table, ready_in_words, state, table
from console.texts import clean, counted, words
from console.view import PlanView, VmView
from migration.phases import Phase


def waves_of(view: PlanView) -> dict[str, list[VmView]]:
    """Return the virtual machines of each wave, in the plan's order."""
    found: dict[str, list[VmView]] = {}
    for vm in view.vms:
        found.setdefault(vm.wave, []).append(vm)
    return found


def wave_table(view: PlanView) -> RenderableType:
    """Return a row for each wave: how many virtual machines are where, how many need a person, when it is ready."""
    headings = ["wave", "VMs", "need a person", "where they are", *(["ready in"] if view.waves else [])]
    rows = [[name, *wave_cells(view, name, members)][: len(headings)] for name, members in waves_of(view).items()]
    return table(headings, rows)


def wave_cells(view: PlanView, name: str, members: Sequence[VmView]) -> list[str]:
    """Return what there is to tell of a wave."""
    asking = sum(vm.needs_action for vm in members)
    told = view.waves.get(name)
    return [
        str(len(members)),
        f"! {asking}" if asking else "",
        ", ".join(f"{number} {what}" for what, number in Counter(state(vm) for vm in members).most_common()),
        ready_in_words(told),
    ]


def overview(view: PlanView, room: int = DETAILED) -> RenderableType:
    """Return the whole of a large plan: its line, its waves, and as many of those that need a person as have *room*."""
    asking = sorted((vm for vm in view.vms if vm.needs_action), key=urgency)
    parts: list[RenderableType] = [Text(plan_line(view)), wave_table(view)]
    if asking:
        shown = asking[: max(room, 1)]
        parts += [Text(""), plan_table(replace(view, vms=tuple(shown)))]
        if len(asking) > len(shown):
            more = counted(len(asking) - len(shown), "more VM")
            parts.append(Text(f"and {more} that need a person: status {view.plan} --needs-action"))
    return Group(*parts)


def counts(vms: Iterable[VmView]) -> dict[str, Any]:
    """Return how many virtual machines are in which phase, how many ended how, and how many need a person."""
    members = list(vms)
    return {
        "vms": len(members),
        "needs_action": sum(vm.needs_action for vm in members),
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
        if (wave is None or one.wave.casefold() == wave.casefold())
        and (vm is None or one.name.casefold() == vm.casefold())
        and (wanted is None or one.phase.value == wanted)
        and (not needs or one.needs_action)
    ]
    return replace(view, vms=tuple(found))


def wave_line(view: PlanView, name: str, members: Sequence[VmView]) -> str:
    """Return a wave as one line."""
    number, asking, where, ready = wave_cells(view, name, members)
    parts = [f"{counted(int(number), 'VM')}: {where}", f"need a person: {asking[2:]}" if asking else ""]
    parts.append(f"ready in {ready}" if ready else "")
    return clean(f"{name}: " + "; ".join(part for part in parts if part))
