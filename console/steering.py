"""`pause`, `resume` and `concurrency`: steer a plan that runs. The plan's own workflow judges, and answers at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from console.connection import open_link, require_worker
from console.errors import InputError
from console.plans import plan_name
from console.recorded import Recorded, listed_vms, of_plan_vm, read_recorded
from console.session import Session
from console.texts import clean
from console.updates import find_vm, find_wave, send_update
from console.view import PlanView
from migration import names
from migration.plan_fleet import MOST_CUTOVER, MOST_REPLICATION
from migration.report import DecisionAnswer
from migration.steering import SetConcurrency, Steer

Message = TypeVar("Message", Steer, SetConcurrency)


@dataclass(frozen=True)
class LimitsWish:
    """What a person typed: the limits, and of what."""

    wave: str | None
    subscription: str | None
    vault: str | None
    replication: int | None
    cutover: int | None


async def pause(session: Session, plan: str, *, wave: str | None, vm: str | None, reason: str) -> int:
    """Begin nothing more of a plan, a wave or a virtual machine; return 0 once it is so."""
    message = _said(reason, lambda why: Steer(wave=wave, vm=vm, by=session.person, reason=why))
    return await _steer(session, plan, names.UPDATE_PAUSE, message, wave=wave, vm=vm)


async def resume(session: Session, plan: str, *, wave: str | None, vm: str | None, reason: str) -> int:
    """Go on with what was paused, or open the gate of a wave that failures hold; return 0 once nothing of it holds."""
    message = _said(reason, lambda why: Steer(wave=wave, vm=vm, by=session.person, reason=why))
    return await _steer(session, plan, names.UPDATE_RESUME, message, wave=wave, vm=vm)


async def set_concurrency(session: Session, plan: str, wish: LimitsWish, *, reason: str) -> int:
    """Change how many of a plan, a wave, a subscription or a vault at once; return 0 once it is so."""
    if wish.replication is None and wish.cutover is None:
        raise InputError("changing limits: give --replication N, --cutover N, or both")
    for option, value, most in (
        ("--replication", wish.replication, MOST_REPLICATION),
        ("--cutover", wish.cutover, MOST_CUTOVER),
    ):
        if value is not None and not 1 <= value <= most:
            raise InputError(f"reading {option} {value}: give 1 to {most:,}; `pause` begins none")
    message = _said(
        reason,
        lambda why: SetConcurrency(
            wave=wish.wave,
            subscription=wish.subscription,
            vault=wish.vault,
            replication=wish.replication,
            cutover=wish.cutover,
            by=session.person,
            reason=why,
        ),
    )
    return await _steer(session, plan, names.UPDATE_SET_CONCURRENCY, message, wave=wish.wave)


async def _steer(
    session: Session,
    plan: str,
    update: str,
    message: Steer | SetConcurrency,
    *,
    wave: str | None = None,
    vm: str | None = None,
) -> int:
    name = plan_name(plan)
    link = await open_link(session)
    recorded = await read_recorded(link.client, name)
    _find(recorded, wave, vm)
    if not recorded.is_running:
        answer = DecisionAnswer(counted=False, reason="the plan does not run")
    else:
        await require_worker(link)
        answer = await send_update(link, names.migrate_plan_id(name), update, message)
    _print(session, name, update, message, answer)
    return 0 if answer.counted else 1


def _find(recorded: Recorded, wave: str | None, vm: str | None) -> None:
    """Refuse a name that the plan does not have, where its names are known."""
    view = PlanView(plan=recorded.plan, vms=tuple(of_plan_vm(one) for one in listed_vms(recorded)))
    if vm is not None and view.vms:
        find_vm(view, vm)
    if wave is not None and view.vms:
        find_wave(view, wave)


def _said(reason: str, make: Callable[[str], Message]) -> Message:
    try:
        return make(reason.strip())
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0]) if error.errors()[0]["loc"] else ""
        if field == "reason":
            raise InputError("reading --reason: give 1 to 2000 characters; they go into the report") from None
        raise InputError(f"reading --{field}: it is too long for a name") from None


def _print(session: Session, plan: str, update: str, message: Steer | SetConcurrency, answer: DecisionAnswer) -> None:
    if session.as_json:
        about: dict[str, Any] = message.model_dump(mode="json", exclude={"by", "reason"})
        told = {"plan": plan, "action": update, **about, "taken": answer.counted, "reason": answer.reason}
        session.answer_json(told)
        return
    verdict = "" if answer.counted else "refused: "
    session.answer(clean(f"{plan}: {verdict}{answer.reason}"))
