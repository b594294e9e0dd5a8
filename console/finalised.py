"""What became of a source, as its own workflow left it; that answers also while no worker runs."""

from pydantic import ValidationError

from console.connection import Link
from console.recorded import describe
from migration import names
from migration.finalise import Finalised
from migration.report import MemoKeys


async def read_finalised(link: Link, plan: str, vm: str) -> Finalised | None:
    """Return what became of a source, from what the workflow left in its memo; None while that has not ended."""
    description = await describe(link.client.get_workflow_handle(names.finalise_vm_id(plan, vm)))
    kept = (await description.memo()).get(MemoKeys.FINALISED) if description else None
    try:
        return Finalised.model_validate(kept) if kept else None
    except ValidationError:
        return None
