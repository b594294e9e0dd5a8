"""Which activities run on which task queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activities.failover import FailoverActivities
from activities.ledger import LedgerActivities
from activities.power import PowerActivities
from activities.preflight import PreflightActivities
from activities.replication import ReplicationActivities
from activities.vault import VaultActivities
from activities.verification import VerificationActivities
from activities.waits import WaitActivities
from activities.writing import INTENT_SETTLE_SECONDS
from migration.names import AZURE_TASK_QUEUE, WAIT_TASK_QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from arm.clients import AzureClients
    from arm.watcher import Watchers


def all_activities(
    azure: AzureClients, watchers: Watchers, settle_seconds: float = INTENT_SETTLE_SECONDS
) -> dict[str, list[Callable[..., Any]]]:
    """Return the activities of each task queue."""
    writing = [
        VaultActivities(azure, settle_seconds),
        ReplicationActivities(azure, settle_seconds),
        FailoverActivities(azure, settle_seconds),
        PowerActivities(azure, settle_seconds),
        LedgerActivities(azure, settle_seconds),
    ]
    reading = [PreflightActivities(azure), VerificationActivities(azure)]
    return {
        AZURE_TASK_QUEUE: [method for holder in (*writing, *reading) for method in methods_of(holder)],
        WAIT_TASK_QUEUE: methods_of(WaitActivities(azure, watchers)),
    }


def methods_of(holder: object) -> list[Callable[..., Any]]:
    """Return the activity methods of an object."""
    names = [name for name in dir(type(holder)) if hasattr(getattr(type(holder), name), _MARK)]
    return [getattr(holder, name) for name in names]


_MARK = "__temporal_activity_definition"
"""What `activity.defn` leaves on a function."""
