"""How long the check of a large plan takes on this machine, without asking machines from inside.

``python -m benchmarks.check`` generates an estate and a plan of it, starts a simulator, and types
``starter.py check PLAN --local --json``: the time is that of the whole command, with Azure's own limits on.
``--machines 500`` is the default and the size of the goal. ``--json`` prints the same for programs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.simulator import ROOT, Simulator, expect

GOAL_SECONDS = 30.0
_SOURCE, _TARGET = "westeurope", "northeurope"


def estate(folder: Path, machines: int) -> tuple[Path, Path]:
    """Write an estate of *machines* and a plan that moves all of them; return both files."""
    seed_file, plan_file = folder / "estate.json", folder / "fleet.yaml"
    generate = (sys.executable, "-m", "simulator.estates", "generate", str(machines), "--region", _SOURCE)
    subprocess.run([*generate, "-o", str(seed_file)], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    seed = json.loads(seed_file.read_text(encoding="utf-8"))
    homes: dict[str, list[str]] = defaultdict(list)
    for resource in seed["resources"]:
        if resource["type"] == "Microsoft.Compute/virtualMachines":
            homes[resource["id"].split("/")[4]].append(resource["id"].rsplit("/", 1)[-1])
    subscription = seed["subscriptions"][0]["subscriptionId"]
    network = f"/subscriptions/{subscription}/resourceGroups/fleet/providers/Microsoft.Network/virtualNetworks/vnet"
    seed["resources"].append(_network(network))
    seed_file.write_text(json.dumps(seed), encoding="utf-8")
    plan_file.write_text(json.dumps(_plan(subscription, network, homes)), encoding="utf-8")
    return seed_file, plan_file


def measure(machines: int) -> dict[str, Any]:
    """Every figure, by name."""
    with tempfile.TemporaryDirectory(prefix="check-benchmark-") as scratch:
        seed, plan = estate(Path(scratch), machines)
        with Simulator(seed, Path(scratch) / "state") as simulator:
            simulator.control("clock", {"throttling": {"enabled": True}})
            before = _requests(simulator)
            begun = time.perf_counter()
            command = [sys.executable, "starter.py", "check", str(plan), "--local", "--json"]
            answered = subprocess.run(
                command, cwd=ROOT, env=_environment(simulator), capture_output=True, text=True, check=False
            )
            seconds = time.perf_counter() - begun
            expect(answered.returncode, 0, f"the check's exit code ({answered.stderr.strip()[-500:]})")
            answer = json.loads(answered.stdout)
            expect(len(answer["vms"]), machines, "machines that were checked")
            return {"machines": machines, "seconds": seconds, "reads": _requests(simulator) - before}


def _requests(simulator: Simulator) -> int:
    """How many requests the simulator has answered."""
    return simulator.read("/_simulator/requests?since=0").count(b"\n")


def _network(network: str) -> dict[str, Any]:
    subnets = [{"name": "servers", "properties": {"addressPrefix": "10.200.0.0/16"}}]
    properties = {"addressSpace": {"addressPrefixes": ["10.200.0.0/16"]}, "subnets": subnets}
    kind = "Microsoft.Network/virtualNetworks"
    return {"id": network, "type": kind, "location": _TARGET, "properties": properties}


def _plan(subscription: str, network: str, homes: dict[str, list[str]]) -> dict[str, Any]:
    waves = [
        {"name": home, "vms": [{"name": name, "resource_group": home} for name in names]}
        for home, names in homes.items()
    ]
    return {
        "version": 1,
        "name": "fleet",
        "subscription": subscription,
        "source": {"region": _SOURCE, "resource_group": next(iter(homes))},
        "target": {"region": _TARGET, "resource_group": "fleet", "network": network, "subnet": "servers"},
        "vault": {"name": "fleet-vault", "resource_group": "fleet", "region": _TARGET},
        "approval": {"approvers": ["anna@contoso.example"]},
        "guest_probes": {"enabled": False},
        "waves": waves,
    }


def _environment(simulator: Simulator) -> dict[str, str]:
    ready = simulator.ready
    return {
        "PATH": os.defpath,
        "AZURE_TENANT_ID": ready["tenant_id"],
        "AZURE_CLIENT_ID": ready["client_id"],
        "AZURE_CLIENT_SECRET": ready["client_secret"],
        "AZURE_AUTHORITY_HOST": ready["endpoint"],
        "AZURE_RESOURCE_MANAGER_ENDPOINT": ready["endpoint"],
        "AZURE_CA_BUNDLE": ready["ca_file"],
    }


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 0 where the goal is met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--machines", type=int, default=500, help="machines of the plan (default 500)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(argv)
    figures = measure(given.machines)
    told = f"{figures['machines']} machines checked in {figures['seconds']:.1f} s (goal: under {GOAL_SECONDS:.0f})"
    sys.stdout.write(json.dumps(figures) + "\n" if given.json else f"{told}, {figures['reads']} requests\n")
    return 0 if figures["seconds"] < GOAL_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
