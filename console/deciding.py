"""`approve` and `reject`: a decision about every virtual machine that waits for one now, answered at once."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import ValidationError

from console.bundles import lines
from console.connection import Link, no_worker, open_link
from console.differences import rows_to_decide_on
from console.errors import InputError
from console.losses import what_is_lost
from console.plans import plan_name
from console.proving import COMMIT, Proof, Question, key_of, must_prove, prove, with_desk
from console.reading import read_plan
from console.recorded import together
from console.session import Session
from console.signing_in import SignIn
from console.tables import state
from console.texts import clean, printable
from console.updates import VERIFIED_TIMEOUT_SECONDS, find_vm, find_wave, send_update
from console.verdicts import Heard, all_heard, exit_code, in_words, verdict
from console.view import PlanView, VmView
from migration.phases import Phase
from migration.report import DecisionAnswer, DecisionMessage

Verdict = Literal["approve", "reject"]
_NAMED = 20
_REPLACED = "the key of a worker that is gone"
"""What a worker answers that did not make the key to which a decision was sealed."""


@dataclass(frozen=True)
class Wish:
    """What a person typed: the decision, about whom, by whom."""

    verdict: Verdict
    vm: str | None = None
    wave: str | None = None
    approver: str | None = None
    comment: str = ""
    token_file: str | None = None
    sign_in: SignIn | None = None


async def decide(session: Session, plan: str, wish: Wish) -> int:
    """Approve or reject the virtual machines that wait, and return 0 if a decision counted and each was answered."""
    name = plan_name(plan)
    message = message_of(wish)
    if not could_sign_in(session, wish):
        signed(session, message, wish)  # told before anything is connected
    link = await open_link(session)
    view = await read_plan(link, name, details_of_ended=False, choice=lambda vm: _is_meant(vm, wish))
    if not view.is_answered:
        raise no_worker(link)
    asked = _selected(view, wish)
    waiting = [one for one in asked if one.phase is Phase.AWAITING_APPROVAL]
    if wish.verdict == "reject":
        await _warn(session, link, waiting)
    else:
        await _show_rows(session, link, waiting)
    if not any(must_prove(one) for one in waiting):
        message = signed(session, message, wish)
    waiting = [await with_desk(link, one) if must_prove(one) else one for one in waiting]
    _show_evidence(session, waiting)
    proving = [one for one in waiting if must_prove(one)]
    proof = (
        await prove(session, name, wish.verdict, proving, wish.token_file, wish.sign_in or "auto") if proving else None
    )
    heard = await all_heard(partial(send_decision, link, one, message, proof) for one in waiting)
    decisions = [decision_told(one, answer) for one, answer in zip(waiting, heard, strict=True)]
    _print(session, name, message, decisions, _nobody_waits(asked))
    return exit_code(heard)


async def send_decision(
    link: Link, vm: VmView, message: DecisionMessage, proof: Proof | None, question: Question = COMMIT
) -> DecisionAnswer:
    """Send a decision about what was shown; once more where the worker that was to read it has been replaced."""
    shown = vm.approval.evidence if vm.approval else None
    about = message.model_copy(update={"evidence": shown})
    if proof is None or not must_prove(vm):
        return await send_update(link, vm.workflow_id, question.update, about)
    answer = await _send_sealed(link, vm, about, proof, question)
    if _REPLACED not in answer.reason:
        return answer
    renewed = await with_desk(link, vm, question, other_than=key_of(vm))
    return await _send_sealed(link, renewed, about, proof, question)


async def _send_sealed(
    link: Link, vm: VmView, about: DecisionMessage, proof: Proof, question: Question
) -> DecisionAnswer:
    sealed = about.model_copy(update={"sealed": proof.sealed_for(vm)})
    return await send_update(link, vm.workflow_id, question.update, sealed, within_seconds=VERIFIED_TIMEOUT_SECONDS)


def message_of(wish: Wish) -> DecisionMessage:
    """Return what is sent but for who sends it; what was typed is too long or not, whoever it is."""
    try:
        DecisionMessage(approver=wish.approver or "-", comment=wish.comment, decision=wish.verdict)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"reading --{first['loc'][0]}: {first['msg'].lower()}; give a shorter one") from None
    return DecisionMessage.model_construct(
        approver=wish.approver or "",
        comment=wish.comment,
        decision=wish.verdict,
        evidence=None,
        token=None,
        sealed=None,
    )


def could_sign_in(session: Session, wish: Wish) -> bool:
    """Tell whether who decides could be proved, should the plan want that."""
    given = wish.token_file is not None or session.settings.migration_approver_token is not None
    return given or wish.sign_in is not None or session.is_interactive


def signed(session: Session, message: DecisionMessage, wish: Wish) -> DecisionMessage:
    """Return *message* with a name, which the plan believes."""
    who = wish.approver if wish.approver is not None else session.settings.migration_approver
    if not who or not who.strip():
        raise InputError(
            f"deciding to {wish.verdict}: who decides? give --approver NAME or set MIGRATION_APPROVER; in a plan with "
            "identity: entra give --token-file FILE, or sign in by --sign-in"
        )
    return message.model_copy(update={"approver": who})


def _is_meant(vm: VmView, wish: Wish) -> bool:
    """Tell whether a decision is about a virtual machine of a large plan, which has to tell what is decided on."""
    named = wish.vm is None or vm.is_named(wish.vm)
    in_wave = wish.wave is None or vm.is_in_wave(wish.wave)
    return named and in_wave and vm.phase is Phase.AWAITING_APPROVAL


def _selected(view: PlanView, wish: Wish) -> list[VmView]:
    if wish.vm is not None:
        return [find_vm(view, wish.vm)]
    return find_wave(view, wish.wave) if wish.wave is not None else list(view.vms)


async def _warn(session: Session, link: Link, waiting: list[VmView]) -> None:
    for line in await together(what_is_lost(link, vm) for vm in waiting):
        session.note(line)


async def _show_rows(session: Session, link: Link, waiting: list[VmView]) -> None:
    for rows in await together(rows_to_decide_on(link, vm) for vm in waiting):
        for line in rows:
            session.note(line)


def _show_evidence(session: Session, waiting: list[VmView]) -> None:
    """Show what is decided on, before anything is sent."""
    for vm in waiting:
        if vm.approval is not None and vm.approval.bundle is not None:
            session.note(clean(f"{vm.name}:"))
            for line in lines(vm.approval.bundle):
                session.note(f"  {printable(line).rstrip()}")


def _nobody_waits(asked: list[VmView]) -> str:
    named = [f"{vm.name}: {state(vm)}" for vm in asked[:_NAMED]]
    stand = ", ".join([*named, *([f"and {len(asked) - _NAMED} more"] if len(asked) > _NAMED else [])])
    return f"no VM waits for approval now ({stand})" if stand else "the plan has no VMs yet"


def decision_told(vm: VmView, heard: Heard) -> dict[str, Any]:
    """Return what `--json` lists of a decision."""
    told = verdict(vm.name, heard)
    return {**told, "evidence": vm.approval.evidence, "identity": vm.approval.identity} if vm.approval else told


def _print(session: Session, plan: str, message: DecisionMessage, decisions: list[dict[str, Any]], nobody: str) -> None:
    if session.as_json:
        reason = None if decisions else nobody
        answer = {"plan": plan, "decision": message.decision, "approver": message.approver or None}
        session.answer_json({**answer, "reason": reason, "decisions": decisions})
        return
    for one in decisions:
        session.answer(clean(in_words(one, message.decision or "")))
    if not decisions:
        session.answer(clean(nobody))
