"""The states of a replicated item, their descriptions, and the operations that each allows.

The states from enabling to committed are recorded or reported; those of a running or failed failover and of a running
disable have never been seen on the wire and are assumptions.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

ENABLING = "EnablingProtection"
ENABLING_FAILED = "EnablingFailed"
INITIAL_REPLICATION = "InitialReplicationInProgress"
COMPLETION_PENDING = "InitialReplicationRecoveryCompletionPending"
PROTECTED = "Protected"
FAILING_OVER = "UnplannedFailoverInProgress"
FAILOVER_FAILED = "UnplannedFailoverFailed"
COMMIT_PENDING = "UnplannedFailoverCommitPendingStatesBegin"
COMMITTED = "UnplannedFailoverCommitted"
DISABLING = "DisablingProtection"
DISABLING_FAILED = "DisablingFailed"

DESCRIPTIONS = {
    ENABLING: "Enabling protection",
    ENABLING_FAILED: "Enabling protection failed",
    INITIAL_REPLICATION: "Initial replication is in progress",
    COMPLETION_PENDING: "Waiting for first recovery point",
    PROTECTED: "Protected",
    FAILING_OVER: "Failover is in progress",
    FAILOVER_FAILED: "Failover failed",
    COMMIT_PENDING: "Failover completed",
    COMMITTED: "Failover committed",
    DISABLING: "Disabling protection",
    DISABLING_FAILED: "Disabling protection failed",
}
TEST_DESCRIPTIONS = {
    "None": "None",
    "TestFailoverInProgress": "Test failover is in progress",
    "WaitingForCompletion": "Waiting for user input",
    "MarkedForDeletion": "Cleaning up test environment",
}
ALLOWED = {
    ENABLING_FAILED: ("DisableProtection",),
    INITIAL_REPLICATION: ("DisableProtection",),
    COMPLETION_PENDING: ("DisableProtection",),
    PROTECTED: ("UnplannedFailover", "DisableProtection", "TestFailover"),
    FAILOVER_FAILED: ("UnplannedFailover", "DisableProtection"),
    COMMIT_PENDING: ("Commit", "ChangePit", "DisableProtection"),
    COMMITTED: ("ReverseReplicate", "DisableProtection"),
    DISABLING_FAILED: ("DisableProtection",),
}


def state_of(world: World, item: Resource) -> str:
    """The state now; the item keeps when its initial replication moves from step to step."""
    state = str(item.meta["state"])
    if state == INITIAL_REPLICATION:
        pending_at = item.meta.get("completion_pending_at")
        if pending_at and world.now >= datetime.fromisoformat(pending_at):
            return COMPLETION_PENDING
    return state


def description(item: Resource, state: str) -> str:
    """What Azure writes beside the state."""
    if state == PROTECTED and item.meta.get("test"):
        return "Cleanup test failover pending"
    return DESCRIPTIONS[state]


def test_state(item: Resource) -> str:
    """The state of a test failover."""
    return str((item.meta.get("test") or {}).get("state", "None"))


def was_protected(item: Resource) -> bool:
    """Whether its initial replication has ever been completed."""
    return bool(item.meta.get("protected_at"))


def is_failed_over(item: Resource) -> bool:
    """Whether the recovery side is the active one, also while the item is being disabled."""
    return bool(item.meta.get("target_vm"))


def allowed_operations(world: World, item: Resource) -> list[str]:
    """What may be started on an item that no job works on (while one does, nothing may be)."""
    if item.meta.get("test"):
        return ["TestFailoverCleanup"]
    found = list(ALLOWED.get(state_of(world, item), ()))
    resync = (item.meta.get("stalled") or {}).get("reason") == "resync" and not item.meta.get("resynchronising")
    return [*found, "RepairReplication"] if resync and item.meta["state"] == PROTECTED else found
