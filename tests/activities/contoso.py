"""The estate of Contoso for tests of preflight: what a check tells of it, and what tests seed into it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import yaml

from migration import ids
from migration.findings import PlanCheck
from migration.plan import GuestProbes
from migration.plan_file import load_plan
from tests.support.sim import Simulator

PLANS = Path(__file__).parents[2] / "plans"
CONTOSO = load_plan(PLANS / "contoso.yaml").model_copy(update={"guest_probes": GuestProbes(enabled=False)})
SUBSCRIPTION, AWAY = CONTOSO.subscription, CONTOSO.target.resource_group
TARGET_GROUP = ids.resource_group_id(SUBSCRIPTION, AWAY)
SOURCE_GROUP = ids.resource_group_id(SUBSCRIPTION, CONTOSO.source.resource_group)
VAULT_GROUP = ids.resource_group_id(SUBSCRIPTION, CONTOSO.all_vaults[0].resource_group)
DB = ids.vm_id(SUBSCRIPTION, CONTOSO.source.resource_group, "db-01")
READER = {
    "kind": "service_principal",
    "client_id": str(uuid.UUID(int=7)),
    "secret": "reader",
    "object_id": str(uuid.UUID(int=8)),
    "roles": [{"role": "Reader", "scope": f"/subscriptions/{SUBSCRIPTION}"}],
}
STRANGER = {
    "kind": "service_principal",
    "client_id": str(uuid.UUID(int=17)),
    "secret": "stranger",
    "object_id": str(uuid.UUID(int=18)),
    "roles": [{"role": "Owner", "scope": SOURCE_GROUP}],
}


def told(answer: PlanCheck) -> set[tuple[str, str]]:
    """Return rule and severity of everything that did not pass; but not that these tests ask no machine from inside."""
    findings = [*answer.findings, *(finding for vm in answer.vms for finding in vm.findings)]
    return {(finding.rule, finding.severity) for finding in findings if finding.rule != "guest-asked"}


def resource(resource_id: str, location: str = "northeurope", **properties: Any) -> dict[str, Any]:
    """Return a resource for a seed."""
    kind = ids.ResourceId.parse(resource_id).type
    return {"id": resource_id, "type": kind, "location": location, "properties": properties}


def nic_at(address: str) -> dict[str, Any]:
    """Return an interface that has an address in the target subnet."""
    subnet = f"{TARGET_GROUP}/providers/Microsoft.Network/virtualNetworks/contoso-vnet-ne/subnets/servers"
    ip = {"privateIPAddress": address, "privateIPAllocationMethod": "Static", "primary": True, "subnet": {"id": subnet}}
    taken = ids.nic_id(SUBSCRIPTION, AWAY, "somebody")
    return resource(taken, ipConfigurations=[{"id": f"{taken}/ipConfigurations/a", "name": "a", "properties": ip}])


def disk(name: str) -> dict[str, Any]:
    """Return a disk in the target group."""
    return {**resource(ids.disk_id(SUBSCRIPTION, AWAY, name), diskSizeGB=64), "sku": {"name": "Premium_LRS"}}


def lock(scope: str, level: str) -> dict[str, Any]:
    """Return a lock."""
    lock_id = f"{scope}/providers/Microsoft.Authorization/locks/keep"
    return {"id": lock_id, "type": "Microsoft.Authorization/locks", "properties": {"level": level}}


def machine(**changes: Any) -> dict[str, Any]:
    """Return a seed in which the database machine differs."""
    estate = yaml.safe_load((PLANS / "contoso.estate.yaml").read_text(encoding="utf-8"))
    return {"resources": [{**next(each for each in estate["resources"] if each["id"] == DB), **changes}]}


def keyed_disk() -> dict[str, Any]:
    """Return the database's data disk under the customer's own key."""
    keys = f"{SOURCE_GROUP}/providers/Microsoft.Compute/diskEncryptionSets/keys"
    disk_id = ids.disk_id(SUBSCRIPTION, CONTOSO.source.resource_group, "db-01-data")
    return {
        **resource(disk_id, "westeurope", diskSizeGB=256, encryption={"diskEncryptionSetId": keys}),
        "sku": {"name": "Premium_LRS"},
    }


def role_on(scope: str) -> dict[str, Any]:
    """Return a role that somebody has on a resource."""
    role = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.UUID(int=5)}"
    properties = {"principalId": str(uuid.UUID(int=6)), "roleDefinitionId": "/x", "scope": scope}
    return {"id": role, "type": "Microsoft.Authorization/roleAssignments", "properties": properties}


def backup_of(vm: str) -> list[dict[str, Any]]:
    """Return a vault of the source region with a backup item."""
    vault = f"{SOURCE_GROUP}/providers/Microsoft.RecoveryServices/vaults/backups"
    item = f"{vault}/backupFabrics/Azure/protectionContainers/c/protectedItems/db"
    return [
        {**resource(vault, "westeurope"), "sku": {"name": "Standard"}},
        resource(item, "westeurope", virtualMachineId=vm.upper(), backupManagementType="AzureIaasVM"),
    ]


def extension(name: str, state: str) -> dict[str, Any]:
    """Return an extension of the database machine."""
    return resource(f"{DB}/extensions/{name}", "westeurope", provisioningState=state, publisher="Contoso", type=name)


def around_nic(**settings: Any) -> dict[str, Any]:
    """Return a seed in which the database's interface has something more."""
    nic_id = ids.nic_id(SUBSCRIPTION, CONTOSO.source.resource_group, "db-01-nic")
    subnet = f"{SOURCE_GROUP}/providers/Microsoft.Network/virtualNetworks/contoso-vnet/subnets/servers"
    group = settings.pop("networkSecurityGroup", None)
    ip = {
        "privateIPAddress": "10.10.1.20",
        "privateIPAllocationMethod": "Static",
        "primary": True,
        "subnet": {"id": subnet},
    }
    more = {"networkSecurityGroup": group} if group else {}
    return {
        "resources": [
            resource(nic_id, "westeurope", ipConfigurations=[{"name": "a", "properties": {**ip, **settings}}], **more)
        ]
    }


def quota(**limits: Any) -> dict[str, Any]:
    """Return a seed of quotas in the target region."""
    return {"resources": [], "quotas": {SUBSCRIPTION: {"northeurope": limits}}}


def stop(sim: Simulator, vm: str) -> None:
    """Deallocate a virtual machine."""
    assert sim.arm("POST", f"{vm}/deallocate").status_code == 202
    sim.advance(600)


def remove(sim: Simulator, vm: str) -> None:
    """Delete a virtual machine."""
    assert sim.arm("DELETE", vm).status_code == 202
    sim.advance(600)


def unregister(sim: Simulator, namespace: str) -> None:
    """Unregister a resource provider."""
    assert sim.arm("POST", f"/subscriptions/{SUBSCRIPTION}/providers/{namespace}/unregister").status_code == 200
    sim.advance(600)
