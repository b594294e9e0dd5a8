"""`status`: where a plan stands, or which plans there are."""

from typing import Any

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from console.connection import RPC_TIMEOUT, Link, open_link
from console.plans import plan_name
from console.reading import read_plan
from console.recorded import AT_ONCE
from console.session import Session
from console.tables import plan_line, plan_table, screen, table
from console.texts import counted, local_time, utc_text
from console.view import PlanView
from migration import names

NO_WORKER_NOTE = "no worker answers, so this is what Temporal last recorded; start one: `make up` or `python worker.py`"
_MOST_PLANS = 100


async def show_status(session: Session, plan: str | None) -> int:
    """Print where *plan* stands, or the latest run of every plan."""
    name = plan_name(plan) if plan is not None else None
    link = await open_link(session)
    if name is None:
        return await _show_plans(session, link.client)
    await _show_plan(session, link, name)
    return 0


def print_plan(session: Session, view: PlanView) -> None:
    """Print one view of a plan as the answer."""
    if session.as_json:
        session.answer_json(view.as_json())
        return
    session.answer(plan_line(view))
    if view.vms:
        screen(plain=session.is_plain).print(plan_table(view))


async def _show_plan(session: Session, link: Link, name: str) -> None:
    view = await read_plan(link, name)
    if not view.is_answered:
        session.note(NO_WORKER_NOTE)
    print_plan(session, view)


async def _show_plans(session: Session, client: Client) -> int:
    latest: dict[str, WorkflowExecution] = {}
    runs = client.list_workflows(f"WorkflowType = '{names.MIGRATE_PLAN}'", limit=AT_ONCE * 50, rpc_timeout=RPC_TIMEOUT)
    async for run in runs:
        if run.id not in latest or run.start_time > latest[run.id].start_time:
            latest[run.id] = run
    newest_first = sorted(latest.values(), key=lambda run: run.start_time, reverse=True)[:_MOST_PLANS]
    plans = [await _summary(client, run) for run in newest_first]
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
        "started": utc_text(run.start_time),
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
