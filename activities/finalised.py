"""Which sources are gone because they were finalised: their own workflows say so, as long as Temporal keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError
from temporalio.service import RPCError, RPCStatusCode

from migration import names
from migration.finalise import Finalised
from migration.ids import same_id
from migration.report import MemoKeys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporalio.client import Client

    from migration.models import VmSpec


async def finalised_sources(client: Client, plan: str, absent: Iterable[VmSpec]) -> dict[str, str]:
    """Return when the absent sources of a plan were deleted by finalise, by name; those that were not are left out."""
    found = {}
    for vm in absent:
        told = await _finalised(client, names.finalise_vm_id(plan, vm.name))
        gone = [one.at for one in (told.deleted if told else []) if same_id(one.id, vm.source_id)]
        if gone:
            found[vm.name] = f"at {gone[-1]}"
    return found


async def _finalised(client: Client, workflow_id: str) -> Finalised | None:
    try:
        description = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    try:
        return Finalised.model_validate((await description.memo()).get(MemoKeys.FINALISED))
    except ValidationError:
        return None
