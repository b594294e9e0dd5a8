"""An estate made of Microsoft's own examples of machines and networks, in which the other examples are sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.simulator.spec_examples import Session, read
from tests.support.cloud import Cloud

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.simulator.spec_examples import Example

SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
ROOT = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{ROOT}/resourceGroups/examples"
LOCKED = f"{ROOT}/resourceGroups/locked"
COMPUTE = f"{ROOT}/providers/Microsoft.Compute"
NETWORK = f"{ROOT}/resourceGroups/rg1/providers/Microsoft.Network"
VAULTS = f"{GROUP}/providers/Microsoft.RecoveryServices/vaults"
VAULT = f"{VAULTS}/swaggerExample"
MACHINE = f"{ROOT}/resourceGroups/myResourceGroup/providers/Microsoft.Compute/virtualMachines/myVM"
NVME = MACHINE.replace("myVM", "controlled")


def _resource(example: Example) -> dict[str, Any]:
    """What an example shows, as a resource of this estate."""
    text = json.dumps(example.shown)
    text = text.replace("{subscription-id}", SUBSCRIPTION).replace("/subscriptions/subid/", f"{ROOT}/")
    resource: dict[str, Any] = json.loads(text)
    return resource


def _seed(compute: Mapping[str, Example], network: Mapping[str, Example]) -> dict[str, Any]:
    lock = {"id": f"{LOCKED}/providers/Microsoft.Authorization/locks/testlock", "properties": {"level": "CanNotDelete"}}
    vnet = _resource(network["VirtualNetworkGet"])
    del vnet["properties"]["subnets"][0]["properties"]["ipConfigurations"]
    nic = _resource(network["NetworkInterfaceGet"])
    nic["properties"]["ipConfigurations"][1]["properties"]["privateIPAddress"] = "172.20.2.16"
    for configuration in nic["properties"]["ipConfigurations"]:
        configuration["properties"].pop("privateIPAddressPrefixLength", None)
    home = {
        "id": nic["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"].rpartition("/subnets/")[0],
        "location": "eastus",
        "properties": {
            "addressSpace": {"addressPrefixes": ["172.20.0.0/16"]},
            "subnets": [{"name": "default", "properties": {"addressPrefix": "172.20.2.0/24"}}],
        },
    }
    machine = _resource(compute["VirtualMachine_Get"])
    text = json.dumps(_resource(compute["VirtualMachine_Get_WithDiskControllerType"]))
    for name in ("myVM", "myNIC", "my-nic", "myOsDisk", "myDataDisk"):
        text = text.replace(name, name.replace("my", "controlled"))
    controlled = json.loads(text.replace("controlledVM", "controlled"))
    vnet["properties"]["dhcpOptions"] = {"dnsServers": []}
    return {
        "subscriptions": [{"subscriptionId": SUBSCRIPTION, "displayName": "Examples"}],
        "resources": [{"id": GROUP, "location": "westus"}, vnet, home, nic, machine, controlled, lock],
    }


def live(spec: Path) -> dict[str, list[str]]:
    """Send the examples of vaults, machines, networks, rights and providers; what is not as they have it."""
    compute, network = read(spec / "compute"), read(spec / "network")
    with Cloud(_seed(compute, network)) as cloud:
        return {
            **_compute(Session(cloud, compute)),
            **_network(Session(cloud, network)),
            **_rights(Session(cloud, {**read(spec / "authorization"), **read(spec / "resources")})),
            **_vaults(Session(cloud, read(spec / "recoveryservices"))),
        }


def _compute(session: Session) -> dict[str, list[str]]:
    place = f"{COMPUTE}/locations/westus"
    session.hold("ListAvailableResourceSkusForARegion", "GET", f"{COMPUTE}/skus?$filter=location eq 'westus'")
    session.hold("RunCommand_List", "GET", f"{place}/runCommands")
    session.hold("RunCommand_Get", "GET", f"{place}/runCommands/RunPowerShellScript")
    session.hold("Usage_List_MaximumSet_Gen", "GET", f"{place}/usages")
    session.hold("VirtualMachine_Get", "GET", f"{MACHINE}?$expand=userData")
    session.hold("VirtualMachine_Get_WithDiskControllerType", "GET", f"{NVME}?$expand=userData")
    session.hold("VirtualMachine_Get_InstanceView", "GET", f"{MACHINE}/instanceView")
    session.hold("VirtualMachineRunCommand", "POST", f"{MACHINE}/runCommand", {"commandId": "RunPowerShellScript"})
    session.hold("VirtualMachine_Deallocate_MaximumSet_Gen", "POST", f"{MACHINE}/deallocate?hibernate=false")
    return session.outcomes


def _network(session: Session) -> dict[str, list[str]]:
    test, home = f"{NETWORK}/virtualNetworks/test-vnet", f"{NETWORK}/virtualNetworks/rg1-vnet"
    session.hold("NetworkInterfaceGet", "GET", f"{NETWORK}/networkInterfaces/test-nic")
    session.hold("SubnetGet", "GET", f"{test}/subnets/subnet1")
    session.hold("UsageList", "GET", f"{ROOT}/providers/Microsoft.Network/locations/westus/usages")
    session.hold(
        "VirtualNetworkCheckIPAddressAvailability", "GET", f"{home}/CheckIPAddressAvailability?ipAddress=172.20.2.4"
    )
    session.hold("VirtualNetworkGet", "GET", home)
    session.hold("VirtualNetworkList", "GET", f"{NETWORK}/virtualNetworks")
    session.hold("VirtualNetworkListUsage", "GET", f"{test}/usages")
    return session.outcomes


def _rights(session: Session) -> dict[str, list[str]]:
    rights = "providers/Microsoft.Authorization"
    session.hold("GetPermissions", "GET", f"{GROUP}/{rights}/permissions")
    session.hold("GetResourcePermissions", "GET", f"{MACHINE}/{rights}/permissions")
    session.hold("ManagementLocks_ListAtResourceGroupLevel", "GET", f"{LOCKED}/{rights}/locks")
    session.hold("ManagementLocks_ListAtScope", "GET", f"{ROOT}/{rights}/locks")
    session.hold("GetProvider", "GET", f"{ROOT}/providers/Microsoft.RecoveryServices")
    return session.outcomes


def _vaults(session: Session) -> dict[str, list[str]]:
    services = f"{ROOT}/providers/Microsoft.RecoveryServices"
    place = "providers/Microsoft.RecoveryServices/locations/westus"
    for name in [name for name in session.examples if name.startswith("PUTVault_")]:
        session.hold(name, "PUT", f"{VAULTS}/{name}")
    alerts = session.examples["PUTVault_WithMonitoringSettings"].body["properties"]
    session.hold("PUTVault", "PUT", VAULT)
    started = session.cloud.arm("PUT", f"{VAULTS}/another", session.examples["PUTVault"].body)
    operation = started.headers["Azure-AsyncOperation"].partition("?")[0].rpartition("/")[2]
    session.hold("GetOperationStatus", "GET", f"{VAULTS}/another/operationStatus/{operation}")
    session.hold("GetOperationResult", "GET", f"{VAULTS}/another/operationResults/{operation}")
    for name in [name for name in session.examples if name.lower().startswith("patchvault")]:
        session.hold(name, "PATCH", f"{VAULTS}/PUTVault_WithCMK")
    session.cloud.arm("PATCH", f"{VAULTS}/PUTVault_WithRedundancySettings", {"tags": {"a": "b"}, "properties": alerts})
    session.hold("GETVault", "GET", f"{VAULTS}/PUTVault_WithRedundancySettings")
    session.hold("ListResources", "GET", VAULTS)
    session.hold("ListBySubscriptionIds", "GET", f"{services}/vaults")
    session.hold("ListOperations", "GET", "/providers/Microsoft.RecoveryServices/operations")
    session.hold("ListUsages", "GET", f"{VAULT}/usages")
    session.hold("ListReplicationUsages", "GET", f"{VAULT}/replicationUsages")
    session.hold("GETVaultExtendedInfo", "GET", f"{VAULT}/extendedInformation/vaultExtendedInfo")
    session.hold("UpdateVaultExtendedInfo", "PATCH", f"{VAULT}/extendedInformation/vaultExtendedInfo")
    session.hold("PUTVaultCred", "PUT", f"{VAULT}/certificates/vaultcredentials")
    session.hold("ListPrivateLinkResources", "GET", f"{VAULT}/privateLinkResources")
    session.hold("GetPrivateLinkResources", "GET", f"{VAULT}/privateLinkResources/backupResource")
    session.hold("DeleteRegisteredIdentities", "DELETE", f"{VAULT}/registeredIdentities/dpmcontainer01")
    session.hold("Capabilities", "POST", f"{ROOT}/{place}/capabilities")
    for name in ("CheckNameAvailability_Available", "CheckNameAvailability_NotAvailable"):
        taken = {"name": "another" if name.endswith("NotAvailable") else "free", "type": "x"}
        session.hold(name, "POST", f"{GROUP}/{place}/checkNameAvailability", taken)
    session.hold("DeleteVault", "DELETE", VAULT)
    return session.outcomes
