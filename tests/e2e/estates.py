"""Estates and plans made for a test: any number of virtual machines, each case in resource groups of its own."""

from dataclasses import dataclass
from typing import Any

from migration import ids
from migration.plan import Plan
from tests.e2e.vaults import ready_vault

SUBSCRIPTION = "0d7f9a55-3a51-4c62-9e57-1f0e2b6c8a01"
APPROVER = "approver@contoso.example"
REQUESTER = "requester@contoso.example"
_IN_A_SUBNET = 240


@dataclass(frozen=True)
class Case:
    """One plan with its own groups, vault and networks.

    *extra* overrides parts of the plan; *ready*: what its machines share is there before, made by somebody else.
    """

    name: str
    vms: tuple[str, ...] = ("vm",)
    source_region: str = "westeurope"
    target_region: str = "northeurope"
    data_disks: int = 1
    size: str | None = None
    extra: tuple[tuple[str, Any], ...] = ()
    subscription: str = SUBSCRIPTION
    ready: bool = False

    def group(self, kind: str) -> str:
        """Return the name of the case's `source`, `target` or `vault` group."""
        return f"{self.name}-{kind}"

    def group_id(self, kind: str) -> str:
        """Return the id of one of the case's groups."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group(kind)}"

    def vm_id(self, vm: str, kind: str = "source") -> str:
        """Return the id of a virtual machine of the case, in the `source` or the `target` group."""
        return f"{self.group_id(kind)}/providers/Microsoft.Compute/virtualMachines/{vm}"

    @property
    def plan(self) -> Plan:
        """The plan of the case."""
        return Plan.model_validate(self.document)

    @property
    def document(self) -> dict[str, Any]:
        """The plan of the case, as a person writes it."""
        document: dict[str, Any] = {
            "version": 1,
            "name": self.name,
            "subscription": self.subscription,
            "source": {"region": self.source_region, "resource_group": self.group("source")},
            "target": {
                "region": self.target_region,
                "resource_group": self.group("target"),
                "network": "target-net",
                "subnet": "servers",
            },
            "vault": {
                "name": f"{self.name}-vault",
                "resource_group": self.group("vault"),
                "region": self.target_region,
            },
            "approval": {"approvers": [APPROVER], "allow_self_approval": True},
            "waves": [{"name": "first", "vms": [self._wish(vm) for vm in self.vms]}],
        }
        for path, value in self.extra:
            _set(document, path.split("."), value)
        return document

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The estate before the move: running machines, and the target network."""
        machines = [self._vm(vm, index) for index, vm in enumerate(self.vms)]
        return [
            _network(self.group_id("source"), "source-net", self.source_region, "10.1.0.0/16", self._subnet(1)),
            _network(self.group_id("target"), "target-net", self.target_region, "10.2.0.0/16", self._subnet(2)),
            _network(self.group_id("target"), "test-net", self.target_region, "10.3.0.0/16", "10.3.0.0/24"),
            *(self._nic(vm, index) for index, vm in enumerate(self.vms)),
            *machines,
            *(ready_vault(self.plan, self._network_id("source"), self._network_id("target")) if self.ready else []),
        ]

    @property
    def behaviour(self) -> dict[str, Any]:
        """Replicas are quickly made: the tests wait for steps, not for data."""
        return {self.vm_id(vm): {"initial_replication_minutes": 2} for vm in self.vms}

    def _subnet(self, network: int) -> str:
        """Return the addresses of a subnet that has one for each machine."""
        return f"10.{network}.0.0/{24 if len(self.vms) <= _IN_A_SUBNET else 16}"

    def _network_id(self, kind: str) -> str:
        return ids.network_id(self.subscription, self.group(kind), f"{kind}-net")

    def _wish(self, vm: str) -> dict[str, Any]:
        return {"name": vm, "target": {"size": self.size}} if self.size else {"name": vm}

    def _nic(self, vm: str, index: int) -> dict[str, Any]:
        address = {
            "subnet": {"id": f"{self._network_id('source')}/subnets/servers"},
            "privateIPAllocationMethod": "Dynamic",
            "privateIPAddress": f"10.1.{(index + 4) // 256}.{(index + 4) % 256}",
            "primary": True,
        }
        return {
            "id": f"{self.group_id('source')}/providers/Microsoft.Network/networkInterfaces/{vm}-nic",
            "name": f"{vm}-nic",
            "type": "Microsoft.Network/networkInterfaces",
            "location": self.source_region,
            "properties": {"ipConfigurations": [{"name": "ipconfig1", "properties": address}]},
        }

    def _vm(self, name: str, index: int) -> dict[str, Any]:
        group = self.group_id("source")
        disk = f"{group}/providers/Microsoft.Compute/disks/{name}"
        data = [
            {
                "lun": lun,
                "name": f"{name}-data-{lun}",
                "createOption": "Attach",
                "diskSizeGB": 32,
                "managedDisk": {"id": f"{disk}-data-{lun}", "storageAccountType": "Premium_LRS"},
            }
            for lun in range(self.data_disks)
        ]
        return {
            "id": self.vm_id(name),
            "name": name,
            "type": "Microsoft.Compute/virtualMachines",
            "location": self.source_region,
            "tags": {"owner": "shop", "case": self.name},
            "properties": {
                "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
                "storageProfile": {
                    "osDisk": {
                        "osType": "Windows" if index % 2 else "Linux",
                        "name": f"{name}-os",
                        "createOption": "FromImage",
                        "diskSizeGB": 64,
                        "managedDisk": {"id": f"{disk}-os", "storageAccountType": "Premium_LRS"},
                    },
                    "dataDisks": data,
                },
                "networkProfile": {
                    "networkInterfaces": [
                        {
                            "id": f"{group}/providers/Microsoft.Network/networkInterfaces/{name}-nic",
                            "properties": {"primary": True},
                        }
                    ]
                },
                "provisioningState": "Succeeded",
            },
        }


def seed_of(cases: list[Case]) -> dict[str, Any]:
    """Return the seed of all *cases*, with quota for them all."""
    homes = dict.fromkeys(case.subscription for case in cases)
    names = ("cores", "standardDSv3Family", "virtualMachines", "PremiumDiskCount", "StandardDiskCount")
    return {
        "subscriptions": [{"subscriptionId": home, "displayName": "Tests"} for home in homes],
        "resources": [resource for case in cases for resource in case.resources],
        "behaviour": {key: value for case in cases for key, value in case.behaviour.items()},
        "quotas": {
            home: {case.target_region: dict.fromkeys(names, 10_000) for case in cases if case.subscription == home}
            for home in homes
        },
    }


def _network(group: str, name: str, region: str, space: str, subnet: str) -> dict[str, Any]:
    network = f"{group}/providers/Microsoft.Network/virtualNetworks/{name}"
    return {
        "id": network,
        "name": name,
        "type": "Microsoft.Network/virtualNetworks",
        "location": region,
        "properties": {
            "addressSpace": {"addressPrefixes": [space]},
            "subnets": [
                {"name": "servers", "id": f"{network}/subnets/servers", "properties": {"addressPrefix": subnet}}
            ],
        },
    }


def _set(document: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        document = document.setdefault(key, {})
    document[path[-1]] = value
