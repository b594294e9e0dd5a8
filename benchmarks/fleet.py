"""What every program moves: so many virtual machines, alike, in one subscription, with a vault that is there.

The same fleet is written as a seed for the simulator, as a plan for us and as a list for the scripts. Its machines
differ only in what the simulator draws from their names: how long Site Recovery takes for each operation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from migration import ids, names
from migration.placement import DISKS_BY_CHOICE, DISKS_OF_SUBSCRIPTION
from migration.plan_fleet import MOST_CUTOVER, MOST_REPLICATION
from migration.vaults import account_id
from tests.e2e.estates import Case, seed_of

DISKS_OF_EACH = 2
"""Where that fits into one subscription; larger fleets have machines with one."""
MINIMUM_WRITES = 5
"""Enable, set the target, fail over, commit, forget the item: what Azure must be told of one machine."""
BOOT_SECONDS = 60
"""From a machine's power to its agent's first word; the copy takes as long as its source."""
PLAN = "fleet"
TARGET_SIZE = "Standard_D4s_v3"
"""Another size than the source has, so that the target has to be set: where nothing differs, we write nothing."""

Fault = dict[str, Any]


@dataclass(frozen=True)
class Fleet:
    """So many machines, whose first copies take so many minutes, and so many in a hundred of them in trouble."""

    size: int
    copy_minutes: int
    faulty_percent: int = 0

    @property
    def vms(self) -> tuple[str, ...]:
        """The names, which tell a request's machine apart in every path."""
        return tuple(f"vm-{number:04d}" for number in range(1, self.size + 1))

    @property
    def disks_of_each(self) -> int:
        """How many disks a machine has: all are in one subscription, which protects so many."""
        return DISKS_OF_EACH if self.size * DISKS_OF_EACH <= DISKS_OF_SUBSCRIPTION else 1

    @property
    def disks(self) -> int:
        """How many disks have to be protected."""
        return self.size * self.disks_of_each

    @property
    def case(self) -> Case:
        """The plan and the estate: no guest is asked, as by the scripts, and as many run at once as a plan can."""
        at_once = {"replication": min(self.size, MOST_REPLICATION), "cutover": min(self.size, MOST_CUTOVER)}
        return Case(
            PLAN,
            self.vms,
            data_disks=self.disks_of_each - 1,
            ready=True,
            size=TARGET_SIZE,
            extra=(("guest_probes", {"enabled": False}), ("concurrency", at_once)),
        )

    @property
    def vault_id(self) -> str:
        """The id of the vault that is there."""
        return f"{self.case.group_id('vault')}/providers/Microsoft.RecoveryServices/vaults/{PLAN}-vault"

    @property
    def caches(self) -> list[str]:
        """The ids of the cache storage accounts: the plan's own, and more where the disks need them."""
        needed = max(ceil(self.disks / DISKS_BY_CHOICE), 1)
        return [account_id(self.vault_id, (), self.case.source_region, number) for number in range(needed)]

    @property
    def in_trouble(self) -> dict[str, str]:
        """What befalls which machine, spread over the fleet."""
        count = ceil(self.size * self.faulty_percent / 100)
        chosen = [self.vms[(number * self.size) // count] for number in range(count)]
        kinds = list(TROUBLES)
        return {vm: kinds[number % len(kinds)] for number, vm in enumerate(chosen)}

    @property
    def faults(self) -> list[Fault]:
        """What the simulator is armed with: `match` and `effect` of each."""
        return [
            {"match": {"method": method, "path": path.format(vm=vm), "times": times}, "effect": effect}
            for vm, kind in self.in_trouble.items()
            for method, path, times, effect in TROUBLES[kind].faults
        ]

    def seed(self) -> dict[str, Any]:
        """Return the estate for the simulator."""
        case = self.case
        seed = seed_of([case])
        seed["resources"] += [_cache(one, case.source_region) for one in self.caches[1:]]
        traits = {"initial_replication_minutes": self.copy_minutes, "boot_seconds": BOOT_SECONDS}
        seed["behaviour"] = {case.vm_id(vm): dict(traits) for vm in self.vms}
        for vm, kind in self.in_trouble.items():
            seed["behaviour"][case.vm_id(vm)] |= TROUBLES[kind].behaviour
        return seed

    def write_plan(self, folder: Path) -> Path:
        """Write the plan; return its file."""
        file = folder / "plan.yaml"
        file.write_text(json.dumps(self.case.document), encoding="utf-8")
        return file

    def write_moves(self, folder: Path, first: int | None = None) -> Path:
        """Write what the scripts are to move, the *first* so many where not all; return the file."""
        file = folder / "moves.json"
        file.write_text(json.dumps(self.moves(self.vms[:first])), encoding="utf-8")
        return file

    def moves(self, vms: Iterable[str]) -> dict[str, Any]:
        """Return what a script needs to know to move *vms*."""
        case, vault = self.case, self.vault_id
        there = ids.fabric_id(vault, names.fabric_name(case.target_region))
        caches = self.caches
        return {
            "subscription": case.subscription,
            "vault_group": case.group("vault"),
            "vault": f"{PLAN}-vault",
            "fabric": names.fabric_name(case.source_region),
            "container": names.container_name(case.source_region),
            "policy_id": f"{vault}/replicationPolicies/{names.POLICY_NAME}",
            "target_container_id": ids.container_id(there, names.container_name(case.target_region)),
            "target_group": case.group("target"),
            "target_group_id": case.group_id("target"),
            "target_network_id": ids.network_id(case.subscription, case.group("target"), "target-net"),
            "subnet": "servers",
            "size": TARGET_SIZE,
            "machines": [
                {
                    "name": vm,
                    "id": case.vm_id(vm),
                    "disk_ids": [
                        f"{case.group_id('source')}/providers/Microsoft.Compute/disks/{vm}-{disk}"
                        for disk in self._disks
                    ],
                    "cache_id": caches[number * self.disks_of_each // DISKS_BY_CHOICE],
                }
                for number, vm in enumerate(vms)
            ],
        }

    @property
    def _disks(self) -> list[str]:
        return ["os", *(f"data-{lun}" for lun in range(self.disks_of_each - 1))]


@dataclass(frozen=True)
class Trouble:
    """What befalls a machine, and what must become of it."""

    ends: str
    """`migrated`, or `rolled_back`."""
    faults: tuple[tuple[str, str, int, dict[str, Any]], ...] = ()
    """Method, path, how often, and the effect."""
    behaviour: tuple[tuple[str, Any], ...] = ()


_FAILS = {"kind": "operation_fails", "code": "150097", "message": "The operation failed on purpose."}
_AWAY = {"kind": "status", "status": 503, "body": {"error": {"code": "ServiceUnavailable", "message": "Try again."}}}
TROUBLES = {
    "enabling fails": Trouble("rolled_back", (("PUT", "/replicationProtectedItems/{vm}[^/]*$", 0, _FAILS),)),
    "failover fails": Trouble("rolled_back", (("POST", "/{vm}[^/]*/unplannedFailover$", 0, _FAILS),)),
    "source does not stop": Trouble("rolled_back", behaviour=(("shutdown_fails", True),)),
    "answers 503 three times": Trouble("migrated", (("POST", "/{vm}[^/]*/unplannedFailover$", 3, _AWAY),)),
}
"""What befalls the machines in trouble, in turn."""


def _cache(account: str, region: str) -> dict[str, Any]:
    return {
        "id": account,
        "name": account.rpartition("/")[2],
        "type": "Microsoft.Storage/storageAccounts",
        "location": region,
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "properties": {"provisioningState": "Succeeded"},
    }
