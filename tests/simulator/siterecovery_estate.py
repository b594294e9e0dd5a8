"""An estate for the tests of Site Recovery: machines in West Europe, a vault in North Europe, and the way between."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.sim import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from requests import Response

SUBSCRIPTION = "22222222-3333-4444-8555-666666666666"
SOURCE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop-we"
TARGET = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop-ne"
VAULT = f"{TARGET}/providers/Microsoft.RecoveryServices/vaults/shop-vault"
PRIMARY = f"{VAULT}/replicationFabrics/westeurope"
RECOVERY = f"{VAULT}/replicationFabrics/northeurope"
PRIMARY_CONTAINER = f"{PRIMARY}/replicationProtectionContainers/source"
RECOVERY_CONTAINER = f"{RECOVERY}/replicationProtectionContainers/target"
POLICY = f"{VAULT}/replicationPolicies/daily"
SOURCE_NETWORK = f"{SOURCE}/providers/Microsoft.Network/virtualNetworks/we-vnet"
TARGET_NETWORK = f"{TARGET}/providers/Microsoft.Network/virtualNetworks/ne-vnet"
TEST_NETWORK = f"{TARGET}/providers/Microsoft.Network/virtualNetworks/test-vnet"
CACHE = f"{SOURCE}/providers/Microsoft.Storage/storageAccounts/shopcache"
A2A = {"instanceType": "A2A"}


def vm_id(name: str, group: str = SOURCE) -> str:
    """The id of a machine."""
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"


def disk_id(name: str, group: str = SOURCE) -> str:
    """The id of a disk."""
    return f"{group}/providers/Microsoft.Compute/disks/{name}"


def nic_id(name: str, group: str = SOURCE) -> str:
    """The id of a NIC."""
    return f"{group}/providers/Microsoft.Network/networkInterfaces/{name}"


def item_id(name: str, container: str = PRIMARY_CONTAINER) -> str:
    """The id of a replicated item."""
    return f"{container}/replicationProtectedItems/{name}"


def machine(name: str, *, size: str = "Standard_D2s_v3", os_disk: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A Linux machine with one data disk, tags and a NIC in the source network."""
    os_reference = {
        "osType": "Linux",
        "name": f"{name}_os",
        "createOption": "FromImage",
        "managedDisk": {"id": disk_id(f"{name}_os"), "storageAccountType": "Premium_LRS"},
        "diskSizeGB": 64,
        **(os_disk or {}),
    }
    data_reference = {
        "lun": 2,
        "name": f"{name}_data",
        "createOption": "Attach",
        "managedDisk": {"id": disk_id(f"{name}_data"), "storageAccountType": "StandardSSD_LRS"},
        "diskSizeGB": 256,
    }
    return {
        "id": vm_id(name),
        "name": name,
        "type": "Microsoft.Compute/virtualMachines",
        "location": "westeurope",
        "tags": {"app": "shop"},
        "properties": {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {"osDisk": os_reference, "dataDisks": [data_reference]},
            "networkProfile": {"networkInterfaces": [{"id": nic_id(f"{name}-nic")}]},
            "provisioningState": "Succeeded",
        },
    }


def network(id_: str, location: str, prefix: str, subnet_prefix: str) -> dict[str, Any]:
    """A virtual network with the subnet `front`."""
    subnets = [{"name": "front", "properties": {"addressPrefix": subnet_prefix}}]
    properties = {"addressSpace": {"addressPrefixes": [prefix]}, "subnets": subnets}
    return {"id": id_, "location": location, "properties": properties}


def nic(name: str, address: str) -> dict[str, Any]:
    """A NIC of the source network."""
    properties = {
        "privateIPAddress": address,
        "privateIPAllocationMethod": "Dynamic",
        "primary": True,
        "subnet": {"id": f"{SOURCE_NETWORK}/subnets/front"},
    }
    configuration = {"name": "ipconfig1", "properties": properties}
    return {"id": nic_id(name), "location": "westeurope", "properties": {"ipConfigurations": [configuration]}}


def seed(
    *names: str,
    resources: list[dict[str, Any]] | None = None,
    behaviour: Mapping[str, Any] | None = None,
    quotas: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An estate with a machine for every name; *behaviour* is by the machines' names."""
    given = resources or []
    known = {resource["id"].lower() for resource in given}
    made = [
        network(SOURCE_NETWORK, "westeurope", "10.1.0.0/16", "10.1.0.0/24"),
        network(TARGET_NETWORK, "northeurope", "10.2.0.0/16", "10.2.0.0/24"),
        network(TEST_NETWORK, "northeurope", "10.9.0.0/16", "10.9.0.0/24"),
        {"id": CACHE, "location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {}},
        *(nic(f"{name}-nic", f"10.1.0.{10 + number}") for number, name in enumerate(names)),
        *(machine(name) for name in names),
    ]
    named = {vm_id(name): {"initial_replication_minutes": 30, **value} for name, value in (behaviour or {}).items()}
    return {
        "resources": [*(resource for resource in made if resource["id"].lower() not in known), *given],
        "behaviour": named,
        "quotas": dict(quotas or {}),
    }


class Lab:
    """Drives one simulator through ARM, following each operation to its end in virtual time."""

    def __init__(self, sim: Simulator) -> None:
        """Work on *sim*, which has the estate of :func:`seed`."""
        self.sim = sim

    def get(self, path: str) -> dict[str, Any]:
        """The JSON of a GET that succeeds."""
        answer = self.sim.arm("GET", path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def status(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send a write that is accepted, let time pass until it ended, and give the operation's last status."""
        return self.finish(self.accepted(method, path, body))

    def accepted(self, method: str, path: str, body: Any = None) -> Response:
        """Send a write that is accepted."""
        answer = self.sim.arm(method, path, body)
        assert answer.status_code in {201, 202}, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def finish(self, answer: Response) -> dict[str, Any]:
        """Let time pass until the operation ended; its last status."""
        return dict(self.sim.follow(answer, step_seconds=20).json())

    def run(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send a write that has to succeed; its job."""
        answer = self.accepted(method, path, body)
        status = self.finish(answer)
        assert status["status"] == "Succeeded", status
        return self.job(answer)

    def job(self, answer: Response) -> dict[str, Any]:
        """The properties of the job of an accepted write."""
        return dict(self.get(answer.headers["x-ms-request-id"])["properties"])

    def vault(self) -> None:
        """Create the vault."""
        self.status("PUT", VAULT, {"location": "northeurope", "sku": {"name": "Standard"}, "properties": {}})

    def set_up(self) -> None:
        """Create vault, fabrics, policy, containers and the mappings both ways."""
        self.vault()
        for fabric, location in ((PRIMARY, "westeurope"), (RECOVERY, "northeurope")):
            self.run("PUT", fabric, {"properties": {"customDetails": {"instanceType": "Azure", "location": location}}})
        self.run("PUT", POLICY, {"properties": {"providerSpecificInput": {**A2A, "multiVmSyncStatus": "Enable"}}})
        for container in (PRIMARY_CONTAINER, RECOVERY_CONTAINER):
            self.run("PUT", container, {"properties": {"providerSpecificInput": [A2A]}})
        self.run("PUT", *self.mapping(PRIMARY_CONTAINER, RECOVERY_CONTAINER))
        self.run("PUT", *self.mapping(RECOVERY_CONTAINER, PRIMARY_CONTAINER))

    @staticmethod
    def mapping(source: str, target: str) -> tuple[str, dict[str, Any]]:
        """The id and body of a container mapping."""
        body = {"policyId": POLICY, "targetProtectionContainerId": target, "providerSpecificInput": A2A}
        return f"{source}/replicationProtectionContainerMappings/mapping", {"properties": body}

    def network_mapping(self, source: str, target: str, *, back: bool = False) -> None:
        """Map a network to one of the other region."""
        fabric, other = (RECOVERY, "westeurope") if back else (PRIMARY, "northeurope")
        body = {
            "fabricSpecificDetails": {"instanceType": "AzureToAzure", "primaryNetworkId": source},
            "recoveryFabricName": other,
            "recoveryNetworkId": target,
        }
        id_ = f"{fabric}/replicationNetworks/azureNetwork/replicationNetworkMappings/{source.rpartition('/')[2]}"
        self.run("PUT", id_, {"properties": body})

    def enable_body(self, name: str, **changes: Any) -> dict[str, Any]:
        """The input that enables replication of a machine with both its disks."""
        disks = [
            {
                "diskId": disk_id(f"{name}_{kind}"),
                "primaryStagingAzureStorageAccountId": CACHE,
                "recoveryResourceGroupId": TARGET,
            }
            for kind in ("os", "data")
        ]
        details = {
            **A2A,
            "fabricObjectId": vm_id(name),
            "recoveryContainerId": RECOVERY_CONTAINER,
            "recoveryResourceGroupId": TARGET,
            "recoveryAzureNetworkId": TARGET_NETWORK,
            "recoverySubnetName": "front",
            "vmManagedDisks": disks,
            **changes,
        }
        return {"properties": {"policyId": POLICY, "providerSpecificDetails": details}}

    def enable(self, name: str, **changes: Any) -> dict[str, Any]:
        """Enable replication; the job, which has to succeed."""
        return self.run("PUT", item_id(name), self.enable_body(name, **changes))

    def item(self, name: str, container: str = PRIMARY_CONTAINER) -> dict[str, Any]:
        """The properties of a replicated item."""
        return dict(self.get(item_id(name, container))["properties"])

    def protect(self, name: str, **changes: Any) -> dict[str, Any]:
        """Enable replication and let time pass until the machine is protected; the item's properties."""
        self.enable(name, **changes)
        return self.until_protected(name)

    def until_protected(self, name: str, container: str = PRIMARY_CONTAINER) -> dict[str, Any]:
        """Let time pass until the machine is protected; the item's properties."""
        for _ in range(200):
            item = self.item(name, container)
            if item["protectionState"] == "Protected":
                return item
            self.sim.advance(60)
        raise TimeoutError(name)

    @staticmethod
    def failover_body(*, shut_down: bool = True, point: str | None = None, several: bool = False) -> dict[str, Any]:
        """The input of a failover; of *several* machines, by a recovery plan."""
        details = {**A2A, **({"recoveryPointId": point} if point else {})}
        return {
            "properties": {
                "failoverDirection": "PrimaryToRecovery",
                "sourceSiteOperations": "Required" if shut_down else "NotRequired",
                "providerSpecificDetails": [details] if several else details,
            }
        }

    def fail_over(self, name: str, *, shut_down: bool = True, point: str | None = None) -> dict[str, Any]:
        """Fail over; the job, which has to succeed."""
        return self.run(
            "POST", f"{item_id(name)}/unplannedFailover", self.failover_body(shut_down=shut_down, point=point)
        )

    def tasks(self, job: Mapping[str, Any]) -> dict[str, str]:
        """The states of a job's tasks by their names on the screen."""
        return {task["friendlyName"]: task["state"] for task in job["tasks"]}

    def power(self, vm: str) -> str | None:
        """The power state of a machine, None where it does not exist."""
        found = {resource["id"].lower(): resource for resource in self.sim.resources()}
        return found[vm.lower()]["power_state"] if vm.lower() in found else None


@contextmanager
def protected(
    *names: str,
    resources: list[dict[str, Any]] | None = None,
    behaviour: Mapping[str, Any] | None = None,
    quotas: Mapping[str, Any] | None = None,
) -> Iterator[Lab]:
    """A simulator with a vault that is set up and every machine protected."""
    known = {**{name: {} for name in names}, **(behaviour or {})}
    with Simulator(seed=seed(*names, resources=resources, behaviour=known, quotas=quotas)) as sim:
        lab = Lab(sim)
        lab.set_up()
        answers = [lab.accepted("PUT", item_id(name), lab.enable_body(name)) for name in names]
        sim.advance(3600)
        assert {"Succeeded"} == {lab.finish(answer)["status"] for answer in answers}
        yield lab
