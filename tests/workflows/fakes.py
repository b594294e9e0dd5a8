"""A stand-in for each class of activities, under the real names, over one little cloud.

Each takes and gives the real values, records its calls in order, and reacts as the test's script tells.
"""

from collections.abc import Callable
from typing import Any

from migration import names
from tests.workflows.fake_checks import (
    Cleaning,
    Earlier,
    Fleet,
    Guests,
    Ledger,
    Plans,
    Preflight,
    Proofs,
    Snapshots,
    Surveys,
    Verifier,
)
from tests.workflows.fake_machines import Approvals, Courier, Hooks, Notifications, Power, Windows
from tests.workflows.fake_parity import Parities
from tests.workflows.fake_replication import Failover, Groups, Replication, Reprotection, Waits
from tests.workflows.fake_vault import Vault
from tests.workflows.stand_in import StandIn
from tests.workflows.world import World


def activities_of(world: World) -> dict[str, list[Callable[..., Any]]]:
    """Return the stand-ins by task queue."""
    kinds: list[type[StandIn]] = [
        Preflight,
        Surveys,
        Vault,
        Replication,
        Failover,
        Groups,
        Power,
        Verifier,
        Ledger,
        Snapshots,
    ]
    near = [
        kind(world)
        for kind in (*kinds, Reprotection, Plans, Earlier, Fleet, Cleaning, Proofs, Approvals, Windows, Courier)
    ]
    return {
        names.AZURE_TASK_QUEUE: [method for one in [*near, Parities(world)] for method in _methods(one)],
        names.WAIT_TASK_QUEUE: [*_methods(Waits(world)), *_methods(Hooks(world)), *_methods(Notifications(world))],
        names.GUEST_TASK_QUEUE: _methods(Guests(world)),
    }


def _methods(stand_in: object) -> list[Callable[..., Any]]:
    found = [getattr(stand_in, name) for name in dir(stand_in) if not name.startswith("_")]
    return [method for method in found if hasattr(method, "__temporal_activity_definition")]
