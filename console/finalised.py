"""What became of a source, as its own workflow left it; that answers also while no worker runs."""

from pydantic import ValidationError
from temporalio.client import WorkflowExecutionDescription

from console.connection import Link
from console.recorded import describe
from migration import names
from migration.finalise import Finalised
from migration.report import MemoKeys


async def read_finalised(link: Link, plan: str, vm: str) -> Finalised | None:
    """Return what became of a source, from what the workflow left in its memo; None while that has not ended."""
    return await told_by(await describe(link.client.get_workflow_handle(names.finalise_vm_id(plan, vm))))


async def told_by(description: WorkflowExecutionDescription | None) -> Finalised | None:
    """Return what a deletion that has ended left in its memo; None while it runs, and where there was none."""
    kept = (await description.memo()).get(MemoKeys.FINALISED) if description else None
    try:
        return Finalised.model_validate(kept) if kept else None
    except ValidationError:
        return None
