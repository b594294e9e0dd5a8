"""What finalise did to sources: its own workflows say so, as long as Temporal keeps them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from activities.earlier import described
from activities.leftover_entries import on_purpose, untouched
from arm import reads
from migration import names
from migration.finalise import Finalised
from migration.ids import describe, same_id
from migration.report import MemoKeys
from migration.times import parse_azure_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporalio.client import Client

    from arm.clients import AzureClients
    from migration.cleaning import Untouched
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


async def snapshots_of_source(azure: AzureClients, client: Client, plan: str, vm: str) -> list[Untouched]:
    """Return the snapshots that finalise took of a source and are there: told with their cost, deleted by a person."""
    told = await _finalised(client, names.finalise_vm_id(plan, vm))
    found = []
    for kept in told.snapshots if told else []:
        document = await reads.read(azure, kept.id)
        wanted = parse_azure_time(kept.wanted_until)
        why = f"snapshot that finalise took of {describe(kept.disk_id)}, wanted until {kept.wanted_until}"
        if document is not None and wanted is not None and wanted <= datetime.now(UTC):
            found.append(untouched(kept.id, document, f"{why}, which is over"))
        elif document is not None:
            found.append(on_purpose(kept.id, document, why))
    return found


async def _finalised(client: Client, workflow_id: str) -> Finalised | None:
    description = await described(client, workflow_id)
    if description is None:
        return None
    try:
        return Finalised.model_validate((await description.memo()).get(MemoKeys.FINALISED))
    except ValidationError:
        return None
