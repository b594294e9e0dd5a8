"""`check`: every rule of preflight against the real estate, without a write."""

import asyncio
import json
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from console.asking import ask_here, unanswered
from console.check_progress import CheckProgress, detail_of
from console.connection import RPC_TIMEOUT, Link, has_worker, no_worker, open_link, require_worker
from console.errors import InputError, UnreachableError
from console.findings import print_check
from console.plans import read_plan, refuse_too_large
from console.sarif import sarif
from console.session import Session
from console.texts import counted
from migration import names
from migration.findings import PlanCheck, summary_by_wave
from migration.plan import Plan
from migration.report import MemoKeys
from migration.rules.certain import certain
from runtime.errors import TemporalError

STANDARD_OUTPUT = "-"
_LOOK_SECONDS = 1.0
_LOOKS_FOR_A_WORKER = 5


async def check_plan(session: Session, plan_file: str, *, local: bool, sarif_file: str | None = None) -> int:
    """Check the plan in a file, and return 0 if nothing blocks it, else 1."""
    plan = read_plan(plan_file)
    refuse_too_large(plan, plan_file)
    try:
        check = await _asked(session, plan, plan_file, local=local)
    except (UnreachableError, TemporalError) as error:
        known = certain(plan)
        if not known:
            raise
        session.note(f"{error}; what the plan alone tells:")
        check = PlanCheck(findings=known)
    if sarif_file is not None:
        _write_sarif(session, check, plan_file, sarif_file)
    if session.as_json:
        waves = [wave.model_dump(mode="json") for wave in summary_by_wave(check)]
        answer = {"plan": plan.name, "blocked": bool(check.blocking), "waves": waves, **check.model_dump(mode="json")}
        session.answer_json(answer)
    elif sarif_file != STANDARD_OUTPUT:
        print_check(session, plan, check)
    return 1 if check.blocking else 0


async def _asked(session: Session, plan: Plan, plan_file: str, *, local: bool) -> PlanCheck:
    """Return what Azure's answers tell of a plan."""
    if not local:
        return await _check_on_worker(session, plan)
    session.note(f"checking in a process of its own: {_how(plan)}, as the identity of this environment")
    return await ask_here(session, "--check", plan_file, PlanCheck, "checking")


def _how(plan: Plan) -> str:
    """Return what a check does in Azure."""
    return "reads, and run commands that only look" if plan.guest_probes.enabled else "reads only"


def _write_sarif(session: Session, check: PlanCheck, plan_file: str, sarif_file: str) -> None:
    text = json.dumps(sarif(check, plan_file), ensure_ascii=False, indent=2)
    if sarif_file == STANDARD_OUTPUT:
        session.answer(text)
        return
    try:
        Path(sarif_file).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"writing {sarif_file}: {error.strerror}") from None
    session.note(f"SARIF is in {sarif_file}")


async def _check_on_worker(session: Session, plan: Plan) -> PlanCheck:
    link = await open_link(session)
    await require_worker(link)
    session.note(f"checking plan {plan.name}: {_how(plan)}, as the worker's identity")
    handle = await _started(link, plan)
    result = asyncio.ensure_future(handle.result())
    looks = 0
    try:
        with CheckProgress(session) as progress:
            while not (await asyncio.wait({result}, timeout=_LOOK_SECONDS))[0]:
                looks += 1
                progress.tell(await detail_of(link.client, handle))
                if looks % _LOOKS_FOR_A_WORKER == 0 and not await has_worker(link):
                    raise no_worker(link)
        return await result
    except WorkflowFailureError as error:
        raise unanswered(f"checking plan {plan.name}", error) from None
    finally:
        result.cancel()


async def _started(link: Link, plan: Plan) -> WorkflowHandle[Any, PlanCheck]:
    """Start the check; attach to one of the same file, and stop one of another: it would answer for that."""
    try:
        return await _start(link, plan, WorkflowIDConflictPolicy.FAIL)
    except WorkflowAlreadyStartedError:
        handle = link.client.get_workflow_handle(names.check_plan_id(plan.name), result_type=PlanCheck)
        running = await handle.describe(rpc_timeout=RPC_TIMEOUT)
    is_same = await running.memo_value(MemoKeys.PLAN_HASH, None) == plan.content_hash
    if is_same and running.status is WorkflowExecutionStatus.RUNNING:
        return link.client.get_workflow_handle(running.id, run_id=running.run_id, result_type=PlanCheck)
    return await _start(link, plan, WorkflowIDConflictPolicy.TERMINATE_EXISTING)


async def _start(link: Link, plan: Plan, conflict: WorkflowIDConflictPolicy) -> WorkflowHandle[Any, PlanCheck]:
    return await link.client.start_workflow(
        names.CHECK_PLAN,
        plan,
        id=names.check_plan_id(plan.name),
        task_queue=names.WORKFLOW_TASK_QUEUE,
        result_type=PlanCheck,
        id_conflict_policy=conflict,
        memo={MemoKeys.PLAN_HASH: plan.content_hash},
        static_summary=f"Check {counted(len(plan.vms), 'VM')} of plan {plan.name}",
        rpc_timeout=RPC_TIMEOUT,
    )
