"""The estates in which the recordings were made, as far as their own reads show, and what is not held of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

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
    "microsoft.network/networkinterfaces",
    "microsoft.network/publicipaddresses",
    "microsoft.network/virtualnetworks",
    "microsoft.storage/storageaccounts",
    "microsoft.compute/virtualmachines",
)
SIZES = (
    re.compile(r"/value(\[\d+\]/\w+)?: .*(entries|!=)"),
    "the sizes of another region and year: their number, order and figures differ, not their keys",
)
NIC_KEYS = (
    re.compile(r"/properties: keys .*'vnetEncryptionSupported'"),
    "a NIC shows its acceleration and its auxiliary size since later versions",
)
RECORDER = (
    re.compile(r"/name: 'vm_deploy_\w+' != 'mock-deployment'"),
    "the recorder replaced the deployment's name in requests, and not in answers",
)


@dataclass
class Estate:
    """What a replay begins with, and what it does not hold against the simulator."""

    seed: dict[str, Any]
    exceptions: dict[int, str] = field(default_factory=dict)
    """Interactions that are not replayed, by index, with the reason."""
    made_by_exceptions: list[dict[str, Any]] = field(default_factory=list)
    """What the first of them made: added to the estate in its place."""
    excused: list[tuple[re.Pattern[str], str]] = field(default_factory=list)
    """Differences that are let through, with the reason."""


def of(name: str, entries: list[dict[str, Any]]) -> Estate:
    """The estate of the recording *name*."""
    seen = _seen(entries)
    if "A2A_scenarios" in name:
        return _life_of_a_replication(seen)
    made = {entry["url"].partition("?")[0].lower() for entry in entries if entry["method"] == "PUT"}
    deployed = [entry["requestBody"] for entry in entries if "/Microsoft.Resources/deployments/" in entry["url"]]
    templates = [body["properties"]["template"] for body in deployed if body is not None]
    names = {f"/{each['type']}/{each['name']}".lower() for template in templates for each in template["resources"]}
    types = [tuple(name.split("/")[1:]) for name in names]
    there = [body for id_, body in seen.items() if id_ not in made and _type_and_name(id_) not in types]
    return Estate(_seed(there), excused=[SIZES, NIC_KEYS, RECORDER])


def _type_and_name(id_: str) -> tuple[str, ...]:
    return tuple(id_.rpartition("/providers/")[2].split("/"))


def _seen(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the reads show, by id."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        body = entry["responseBody"]
        if entry["method"] == "GET" and isinstance(body, dict) and str(body.get("type", "")).lower() in SEEDED:
            found.setdefault(body["id"].lower(), body)
    return found


def _seed(resources: list[dict[str, Any]], behaviour: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "subscriptions": [{"subscriptionId": SUBSCRIPTION, "displayName": "Recorded"}],
        "resources": resources,
        "behaviour": behaviour or {},
    }


def _life_of_a_replication(seen: dict[str, dict[str, Any]]) -> Estate:
    """The estate as it was before the recording: what its reads show, and what these imply."""
    seen.pop(f"{VAULT_GROUP}/providers/Microsoft.Compute/virtualMachines/CliVM2".lower())
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
    excused = [
        (
            re.compile(r"/properties/provisioningState: 'Succeeded' != 'Updating'"),
            "a network that is written as it was answers one or the other in the recording itself",
        )
    ]
    return Estate(_seed([*seen.values(), *more], behaviour), excused=excused)


def _resource(id_: str, location: str, type_: str, properties: dict[str, Any]) -> dict[str, Any]:
    name = id_.rpartition("/")[2]
    sku = {"sku": {"name": "Standard"}} if type_.endswith("vaults") else {}
    return {"id": id_, "name": name, "type": type_, "location": location, **sku, "properties": properties}
