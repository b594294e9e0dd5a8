"""Seeds that trip rules of preflight on the estate of Contoso."""

from __future__ import annotations

import uuid
from typing import Any

from migration import ids
from tests.activities.contoso import (
    CONTOSO,
    DB,
    SOURCE_GROUP,
    SUBSCRIPTION,
    TARGET_GROUP,
    VAULT_GROUP,
    around_nic,
    machine,
    resource,
)
from tests.support.sim import Simulator

NETWORK = f"{TARGET_GROUP}/providers/Microsoft.Network/virtualNetworks/contoso-vnet-ne"
HOME_NETWORK = f"{SOURCE_GROUP}/providers/Microsoft.Network/virtualNetworks/contoso-vnet"
TESTS = f"{TARGET_GROUP}/providers/Microsoft.Network/virtualNetworks/tests"
DISKS_EACH = 60
TWIN_PARTS = {"vmId": str(uuid.UUID(int=21))}


def state(name: str) -> dict[str, Any]:
    """Return a seed in which the subscription is in a state."""
    told_of = {"subscriptionId": SUBSCRIPTION, "displayName": "Contoso", "state": name}
    return {"subscriptions": [told_of], "resources": []}


def seed(*resources: dict[str, Any]) -> dict[str, Any]:
    """Return a seed of resources."""
    return {"resources": list(resources)}


def network(network_id: str, location: str = "northeurope", **properties: Any) -> dict[str, Any]:
    """Return a network with the subnet `servers`, or with what *properties* say instead."""
    subnets = [{"name": "servers", "properties": {"addressPrefix": "10.20.1.0/24"}}]
    space = {"addressPrefixes": ["10.20.0.0/16"]}
    return resource(network_id, location, **{"addressSpace": space, "subnets": subnets, **properties})


def delegated() -> dict[str, Any]:
    """Return the target network, its subnet in the hands of another service."""
    service = {"name": "sql", "properties": {"serviceName": "Microsoft.Sql/managedInstances"}}
    subnet = {"name": "servers", "properties": {"addressPrefix": "10.20.1.0/24", "delegations": [service]}}
    return network(NETWORK, subnets=[subnet])


def peered() -> dict[str, Any]:
    """Return a test network that leads into production."""
    peer = {"name": "p", "properties": {"remoteVirtualNetwork": {"id": NETWORK}, "peeringState": "Connected"}}
    return network(TESTS, virtualNetworkPeerings=[peer])


def closed() -> dict[str, Any]:
    """Return a test network from which nothing leads anywhere."""
    subnet = {"addressPrefix": "10.20.1.0/24", "defaultOutboundAccess": False}
    return network(TESTS, subnets=[{"name": "servers", "properties": subnet}])


def mapped() -> dict[str, Any]:
    """Return the plan's vault, which maps the source network to another than the plan's."""
    there = fabric(CONTOSO.vault_ids[0], "northeurope")
    mapping = f"{CONTOSO.vault_ids[0]}/replicationFabrics/westeurope/replicationNetworks/n/replicationNetworkMappings/m"
    networks = {"primaryNetworkId": HOME_NETWORK, "recoveryNetworkId": TESTS, "recoveryFabricArmId": there["id"]}
    known = [network(TESTS), vault(CONTOSO.vault_ids[0]), fabric(CONTOSO.vault_ids[0], "westeurope"), there]
    return seed(*known, {"id": mapping, "properties": networks})


def protected(disks: int, cache: str = "") -> dict[str, Any]:
    """Return another vault of the subscription that protects machines with so many disks in all, by a cache account."""
    other = f"{VAULT_GROUP}/providers/Microsoft.RecoveryServices/vaults/other"
    here, there = fabric(other, "westeurope"), fabric(other, "northeurope")
    policy = f"{other}/replicationPolicies/p"
    containers = [f"{each['id']}/replicationProtectionContainers/c" for each in (here, there)]
    items = []
    for number in range(0, disks, DISKS_EACH):
        names = [f"fleet-{each}" for each in range(number, min(number + DISKS_EACH, disks))]
        details = {
            "instanceType": "A2A",
            "fabricObjectId": ids.vm_id(SUBSCRIPTION, "fleet", f"fleet-{number}"),
            "protectedManagedDisks": [
                {
                    "diskId": ids.disk_id(SUBSCRIPTION, "fleet", name),
                    **({"primaryStagingAzureStorageAccountId": cache} if cache else {}),
                }
                for name in names
            ],
        }
        properties = {"policyId": policy, "recoveryContainerId": containers[1], "providerSpecificDetails": details}
        items.append({"id": f"{containers[0]}/replicationProtectedItems/i{number}", "properties": properties})
    bare = [{"id": each, "properties": {}} for each in (policy, *containers)]
    return seed(vault(other), here, there, *bare, *items)


def vault(vault_id: str) -> dict[str, Any]:
    """Return a vault in the target region."""
    return {**resource(vault_id), "sku": {"name": "Standard"}}


def fabric(vault_id: str, region: str) -> dict[str, Any]:
    """Return the fabric of a region."""
    details = {"instanceType": "Azure", "location": region}
    return {"id": f"{vault_id}/replicationFabrics/{region}", "properties": {"customDetails": details}}


def twin() -> dict[str, Any]:
    """Return a second machine `db-01`, of another group, whose disks and interface have the names of the first's."""
    [first] = machine()["resources"]
    return seed({**first, "id": ids.vm_id(SUBSCRIPTION, "other", "db-01"), "resourceGroup": "other", **TWIN_PARTS})


def encrypted() -> dict[str, Any]:
    """Return the database's data disk as Azure Disk Encryption leaves it."""
    settings = {"enabled": True, "encryptionSettings": [{"diskEncryptionKey": {"secretUrl": "https://x"}}]}
    disk_id = ids.disk_id(SUBSCRIPTION, CONTOSO.source.resource_group, "db-01-data")
    body = resource(disk_id, "westeurope", diskSizeGB=256, encryptionSettingsCollection=settings)
    return seed({**body, "sku": {"name": "Premium_LRS"}})


def second_address() -> dict[str, Any]:
    """Return the database's interface with a second address."""
    [nic] = around_nic()["resources"]
    first = nic["properties"]["ipConfigurations"][0]
    inner = {**first["properties"], "privateIPAddress": "10.10.1.21", "primary": False}
    nic["properties"]["ipConfigurations"].append({"name": "b", "properties": inner})
    return seed(nic)


def being_deleted(sim: Simulator) -> None:
    """Begin to delete the target group; the clock slows down, so that a busy machine's check still meets it."""
    sim.clock(speed=1)
    assert 202 == sim.arm("DELETE", TARGET_GROUP).status_code


def failed_item() -> dict[str, Any]:
    """Return the plan's vault with what an earlier try left of the database machine."""
    here, there = fabric(CONTOSO.vault_ids[0], "westeurope"), fabric(CONTOSO.vault_ids[0], "northeurope")
    policy = f"{CONTOSO.vault_ids[0]}/replicationPolicies/p"
    containers = [f"{each['id']}/replicationProtectionContainers/c" for each in (here, there)]
    properties = {
        "policyId": policy,
        "recoveryContainerId": containers[1],
        "protectionState": "EnablingFailed",
        "providerSpecificDetails": {"instanceType": "A2A", "fabricObjectId": DB},
    }
    item = {"id": f"{containers[0]}/replicationProtectedItems/db", "properties": properties}
    bare = [{"id": each, "properties": {}} for each in (policy, *containers)]
    return seed(vault(CONTOSO.vault_ids[0]), here, there, *bare, item)


def fenced() -> dict[str, Any]:
    """Return the database's interface under a security group that lets nothing out."""
    group_id = f"{SOURCE_GROUP}/providers/Microsoft.Network/networkSecurityGroups/closed"
    everything = {"sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationPortRange": "*"}
    rule = {"direction": "Outbound", "access": "Deny", "protocol": "*", "priority": 100, **everything}
    rules = [{"name": "none", "properties": {**rule, "destinationAddressPrefix": "*"}}]
    group = resource(group_id, "westeurope", securityRules=rules)
    return seed(group, *around_nic(networkSecurityGroup={"id": group_id})["resources"])


def silent() -> dict[str, Any]:
    """Return machines whose agents do not answer."""
    group = CONTOSO.source.resource_group
    machines = [ids.vm_id(SUBSCRIPTION, group, vm.name) for vm in CONTOSO.vms]
    return {"resources": [], "behaviour": {each: {"agent": "not_ready"} for each in machines}}


def accelerated() -> dict[str, Any]:
    """Return the database's interface with accelerated networking."""
    [nic] = around_nic()["resources"]
    nic["properties"]["enableAcceleratedNetworking"] = True
    return seed(nic)
