"""The recorded life of an Azure-to-Azure replication, replayed request by request against the simulator.

Held: status codes, the headers of long-running operations, the key sets in their order, the types of values, literal
states, sentinels and misspellings. Let through: identifiers, times, versions, and what progress is shown when.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.sim import Simulator

FLOW = "azure/recordings/cli/flow_A2A_scenarios.jsonl"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
VM_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/CliTerraformVMRG"
VAULT_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/CliTeraformVaultRG"
VAULT = f"{VAULT_GROUP}/providers/Microsoft.RecoveryServices/vaults/CliTerraformVault"
VM = f"{VM_GROUP}/providers/Microsoft.Compute/virtualMachines/CliVM2"
NIC = f"{VM_GROUP}/providers/Microsoft.Network/networkInterfaces/CliVM2VMNic"
NETWORK = f"{VM_GROUP}/providers/Microsoft.Network/virtualNetworks/CliTerraformVMRG-vnet"
SECURITY_GROUP = f"{VM_GROUP}/providers/Microsoft.Network/networkSecurityGroups/CliVM2NSG"
SEEDED = (
    "microsoft.resources/resourcegroups",
    "microsoft.network/virtualnetworks",
    "microsoft.storage/storageaccounts",
    "microsoft.compute/virtualmachines",
)
OPERATION = re.compile(r"/(?:replicationOperationStatus|operations)/([0-9a-f-]{36})", re.IGNORECASE)
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
PRECISION = re.compile(r"\.\d{4,7}(?=Z|\+|$)")
SENTINELS = ("0001-01-01T00:00:00", "1753-01-01T01:01:01Z", "9999-12-31T23:59:59.9999999")
VARYING = {"agentVersion", "etag", "monitoringPercentageCompletion", "rpoInSeconds", "dataPendingAtSourceAgentInMB"}
"""Values that depend on the moment, or on the version of Azure: only their kind is held."""
PROGRESS = {"monitoringPercentageCompletion"}
"""Null or a number, depending on how far the copying is."""

NETWORK_STATE = re.compile(r"/properties/provisioningState: 'Succeeded' != 'Updating'")
"""A network that is written as it was answers one or the other in the recording itself."""


@dataclass
class Replay:
    """The state of a replay: the server's own operation URLs by the recorded operations' names."""

    sim: Simulator
    urls: dict[str, str] = field(default_factory=dict)
    clock: float | None = None

    def send(self, entry: dict[str, Any]) -> Any:
        """Send the entry's request at its time; polls follow the URLs that the server gave."""
        operation = OPERATION.search(entry["url"])
        url = self.urls[operation[1]] if operation else entry["url"]
        self._let_time_pass(entry)
        answer = self.sim.arm(entry["method"], url, entry["requestBody"])
        if operation and entry["responseBody"]["status"] == "Succeeded":
            while answer.json()["status"] == "InProgress":
                self.sim.advance(5)
                answer = self.sim.arm("GET", url)
        recorded = OPERATION.search(entry["responseHeaders"].get("azure-asyncoperation", ""))
        if recorded:
            self.urls[recorded[1]] = answer.headers["Azure-AsyncOperation"]
        return answer

    def _let_time_pass(self, entry: dict[str, Any]) -> None:
        """Keep the recorded distance in time between two reads of the replicated item."""
        moment = parsedate_to_datetime(entry["responseHeaders"]["date"]).timestamp()
        if "/replicationProtectedItems/" in entry["url"] and entry["method"] == "GET" and self.clock is not None:
            self.sim.advance(moment - self.clock)
        self.clock = moment


def _entries(shared_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shared_dir / FLOW).read_text(encoding="utf-8").splitlines()]


def _seed(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The estate as it was before the recording: what its reads show, and what these imply."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        body = entry["responseBody"]
        if entry["method"] == "GET" and isinstance(body, dict) and str(body.get("type", "")).lower() in SEEDED:
            found.setdefault(body["id"].lower(), body)
    found.pop(f"{VAULT_GROUP}/providers/Microsoft.Compute/virtualMachines/CliVM2".lower())
    subnet = {"name": "default", "id": f"{NETWORK}/subnets/default", "properties": {"addressPrefix": "10.67.0.0/24"}}
    configuration = {
        "name": "ipconfigCliVM2",
        "properties": {
            "privateIPAddress": "10.67.0.5",
            "privateIPAllocationMethod": "Dynamic",
            "primary": True,
            "subnet": {"id": subnet["id"]},
        },
    }
    more = [
        _resource(VAULT, "centralus", "Microsoft.RecoveryServices/vaults", {"provisioningState": "Succeeded"}),
        _resource(
            NETWORK,
            "eastus",
            "Microsoft.Network/virtualNetworks",
            {"addressSpace": {"addressPrefixes": ["10.67.0.0/16"]}, "subnets": [subnet]},
        ),
        _resource(SECURITY_GROUP, "eastus", "Microsoft.Network/networkSecurityGroups", {"securityRules": []}),
        _resource(
            NIC,
            "eastus",
            "Microsoft.Network/networkInterfaces",
            {"ipConfigurations": [configuration], "networkSecurityGroup": {"id": SECURITY_GROUP}},
        ),
    ]
    behaviour = {VM: {"initial_replication_minutes": 20, "target": {"initial_replication_minutes": 50}}}
    return {
        "subscriptions": [{"subscriptionId": SUBSCRIPTION, "displayName": "Recorded"}],
        "resources": [*found.values(), *more],
        "behaviour": behaviour,
    }


def _resource(id_: str, location: str, type_: str, properties: dict[str, Any]) -> dict[str, Any]:
    name = id_.rpartition("/")[2]
    sku = {"sku": {"name": "Standard"}} if type_.endswith("vaults") else {}
    return {"id": id_, "name": name, "type": type_, "location": location, **sku, "properties": properties}


def differences(recorded: Any, actual: Any, path: str = "") -> Iterator[str]:
    """What of the answer is not as recorded: keys and their order, types, literal values."""
    if isinstance(recorded, dict) and isinstance(actual, dict):
        if list(recorded) != list(actual):
            yield f"{path}: keys {list(recorded)} != {list(actual)}"
        for key in recorded.keys() & actual.keys():
            yield from differences(recorded[key], actual[key], f"{path}/{key}")
    elif isinstance(recorded, list) and isinstance(actual, list):
        if len(recorded) != len(actual):
            yield f"{path}: {len(recorded)} entries != {len(actual)}"
        for index, (one, other) in enumerate(zip(recorded, actual, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
    elif not _alike(path.rpartition("/")[2].partition("[")[0], recorded, actual):
        yield f"{path}: {recorded!r} != {actual!r}"


def _alike(name: str, recorded: Any, actual: Any) -> bool:
    if name in PROGRESS:
        return actual is None or isinstance(actual, int)
    return type(recorded) is type(actual) and (name in VARYING or _plain(recorded) == _plain(actual))


def _plain(value: Any) -> Any:
    """A value without what no two runs share; sentinels, and how precise a time is, stay."""
    if not isinstance(value, str) or value in SENTINELS:
        return value
    if TIME.match(value):
        return PRECISION.sub(".fraction", TIME.sub("time", value))
    return GUID.sub("guid", value)


def _operation_headers(headers: Any) -> dict[str, str]:
    """The headers of a long-running operation, as paths without identifiers."""
    lowered = {key.lower(): value for key, value in headers.items()}
    found = {key: lowered[key] for key in ("azure-asyncoperation", "location") if key in lowered}
    return {key: _plain(re.sub(r"^https://[^/]+", "", value)) for key, value in found.items()}


def test_the_recorded_life_of_a_replication(shared_dir: Path) -> None:
    """Every request of the recording is answered as Azure did, to the last key and state."""
    entries = _entries(shared_dir)
    wrong: list[str] = []
    with Simulator(seed=_seed(entries)) as sim:
        replay = Replay(sim)
        for entry in entries:
            answer = replay.send(entry)
            label = f"#{entry['index']} {entry['command']} {entry['method']}"
            if entry["status"] != answer.status_code:
                pytest.fail(f"{label}: {entry['status']} != {answer.status_code}: {answer.text}")
            body = answer.json() if answer.content else None
            found = differences(entry["responseBody"], body)
            wrong += [f"{label} {difference}" for difference in found if not NETWORK_STATE.match(difference)]
            recorded_headers = _operation_headers(entry["responseHeaders"])
            if recorded_headers != _operation_headers(answer.headers):
                wrong.append(f"{label} headers: {recorded_headers} != {_operation_headers(answer.headers)}")
    assert not wrong, "\n".join(wrong)


def test_accepted_operations_carry_the_recorded_headers(shared_dir: Path) -> None:
    """A 202 of Site Recovery is empty, names its job as the request's id, and asks to wait 30 s."""
    recorded = json.loads((shared_dir / "azure/recordings/powershell-excerpts/headers_202_fabric_put.json").read_text())
    fabric = f"{VAULT}/replicationFabrics/primary"
    body = recorded["request"]["body"]
    with Simulator(seed=_seed(_entries(shared_dir))) as sim:
        answer = sim.arm("PUT", fabric, body)
        job = answer.headers["x-ms-request-id"]

        assert recorded["status"] == answer.status_code
        assert b"" == answer.content
        assert recorded["responseHeaders"]["Retry-After"] == answer.headers["Retry-After"]
        assert f"/Subscriptions{VAULT.removeprefix('/subscriptions')}/replicationJobs/" in job
        assert job.rpartition("/")[2] in answer.headers["Azure-AsyncOperation"]
        assert 202 == sim.arm("GET", answer.headers["Location"]).status_code
        assert "CreateSite" == sim.arm("GET", job).json()["properties"]["scenarioName"]
