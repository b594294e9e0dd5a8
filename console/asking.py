"""Questions about a plan that the worker's identity answers: by a workflow, or by the worker's program in a process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError
from temporalio.exceptions import ActivityError, ApplicationError

from console.errors import ConsoleError, InputError, RefusedError, UnreachableError
from console.session import ROOT, Session
from console.texts import clean
from migration.base import Value

if TYPE_CHECKING:
    from temporalio.client import WorkflowFailureError

ENVIRONMENT_FAILURE = "EnvironmentFailure"
"""The type of a failure that is Azure's or the identity's, not the plan's."""

A = TypeVar("A", bound=Value)


def unanswered(doing: str, error: WorkflowFailureError) -> ConsoleError:
    """Return the error that tells why the workflow that was *doing* it gave no answer."""
    cause: BaseException | None = error.cause
    if isinstance(cause, ActivityError):
        cause = cause.cause
    message = clean(f"{doing}: {cause.message if isinstance(cause, ApplicationError) else cause}")
    if isinstance(cause, ApplicationError) and cause.type == ENVIRONMENT_FAILURE:
        return UnreachableError(message)
    return RefusedError(message)


async def ask_here(session: Session, option: str, plan_file: str, answer: type[A], doing: str) -> A:
    """Let the worker's program answer in a process of its own: only it is wired to Azure."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "worker.py"), option, plan_file),
        env=dict(session.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate()
    try:
        return answer.model_validate_json(output)
    except ValidationError:
        kind = {2: InputError, 3: UnreachableError}.get(process.returncode or 0, RefusedError)
        raise kind(f"{doing} {plan_file}: worker.py {option} ended with {process.returncode}; see above") from None
