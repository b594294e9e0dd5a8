"""`finalise PLAN approve|reject`: a decision about each source that waits to be deleted now."""

from functools import partial
from typing import Any

from console.connection import Link
from console.deciding import Wish, could_sign_in, decision_told, message_of, send_decision, signed
from console.errors import UnreachableError
from console.proving import FINALISE, must_prove, prove, with_desk
from console.reading import query
from console.recorded import QUERIES_AT_ONCE, together
from console.session import Session
from console.texts import clean, few, words
from console.verdicts import all_heard, exit_code, in_words
from console.view import VmView
from migration import names
from migration.finalise import Finalised
from migration.ids import describe
from migration.phases import Phase


async def decide_finalise(session: Session, link: Link, plan: str, wish: Wish, running: list[str]) -> int:
    """Approve or reject the deletions of *running* that wait for it; return 0 if one counted and each was answered."""
    message = message_of(wish)
    if not could_sign_in(session, wish):
        signed(session, message, wish)  # told before anything is asked
    asked = dict(
        zip(running, await together((_status(link, plan, vm) for vm in running), QUERIES_AT_ONCE), strict=True)
    )
    waiting = [_view(plan, vm, status) for vm, status in asked.items() if status.phase == Phase.AWAITING_APPROVAL]
    if not any(must_prove(one) for one in waiting):
        message = signed(session, message, wish)
    waiting = [await with_desk(link, one, FINALISE) if must_prove(one) else one for one in waiting]
    for one in waiting:
        _show(session, one, asked[one.name])
    proving = [one for one in waiting if must_prove(one)]
    proof = (
        await prove(session, plan, wish.verdict, proving, wish.token_file, wish.sign_in or "auto") if proving else None
    )
    heard = await all_heard(partial(send_decision, link, one, message, proof, FINALISE) for one in waiting)
    told = [decision_told(one, answer) for one, answer in zip(waiting, heard, strict=True)]
    _print(session, plan, told, _nobody_waits(plan, asked))
    return exit_code(heard)


def _view(plan: str, vm: str, status: Finalised) -> VmView:
    return VmView(vm, workflow_id=names.finalise_vm_id(plan, vm), approval=status.approval)


async def _status(link: Link, plan: str, vm: str) -> Finalised:
    handle = link.client.get_workflow_handle(names.finalise_vm_id(plan, vm))
    try:
        answer = await query(handle, names.QUERY_STATUS, Finalised)
    except TimeoutError:
        answer = None
    if answer is None:
        raise UnreachableError(f"asking {handle.id}: no worker answers: python worker.py --finalise")
    return answer


def _show(session: Session, vm: VmView, status: Finalised) -> None:
    """Show what is decided on, before anything is sent."""
    session.note(clean(f"{vm.name}:"))
    for part in status.to_delete:
        session.note(clean(f"  deletes   {describe(part)}"))
    for kept in status.kept:
        session.note(clean(f"  keeps     {describe(kept.id)}: {kept.why}"))
    if vm.approval is not None and vm.approval.evidence:
        session.note(clean(f"  evidence  {vm.approval.evidence}"))


def _nobody_waits(plan: str, asked: dict[str, Finalised]) -> str:
    if not asked:
        return f"nothing of plan {plan} is being finalised now: see `finalise {plan} status`"
    stand = few([f"{vm}: {words(status.phase)}" for vm, status in asked.items()], 20)
    return f"no source of plan {plan} waits for a decision now ({stand})"


def _print(session: Session, plan: str, told: list[dict[str, Any]], nobody: str) -> None:
    if session.as_json:
        session.answer_json({"plan": plan, "reason": None if told else nobody, "decisions": told})
        return
    for one in told:
        session.answer(clean(in_words(one)))
    if not told:
        session.answer(clean(nobody))
