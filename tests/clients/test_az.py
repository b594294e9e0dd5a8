"""The real Azure CLI against the simulator: signing in, the everyday commands, and a move by hand."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.install import AZ
from tests.simulator.siterecovery_estate import (
    SOURCE,
    SOURCE_NETWORK,
    SUBSCRIPTION,
    TARGET,
    TARGET_NETWORK,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

pytestmark = [
    pytest.mark.skipif(
        not AZ.exists() and os.environ.get("REQUIRE_AZ") != "1",
        reason="the Azure CLI is not installed: run `python -m tests.clients.install`",
    ),
    pytest.mark.timeout(600),
]
SCRIPT = Path(__file__).with_name("move_by_hand.sh")


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """Two machines, an hour in a second."""
    with Simulator(seed=seed("web", "db", behaviour={"web": {}}), speed=3600) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def environment(sim: Simulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An Azure CLI with a configuration of its own, signed in to the simulator."""
    home = str(tmp_path_factory.mktemp("az"))
    variables = {
        "PATH": f"{AZ.parent}:{os.environ['PATH']}",
        "HOME": home,
        "AZURE_CONFIG_DIR": home,
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_ONLY_SHOW_ERRORS": "true",
        "REQUESTS_CA_BUNDLE": sim.ca_file,
    }
    principal = ["-u", sim.client_id, "-p", sim.client_secret, "--tenant", sim.tenant_id]
    for words in (
        ["cloud", "register", "-n", "sim", "--endpoint-resource-manager", sim.endpoint],
        ["cloud", "set", "-n", "sim"],
        ["login", "--service-principal", *principal],
    ):
        done = subprocess.run([str(AZ), *words], env=variables, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr
    return variables


@pytest.fixture
def az(environment: dict[str, str]) -> Callable[..., Any]:
    """Run a command; its JSON."""

    def run(*words: str) -> Any:
        command = [str(AZ), *words, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_everyday_commands_work(az: Callable[..., Any]) -> None:
    """Groups, machines and their power, disks, networks, storage, resources, locks and raw requests."""
    in_source = ["-g", "shop-we"]
    az("group", "create", "-n", "made-by-az", "-l", "northeurope")
    shown = az("vm", "show", *in_source, "-n", "web", "-d")
    az("vm", "deallocate", *in_source, "-n", "db")
    states = {machine["name"]: machine["powerState"] for machine in az("vm", "list", "-d")}
    az("vm", "start", *in_source, "-n", "db")
    view = az("vm", "get-instance-view", *in_source, "-n", "db")
    ran = az(
        "vm", "run-command", "invoke", *in_source, "-n", "web", "--command-id", "RunShellScript", "--scripts", "ls"
    )
    account = az(
        "storage", "account", "create", *in_source, "-n", "madebyaz", "-l", "westeurope", "--sku", "Standard_LRS"
    )

    assert ("VM running", "10.1.0.10") == (shown["powerState"], shown["privateIps"])
    assert {"web": "VM running", "db": "VM deallocated"} == states
    assert "PowerState/running" in [status["code"] for status in view["instanceView"]["statuses"]]
    assert "ProvisioningState/succeeded" == ran["value"][0]["code"]
    assert "made-by-az" in {group["name"] for group in az("group", "list")}
    assert {"web_os", "web_data", "db_os", "db_data"} == {disk["name"] for disk in az("disk", "list", *in_source)}
    assert {"we-vnet", "ne-vnet", "test-vnet"} == {network["name"] for network in az("network", "vnet", "list")}
    assert (
        "10.1.0.10"
        == az("network", "nic", "show", *in_source, "-n", "web-nic")["ipConfigurations"][0]["privateIPAddress"]
    )
    assert "Succeeded" == account["provisioningState"]
    assert "madebyaz" == az("storage", "account", "show", *in_source, "-n", "madebyaz")["name"]
    assert "madebyaz" in {resource["name"] for resource in az("resource", "list")}
    assert [] == az("lock", "list")
    assert "shop-we" == az("rest", "--method", "get", "--url", f"{SOURCE}?api-version=2022-09-01")["name"]


def test_a_move_by_hand(sim: Simulator, environment: dict[str, str]) -> None:
    """The script moves a machine from the vault to the commit, and stops nowhere on the way."""
    variables = {
        **environment,
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
    done = subprocess.run(["sh", str(SCRIPT)], env=variables, capture_output=True, text=True, check=False)
    power = {found["id"].lower(): found.get("power_state") for found in sim.resources()}

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "== web runs in northeurope\n" in done.stdout
    assert "PowerState/deallocated" == power[vm_id("web").lower()]
    assert "PowerState/running" == power[vm_id("web", TARGET).lower()]
    assert [] == sim.control("GET", "unknown").json()
