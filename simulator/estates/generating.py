"""Estates from a number: the same number gives the same estate, from one machine to ten thousand."""

from __future__ import annotations

import random
import uuid
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from simulator.compute.names import DISK, VM
from simulator.network.names import NIC, VNET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_MACHINES = 10_000
MACHINES_IN_GROUP = 100
RESERVED = 10
SIZES = ("Standard_B2s", "Standard_D2s_v3", "Standard_D4s_v3", "Standard_D2s_v5", "Standard_E2s_v5", "Standard_F2s_v2")
ROLES = ("web", "app", "db", "cache", "queue", "batch", "mail")
SYSTEMS = (
    ("Linux", "ubuntu 22.04"),
    ("Linux", "rhel 9"),
    ("Windows", "Windows Server 2019"),
    ("Windows", "Windows Server 2022"),
)
DISK_SKUS = ("Premium_LRS", "StandardSSD_LRS", "Standard_LRS")
SIZES_GB = (32, 64, 128, 256, 512, 1024)


def seed_of(machines: int, number: int, regions: Sequence[str] = ("westeurope",)) -> dict[str, Any]:
    """A seed of so many machines, with networks, NICs, disks and tags that follow from *number*."""
    chance = random.Random(number)  # noqa: S311 - reproducible, not secret
    subscription = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    resources: list[dict[str, Any]] = []
    behaviour: dict[str, Any] = {}
    for group_index in range((machines + MACHINES_IN_GROUP - 1) // MACHINES_IN_GROUP):
        region = regions[group_index % len(regions)]
        group = f"/subscriptions/{subscription}/resourceGroups/estate-{group_index + 1:03}-{region}"
        network = IPv4Network((int(IPv4Address("10.0.0.0")) + (group_index << 16), 16))
        resources.append(_network(group, region, network))
        first = group_index * MACHINES_IN_GROUP
        for index in range(first, min(machines, first + MACHINES_IN_GROUP)):
            name = f"{chance.choice(ROLES)}-{index + 1:05}"
            address = str(network.network_address + RESERVED + index - first)
            system, guest = chance.choice(SYSTEMS)
            resources += _machine(chance, group, region, name, address, system)
            behaviour[f"{group}/providers/{VM}/{name}"] = {"os": guest}
    display = f"Generated {number}"
    subscriptions = [{"subscriptionId": subscription, "displayName": display}]
    return {"subscriptions": subscriptions, "resources": resources, "behaviour": behaviour}


def _network(group: str, region: str, network: IPv4Network) -> dict[str, Any]:
    subnet = {"name": "default", "properties": {"addressPrefix": str(next(network.subnets(new_prefix=20)))}}
    return {
        "id": f"{group}/providers/{VNET}/vnet",
        "type": VNET,
        "location": region,
        "properties": {"addressSpace": {"addressPrefixes": [str(network)]}, "subnets": [subnet]},
    }


def _machine(
    chance: random.Random, group: str, region: str, name: str, address: str, system: str
) -> Iterator[dict[str, Any]]:
    nic = f"{group}/providers/{NIC}/{name}-nic"
    place = {
        "privateIPAddress": address,
        "privateIPAllocationMethod": chance.choice(("Dynamic", "Static")),
        "primary": True,
        "subnet": {"id": f"{group}/providers/{VNET}/vnet/subnets/default"},
    }
    configurations = [{"name": "ipconfig1", "properties": place}]
    yield {"id": nic, "type": NIC, "location": region, "properties": {"ipConfigurations": configurations}}
    disks = [
        {"lun": lun, "createOption": "Attach", **_disk(chance, group, f"{name}_data{lun}")}
        for lun in range(chance.choice((0, 0, 1, 1, 2, 4)))
    ]
    system_disk = {"osType": system, "createOption": "FromImage", **_disk(chance, group, f"{name}_os")}
    yield {
        "id": f"{group}/providers/{VM}/{name}",
        "type": VM,
        "location": region,
        "tags": {"role": name.partition("-")[0], "stage": chance.choice(("production", "test"))},
        "properties": {
            "hardwareProfile": {"vmSize": chance.choice(SIZES)},
            "storageProfile": {"osDisk": system_disk, "dataDisks": disks},
            "networkProfile": {"networkInterfaces": [{"id": nic}]},
        },
    }


def _disk(chance: random.Random, group: str, name: str) -> dict[str, Any]:
    managed = {"id": f"{group}/providers/{DISK}/{name}", "storageAccountType": chance.choice(DISK_SKUS)}
    return {"name": name, "managedDisk": managed, "diskSizeGB": chance.choice(SIZES_GB)}
