"""`retry`, `skip` and `give-up`: move on a virtual machine that only a person can move."""

from typing import Literal

from pydantic import ValidationError

from console.connection import no_worker, open_link
from console.errors import InputError, RefusedError
from console.plans import plan_name
from console.reading import read_plan
from console.session import Session
from console.tables import state, waiting
from console.texts import clean
from console.updates import find_vm, send_update
from migration import names
from migration.report import Resolution

Action = Literal["retry", "skip", "give_up"]


async def resolve(session: Session, action: Action, plan: str, *, vm: str, reason: str) -> int:
    """Send a person's choice to a virtual machine that waits for one, and return 0 if it was taken."""
    name = plan_name(plan)
    resolution = _resolution(session, action, reason)
    link = await open_link(session)
    view = await read_plan(link, name)
    if not view.is_answered:
        raise no_worker(link)
    chosen = find_vm(view, vm)
    why_not = ""
    try:
        await send_update(link, chosen, names.UPDATE_RESOLVE, resolution)
    except RefusedError as error:
        stand = waiting(chosen) or state(chosen)
        why_not = f"{error}" if stand in str(error) else f"{error}; now: {stand}"
    if session.as_json:
        answer = {"plan": name, "vm": chosen.name, "action": action, "taken": not why_not, "reason": why_not or None}
        session.answer_json(answer)
    else:
        session.answer(
            clean(f"{chosen.name}: {action.replace('_', '-')} " + (f"refused: {why_not}" if why_not else "taken"))
        )
    return 1 if why_not else 0


def _resolution(session: Session, action: Action, reason: str) -> Resolution:
    try:
        return Resolution(action=action, by=session.person, reason=reason.strip())
    except ValidationError:
        raise InputError("reading --reason: give 1 to 2000 characters; they go into the report") from None
