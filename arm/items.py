"""A replication protected item: where it stands, and what it was told to become.

States are Site Recovery's literals. Percentages freeze below 100 and never tell the end: the state `Protected` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arm import jobs, reads
from arm.errors import redacted
from arm.reads import SITE_RECOVERY_API, Json
from migration.ids import ResourceId, vm_id
from migration.redaction import shortened
from migration.requests import ItemState

if TYPE_CHECKING:
    from arm.clients import AzureClients

ENABLING_FAILED = "EnablingFailed"
PROTECTED = "Protected"
FAILED_OVER = "UnplannedFailoverCommitPending"
"""How the states between the end of a failover and its commit begin."""
COMMITTED = "UnplannedFailoverCommitted"
_MOST_ERRORS = 50
_ERROR_CHARACTERS = 500
_FAILING_OVER = "UnplannedFailoverInProgress"
_FAILOVER = "UnplannedFailover"
"""How all states begin into which a failover leads, also one that failed."""
TEST_FAILOVER_DONE = {"", "None", "MarkedForDeletion"}


async def read_item(azure: AzureClients, item_id: str) -> Json | None:
    """Return a protected item, None where there is none."""
    return await reads.read(azure, item_id)


async def read_back(azure: AzureClients, item_id: str) -> Json | None:
    """Return a protected item for who decides nothing by it alone: it may come of a listing of the vault's."""
    return await azure.together.read_item(item_id)


async def list_items(azure: AzureClients, scope: str) -> list[Json]:
    """Return the protected items of a vault or of one of its containers."""
    subscription = ResourceId.parse(scope).subscription
    return await reads.read_list(azure, f"{scope}/replicationProtectedItems", subscription, SITE_RECOVERY_API)


async def recovery_point_time(azure: AzureClients, item_id: str) -> str | None:
    """Return the time of the recovery point that the item's failover used, None where it cannot be told."""
    point = properties(await read_item(azure, item_id) or {}).get("failoverRecoveryPointId")
    if not point:
        return None
    name = str(point).rstrip("/").rsplit("/", 1)[-1]
    document = await reads.read(azure, f"{item_id}/recoveryPoints/{name}")
    return None if document is None else properties(document).get("recoveryPointTime")


def properties(document: Json) -> Json:
    """Return the properties of an ARM document."""
    return document.get("properties") or {}


def details(item: Json) -> Json:
    """Return what is particular to Azure-to-Azure."""
    return properties(item).get("providerSpecificDetails") or {}


def disks(item: Json) -> list[Json]:
    """Return the protected managed disks."""
    return details(item).get("protectedManagedDisks") or []


async def read_state(azure: AzureClients, item_id: str) -> ItemState:
    """Return where a protected item stands, with the job that runs on it."""
    item = await read_item(azure, item_id)
    if item is None:
        return ItemState(exists=False)
    return state_of(item).model_copy(update={"current_job": await jobs.working_on(azure, item, item_id)})


def state_of(item: Json) -> ItemState:
    """Return what an item says of itself; which job runs on it only the job can tell."""
    outer, inner = properties(item), details(item)
    protection = str(outer.get("protectionState") or "")
    return ItemState(
        exists=True,
        protection_state=protection,
        test_failover_state=str(outer.get("testFailoverState") or ""),
        active_location=str(outer.get("activeLocation") or ""),
        allowed_operations=list(outer.get("allowedOperations") or []),
        replication_health=str(outer.get("replicationHealth") or ""),
        failover_health=str(outer.get("failoverHealth") or ""),
        rpo_seconds=_whole(inner.get("rpoInSeconds")),
        percent=_whole(inner.get("monitoringPercentageCompletion")),
        recovery_vm_id=_recovery_vm_id(inner),
        replica_disk_ids=[
            str(disk["recoveryReplicaDiskId"]) for disk in disks(item) if disk.get("recoveryReplicaDiskId")
        ],
        failover_disk_names=_names(item, "failoverDiskName"),
        test_failover_disk_names=_names(item, "tfoDiskName"),
        protected=protection == PROTECTED,
        failed_over=protection.startswith(FAILED_OVER),
        committed=protection == COMMITTED,
        errors=[_told(error) for error in (outer.get("healthErrors") or [])[:_MOST_ERRORS]],
    )


def is_beyond_replication(state: ItemState) -> bool:
    """Tell whether a failover, whoever began it, has ended the replication of an item; one that runs has not yet."""
    return state.protection_state.startswith(_FAILOVER) and state.protection_state != _FAILING_OVER


def _recovery_vm_id(inner: Json) -> str | None:
    if inner.get("recoveryFabricObjectId"):
        return str(inner["recoveryFabricObjectId"])
    group, name = inner.get("recoveryAzureResourceGroupId"), inner.get("recoveryAzureVMName")
    if not group or not name:
        return None
    home = ResourceId.parse(str(group))
    return vm_id(home.subscription, home.name, str(name))


def _names(item: Json, key: str) -> list[str]:
    return [str(disk[key]) for disk in disks(item) if disk.get(key)]


def _whole(number: Any) -> int | None:
    return int(number) if isinstance(number, int | float) else None


def _told(error: Json) -> str:
    told = f"{error.get('errorLevel') or 'Error'} {error.get('errorCode') or ''}: {error.get('errorMessage') or ''}"
    return shortened(redacted(told), _ERROR_CHARACTERS)
