"""Seeds: what they may say, how they are refused, and the way back to them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulator import seedfile
from tests.support.sim import ROOT, Simulator

ONE = "30000000-0000-0000-0000-000000000001"
TWO = "30000000-0000-0000-0000-000000000002"
ESTATE = f"""
# Comments and any order are fine in YAML.
behaviour:
  /SUBSCRIPTIONS/{ONE}/resourcegroups/web/providers/microsoft.compute/virtualmachines/VM1: {{shutdown_fails: true}}
resources:
  - id: /subscriptions/{ONE}/resourceGroups/Web/providers/microsoft.compute/virtualmachines/vm1
    location: West Europe
    tags: {{team: Größe, "Naïve key": "日本"}}
    timeCreated: 2023-01-16T08:48:29.557736+00:00
    hardwareProfile: {{vmSize: Standard_D2s_v3}}
    resourceGroup: WEB
    storageProfile:
      osDisk: {{osType: Windows, name: vm1-os, diskSizeGB: 127, createOption: FromImage}}
  - id: /subscriptions/{ONE}/RESOURCEGROUPS/db/providers/Microsoft.Compute/virtualMachines/vm1
    type: Microsoft.Compute/virtualMachines
    location: northeurope
    properties:
      hardwareProfile: {{vmSize: Standard_D4s_v3}}
      storageProfile: {{osDisk: {{osType: Linux, name: vm1-os, createOption: FromImage}}}}
      networkProfile:
        networkInterfaces:
          - id: /subscriptions/{ONE}/resourceGroups/db/providers/Microsoft.Network/networkInterfaces/vm1-nic
  - id: /subscriptions/{TWO}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub
    name: hub
    location: northeurope
    addressSpace: {{addressPrefixes: [10.9.0.0/16]}}
    subnets:
      - {{id: "/x/subnets/apps", name: apps, addressPrefix: 10.9.1.0/24}}
quotas: {{northeurope: {{cores: 12}}, throttling: {{enabled: false}}}}
"""


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    """A seed file with two subscriptions and ids in mixed case."""
    file = tmp_path / "estate.yaml"
    file.write_text(ESTATE, encoding="utf-8")
    return file


def vm(group: str) -> str:
    """The id of the VM in a group."""
    return f"/subscriptions/{ONE}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/vm1"


def test_estate_is_what_the_seed_says(estate: Path) -> None:
    """Groups and subscriptions are implied, the Azure CLI's flat shape becomes ARM's, what VMs name is made."""
    with Simulator(seed=estate) as sim:
        listed = {resource["id"].lower(): resource for resource in sim.resources()}
        web = sim.arm("GET", vm("web")).json()
        hub = sim.arm("GET", f"/subscriptions/{TWO}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub")
        subscriptions = [found["subscriptionId"] for found in sim.arm("GET", "/subscriptions").json()["value"]]

        assert ONE == sim.subscription_id
        assert sim.clock()["throttling"]["enabled"] is False
    assert [ONE, TWO] == subscriptions
    assert ("westeurope", "Standard_D2s_v3") == (web["location"], web["properties"]["hardwareProfile"]["vmSize"])
    assert {"team": "Größe", "Naïve key": "日本"} == web["tags"]
    assert "2023-01-16T08:48:29.557736+00:00" == web["properties"]["timeCreated"]
    assert "Microsoft.Compute/virtualMachines" == web["type"]
    assert "10.9.1.0/24" == hub.json()["properties"]["subnets"][0]["properties"]["addressPrefix"]
    assert {"seed"} == {resource["created_by"] for resource in listed.values()}
    assert "westeurope" == listed[f"/subscriptions/{ONE}/resourcegroups/web"]["location"]
    assert "PowerState/running" == listed[vm("db").lower()]["power_state"]
    kinds = [resource["type"].rpartition("/")[2] for resource in listed.values()]
    assert (2, 2, 1) == tuple(kinds.count(kind) for kind in ("virtualMachines", "disks", "networkInterfaces"))


def test_reset_goes_back_to_the_seed(estate: Path) -> None:
    """Reset forgets later resources, changes, seeds, operations and faults, and keeps credentials and the clock."""
    with Simulator(seed=estate) as sim:
        before, token = sim.resources(), sim.token()
        sim.arm("PUT", f"/subscriptions/{ONE}/resourceGroups/more", {"location": "westeurope"})
        sim.seed({"resources": [{"id": f"/subscriptions/{TWO}/resourceGroups/x", "location": "uksouth"}]})
        sim.arm("DELETE", f"/subscriptions/{ONE}/resourceGroups/web")
        sim.fault({"kind": "status", "status": 500}, times=0)
        sim.advance(5)
        sim.reset()
        sim.advance(3600)

        assert before == sim.resources()
        assert 200 == sim.arm("GET", vm("WEB"), token=token).status_code


def test_seed_is_loaded_once(estate: Path) -> None:
    """A restart with the same seed goes on with the estate as it was left."""
    with Simulator(seed=estate) as sim:
        sim.arm("PUT", f"/subscriptions/{ONE}/resourceGroups/more", {"location": "westeurope"})
        sim.kill()
        sim.restart()

        assert f"/subscriptions/{ONE}/resourcegroups/more" in sim.resource_ids()


def test_seed_may_be_json_and_added_later(sim: Simulator) -> None:
    """A seed may be posted as JSON while the simulator runs; its identities may sign in then."""
    scope = f"/subscriptions/{ONE}/resourceGroups/late"
    sim.seed(
        {
            "resources": [{"id": scope, "location": "uksouth", "tags": {"a": "b"}}],
            "identities": [{"client_id": "app", "secret": "s", "roles": [{"role": "Reader", "scope": scope}]}],
        }
    )

    assert {"a": "b"} == sim.arm("GET", scope, token=sim.token("app", "s")).json()["tags"]
    assert 403 == sim.arm("PUT", scope, {"location": "uksouth"}, token=sim.token("app", "s")).status_code


GOOD_ID = f"/subscriptions/{ONE}/resourceGroups/g/providers/Microsoft.Compute/disks/d"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resource: []\n", ":1: resource: is not known; write 'resources'"),
        ("quotas: {}\n", ":1: the seed: 'resources' is missing; add"),
        ("- 1\n", ":1: the seed: is no mapping; begin"),
        ("resources: [\n", "not YAML or JSON"),
        ("\nresources: 5\n", ":2: resources: is no list; give a list"),
        ("resources:\n  - {location: westeurope}\n", ":2: resources[0]: has no id; give"),
        (
            "resources:\n\n  - id: /nothing\n",
            ":3: resources[0].id: '/nothing' is no resource id; write /subscriptions/",
        ),
        (f"resources:\n  - id: {GOOD_ID}\n", ":2: resources[0]: '" + GOOD_ID + "' has no location; add"),
        (
            f"resources:\n  - id: {GOOD_ID}\n    location: Atlantis\n",
            ":3: resources[0].location: 'Atlantis' is no Azure region; give",
        ),
        (
            f"resources:\n  - {{id: {GOOD_ID}, location: uksouth}}\n  - {{id: {GOOD_ID.upper()}, location: uksouth}}\n",
            "is also resources[0]; remove one",
        ),
        (
            f"resources:\n  - id: {GOOD_ID}\n    location: uksouth\n    type: Microsoft.Compute/vms\n",
            ":4: resources[0].type: 'Microsoft.Compute/vms' is not the type of the id; write Microsoft.Compute/disks",
        ),
        ("resources: []\nbehaviour:\n  vm1: {}\n", ":3: behaviour.vm1: is no resource id; begin"),
        ("resources: []\nsubscriptions: [{displayName: x}]\n", ":2: subscriptions[0]: has no subscriptionId; give"),
        ("resources: []\nidentities: [{kind: robot}]\n", ":2: identities[0].kind: 'robot' is not known; give one of"),
        ("resources: []\nidentities: [{kind: user}]\n", ":2: identities[0]: has no user_name; give"),
        (
            "resources: []\nidentities:\n  - roles:\n      - {role: Emperor, scope: /}\n",
            ":4: identities[0].roles[0].role: 'Emperor' is no role that the simulator has; give one of Owner",
        ),
        (
            "resources: []\nquotas: {throttling: {limits: {reads: 1}}}\n",
            ":2: quotas.throttling: throttling.limits: give reads",
        ),
    ],
)
def test_bad_seed_is_refused_with_file_line_field_and_fix(text: str, words: str) -> None:
    """What makes a seed unusable is said in one line: file, line, field and fix."""
    with pytest.raises(seedfile.SeedError) as caught:
        seedfile.read(text, "bad.yaml")

    assert words in str(caught.value)
    assert str(caught.value).startswith("bad.yaml:")
    assert "\n" not in str(caught.value)


def test_bad_seed_ends_the_process_with_one_line(tmp_path: Path) -> None:
    """A seed that cannot be used ends with exit code 2 and one line on stderr."""
    file = tmp_path / "bad.yaml"
    file.write_text("resources:\n  - {location: westeurope}\n", encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "simulator", "--seed", str(file), "--state-dir", str(tmp_path / "state")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (2, "") == (run.returncode, run.stdout)
    assert f"{file}:2: resources[0]: has no id; give" in run.stderr
    assert 1 == run.stderr.count("\n")


def test_absent_seed_file_is_said_in_one_line(tmp_path: Path) -> None:
    """A seed file that is not there ends with exit code 2 and its name."""
    run = subprocess.run(
        [sys.executable, "-m", "simulator", "--seed", str(tmp_path / "none.yaml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 2 == run.returncode
    assert "none.yaml: reading the seed: No such file or directory; give the path" in run.stderr


def test_bad_seed_leaves_no_estate_behind(tmp_path: Path) -> None:
    """After a refused seed the same state folder takes the repaired one."""
    file, state = tmp_path / "seed.json", tmp_path / "state"
    file.write_text('{"resources": [{"id": 1}]}')
    command = [sys.executable, "-m", "simulator", "--seed", str(file), "--state-dir", str(state)]
    assert 2 == subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode
    file.write_text(json.dumps({"resources": [{"id": GOOD_ID, "location": "uksouth"}]}))

    with Simulator(seed=file, state_dir=state) as sim:
        assert GOOD_ID.lower() in sim.resource_ids()


def test_bad_seed_posted_is_refused(shared_sim: Simulator) -> None:
    """A posted seed is checked in the same way and changes nothing."""
    before = shared_sim.resources()
    answer = shared_sim.control("POST", "seed", {"resources": [{"id": "nowhere"}]})

    assert 400 == answer.status_code
    assert "resources[0].id: 'nowhere' is no resource id" in answer.json()["error"]
    assert before == shared_sim.resources()
