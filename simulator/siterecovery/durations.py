"""How long Site Recovery takes, in seconds of virtual time.

Ranges come from recordings and field reports; those of disks, repair and the mobility service are assumptions. A
duration is chosen by the name of the object, not by chance, so that two runs over the same estate take the same time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.world import World

RANGES: dict[str, tuple[float, float]] = {
    "vault": (8, 25),
    "vault_delete": (6, 20),
    "fabric": (65, 85),
    "fabric_delete": (2, 3),
    "policy": (1, 1.6),
    "policy_delete": (0.2, 0.8),
    "container": (0.2, 1),
    "container_delete": (0.2, 1.8),
    "mapping": (64, 166),
    "mapping_again": (1, 1.5),
    "mapping_delete": (0.3, 2.5),
    "network_mapping": (3, 4.4),
    "network_mapping_delete": (1.6, 2.4),
    "recovery_plan": (0.2, 0.9),
    "enable": (310, 425),
    "initial_replication": (20 * 60, 50 * 60),
    "update": (6, 18),
    "test_failover": (158, 210),
    "cleanup": (60, 75),
    "failover": (139, 172),
    "shutdown": (45, 75),
    "synchronise": (20, 45),
    "commit": (8, 38),
    "apply_point": (100, 150),
    "reprotect": (390, 506),
    "remove": (195, 215),
    "purge": (105, 120),
    "disks": (120, 240),
    "mobility_service": (150, 240),
    "repair": (60, 120),
    "resync": (15 * 60, 30 * 60),
    "cancel": (3, 9),
    "small": (0.6, 2),
}


def seconds(world: World, kind: str, key: str) -> float:
    """The duration of *kind* for the object *key*."""
    return world.duration(*RANGES[kind], kind, key)


def fraction(world: World, *key: str) -> float:
    """A number from 0 to 1 that belongs to *key* alone."""
    return world.duration(0, 1, *key)
