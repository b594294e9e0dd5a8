"""`retry`, `skip` and `give-up`: move on what only a person can move, a virtual machine or the plan's own steps."""

from typing import Literal

from pydantic import ValidationError

from console.connection import no_worker, open_link
from console.errors import InputError
from console.plans import plan_name
from console.reading import read_plan
from console.session import Session
from console.tables import state, waiting
from console.texts import clean
from console.updates import find_vm, send_update
from console.view import PlanView
from migration import names
from migration.report import Resolution

Action = Literal["retry", "skip", "give_up"]


async def resolve(session: Session, action: Action, plan: str, *, vm: str | None, reason: str) -> int:
    """Send a person's choice to what waits for one, and return 0 if it was taken."""
    name = plan_name(plan)
    resolution = _resolution(session, action, reason)
    link = await open_link(session)
    view = await read_plan(link, name, details_of_ended=False)
    if not view.is_answered:
        raise no_worker(link)
    subject, workflow_id, stand = _addressed(view, vm)
    answer = await send_update(link, workflow_id, names.UPDATE_RESOLVE, resolution)
    why = answer.reason if answer.counted or stand in answer.reason else f"{answer.reason}; now: {stand}"
    if session.as_json:
        session.answer_json({"plan": name, "vm": vm, "action": action, "taken": answer.counted, "reason": why})
    else:
        verdict = "taken" if answer.counted else f"refused: {why}"
        session.answer(clean(f"{subject}: {action.replace('_', '-')} {verdict}"))
    return 0 if answer.counted else 1


def _addressed(view: PlanView, vm: str | None) -> tuple[str, str, str]:
    """Return the name, the workflow and the state of what is to be moved on.

    Raises:
        InputError: no virtual machine is named, and the plan itself waits for nobody.
    """
    if vm is not None:
        found = find_vm(view, vm)
        return found.name, found.workflow_id, waiting(found) or state(found)
    if view.is_running and view.needs_action:
        return f"plan {view.plan}", names.migrate_plan_id(view.plan), view.waiting_for
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
