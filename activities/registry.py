"""Which activities run on which task queue, and what a worker needs around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activities.approval import ApprovalActivities, ApprovalDesk
from activities.booting import BootActivities
from activities.bounds import BoundedAnswers
from activities.calling import Callers
from activities.cleaning import CleaningActivities
from activities.courier import CourierActivities
from activities.earlier import EarlierActivities
from activities.failover import FailoverActivities
from activities.failures import AzureFailures
from activities.finalise import FinaliseActivities
from activities.fleet import FleetActivities
from activities.groups import GroupActivities
from activities.guests import GuestActivities
from activities.hooks import HookActivities
from activities.isolation import IsolationActivities
from activities.ledger import LedgerActivities
from activities.ledger_proofs import ProofActivities
from activities.notifications import NotificationActivities
from activities.parity import ParityActivities
from activities.plans import PlanActivities
from activities.power import PowerActivities
from activities.preflight import PreflightActivities
from activities.proving import ProbeActivities
from activities.replication import ReplicationActivities
from activities.reprotection import ReprotectionActivities
from activities.shared_finding import SharedFindingActivities
from activities.snapshots import SnapshotActivities
from activities.surveys import SurveyActivities
from activities.vault import VaultActivities
from activities.verification import VerificationActivities
from activities.waits import WaitActivities
from activities.watching import CopyActivities
from activities.windows import WindowActivities
from activities.writing import INTENT_SETTLE_SECONDS
from migration.names import AZURE_TASK_QUEUE, FINALISE_TASK_QUEUE, GUEST_TASK_QUEUE, WAIT_TASK_QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporalio.client import Client
    from temporalio.worker import Interceptor

    from activities.notifications import Senders
    from arm.clients import AzureClients
    from arm.watcher import Watchers

WAIT_SLOTS = 5_000
"""A held wait costs a slot and little else. Each machine that waits for its approval holds one for days: what moves
besides 2,000 of them must find more."""

GUEST_SLOTS = 20
"""How many machines a worker asks from inside at once, whatever plans want."""
SLOTS = {WAIT_TASK_QUEUE: WAIT_SLOTS, GUEST_TASK_QUEUE: GUEST_SLOTS}
"""Of the queues that differ from the others."""


def all_activities(
    azure: AzureClients,
    watchers: Watchers,
    client: Client,
    desk: ApprovalDesk,
    *,
    settle_seconds: float = INTENT_SETTLE_SECONDS,
    senders: Senders | None = None,
) -> dict[str, list[Callable[..., Any]]]:
    """Return the activities of each task queue."""
    copies = CopyActivities(azure, watchers)
    writing = [
        VaultActivities(azure, settle_seconds),
        SharedFindingActivities(azure),
        ReplicationActivities(azure, settle_seconds),
        FailoverActivities(azure, settle_seconds, copies.stop_looking),
        GroupActivities(azure, settle_seconds),
        ReprotectionActivities(azure, settle_seconds),
        PowerActivities(azure, settle_seconds),
        LedgerActivities(azure, settle_seconds, watchers.floor_seconds),
        SnapshotActivities(azure, settle_seconds),
        ParityActivities(azure, settle_seconds),
    ]
    reading = [
        PreflightActivities(azure, client, senders.wires if senders else None, watchers.floor_seconds),
        SurveyActivities(azure),
        VerificationActivities(azure, watchers.floor_seconds),
        IsolationActivities(azure),
        PlanActivities(client),
        FleetActivities(client),
        WindowActivities(),
        EarlierActivities(client),
        ProofActivities(azure, client),
        CleaningActivities(azure, client),
        CourierActivities(client),
        ApprovalActivities(desk, client),
    ]
    return {
        AZURE_TASK_QUEUE: [method for holder in (*writing, *reading) for method in methods_of(holder)],
        WAIT_TASK_QUEUE: [
            *methods_of(WaitActivities(azure, watchers)),
            *methods_of(copies),
            *methods_of(HookActivities(azure, senders.channels if senders else None, settle_seconds)),
            *methods_of(NotificationActivities(senders)),
            *methods_of(BootActivities(azure, watchers)),
        ],
        GUEST_TASK_QUEUE: [
            *methods_of(GuestActivities(azure, settle_seconds)),
            *methods_of(ProbeActivities(azure, settle_seconds)),
        ],
    }


def finalising_activities(
    azure: AzureClients,
    watchers: Watchers,
    client: Client,
    desk: ApprovalDesk,
    *,
    settle_seconds: float = INTENT_SETTLE_SECONDS,
) -> list[Callable[..., Any]]:
    """Return the activities of the worker that may delete sources, all on its own queue."""
    holders = [
        FinaliseActivities(azure, client, settle_seconds),
        SnapshotActivities(azure, settle_seconds),
        WaitActivities(azure, watchers),
        ApprovalActivities(desk, client, FINALISE_TASK_QUEUE),
    ]
    return [method for holder in holders for method in methods_of(holder)]


def interceptors() -> list[Interceptor]:
    """Return what every worker of these activities has around them."""
    return [Callers(), AzureFailures(), BoundedAnswers()]


def methods_of(holder: object) -> list[Callable[..., Any]]:
    """Return the activity methods of an object."""
    names = [name for name in dir(type(holder)) if hasattr(getattr(type(holder), name), _MARK)]
    return [getattr(holder, name) for name in names]


_MARK = "__temporal_activity_definition"
"""What `activity.defn` leaves on a function."""
