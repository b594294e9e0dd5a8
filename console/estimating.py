"""When a plan, its waves and its virtual machines are done, from what their workflows and heartbeats told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from console.view import PlanView, VmView
from migration.eta.expected import steps
from migration.eta.fleet import Place, Timetable, held_place, new_place, place_of, timetable
from migration.eta.outlook import paced
from migration.eta.reckoning import estimate
from migration.eta.values import Estimate, PlanOutlook
from migration.phases import Phase


def with_estimates(view: PlanView, outlook: PlanOutlook | None) -> PlanView:
    """Return *view* with the ends of its virtual machines, its waves and itself; without *outlook* as it is."""
    if outlook is None or not view.vms:
        return view
    at = view.read
    pace = _pace(view.vms)
    table = timetable(
        [_place(vm, at, outlook, pace) for vm in view.vms],
        at,
        replication=outlook.replication,
        cutover=outlook.cutover,
        before=(outlook.before[0] * pace[0], outlook.before[1] * pace[1]),
        waves=outlook.order,
        shares=outlook.shares,
    )
    vms = tuple(replace(vm, eta=_of_vm(vm, table, at)) for vm in view.vms)
    return replace(view, vms=vms, eta=table.plan, waves=table.waves)


def of_vm_alone(vm: VmView, at: datetime) -> Estimate | None:
    """Return the estimate of a virtual machine whose plan told nothing."""
    return estimate(vm.outlook, at, vm.progress) if vm.outlook else None


def _of_vm(vm: VmView, table: Timetable, at: datetime) -> Estimate | None:
    """Return a virtual machine's own estimate, or the timetable's where it waits for others."""
    own = of_vm_alone(vm, at)
    queued = table.vms.get(vm.name)
    if queued is not None and (own is None or own.stuck == "queue"):
        return queued
    return own


def _place(vm: VmView, at: datetime, outlook: PlanOutlook, pace: tuple[float, float]) -> Place:
    if vm.outlook is not None:
        if vm.held and vm.outlook.phase is Phase.WAITING_FOR_TURN:
            return held_place(vm.name, vm.wave, vm.outlook, vm.held)
        place = place_of(vm.name, vm.wave, vm.outlook, at, vm.progress)
        return place.held(vm.held) if vm.held and place.stage == "copying" else place
    if vm.lost:
        return Place(vm.name, vm.wave, "person", stuck="person", reason=vm.waiting_for)
    if vm.outcome or vm.ended:
        return Place(vm.name, vm.wave, "ended")
    if vm.has_run:
        return Place(vm.name, vm.wave, "held", stuck="late", reason="its workflow does not answer")
    expected = [paced(step, *pace) for step in steps(vm.copied_gib, tests=outlook.tests)]
    place = new_place(vm.name, vm.wave, expected)
    return place.held(vm.held) if vm.held else place


def _pace(vms: tuple[VmView, ...]) -> tuple[float, float]:
    """Return the pace of those that have begun, for those that have not."""
    told = [vm.outlook.pace for vm in vms if vm.outlook is not None and vm.outlook.pace != (1.0, 1.0)]
    return (min(low for low, _ in told), max(high for _, high in told)) if told else (1.0, 1.0)
