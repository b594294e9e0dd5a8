"""Read where a plan of thousands of virtual machines stands: one listing of visibility, and few questions.

Phase, wave, need and outcome stand in each workflow's search attributes and memo, which a listing brings along. Only
those that a person has to look at are asked themselves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from temporalio.client import WorkflowExecution

from console.recorded import (
    QUERIES_AT_ONCE,
    Recorded,
    listed_vms,
    of_plan_vm,
    plan_view,
    recorded_vm,
    together,
)
from console.view import PlanView, VmView
from migration.phases import Outcome, Phase
from migration.report import MemoKeys, PlanStatus

LARGE = 100
"""More virtual machines than this are not asked one by one."""
DETAILED = 20
"""So many of those that need a person are asked why, where nobody says whom he wants to see."""

Choice = Callable[[VmView], bool]


@dataclass(frozen=True)
class Detail:
    """Whom to ask, and how; without a *choice* the first that need a person."""

    ask: Callable[[VmView], Coroutine[Any, Any, VmView]]
    choice: Choice | None = None


async def fleet_view(
    recorded: Recorded, status: PlanStatus | None, detail: Detail | None, before: PlanView | None = None
) -> PlanView:
    """Return the view of a large plan; without *detail* nobody answers, and this is what Temporal recorded.

    Of those that have no workflow its plan's own *status* tells, where it was asked for each, or the view *before*.
    """
    known = {vm.workflow_id: vm for vm in before.vms if not vm.has_run} if before else {}
    known |= {vm.workflow_id: of_plan_vm(vm) for vm in status.vms} if status else {}
    vms = []
    for vm in listed_vms(recorded):
        vms.append(await recorded_vm(known.get(vm.workflow_id) or of_plan_vm(vm), recorded, _outcome))
        if len(vms) % LARGE == 0:
            await asyncio.sleep(0)
    if detail is not None:
        vms = await _detailed(vms, detail)
    view = replace(plan_view(recorded, status, tuple(vms)), is_large=True, is_answered=detail is not None)
    if status is None or status.outlook is None:
        return view
    return replace(view, eta=status.outlook.plan, waves=status.outlook.waves)


async def _outcome(run: WorkflowExecution) -> Outcome | None:
    """Return the outcome that a workflow left in its memo; one that was terminated left none."""
    moved = (await run.memo()).get(MemoKeys.MOVED)
    word = moved.get("outcome") if isinstance(moved, Mapping) else None
    return Outcome(word) if word in set(Outcome) else None


async def _detailed(vms: list[VmView], detail: Detail) -> list[VmView]:
    if detail.choice is None:
        chosen = asked_first([vm for vm in vms if vm.needs_action and vm.is_running])
    else:
        chosen = [vm for vm in vms if vm.has_run and detail.choice(vm)]
    asked = await together((detail.ask(vm) for vm in chosen), QUERIES_AT_ONCE)
    known = {vm.workflow_id: vm for vm in asked}
    return [known.get(vm.workflow_id, vm) for vm in vms]


def asked_first(asking: list[VmView]) -> list[VmView]:
    """Return those that are asked first: the most urgent, and of those that wait for approval one of each wave."""
    nth: Counter[str] = Counter()
    ranked = []
    for vm in asking:
        ranked.append((urgency(vm), nth[vm.wave], vm))
        nth[vm.wave] += is_plain_approval(vm)
    return [vm for *_, vm in sorted(ranked, key=lambda one: one[:2])][:DETAILED]


def is_behind_gate(vm: VmView) -> bool:
    """Tell whether a virtual machine of a wave whose gate is held waits for nothing but that, as far as is known."""
    return vm.needs_action and vm.phase is Phase.WAITING_FOR_TURN and not (vm.alarm or vm.last_refusal)


def is_plain_approval(vm: VmView) -> bool:
    """Tell whether a virtual machine waits for nothing but its approval, as far as is known."""
    has_more = vm.alarm or vm.last_refusal or vm.choices or (vm.parity is not None and vm.parity.open)
    return vm.needs_action and vm.phase is Phase.AWAITING_APPROVAL and not has_more


def urgency(vm: VmView) -> int:
    """Return how early a virtual machine is shown where not all can be: what only a person moves on comes first."""
    if vm.alarm:
        return 0
    if vm.needs_action:
        return 2 if vm.phase is Phase.AWAITING_APPROVAL else 1
    return 3 if vm.is_running else 5 if vm.outcome else 4
