"""A move by hand with the Azure CLI alone, by the script that a reader may copy."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import az_variables, needs
from tests.clients.install import AZ
from tests.simulator.siterecovery_estate import (
    SOURCE_NETWORK,
    SUBSCRIPTION,
    TARGET,
    TARGET_NETWORK,
    disk_id,
    nic_id,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

SCRIPT = Path(__file__).with_name("move_by_hand.sh")
pytestmark = [needs(AZ), pytest.mark.timeout(600)]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A machine, an hour in a second."""
    with Simulator(seed=seed("web", behaviour={"web": {}}), speed=3600) as simulator:
        yield simulator


def test_a_move_by_hand(sim: Simulator, tmp_path: Path) -> None:
    """The script moves a machine from the vault to the commit and leaves nothing behind but source and target."""
    before = sim.resource_ids()
    variables = {
        **az_variables(sim, tmp_path),
        "SUBSCRIPTION": SUBSCRIPTION,
        "SOURCE_GROUP": "shop-we",
        "TARGET_GROUP": "shop-ne",
        "SOURCE_REGION": "westeurope",
        "TARGET_REGION": "northeurope",
        "VM": "web",
        "SOURCE_NETWORK": SOURCE_NETWORK,
        "TARGET_NETWORK": TARGET_NETWORK,
        "SUBNET": "front",
        "CACHE": "byhandcache",
    }
    for words in (
        ["cloud", "register", "-n", "sim", "--endpoint-resource-manager", sim.endpoint],
        ["cloud", "set", "-n", "sim"],
        ["login", "--service-principal", "-u", sim.client_id, "-p", sim.client_secret, "--tenant", sim.tenant_id],
    ):
        subprocess.run([str(AZ), *words], env=variables, capture_output=True, check=True)

    done = subprocess.run(["sh", str(SCRIPT)], env=variables, capture_output=True, text=True, check=False)
    power = {found["id"].lower(): found.get("power_state") for found in sim.resources()}

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "== web runs in northeurope\n" in done.stdout
    assert "PowerState/deallocated" == power[vm_id("web").lower()]
    assert "PowerState/running" == power[vm_id("web", TARGET).lower()]
    made = {
        *(disk_id(f"web_{kind}", TARGET) for kind in ("os", "data")),
        vm_id("web", TARGET),
        nic_id("web-nic", TARGET),
    }
    left = {id_ for id_ in set(power) - before if "/extensions/" not in id_}
    assert {id_.lower() for id_ in made} == left
    assert [] == sim.control("GET", "unknown").json()
