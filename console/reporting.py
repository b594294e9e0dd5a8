"""`report`: what the plan and its virtual machines report, as JSON and as a page, written whole or not at all."""

import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from temporalio.client import WorkflowHandle

from console.connection import BUSY_QUERY_TIMEOUT, Link, no_worker, open_link
from console.errors import RefusedError
from console.finalised import read_finalised
from console.known_reports import Progress, known_reports
from console.plans import plan_name
from console.reading import query, read_plan
from console.recorded import QUERIES_AT_ONCE, together
from console.session import OUTPUT_FOLDER, ROOT, Session, project_version
from console.tables import screen, table
from console.texts import clean, counted, local_time, span, utc_text, words
from console.view import PlanView, VmView
from migration import names
from migration.chain import sealed
from migration.errors import PlanFileError
from migration.estimate.keeping import Keeping, keeping
from migration.estimate.prices import load_prices
from migration.ids import describe
from migration.report import PlanReport, PlanVm, Report, VmReport, as_json, without_own_run

T = TypeVar("T")
_RUN_ID = re.compile(r"[0-9a-f-]{8,64}")
PRICES = ROOT / "plans" / "prices.yaml"


@dataclass(frozen=True)
class ReportFiles:
    """Where a report was written."""

    json: Path
    html: Path


async def show_report(session: Session, plan: str) -> int:
    """Write the report of *plan*, ended or not, and print it."""
    name = plan_name(plan)
    link = await open_link(session)
    view = await read_plan(link, name)
    report = await read_report(link, view, session.note)
    if session.as_json:
        session.answer_json(sealed(with_costs(report)))
    else:
        _print(session, report)
    files = write_report(report)
    session.note(f"report: {files.json} and {files.html}")
    return 0


async def read_report(link: Link, view: PlanView, tell: Callable[[str], None] = lambda _: None) -> Report:
    """Return what the workflows of a plan report; of a large one, *tell* now and then how far that is.

    Raises:
        UnreachableError: no worker answers.
    """
    if not view.is_answered:
        raise no_worker(link)
    plan = await _asked(link, link.client.get_workflow_handle(names.migrate_plan_id(view.plan)), PlanReport)
    vms = await _vm_reports(link, view, plan, tell)
    return Report(
        plan=view.plan,
        plan_hash=plan.plan_hash if plan else "",
        run_id=plan.run_id if plan else "",
        source_region=plan.source_region if plan else "",
        target_region=plan.target_region if plan else "",
        identity=plan.identity if plan else "",
        requester=plan.requester if plan else "",
        versions={"azure-vm-migration": project_version()},
        outcome=view.outcome,
        started=(plan.started if plan else None) or utc_text(view.started),
        ended=(plan.ended if plan else None) or utc_text(view.ended),
        reason=plan.reason if plan else view.reason,
        findings=plan.findings if plan else [],
        notes=plan.notes if plan else [],
        resolutions=plan.resolutions if plan else [],
        steered=plan.steered if plan else [],
        resources=plan.resources if plan else [],
        ledger_proof=plan.ledger_proof if plan else None,
        vms=vms,
    )


def write_report(report: Report) -> ReportFiles:
    """Write report.json and report.html of a plan, and return where they are.

    Raises:
        RefusedError: the folder cannot be written.
    """
    from console.page import render

    folder = OUTPUT_FOLDER / report.plan
    files = ReportFiles(folder / "report.json", folder / "report.html")
    try:
        body = with_costs(report)
        folder.mkdir(parents=True, exist_ok=True)
        _set_aside(files, report)
        _write_whole(files.json, json.dumps(sealed(body), ensure_ascii=False, indent=2) + "\n")
        _write_whole(files.html, render(report, body))
    except OSError as error:
        raise RefusedError(f"writing the report to {folder.absolute()}: {error.strerror}; make it writable") from None
    return files


def _set_aside(files: ReportFiles, report: Report) -> None:
    """Keep the report of an earlier run under that run's id: it is evidence, and Temporal forgets its run one day.

    A plan that went on in a new run of its workflow is still the same: it began when it did.
    """
    run_id = report.run_id
    try:
        known = json.loads(files.json.read_text(encoding="utf-8"))
        earlier, is_same = known.get("run_id"), bool(report.started) and known.get("started") == report.started
    except (OSError, ValueError, AttributeError):
        return
    if is_same or not isinstance(earlier, str) or not _RUN_ID.fullmatch(earlier) or earlier == run_id or not run_id:
        return
    for file in (files.json, files.html):
        kept = file.with_name(f"{file.stem}-{earlier}{file.suffix}")
        if file.exists() and not kept.exists():
            file.rename(kept)


def with_costs(report: Report) -> dict[str, Any]:
    """Return the JSON of a report, with what it costs to keep what stays."""
    costs = _kept(report)
    return as_json(report) | {"kept": as_json(costs) if costs else None}


def kept_lines(report: Report) -> list[str]:
    """Return in words what stays and costs something, or may."""
    costs = _kept(report)
    told = [one for one in costs.resources if one.per_month != 0] if costs else []
    if costs is None or not told:
        return []
    least = "at least " if any(one.per_month is None for one in told) else ""
    lines = [f"what stays costs {least}{costs.per_month:.2f} {costs.currency} a month, by {PRICES.name}:"]
    for one in told:
        money = "unknown" if one.per_month is None else f"{one.per_month:.2f}"
        lines.append(clean(f"  {money} {describe(one.id)}: {one.reckoned or one.formula}"))
    return lines


def _kept(report: Report) -> Keeping | None:
    """Return what stays and its cost; None where the file of prices cannot be used, which must not cost the report."""
    try:
        return keeping(report, load_prices(PRICES))
    except PlanFileError:
        return None


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    Only its owner reads it: it names people, and what an attacker would look for. Who passes it on, decides to.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


async def _vm_reports(
    link: Link, view: PlanView, plan: PlanReport | None, tell: Callable[[str], None]
) -> list[VmReport]:
    """Return the virtual machines' own reports, each with what became of its source afterwards."""
    of_plan = {vm.name: vm for vm in plan.vms} if plan else {}
    known = await known_reports(link.client, view.plan, OUTPUT_FOLDER / view.plan) if view.is_large else None
    progress = Progress(len(view.vms), tell) if view.is_large else None

    async def one(vm: VmView) -> VmReport:
        report = known.reports.get(vm.name) if known else None
        if report is None:
            report = await _report_of(link, vm, of_plan.get(vm.name))
        finalised = known.finalised.get(vm.name) if known else await read_finalised(link, view.plan, vm.name)
        if progress:
            progress.one_more()
        return report.model_copy(update={"finalised": as_json(finalised)}) if finalised else report

    return await together((one(vm) for vm in view.vms), QUERIES_AT_ONCE)


async def _report_of(link: Link, vm: VmView, known: PlanVm | None) -> VmReport:
    """Return a virtual machine's own report; of one that never started, what its plan knows."""
    if not vm.has_run and known is not None:
        return without_own_run(known)
    own = await _asked(link, link.client.get_workflow_handle(vm.workflow_id), VmReport) if vm.has_run else None
    if own is not None and vm.lost:
        return _lost(own, vm)
    if own is not None:
        return own.model_copy(update={"wave": own.wave or vm.wave, "outcome": own.outcome or vm.outcome})
    return VmReport(
        name=vm.name, id=vm.id, wave=vm.wave, outcome=vm.outcome, reason=vm.reason, findings=list(vm.findings)
    )


def _lost(own: VmReport, vm: VmView) -> VmReport:
    """Return the report of a run that was ended from outside: what went on then ended with it, without an outcome."""
    ended = utc_text(vm.ended)
    phases = [phase if phase.ended else phase.model_copy(update={"ended": ended}) for phase in own.phases]
    update = {"wave": own.wave or vm.wave, "outcome": None, "reason": vm.reason, "phases": phases}
    return own.model_copy(update=update)


async def _asked(link: Link, handle: WorkflowHandle[Any, Any], kind: type[T]) -> T | None:
    try:
        return await query(handle, names.QUERY_REPORT, kind, BUSY_QUERY_TIMEOUT)
    except TimeoutError:
        raise no_worker(link) from None


def _print(session: Session, report: Report) -> None:
    outcome = words(report.outcome) if report.outcome else "not ended"
    session.answer(clean(f"plan {report.plan}: {outcome}" + (f"; {report.reason}" if report.reason else "")))
    session.answer(f"started {local_time(report.started)}; ended {local_time(report.ended)}")
    rows = [
        [
            vm.name,
            words(vm.outcome) if vm.outcome else "not ended",
            span(vm.downtime_seconds),
            span(vm.data_loss_seconds),
            vm.approval.approver if vm.approval else "-",
            vm.reason,
        ]
        for vm in report.vms
    ]
    screen(plain=session.is_plain).print(table(["VM", "outcome", "downtime", "data loss", "approval", "reason"], rows))
    for note in [*report.notes, *(f"{vm.name}: {note}" for vm in report.vms for note in vm.notes)]:
        session.answer(clean(f"note: {note}"))
    for line in made_lines(report):
        session.answer(line)


def made_lines(report: Report) -> list[str]:
    """Return in words what was made and what of it stays; what it costs to keep once that is known to stay."""
    resources = [*report.resources, *(resource for vm in report.vms for resource in vm.resources)]
    there = sum(resource.state != "deleted" for resource in resources)
    made = f"made {counted(len(resources), 'resource')}"
    if report.outcome is None:
        return [f"{made} so far, of which {there} are not removed yet; the report lists each, and why"]
    return [f"{made}, of which {there} stay; the report lists each, and why", *kept_lines(report)]
