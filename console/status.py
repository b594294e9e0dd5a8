"""`status`: where a plan stands, or which plans there are."""

from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from console.connection import RPC_TIMEOUT, Link, open_link
from console.errors import InputError
from console.fleet_tables import chosen, overview, overview_json
from console.plans import plan_name
from console.reading import read_plan
from console.recorded import AT_ONCE, began_of, together
from console.session import Session
from console.tables import plan_line, plan_table, screen, steering_lines, table, wave_lines
from console.texts import counted, few, local_time, utc_text
from console.updates import find_vm, find_wave
from console.view import PlanView
from migration import names

NO_WORKER_NOTE = (
    "no worker answers, so this is what Temporal last recorded: it is too busy now, or none runs; start one: "
    "`make up` or `python worker.py`"
)
_UNANSWERED_NOTE = (
    "no answer in time from {vms}: this is what Temporal last recorded, alarms and reasons may be missing; ask again"
)
_MOST_PLANS = 100
_MORE = "the rest: status {plan} --wave NAME, --phase PHASE, --needs-action, --vm NAME or --all"


@dataclass(frozen=True)
class Wanted:
    """Which virtual machines of a plan are to be shown; nothing said: all, or what a large plan has to tell first."""

    wave: str | None = None
    vm: str | None = None
    phase: str | None = None
    needs_action: bool = False
    all: bool = False

    @property
    def is_said(self) -> bool:
        """Whether somebody wants to see some of them."""
        return self != Wanted()


async def show_status(session: Session, plan: str | None, wanted: Wanted | None = None) -> int:
    """Print where *plan* stands, or the latest run of every plan."""
    name, wanted = plan_name(plan) if plan is not None else None, wanted or Wanted()
    if name is None and wanted.is_said:
        raise InputError("showing some virtual machines: name the plan that they belong to")
    link = await open_link(session)
    if name is None:
        return await _show_plans(session, link.client)
    await _show_plan(session, link, name, wanted)
    return 0


def print_plan(session: Session, view: PlanView, *, whole: bool = False) -> None:
    """Print one view of a plan as the answer; a large one by its waves, unless its *whole* is wanted."""
    if session.as_json:
        session.answer_json(overview_json(view) if view.is_large else view.as_json())
        return
    if view.is_large and not whole:
        screen(plain=session.is_plain).print(overview(view))
        session.note(_MORE.format(plan=view.plan))
        return
    session.answer(plan_line(view))
    for line in (*steering_lines(view), *wave_lines(view)):
        session.answer(line)
    if view.vms:
        screen(plain=session.is_plain).print(plan_table(view))


async def _show_plan(session: Session, link: Link, name: str, wanted: Wanted) -> None:
    named = wanted.vm
    view = await read_plan(link, name, choice=(lambda vm: vm.is_named(named)) if named else None)
    if not view.is_answered:
        session.note(NO_WORKER_NOTE)
    if view.unanswered:
        session.note(_UNANSWERED_NOTE.format(vms=few([vm.name for vm in view.unanswered])))
    if wanted.vm:
        find_vm(view, wanted.vm)
    if wanted.wave:
        find_wave(view, wanted.wave)
    if wanted.is_said and not wanted.all:
        view = chosen(view, wave=wanted.wave, vm=wanted.vm, phase=wanted.phase, needs=wanted.needs_action)
    print_plan(session, view, whole=wanted.is_said)


async def _show_plans(session: Session, client: Client) -> int:
    latest: dict[str, WorkflowExecution] = {}
    runs = client.list_workflows(
        f"WorkflowType = '{names.MIGRATE_PLAN}' AND ExecutionStatus != 'ContinuedAsNew'",
        limit=AT_ONCE * 50,
        rpc_timeout=RPC_TIMEOUT,
    )
    async for run in runs:
        if run.id not in latest or run.start_time > latest[run.id].start_time:
            latest[run.id] = run
    newest_first = sorted(latest.values(), key=lambda run: run.start_time, reverse=True)[:_MOST_PLANS]
    plans = await together(_summary(client, run) for run in newest_first)
    if session.as_json:
        session.answer_json({"plans": plans})
    elif plans:
        rows = [[p["plan"], _state(p), local_time(p["started"]), local_time(p["ended"])] for p in plans]
        screen(plain=session.is_plain).print(table(["plan", "state", "started", "ended"], rows))
    else:
        session.answer("no plan was started yet")
    return 0


async def _summary(client: Client, run: WorkflowExecution) -> dict[str, Any]:
    plan = run.id.removeprefix(names.migrate_plan_id(""))
    query = (
        f"{names.ATTRIBUTE_PLAN} = '{plan}' AND WorkflowType = '{names.MIGRATE_VM}' "
        f"AND {names.ATTRIBUTE_NEEDS_ACTION} = true AND ExecutionStatus = 'Running'"
    )
    return {
        "plan": plan,
        "running": run.status is WorkflowExecutionStatus.RUNNING,
        "needs_action": await _count(client, query),
        "started": utc_text(began_of(run, await run.memo())),
        "ended": utc_text(run.close_time),
    }


async def _count(client: Client, query: str) -> int:
    try:
        return (await client.count_workflows(query, rpc_timeout=RPC_TIMEOUT)).count
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        return 0  # The search attributes are not registered, so that nothing can have them.


def _state(plan: dict[str, Any]) -> str:
    if plan["needs_action"]:
        return f"{counted(plan['needs_action'], 'VM')} waiting for a person"
    return "running" if plan["running"] else "ended"
