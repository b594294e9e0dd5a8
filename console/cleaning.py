"""`clean`: remove what lost runs of a plan left behind. It lists each with its proof and its cost, and asks first."""

from __future__ import annotations

import asyncio
from typing import Any

import typer
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from console.connection import RPC_TIMEOUT, Link, has_worker, no_worker, open_link, require_worker
from console.errors import ConsoleError, InputError, RefusedError, UnreachableError
from console.plans import plan_name, read_plan
from console.session import Session
from console.texts import clean, counted
from migration import names
from migration.cleaning import CleanAnswer, CleanRequest, Leftover, Untouched
from migration.estimate.keeping import Kept, kept
from migration.estimate.prices import Prices, load_prices
from migration.ids import describe
from migration.inputs import MigratePlanInput
from migration.plan import Plan

ENVIRONMENT_FAILURE = "EnvironmentFailure"
_LOOK_SECONDS = 5.0


async def clean_plan(session: Session, plan_text: str, *, yes: bool) -> int:
    """Remove what lost runs of a plan left; 0: nothing is left of it, 1: refused, or not all went."""
    from console.planning import PRICES

    link = await open_link(session)
    plan = await _plan(link, plan_text)
    await require_worker(link)
    prices = load_prices(PRICES)
    session.note(f"looking for what lost runs of plan {plan.name} left: reads only, as the worker's identity")
    found = await _run(link, CleanRequest(plan=plan))
    if found.refused:
        raise RefusedError(f"cleaning plan {plan.name}: {found.refused}")
    if not found.leftovers:
        _tell(session, found, prices)
        return 0
    if not yes:
        _ask(session, found, prices)
    answer = await _run(link, CleanRequest(plan=plan, confirmed=[one.id for one in found.leftovers]))
    if answer.refused:
        raise RefusedError(f"cleaning plan {plan.name}: {answer.refused}")
    _tell(session, answer, prices)
    return 1 if answer.left else 0


async def _plan(link: Link, text: str) -> Plan:
    """Return the plan of a file, or as its last run was given it."""
    name = plan_name(text)
    if text != name:
        return read_plan(text)
    handle = link.client.get_workflow_handle(names.migrate_plan_id(name))
    try:
        async for event in handle.fetch_history_events():
            payloads = event.workflow_execution_started_event_attributes.input.payloads
            decoded = await link.client.data_converter.decode(payloads, [MigratePlanInput])
            return Plan.model_validate(decoded[0].plan.model_dump(mode="json"))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    except (RuntimeError, ValueError, TypeError):
        raise InputError(f"cleaning plan {name}: the plan of its last run cannot be read; give its plan file") from None
    raise InputError(f"cleaning plan {name}: Temporal keeps no run of it; give its plan file")


async def _run(link: Link, request: CleanRequest) -> CleanAnswer:
    try:
        return await _answer(link, request, await _started(link, request))
    except WorkflowAlreadyStartedError:
        raise RefusedError(f"cleaning plan {request.plan.name}: a clean of it runs already; wait for its end") from None


async def _started(link: Link, request: CleanRequest) -> WorkflowHandle[Any, CleanAnswer]:
    return await link.client.start_workflow(
        names.CLEAN_PLAN,
        request,
        id=names.clean_plan_id(request.plan.name),
        task_queue=names.WORKFLOW_TASK_QUEUE,
        result_type=CleanAnswer,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        static_summary=f"Clean up after plan {request.plan.name}",
        rpc_timeout=RPC_TIMEOUT,
    )


async def _answer(link: Link, request: CleanRequest, handle: WorkflowHandle[Any, CleanAnswer]) -> CleanAnswer:
    result: asyncio.Future[CleanAnswer] = asyncio.ensure_future(handle.result())
    try:
        while not (await asyncio.wait({result}, timeout=_LOOK_SECONDS))[0]:
            if not await has_worker(link):
                raise no_worker(link)
        return await result
    except WorkflowFailureError as error:
        raise _failed(request.plan, error) from None
    finally:
        result.cancel()


def _failed(plan: Plan, error: WorkflowFailureError) -> ConsoleError:
    cause: BaseException | None = error.cause
    if isinstance(cause, ActivityError):
        cause = cause.cause
    message = clean(f"cleaning plan {plan.name}: {cause.message if isinstance(cause, ApplicationError) else cause}")
    unreachable = isinstance(cause, ApplicationError) and cause.type == ENVIRONMENT_FAILURE
    return UnreachableError(message) if unreachable else RefusedError(message)


def _ask(session: Session, found: CleanAnswer, prices: Prices) -> None:
    """List what would go, and ask; where nobody can be asked, nothing goes."""
    for line in _lines(found.leftovers, prices):
        session.note(line)
    for one in found.untouched:
        word = "stays" if one.on_purpose else "not touched"
        session.note(clean(f"  {word}: {describe(one.id)}: {one.why}{_money(one, prices)}"))
    if not session.is_interactive:
        if session.as_json:
            session.answer_json(_as_json(found, prices))
        raise InputError(
            f"cleaning plan {found.plan}: {counted(len(found.leftovers), 'resource')} would be deleted, and there is "
            "no terminal to ask at; add --yes if that is meant"
        )
    if not typer.confirm(f"Delete {counted(len(found.leftovers), 'resource')}?", err=True):
        raise RefusedError("nothing was deleted")


def _lines(leftovers: list[Leftover], prices: Prices) -> list[str]:
    told = []
    for one in leftovers:
        since = f", made {one.since}" if one.since else ""
        told.append(clean(f"  delete {describe(one.id)}: {one.why}{since}{_money(one, prices)}"))
    return told


def _money(one: Leftover | Untouched, prices: Prices) -> str:
    cost = _cost(one, prices)
    return f", {cost.per_month:.2f} {prices.currency} a month" if cost.per_month else ""


def _cost(one: Leftover | Untouched, prices: Prices) -> Kept:
    return kept(one.id, one.type, one.why, prices, size_gib=one.size_gib, sku=one.sku)


def _tell(session: Session, answer: CleanAnswer, prices: Prices) -> None:
    if session.as_json:
        session.answer_json(_as_json(answer, prices))
        return
    for deleted in answer.deleted:
        session.answer(clean(f"deleted {describe(deleted)}"))
    for one in answer.left:
        session.answer(clean(f"not deleted: {describe(one.id)}: {one.why}; by hand: {one.command}"))
    for one in (stays for stays in answer.untouched if not stays.on_purpose):
        by_hand = f"; by hand, if it is yours: {one.command}" if one.command else ""
        session.answer(clean(f"not touched: {describe(one.id)}: {one.why}{_money(one, prices)}{by_hand}"))
    stays = [one for one in answer.untouched if one.on_purpose]
    for one in stays:
        session.answer(clean(f"stays: {describe(one.id)}: {one.why}{_money(one, prices)}"))
    if stays:
        total = sum(_cost(one, prices).per_month or 0 for one in stays)
        session.answer(f"what stays costs {total:.2f} {prices.currency} a month, as far as sizes are known")
    if not answer.deleted and not answer.left:
        waits = any(not one.on_purpose for one in answer.untouched)
        told = "may be removed now" if waits else "is left to clean"
        session.answer(clean(f"nothing of plan {answer.plan} {told}"))


def _as_json(answer: CleanAnswer, prices: Prices) -> dict[str, Any]:
    told = answer.model_dump(mode="json")
    for key, listed in (("leftovers", answer.leftovers), ("untouched", answer.untouched)):
        costs = [_cost(one, prices).model_dump(mode="json") for one in listed]
        told[key] = [one | {"cost": cost} for one, cost in zip(told[key], costs, strict=True)]
    return told | {"currency": prices.currency}
