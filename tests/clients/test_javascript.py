"""Microsoft's JavaScript SDK of Site Recovery, unmodified, against the simulator: a whole move by its own pollers."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import needs
from tests.clients.install import CLIENTS, JS
from tests.simulator.siterecovery_estate import (
    CACHE,
    PRIMARY_CONTAINER,
    RECOVERY_CONTAINER,
    SOURCE_NETWORK,
    SUBSCRIPTION,
    TARGET,
    TARGET_NETWORK,
    Lab,
    disk_id,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

PROGRAM = Path(__file__).with_name("js") / "move.mjs"
PACKAGE = next(client.program for client in CLIENTS if client.name == "js")
pytestmark = [needs(PACKAGE), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """A machine and a vault, a minute in a hundredth of a second, lists in small pages."""
    with Simulator(seed=seed("web", behaviour={"web": {}}), speed=6000) as simulator:
        Lab(simulator).vault()
        assert 200 == simulator.control("POST", "settings", {"site_recovery_page_size": 5}).status_code
        yield simulator


def given(sim: Simulator) -> dict[str, Any]:
    """What the program needs to know."""
    return {
        "endpoint": sim.endpoint,
        "tenantId": sim.tenant_id,
        "clientId": sim.client_id,
        "clientSecret": sim.client_secret,
        "subscriptionId": SUBSCRIPTION,
        "vault": "shop-vault",
        "group": "shop-ne",
        "ids": {
            "sourceContainer": PRIMARY_CONTAINER,
            "targetContainer": RECOVERY_CONTAINER,
            "sourceNetwork": SOURCE_NETWORK,
            "targetNetwork": TARGET_NETWORK,
            "targetGroup": TARGET,
            "machine": vm_id("web"),
            "disks": [disk_id("web_os"), disk_id("web_data")],
            "cache": CACHE,
        },
    }


def test_a_move_in_javascript(sim: Simulator) -> None:
    """Fabrics, policy, containers, mappings, enable, failover, commit, purge; pages; refusals with their codes."""
    program = shutil.copy(PROGRAM, JS)  # beside the packages: that is where node looks for them
    environment = {"PATH": os.environ["PATH"], "HOME": str(JS), "NODE_EXTRA_CA_CERTS": sim.ca_file}
    done = subprocess.run(
        ["node", program, json.dumps(given(sim))], env=environment, capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stderr
    seen = json.loads(done.stdout)
    lab = Lab(sim)
    assert ["Paired", "web", "A2A", 2] == [seen[key] for key in ("paired", "resumed", "details", "disks")]
    assert ["Recovery", "UnplannedFailoverCommitted"] == [seen["active"], seen["committed"]]
    assert "150144" in seen["refused"]
    assert ["RestError", 404] == seen["absent"][:2]
    assert ["westeurope", "northeurope"] == seen["fabrics"]
    assert {"UnplannedFailover", "CommitFailover"} <= set(seen["jobs"])
    assert len(seen["jobs"]) == sum(seen["pages"])
    assert 2 <= len(seen["pages"])
    assert ["PowerState/deallocated", "PowerState/running"] == [
        lab.power(vm_id("web")),
        lab.power(vm_id("web", TARGET)),
    ]
    assert [] == sim.control("GET", "unknown").json()
