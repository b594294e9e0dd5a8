"""A small estate for the tests of Compute and Network, and clients of the real SDKs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.storage import StorageManagementClient

if TYPE_CHECKING:
    from tests.support.sim import Simulator

SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
GROUP = "Shop-RG"
SCOPE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
COMPUTE = f"{SCOPE}/providers/Microsoft.Compute"
NETWORK = f"{SCOPE}/providers/Microsoft.Network"
VM = f"{COMPUTE}/virtualMachines"


def machine(name: str, *, os_type: str = "Linux", size: str = "Standard_D2s_v3", **properties: Any) -> dict[str, Any]:
    """A VM as ARM's GET shows it, with one data disk."""
    return {
        "id": f"{VM}/{name}",
        "name": name,
        "type": "Microsoft.Compute/virtualMachines",
        "location": "westeurope",
        "tags": {"app": "shop"},
        "properties": {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {
                "osDisk": {
                    "osType": os_type,
                    "name": f"{name}_os",
                    "createOption": "FromImage",
                    "managedDisk": {
                        "id": f"{COMPUTE}/disks/{name}_os",
                        "storageAccountType": "Premium_LRS",
                    },
                    "diskSizeGB": 64,
                },
                "dataDisks": [
                    {
                        "lun": 0,
                        "name": f"{name}_data",
                        "createOption": "Attach",
                        "managedDisk": {
                            "id": f"{COMPUTE}/disks/{name}_data",
                            "storageAccountType": "StandardSSD_LRS",
                        },
                        "diskSizeGB": 256,
                    }
                ],
            },
            "networkProfile": {"networkInterfaces": [{"id": f"{NETWORK}/networkInterfaces/{name}-nic"}]},
            "provisioningState": "Succeeded",
            **properties,
        },
    }


def network(name: str = "shop-vnet", location: str = "westeurope", prefix: str = "10.1.0.0/24") -> dict[str, Any]:
    """A virtual network with one subnet, as short as a seed may be."""
    return {
        "id": f"{NETWORK}/virtualNetworks/{name}",
        "location": location,
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
            "subnets": [{"name": "front", "properties": {"addressPrefix": prefix}}],
        },
    }


def seed(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A seed of these resources; *more* are its other keys."""
    return {"resources": list(resources), **more}


def fresh(sim: Simulator, *, speed: float = 1.0) -> Simulator:
    """Bring a simulator that tests share back to its seed, without faults, at *speed*."""
    sim.clear_faults()
    sim.reset()
    sim.clock(speed=speed)
    return sim


def compute(sim: Simulator) -> ComputeManagementClient:
    """A client of Compute."""
    return ComputeManagementClient(sim.credential(), SUBSCRIPTION, **sim.client_options)


def networks(sim: Simulator) -> NetworkManagementClient:
    """A client of Network."""
    return NetworkManagementClient(sim.credential(), SUBSCRIPTION, **sim.client_options)


def storage(sim: Simulator) -> StorageManagementClient:
    """A client of Storage."""
    return StorageManagementClient(sim.credential(), SUBSCRIPTION, **sim.client_options)


def locks(sim: Simulator) -> ManagementLockClient:
    """A client of locks."""
    return ManagementLockClient(sim.credential(), SUBSCRIPTION, **sim.client_options)


def authorization(sim: Simulator) -> AuthorizationManagementClient:
    """A client of role assignments and permissions."""
    return AuthorizationManagementClient(sim.credential(), SUBSCRIPTION, **sim.client_options)


def power(sim: Simulator, name: str) -> str:
    """The power state that the instance view shows."""
    statuses = sim.arm("GET", f"{VM}/{name}/instanceView").json()["statuses"]
    return next(str(status["code"]) for status in statuses if status["code"].startswith("PowerState/"))
