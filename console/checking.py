"""`check`: every rule of preflight against the real estate, without a write."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError

from console.check_progress import CheckProgress, detail_of
from console.connection import RPC_TIMEOUT, Link, has_worker, no_worker, open_link, require_worker
from console.errors import ConsoleError, InputError, RefusedError, UnreachableError
from console.findings import print_check
from console.plans import read_plan
from console.sarif import sarif
from console.session import ROOT, Session
from console.texts import clean, counted
from migration import names
from migration.findings import PlanCheck, summary_by_wave
from migration.plan import Plan
from migration.report import MemoKeys

ENVIRONMENT_FAILURE = "EnvironmentFailure"
"""The type of a failure that is Azure's or the identity's, not the plan's."""
STANDARD_OUTPUT = "-"
_LOOK_SECONDS = 1.0
_LOOKS_FOR_A_WORKER = 5


async def check_plan(session: Session, plan_file: str, *, local: bool, sarif_file: str | None = None) -> int:
    """Check the plan in a file, and return 0 if nothing blocks it, else 1."""
    plan = read_plan(plan_file)
    check = await (_check_here(session, plan_file) if local else _check_on_worker(session, plan))
    if sarif_file is not None:
        _write_sarif(session, check, plan_file, sarif_file)
    if session.as_json:
        waves = [wave.model_dump(mode="json") for wave in summary_by_wave(check)]
        answer = {"plan": plan.name, "blocked": bool(check.blocking), "waves": waves, **check.model_dump(mode="json")}
        session.answer_json(answer)
    elif sarif_file != STANDARD_OUTPUT:
        print_check(session, plan, check)
    return 1 if check.blocking else 0


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
    session.note(f"checking plan {plan.name}: reads only, as the worker's identity")
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
        raise _not_checked(plan, error) from None
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


def _not_checked(plan: Plan, error: WorkflowFailureError) -> ConsoleError:
    cause: BaseException | None = error.cause
    if isinstance(cause, ActivityError):
        cause = cause.cause
    text = cause.message if isinstance(cause, ApplicationError) else str(cause)
    message = clean(f"checking plan {plan.name}: {text}")
    if isinstance(cause, ApplicationError) and cause.type == ENVIRONMENT_FAILURE:
        return UnreachableError(message)
    return RefusedError(message)


async def _check_here(session: Session, plan_file: str) -> PlanCheck:
    """Let the worker's program check in a process of its own: only it is wired to Azure."""
    session.note("checking in a process of its own: reads only, as the identity of this environment")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "worker.py"), "--check", plan_file),
        env=dict(session.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate()
    try:
        return PlanCheck.model_validate_json(output)
    except ValidationError:
        kind = {2: InputError, 3: UnreachableError}.get(process.returncode or 0, RefusedError)
        raise kind(f"checking {plan_file}: worker.py --check ended with {process.returncode}; see above") from None
