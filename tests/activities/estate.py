"""The estate of the activities' tests: two regions, three networks, and virtual machines as many as the tests want."""

from __future__ import annotations

from typing import Any

from migration import ids, names
from migration.models import SharedResources, SourceDisk, SourceNic, SourceVm

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
SOURCE_REGION, TARGET_REGION = "westeurope", "northeurope"
SOURCE_GROUP, TARGET_GROUP, VAULT_GROUP = "prod", "prod-ne", "recovery"
SOURCE_NETWORK = ids.network_id(SUBSCRIPTION, SOURCE_GROUP, "vnet")
TARGET_NETWORK = ids.network_id(SUBSCRIPTION, TARGET_GROUP, "vnet-ne")
TEST_NETWORK = ids.network_id(SUBSCRIPTION, TARGET_GROUP, "vnet-test")
VAULT = ids.vault_id(SUBSCRIPTION, VAULT_GROUP, "vault-ne")
CACHE = ids.storage_account_id(SUBSCRIPTION, SOURCE_GROUP, names.cache_account_name(VAULT, SOURCE_REGION))


def expected_shared() -> SharedResources:
    """Return what virtual machines share once it is made."""
    fabrics = {region: ids.fabric_id(VAULT, names.fabric_name(region)) for region in (SOURCE_REGION, TARGET_REGION)}
    return SharedResources(
        vault_id=VAULT,
        policy_id=f"{VAULT}/replicationPolicies/{names.POLICY_NAME}",
        source_fabric_id=fabrics[SOURCE_REGION],
        target_fabric_id=fabrics[TARGET_REGION],
        source_container_id=ids.container_id(fabrics[SOURCE_REGION], names.container_name(SOURCE_REGION)),
        target_container_id=ids.container_id(fabrics[TARGET_REGION], names.container_name(TARGET_REGION)),
        cache_account_id=CACHE,
    )


def seed() -> dict[str, Any]:
    """Return the estate without its virtual machines."""
    return {
        "subscriptions": [{"subscriptionId": SUBSCRIPTION, "displayName": "stage"}],
        "resources": [
            _network(SOURCE_NETWORK, SOURCE_REGION, "10.1"),
            _network(TARGET_NETWORK, TARGET_REGION, "10.2"),
            _network(TEST_NETWORK, TARGET_REGION, "10.3"),
        ],
        "quotas": {"*": {region: {"cores": 1000} for region in (SOURCE_REGION, TARGET_REGION)}},
    }


def _network(network: str, region: str, prefix: str) -> dict[str, Any]:
    subnet = {"name": "servers", "properties": {"addressPrefix": f"{prefix}.0.0/20"}}
    space = {"addressPrefixes": [f"{prefix}.0.0/16"]}
    return {
        "id": network,
        "type": "Microsoft.Network/virtualNetworks",
        "location": region,
        "properties": {"addressSpace": space, "subnets": [subnet]},
    }


def source_of(name: str, number: int) -> SourceVm:
    """Return a virtual machine as preflight would find it."""
    disks = [
        SourceDisk(id=_disk_id(f"{name}-os"), size_gib=30, type="Premium_LRS", is_os=True),
        SourceDisk(id=_disk_id(f"{name}-data"), size_gib=64, type="StandardSSD_LRS"),
    ]
    nic = SourceNic(
        id=ids.nic_id(SUBSCRIPTION, SOURCE_GROUP, f"{name}-nic"),
        network_id=SOURCE_NETWORK,
        subnet="servers",
        private_ip=f"10.1.0.{number + 10}",
        is_static=True,
    )
    return SourceVm(
        id=ids.vm_id(SUBSCRIPTION, SOURCE_GROUP, name),
        vm_unique_id=f"00000000-0000-0000-0000-{number:012d}",
        region=SOURCE_REGION,
        size="Standard_D2s_v5",
        power_state="PowerState/running",
        disks=disks,
        nics=[nic],
    )


def _disk_id(name: str) -> str:
    return ids.disk_id(SUBSCRIPTION, SOURCE_GROUP, name)


def machine_of(name: str, number: int) -> list[dict[str, Any]]:
    """Return the resources of a virtual machine, as a seed has them."""
    source = source_of(name, number)
    disks = [
        {
            "id": disk.id,
            "type": "Microsoft.Compute/disks",
            "location": SOURCE_REGION,
            "sku": {"name": disk.type},
            "properties": {"diskSizeGB": disk.size_gib, **({"osType": "Linux"} if disk.is_os else {})},
        }
        for disk in source.disks
    ]
    address = {
        "privateIPAddress": source.nics[0].private_ip,
        "privateIPAllocationMethod": "Static",
        "primary": True,
        "subnet": {"id": f"{SOURCE_NETWORK}/subnets/servers"},
    }
    nic = {
        "id": source.nics[0].id,
        "type": "Microsoft.Network/networkInterfaces",
        "location": SOURCE_REGION,
        "properties": {"ipConfigurations": [{"name": "ipconfig1", "properties": address}]},
    }
    os_disk, data_disk = (
        {"name": disk.name, "createOption": "Attach", "managedDisk": {"id": disk.id}, "diskSizeGB": disk.size_gib}
        for disk in source.disks
    )
    machine = {
        "id": source.id,
        "type": "Microsoft.Compute/virtualMachines",
        "location": SOURCE_REGION,
        "tags": {"role": "test"},
        "properties": {
            "vmId": source.vm_unique_id,
            "hardwareProfile": {"vmSize": source.size},
            "storageProfile": {"osDisk": {**os_disk, "osType": "Linux"}, "dataDisks": [{**data_disk, "lun": 0}]},
            "networkProfile": {"networkInterfaces": [{"id": source.nics[0].id, "properties": {"primary": True}}]},
            "provisioningState": "Succeeded",
        },
    }
    return [*disks, nic, machine]
