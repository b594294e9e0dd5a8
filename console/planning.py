"""`plan`: what a run would do, without a write: each call in order, resources, time and costs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy

from console.asking import ask_here, unanswered
from console.connection import RPC_TIMEOUT, has_worker, no_worker, open_link, require_worker
from console.plans import read_plan
from console.session import ROOT, Session
from console.tables import screen, table
from console.texts import clean, counted, few, span
from migration import names, zones
from migration.estimate.outline import outline
from migration.estimate.prices import load_prices
from migration.ids import describe
from migration.plan import Plan
from migration.survey import Survey

PRICES = ROOT / "plans" / "prices.yaml"
_LOOK_SECONDS = 5.0
_HEADINGS = {"created": "Made", "changed": "Changed", "removed": "Removed"}


async def show_plan(session: Session, plan_file: str, *, prices_file: str | None, local: bool, reads: bool) -> int:
    """Print what a run of the plan in a file would do."""
    plan, file = read_plan(plan_file), Path(prices_file) if prices_file else PRICES
    prices = load_prices(file)
    if local:
        session.note("looking in a process of its own: reads only, as the identity of this environment")
        survey = await ask_here(session, "--survey", plan_file, Survey, "looking at")
    else:
        survey = await _survey_on_worker(session, plan)
    shown = str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
    answer = outline(plan, survey, prices, shown, datetime.now(UTC))
    if session.as_json:
        session.answer_json(answer)
    else:
        _print(session, answer, reads=reads)
    return 0


async def _survey_on_worker(session: Session, plan: Plan) -> Survey:
    link = await open_link(session)
    await require_worker(link)
    session.note(f"looking at plan {plan.name}: reads only, as the worker's identity")
    handle = await link.client.start_workflow(
        names.SURVEY_PLAN,
        plan,
        id=names.survey_plan_id(plan.name),
        task_queue=names.WORKFLOW_TASK_QUEUE,
        result_type=Survey,
        id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        static_summary=f"Survey {counted(len(plan.vms), 'VM')} of plan {plan.name}",
        rpc_timeout=RPC_TIMEOUT,
    )
    result: asyncio.Future[Survey] = asyncio.ensure_future(handle.result())
    try:
        while not (await asyncio.wait({result}, timeout=_LOOK_SECONDS))[0]:
            if not await has_worker(link):
                raise no_worker(link)
        return await result
    except WorkflowFailureError as error:
        raise unanswered(f"looking at plan {plan.name}", error) from None
    finally:
        result.cancel()


def _print(session: Session, answer: dict[str, Any], *, reads: bool) -> None:
    for step, calls in groupby(answer["calls"], key=lambda call: call["step"]):
        _print_step(session, step, list(calls), reads=reads)
    for kind, heading in _HEADINGS.items():
        listed = answer["resources"][kind]
        session.answer(f"{heading}: {counted(len(listed), 'resource')}")
        for entry in listed:
            session.answer("  " + clean(f"{describe(entry['id'])}{_condition(entry)}"))
    session.answer("")
    _print_vaults(session, answer["vaults"])
    _print_figures(session, answer)


def _print_step(session: Session, step: str, calls: list[dict[str, Any]], *, reads: bool) -> None:
    session.answer(step)
    shown = [call for call in calls if call["writes"] or reads]
    for call in shown:
        vm = f"{call['vm']}: " if call["vm"] else ""
        session.answer(f"  {call['n']:>4} " + clean(f"{vm}{_words(call)}{_condition(call)}"))
    if len(shown) < len(calls):
        session.answer(f"       and reads {counted(len(calls) - len(shown), 'thing')}, as often as it has to (--reads)")
    session.answer("")


def _words(call: dict[str, Any]) -> str:
    if call["method"] != "POST":
        return f"{call['method']} {describe(call['path'])}"
    path, _, verb = call["path"].rpartition("/")
    return f"POST {verb} {describe(path)}"


def _condition(entry: dict[str, Any]) -> str:
    parts = ["by Site Recovery"] if entry["by"] == "site_recovery" else []
    parts += [] if entry["when"] == "always" else [entry["when"]]
    return f" ({', '.join(parts)})" if parts else ""


def _print_vaults(session: Session, vaults: list[dict[str, Any]]) -> None:
    """Print which machines go by which vault, and through which of its cache accounts."""
    rows = [
        [
            vault["id"].rsplit("/", 1)[-1],
            account["id"].rsplit("/", 1)[-1],
            str(account["disks"]),
            few(account["vms"]),
        ]
        for vault in vaults
        for account in vault["cache_accounts"]
    ]
    unused = [vault["id"].rsplit("/", 1)[-1] for vault in vaults if not vault["vms"]]
    if not rows:
        return
    screen(plain=session.is_plain).print(table(["vault", "cache account", "disks", "VMs"], rows))
    if unused:
        session.answer(clean(f"No machine goes by {few(unused)}: not made."))
    session.answer("")


def _print_figures(session: Session, answer: dict[str, Any]) -> None:
    took, down, paid = answer["duration"], answer["downtime"], answer["cost"]
    draw = screen(plain=session.is_plain)
    rows = [["in all", _span(took)], *([stage["name"], _span(stage)] for stage in took["stages"])]
    rows += [["downtime of a machine", _span(down)]]
    draw.print(table(["duration", "best to worst case"], rows))
    session.answer("")
    if len(answer["waves"]) > 1:
        waves = [[one["name"], ", ".join(one["after"]) or "-", str(len(one["vms"]))] for one in answer["waves"]]
        draw.print(table(["wave", "fails over after", "VMs"], waves))
        session.answer("")
    if answer["windows"]:
        windows = [[one["vm"], one["in_words"], _closing(one)] for one in answer["windows"]]
        draw.print(table(["VM", "may fail over in", "until"], windows))
        session.answer("")
    money = [[one["name"], _money(one), f"{one['formula']}: {one['reckoned']}"] for one in paid["drivers"]]
    draw.print(table(["cost", paid["currency"], "how"], [*money, ["in all", _money(paid), ""]]))
    session.answer("")
    assumed = {one["name"]: one for one in [*took["assumptions"], *paid["assumptions"]]}.values()
    ranges = [[one["name"], f"{one['best']:g} to {one['worst']:g}", one["because"]] for one in assumed]
    draw.print(table(["assumed", "best to worst", "because"], ranges))
    session.answer("")
    session.answer(clean(f"Prices and assumptions are those of {paid['prices_file']}. Not included:"))
    for line in answer["not_included"]:
        session.answer(f"- {line}")
    for kind in paid["unpriced"]:
        session.answer(clean(f"- disks of type {kind}: the file has no price of them"))
    for vm, why in answer["unread"].items():
        session.answer(clean(f"- {vm}: it could not be read: {why}"))
    for vm in answer["already_migrated"]:
        session.answer(clean(f"{vm}: migrated already"))
    if answer["blocking"]:
        found = counted(answer["blocking"], "finding")
        session.answer(clean(f"{found} would stop it before it starts: see `check`"))


def _span(value: dict[str, Any]) -> str:
    return f"{span(value['low_seconds'])} to {span(value['high_seconds'])}"


def _closing(window: dict[str, Any]) -> str:
    closes = window["closes"]
    return zones.in_words(datetime.fromisoformat(closes), window["time_zone"]) if closes else "-"


def _money(value: dict[str, Any]) -> str:
    return f"{value['low']:.2f} to {value['high']:.2f}"
