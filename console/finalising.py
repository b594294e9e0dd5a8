"""`finalise`: delete the sources of what was moved, a step of its own with approvals of its own."""

from collections import Counter
from functools import partial
from typing import Any, Literal

import typer
from pydantic import ValidationError
from rich.console import RenderableType
from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowHandle
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from console.connection import RPC_TIMEOUT, Link, open_link
from console.deciding import Wish
from console.deciding_finalise import decide_finalise
from console.errors import InputError, RefusedError, UnreachableError
from console.finalised import told_by
from console.fleets import DETAILED, LARGE
from console.plans import plan_name, read_plan
from console.recorded import QUERIES_AT_ONCE, describe, together
from console.session import Session
from console.signing_in import SignIn
from console.starting import cloud, requester
from console.tables import screen, table
from console.texts import clean, counted, few, words
from console.updates import send_update
from console.verdicts import all_heard, exit_code, in_words, verdict
from migration import names
from migration.finalise import Finalised, FinalisePlanInput
from migration.ids import describe as described
from migration.inputs import MigratePlanInput
from migration.large_plans import task_timeout
from migration.models import VmSpec
from migration.plan import Plan
from migration.report import Resolution, as_json
from migration.specs import vm_specs
from runtime.settings import Settings
from runtime.temporal import ensure_search_attributes, worker_polls
from runtime.urls import is_loopback

Action = Literal["start", "status", "approve", "reject", "cancel", "retry", "skip", "give_up"]
_NAMED = 20


class Order:
    """What was typed: whose sources, and what is to be done."""

    def __init__(
        self,
        vm: str | None,
        wave: str | None,
        approver: str | None,
        comment: str,
        token_file: str | None = None,
        sign_in: SignIn | None = None,
        *,
        yes: bool,
    ) -> None:
        self.vm = vm
        self.wave = wave
        self.approver = approver
        self.comment = comment
        self.token_file = token_file
        self.sign_in = sign_in
        self.yes = yes

    def wish(self, verdict: Literal["approve", "reject"]) -> Wish:
        """Return the decision that was typed."""
        return Wish(verdict, self.vm, self.wave, self.approver, self.comment, self.token_file, self.sign_in)

    def chosen(self, plan: Plan) -> list[VmSpec]:
        """Return the virtual machines that are meant, without regard to case."""
        specs = vm_specs(plan)
        for option, wanted, of in (("VM", self.vm, "name"), ("wave", self.wave, "wave")):
            if wanted is not None:
                found = [spec for spec in specs if getattr(spec, of).casefold() == wanted.casefold()]
                if not found:
                    known = ", ".join(dict.fromkeys(getattr(spec, of) for spec in specs))
                    raise InputError(f'finding {option} "{wanted}" in plan "{plan.name}": it has {known}')
                return found
        return specs


async def finalise(session: Session, plan_text: str, action: Action, order: Order) -> int:
    """Start, show, decide, move on or cancel the deletion of a plan's sources."""
    name = plan_name(plan_text)
    link = await open_link(session)
    plan = await _plan(link, plan_text, name)
    specs = order.chosen(plan)
    if action == "start":
        return await _start(session, link, plan, specs, order)
    if action in {"approve", "reject"}:
        running = [spec.name for spec in await _running(link, plan, specs)]
        wish = order.wish("approve" if action == "approve" else "reject")
        return await decide_finalise(session, link, plan.name, wish, running)
    if action in {"retry", "skip", "give_up"}:
        message = _resolution(session, action, order)
        return await _resolve(session, link, plan, specs, message)
    if action == "cancel":
        return await _cancel(session, link, plan, specs, whole=order.vm is None and order.wave is None)
    return await _show(session, link, plan, specs)


async def _plan(link: Link, text: str, name: str) -> Plan:
    """Return the plan of a file, or the one that was started last under a name."""
    if text != name:
        return read_plan(text)
    handle = link.client.get_workflow_handle(names.migrate_plan_id(name))
    description = await describe(handle)
    if description is None:
        raise InputError(f'reading plan "{name}": Temporal keeps no run of it (any more); give its file')
    async for event in handle.fetch_history_events(page_size=1):
        given = event.workflow_execution_started_event_attributes.input.payloads
        decoded = await link.client.data_converter.decode(given, [MigratePlanInput])
        known: MigratePlanInput = decoded[0]
        return known.plan
    raise InputError(f'reading plan "{name}": its run has no beginning; give its file')


async def _start(session: Session, link: Link, plan: Plan, specs: list[VmSpec], order: Order) -> int:
    if not await worker_polls(link.client, names.FINALISE_TASK_QUEUE):
        raise UnreachableError(
            f'waiting for a worker on task queue "{names.FINALISE_TASK_QUEUE}" of the Temporal server at '
            f"{link.address}: none polls; start one with an identity of its own: python worker.py --finalise"
        )
    _confirm(session, session.settings, plan, specs, yes=order.yes)
    asking = await requester(session, plan, order.token_file, may_approve=plan.finalise.allow_self_approval)
    await ensure_search_attributes(link.client)
    handle = await _started(link, plan, specs, asking)
    if session.as_json:
        answer = {"plan": plan.name, "workflow_id": handle.id, "run_id": handle.result_run_id}
        session.answer_json({**answer, "vms": [spec.name for spec in specs]})
    else:
        session.answer(
            f"finalise {plan.name}: begun for {counted(len(specs), 'VM')}; nothing goes before it is approved"
        )
        session.note(f"see what would go: starter.py finalise {plan.name} status; then approve or reject")
    return 0


async def _started(link: Link, plan: Plan, specs: list[VmSpec], asking: str) -> WorkflowHandle[Any, Any]:
    request = FinalisePlanInput(plan=plan, vms=[spec.name for spec in specs], requester=asking)
    try:
        return await link.client.start_workflow(
            names.FINALISE_PLAN,
            request,
            id=names.finalise_plan_id(plan.name),
            task_queue=names.FINALISE_TASK_QUEUE,
            static_summary=f"Delete the sources of {counted(len(specs), 'VM')} of plan {plan.name}",
            task_timeout=task_timeout(len(specs)),
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        raise RefusedError(f"finalising plan {plan.name}: it runs already; see `finalise {plan.name} status`") from None


def _confirm(session: Session, settings: Settings, plan: Plan, specs: list[VmSpec], *, yes: bool) -> None:
    """Show what would be deleted where; ask before a cloud that is not this machine's own."""
    for line in cloud(settings, plan):
        session.note(line)
    rules = plan.finalise
    session.note(
        f"would delete  {few([spec.name for spec in specs], _NAMED)}: the machine, its interfaces"
        + (", its disks" if rules.disks == "delete" else "; disks stay")
        + (" after a snapshot of each" if rules.snapshot and rules.disks == "delete" else "")
    )
    if yes or is_loopback(settings.azure_resource_manager_endpoint):
        return
    if not session.is_interactive:
        raise InputError(
            f"finalising plan {plan.name} against {settings.azure_resource_manager_endpoint}: there is no terminal to "
            "ask at; add --yes if this is the cloud you mean"
        )
    if not typer.confirm(f"Ask for the deletion of {counted(len(specs), 'source')}?", err=True):
        raise RefusedError("not started")


def _resolution(session: Session, action: Action, order: Order) -> Resolution:
    if order.vm is None:
        raise InputError(f"{words(action)}: which one? give --vm NAME")
    try:
        return Resolution(action=action, by=session.person, reason=order.comment.strip())
    except ValidationError:
        raise InputError("reading --comment: give 1 to 2000 characters; they go into the report") from None


async def _resolve(session: Session, link: Link, plan: Plan, specs: list[VmSpec], message: Resolution) -> int:
    running = await _running(link, plan, specs)
    heard = await all_heard(
        partial(send_update, link, names.finalise_vm_id(plan.name, spec.name), names.UPDATE_RESOLVE, message)
        for spec in running
    )
    told = [verdict(spec.name, answer) for spec, answer in zip(running, heard, strict=True)]
    if session.as_json:
        session.answer_json({"plan": plan.name, "decisions": told})
    for one in [] if session.as_json else told:
        session.answer(clean(in_words(one)))
    if not told and not session.as_json:
        session.answer(clean(f"nothing of plan {plan.name} is being finalised now: see `finalise {plan.name}`"))
    return exit_code(heard)


async def _running(link: Link, plan: Plan, specs: list[VmSpec]) -> list[VmSpec]:
    """Return those whose deletion runs now."""
    seen = await together(describe(_handle(link, plan, spec)) for spec in specs)
    return [spec for spec, description in zip(specs, seen, strict=True) if _runs(description)]


def _runs(description: WorkflowExecutionDescription | None) -> bool:
    return description is not None and description.status is WorkflowExecutionStatus.RUNNING


def _handle(link: Link, plan: Plan, spec: VmSpec) -> WorkflowHandle[Any, Any]:
    return link.client.get_workflow_handle(names.finalise_vm_id(plan.name, spec.name))


async def _cancel(session: Session, link: Link, plan: Plan, specs: list[VmSpec], *, whole: bool) -> int:
    reason, waits = f"by {session.person}", False
    handle = link.client.get_workflow_handle(names.finalise_plan_id(plan.name))
    if whole and _runs(await describe(handle)):
        # Before its machines: else it would begin those that have waited for a place of theirs.
        await handle.cancel(reason=reason, rpc_timeout=RPC_TIMEOUT)
        waits = True
    running = await _running(link, plan, specs)
    await together(_handle(link, plan, spec).cancel(reason=reason, rpc_timeout=RPC_TIMEOUT) for spec in running)
    asked = [spec.name for spec in running]
    if session.as_json:
        session.answer_json({"plan": plan.name, "cancelled": asked})
    else:
        whom = few(asked, _NAMED) or "what had not begun"
        told = f"cancelled: {whom}; what was deleted stays deleted" if asked or waits else "nothing runs"
        session.answer(clean(f"finalise {plan.name}: {told}"))
    return 0 if asked or waits else 1


async def _show(session: Session, link: Link, plan: Plan, specs: list[VmSpec]) -> int:
    found = await together((_status(link, plan, spec) for spec in specs), QUERIES_AT_ONCE)
    shown = [one for one in found if one is not None]
    if session.as_json:
        session.answer_json({"plan": plan.name, "vms": [as_json(one) for one in shown]})
        return 0
    if len(shown) > LARGE:
        counts = Counter(one.outcome or one.phase for one in shown)
        stand = ", ".join(f"{number} {words(what)}" for what, number in counts.most_common())
        session.answer(clean(f"finalise {plan.name}: {counted(len(shown), 'source')}: {stand}"))
        # Those that wait for a person first, then what did not go well: what is done needs nobody.
        open_ones = sorted((one for one in shown if one.outcome != "finalised"), key=lambda one: not one.needs_action)
        if len(open_ones) > DETAILED:
            session.note(f"the first {DETAILED} of {len(open_ones)}; the rest: --wave NAME, --vm NAME or --json")
        shown = open_ones[:DETAILED]
    if shown:
        screen(plain=session.is_plain).print(_table(shown))
    elif not found or not any(found):
        session.answer(clean(f"no source of plan {plan.name} was to be deleted yet"))
    return 0


def _table(shown: list[Finalised]) -> RenderableType:
    rows = [
        [
            one.name,
            one.outcome or words(one.phase),
            one.waiting_for or one.reason or "-",
            ", ".join(described(part.id) for part in one.deleted) or "-",
            ", ".join(described(snapshot.id) for snapshot in one.snapshots) or "-",
        ]
        for one in shown
    ]
    return table(["VM", "stands at", "waits for", "deleted", "snapshots"], rows)


async def _status(link: Link, plan: Plan, spec: VmSpec) -> Finalised | None:
    handle = _handle(link, plan, spec)
    description = await describe(handle)
    kept = await told_by(description)
    if kept is not None or not _runs(description):
        return kept
    try:
        answer: Finalised = await handle.query(names.QUERY_STATUS, result_type=Finalised, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        raise UnreachableError(f"asking {handle.id}: no worker answers: python worker.py --finalise") from error
    return answer
