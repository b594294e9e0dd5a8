"""`retry`, `skip` and `give-up`: move on what only a person can move, a virtual machine or the plan's own steps."""

from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from console.connection import Link, no_worker, open_link
from console.errors import InputError
from console.plans import plan_name
from console.reading import read_plan
from console.session import Session
from console.tables import state, waiting
from console.texts import clean
from console.updates import find_vm, send_update
from console.view import PlanView
from migration import names
from migration.report import DecisionAnswer, Resolution

Action = Literal["retry", "skip", "give_up"]


async def resolve(session: Session, action: Action, plan: str, *, vm: str | None, reason: str) -> int:
    """Send a person's choice to what waits for one, and return 0 if it was taken."""
    name = plan_name(plan)
    resolution = _resolution(session, action, reason)
    link = await open_link(session)
    view = await read_plan(link, name, details_of_ended=False, choice=lambda one: vm is not None and one.is_named(vm))
    if not view.is_answered:
        raise no_worker(link)
    addressed = _addressed(view, vm)
    answer = await _answer(link, addressed, resolution)
    told = answer.counted or addressed.stand in answer.reason
    why = answer.reason if told else f"{answer.reason}; now: {addressed.stand}"
    if session.as_json:
        session.answer_json({"plan": name, "vm": vm, "action": action, "taken": answer.counted, "reason": why})
    else:
        verdict = "taken" if answer.counted else f"refused: {why}"
        session.answer(clean(f"{addressed.name}: {action.replace('_', '-')} {verdict}"))
    return 0 if answer.counted else 1


@dataclass(frozen=True)
class _Addressed:
    """What is to be moved on: a virtual machine or the plan, its workflow, and what it is doing."""

    name: str
    workflow_id: str
    stand: str
    has_begun: bool = True


async def _answer(link: Link, addressed: _Addressed, resolution: Resolution) -> DecisionAnswer:
    if not addressed.has_begun:
        return DecisionAnswer(counted=False, reason="it has not begun")
    return await send_update(link, addressed.workflow_id, names.UPDATE_RESOLVE, resolution)


def _addressed(view: PlanView, vm: str | None) -> _Addressed:
    """Return what a resolution goes to.

    Raises:
        InputError: no virtual machine is named, and the plan itself waits for nobody.
    """
    if vm is not None:
        found = find_vm(view, vm)
        return _Addressed(found.name, found.workflow_id, waiting(found) or state(found), found.has_run)
    if view.is_running and view.needs_action:
        return _Addressed(f"plan {view.plan}", names.migrate_plan_id(view.plan), view.waiting_for)
    stuck = [one.name for one in view.vms if one.needs_action and one.choices]
    raise InputError(
        f"resolving what holds plan {view.plan}: the plan itself waits for nobody; give --vm NAME, "
        + (f"one of {', '.join(stuck)}" if stuck else "though no VM waits for an operator now")
    )


def _resolution(session: Session, action: Action, reason: str) -> Resolution:
    try:
        return Resolution(action=action, by=session.person, reason=reason.strip())
    except ValidationError:
        raise InputError("reading --reason: give 1 to 2000 characters; they go into the report") from None
