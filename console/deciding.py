"""`approve` and `reject`: a decision about every virtual machine that waits for one now, answered at once."""

import asyncio
from typing import Any, Literal

from pydantic import ValidationError

from console.connection import Link, no_worker, open_link
from console.differences import rows_to_decide_on
from console.errors import InputError
from console.losses import what_is_lost
from console.plans import plan_name
from console.reading import read_plan
from console.recorded import together
from console.session import Session
from console.tables import state
from console.texts import clean
from console.updates import find_vm, find_wave, send_update
from console.view import PlanView, VmView
from migration import names
from migration.phases import Phase
from migration.report import DecisionMessage

Verdict = Literal["approve", "reject"]


async def decide(
    session: Session,
    verdict: Verdict,
    plan: str,
    *,
    vm: str | None,
    wave: str | None,
    approver: str | None,
    comment: str,
) -> int:
    """Approve or reject the virtual machines that wait, and return 0 if a decision counted."""
    name = plan_name(plan)
    message = _message(session, verdict, approver, comment)
    link = await open_link(session)
    view = await read_plan(link, name, details_of_ended=False)
    if not view.is_answered:
        raise no_worker(link)
    asked = _selected(view, vm, wave)
    waiting = [one for one in asked if one.phase is Phase.AWAITING_APPROVAL]
    if verdict == "reject":
        await _warn(session, link, waiting)
    else:
        await _show_rows(session, link, waiting)
    answers = await together(send_update(link, one.workflow_id, names.UPDATE_DECIDE_COMMIT, message) for one in waiting)
    decisions = [
        {"vm": one.name, "counted": answer.counted, "reason": answer.reason}
        for one, answer in zip(waiting, answers, strict=True)
    ]
    _print(session, name, message, decisions, _nobody_waits(asked))
    return 0 if any(answer.counted for answer in answers) else 1


def _message(session: Session, verdict: Verdict, approver: str | None, comment: str) -> DecisionMessage:
    who = approver if approver is not None else session.settings.migration_approver
    if not who:
        raise InputError(f"deciding to {verdict}: who decides? give --approver NAME or set MIGRATION_APPROVER")
    try:
        return DecisionMessage(approver=who, comment=comment, decision=verdict)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"reading --{first['loc'][0]}: {first['msg'].lower()}; give a shorter one") from None


def _selected(view: PlanView, vm: str | None, wave: str | None) -> list[VmView]:
    if vm is not None:
        return [find_vm(view, vm)]
    return find_wave(view, wave) if wave is not None else list(view.vms)


async def _warn(session: Session, link: Link, waiting: list[VmView]) -> None:
    for line in await asyncio.gather(*(what_is_lost(link, vm) for vm in waiting)):
        session.note(line)


async def _show_rows(session: Session, link: Link, waiting: list[VmView]) -> None:
    for lines in await together(rows_to_decide_on(link, vm) for vm in waiting):
        for line in lines:
            session.note(line)


def _nobody_waits(asked: list[VmView]) -> str:
    stand = ", ".join(f"{vm.name}: {state(vm)}" for vm in asked)
    return f"no VM waits for approval now ({stand})" if stand else "the plan has no VMs yet"


def _print(session: Session, plan: str, message: DecisionMessage, decisions: list[dict[str, Any]], nobody: str) -> None:
    if session.as_json:
        reason = None if decisions else nobody
        answer = {"plan": plan, "decision": message.decision, "approver": message.approver}
        session.answer_json({**answer, "reason": reason, "decisions": decisions})
        return
    for one in decisions:
        verdict = "counted" if one["counted"] else "did not count"
        session.answer(clean(f"{one['vm']}: {message.decision} {verdict}: {one['reason']}"))
    if not decisions:
        session.answer(clean(nobody))
