"""The script that one writes first: one virtual machine after the other, each step by ``begin_*().result()``.

``python -m benchmarks.scripts.sequential MOVES.json`` with the environment that Azure's tools use. The SDK's defaults
hold: its pollers wait as long as Azure asks by Retry-After, and 30 seconds where it does not ask.
``--second`` is how long a second lasts where Azure is a simulation that runs faster: 0.1 at ten times the speed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.recoveryservicessiterecovery import SiteRecoveryManagementClient

from benchmarks.scripts import bodies

POLL_SECONDS = 30
"""The SDK's own interval; the first copy, which is no operation, is looked at as often."""


def move(clients: Any, moves: dict[str, Any], machine: dict[str, Any], second: float) -> None:
    """Move one machine."""
    recovery, compute = clients
    items, item = recovery.replication_protected_items, bodies.item(moves, machine)
    poll = {"polling_interval": POLL_SECONDS * second}
    items.begin_create(*item, bodies.enable(moves, machine), **poll).result()
    while items.get(*item).properties.protection_state != "Protected":
        time.sleep(POLL_SECONDS * second)
    items.begin_update(*item, bodies.target(moves, machine), **poll).result()
    items.begin_unplanned_failover(*item, bodies.failover(), **poll).result()
    while not bodies.has_booted(compute.virtual_machines.instance_view(moves["target_group"], machine["name"])):
        time.sleep(POLL_SECONDS * second)
    items.begin_failover_commit(*item, **poll).result()
    items.begin_purge(*item, **poll).result()


def main() -> int:
    """Move all, and print when it began and ended, and how long each machine took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scripts.sequential", description=__doc__)
    parser.add_argument("moves", type=argparse.FileType(encoding="utf-8"))
    parser.add_argument("--second", type=float, default=1.0)
    given = parser.parse_args()
    moves = json.load(given.moves)
    options, access = bodies.access(os.environ)
    took: dict[str, float] = {}
    began = time.time()
    with ClientSecretCredential(**access) as credential:
        recovery: Any = SiteRecoveryManagementClient(credential, moves["subscription"], **options)
        compute: Any = ComputeManagementClient(credential, moves["subscription"], **options)
        with recovery, compute:
            for machine in moves["machines"]:
                since = time.time()
                move((recovery, compute), moves, machine, given.second)
                took[machine["name"]] = time.time() - since
    sys.stdout.write(json.dumps({"began": began, "ended": time.time(), "moved": took, "failed": {}}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
