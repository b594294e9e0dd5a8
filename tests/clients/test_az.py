"""The real Azure CLI against the simulator: signing in, the everyday commands, and a move by hand."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import AzError, AzSession, az_variables, needs
from tests.clients.install import AZ
from tests.simulator.siterecovery_estate import (
    SOURCE,
    SUBSCRIPTION,
    TARGET,
    disk_id,
    nic_id,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

USER: dict[str, Any] = {
    "kind": "user",
    "user_name": "ada@contoso.example",
    "password": "Pa55word!",
    "object_id": "aaaaaaaa-1111-4222-8333-444444444444",
    "roles": [{"role": "Reader", "scope": f"/subscriptions/{SUBSCRIPTION}"}],
}
PRINCIPAL: dict[str, Any] = {
    "kind": "service_principal",
    "client_id": "bbbbbbbb-1111-4222-8333-444444444444",
    "secret": "kept by nobody",
    "object_id": "cccccccc-1111-4222-8333-444444444444",
    "roles": [{"role": "Owner", "scope": f"/subscriptions/{SUBSCRIPTION}"}],
}
pytestmark = [needs(AZ), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """Two machines and a person who may read one group, an hour in a second."""
    estate = {**seed("web", "db", behaviour={"web": {}}), "identities": [PRINCIPAL, USER]}
    with Simulator(seed=estate, speed=3600) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def az(sim: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzSession]:
    """An Azure CLI that is signed in to the simulator."""
    with AzSession(sim, tmp_path_factory.mktemp("az")) as session:
        session.sign_in()
        yield session


def test_accounts(az: AzSession, sim: Simulator) -> None:
    """The subscription is listed, chosen and shown; its locations are Azure's."""
    az(f"account set --subscription {SUBSCRIPTION}")

    assert [SUBSCRIPTION] == az("account list --query [].id")
    assert [SUBSCRIPTION, sim.tenant_id, "sim"] == az("account show --query '[id, tenantId, environmentName]'")
    assert ["West Europe"] == az("account list-locations --query \"[?name=='westeurope'].displayName\"")
    assert "Bearer" == az("account get-access-token --query tokenType")


def test_groups(az: AzSession) -> None:
    """Groups are made, tagged, found and deleted."""
    made = az("group create -n made-by-az -l northeurope --tags a=b")
    az("group update -n made-by-az --set tags.c=d")
    shown = az("group show -n made-by-az")
    listed = az("group list --query [].name")
    az("group delete -n made-by-az --yes")

    assert "Succeeded" == made["properties"]["provisioningState"]
    assert {"a": "b", "c": "d"} == shown["tags"]
    assert {"made-by-az", "shop-we", "shop-ne"} == set(listed)
    assert [True, False] == [az("group exists -n shop-we"), az("group exists -n made-by-az")]
    with pytest.raises(AzError, match="ResourceGroupNotFound"):
        az("group show -n made-by-az")


def test_machines(az: AzSession) -> None:
    """Machines are shown with their addresses, sizes and what they answer; absent ones are said to be absent."""
    ran = az("vm run-command invoke -g shop-we -n web --command-id RunShellScript --scripts ls")

    assert ["VM running", "10.1.0.10"] == az("vm show -g shop-we -n web -d --query '[powerState, privateIps]'")
    assert {"web", "db"} == {vm["name"] for vm in az("vm list -g shop-we -d") if vm["powerState"]}
    assert ["10.1.0.10"] == az(
        "vm list-ip-addresses -g shop-we -n web --query '[0].virtualMachine.network.privateIpAddresses'"
    )
    assert "ProvisioningState/succeeded" == ran["value"][0]["code"]
    assert "Linux" == az("vm run-command show -l westeurope --command-id RunShellScript --query osType")
    assert 2 == az("vm list-sizes -l westeurope --query \"[?name=='Standard_D2s_v3'].numberOfCores | [0]\"")
    assert "4" == az("vm list-usage -l westeurope --query \"[?name.value=='cores'].currentValue | [0]\"")
    assert "Standard_D4s_v3" in az("vm list-vm-resize-options -g shop-we -n web --query [].name")
    assert [] == az("vm extension list -g shop-we --vm-name web")
    assert [nic_id("web-nic")] == az("vm nic list -g shop-we --vm-name web --query [].id")
    with pytest.raises(AzError, match="ResourceNotFound"):
        az("vm show -g shop-we -n absent")


def test_power(az: AzSession) -> None:
    """A machine is stopped, started, restarted, redeployed and deallocated, and says so each time."""

    def power() -> str:
        statuses = az("vm get-instance-view -g shop-we -n db --query instanceView.statuses[].code")
        return next(str(code) for code in statuses if code.startswith("PowerState/"))

    az("vm stop -g shop-we -n db")
    stopped = power()
    az("vm start -g shop-we -n db")
    for command in ("restart", "restart --force", "redeploy", "reapply"):
        az(f"vm {command} -g shop-we -n db")
    running = power()
    az("vm deallocate -g shop-we -n db --no-wait")
    az("vm wait -g shop-we -n db --custom \"instanceView.statuses[?code=='PowerState/deallocated']\"")
    deallocated = az("vm list -g shop-we -d --query \"[?name=='db'].powerState\"")
    az("vm start -g shop-we -n db")

    assert ["PowerState/stopped", "PowerState/running"] == [stopped, running]
    assert ["VM deallocated"] == deallocated


def test_disks(az: AzSession) -> None:
    """Disks are listed, made, grown, copied, attached and deleted."""
    az("disk create -g shop-we -n extra -l westeurope --size-gb 16")
    grown = az("disk update -g shop-we -n extra --size-gb 32 --query diskSizeGB")
    az("vm disk attach -g shop-we --vm-name db --name extra")
    attached = az("disk show -g shop-we -n extra --query '[diskState, managedBy]'")
    az("vm disk attach -g shop-we --vm-name db --name new --new --size-gb 8")
    lists = az("vm show -g shop-we -n db --query storageProfile.dataDisks[].[name,diskSizeGB]")
    for name in ("extra", "new"):
        az(f"vm disk detach -g shop-we --vm-name db --name {name}")
    az("snapshot create -g shop-we -n kept --source extra -l westeurope")
    for name in ("extra", "new"):
        az(f"disk delete -g shop-we -n {name} --yes")

    assert [["db_data", 256], ["extra", 32], ["new", 8]] == lists
    assert 32 == grown
    assert ["Attached", vm_id("db")] == attached
    assert {"web_os", "web_data", "db_os", "db_data"} == set(az("disk list -g shop-we --query [].name"))
    assert 32 == az("snapshot show -g shop-we -n kept --query diskSizeGB")


def test_networks(az: AzSession) -> None:
    """Networks, subnets and NICs are made, listed and deleted."""
    az(
        "network vnet create -g shop-ne -n made -l northeurope --address-prefix 10.77.0.0/16"
        " --subnet-name front --subnet-prefix 10.77.1.0/24"
    )
    az("network vnet subnet create -g shop-ne --vnet-name made -n back --address-prefixes 10.77.2.0/24")
    subnets = az("network vnet subnet list -g shop-ne --vnet-name made --query [].name")
    card = az("network nic create -g shop-ne -n card -l northeurope --vnet-name made --subnet back")
    az("network nic delete -g shop-ne -n card")
    az("network vnet delete -g shop-ne -n made")

    assert ["front", "back"] == subnets
    assert "10.77.2.4" == card["NewNIC"]["ipConfigurations"][0]["privateIPAddress"]
    assert {"we-vnet", "ne-vnet", "test-vnet"} == set(az("network vnet list --query [].name"))
    assert "10.1.0.0/16" == az("network vnet show -g shop-we -n we-vnet --query addressSpace.addressPrefixes[0]")
    assert {"web-nic", "db-nic"} == set(az("network nic list --query [].name"))
    assert "10.1.0.10" == az("network nic show -g shop-we -n web-nic --query ipConfigurations[0].privateIPAddress")
    assert "1" == az(
        "network list-usages -l westeurope --query \"[?name.value=='VirtualNetworks'].currentValue | [0]\""
    )


def test_storage(az: AzSession) -> None:
    """Storage accounts are checked for, made, shown, listed and counted."""
    free = az("storage account check-name -n madebyaz --query nameAvailable")
    made = az("storage account create -g shop-we -n madebyaz -l westeurope --sku Standard_LRS")
    names = az("storage account list --query [].name")
    used = az("storage account show-usage -l westeurope --query '[currentValue, limit]'")
    taken = az("storage account check-name -n madebyaz --query reason")
    az("storage account delete -g shop-we -n madebyaz --yes")

    assert [True, "AlreadyExists"] == [free, taken]
    assert ["Succeeded", "StorageV2"] == [made["provisioningState"], made["kind"]]
    assert {"shopcache", "madebyaz"} == set(names)
    assert [2, 250] == used
    assert "Standard_LRS" == az("storage account show -n shopcache --query sku.name")


def test_resources(az: AzSession) -> None:
    """Resources are found by type, tag, name and group, shown by id, and tagged."""
    web = vm_id("web")
    az(f"tag update --resource-id {web} --operation merge --tags owner=ada")

    assert {"web", "db"} == set(az("resource list --resource-type Microsoft.Compute/virtualMachines --query [].name"))
    assert ["web"] == az("resource list --tag owner=ada --query [].name")
    assert {"web", "db"} <= set(az("resource list --tag app=shop --query [].name"))
    assert {"app", "owner"} == {tag["tagName"] for tag in az("tag list")}
    assert ["Microsoft.Compute/disks"] == az("resource list --name web_os --query [].type")
    assert {"ne-vnet", "test-vnet"} == set(az("resource list -g shop-ne --query [].name"))
    assert "Linux" == az(f"resource show --ids {disk_id('web_os')} --query properties.osType")
    assert {"app": "shop", "owner": "ada"} == az(f"tag list --resource-id {web} --query properties.tags")
    az(f"tag update --resource-id {web} --operation delete --tags owner=ada")
    assert {"app": "shop"} == az(f"resource show --ids {web} --query tags")


def test_locks(az: AzSession) -> None:
    """A lock is made, holds, is listed and removed."""
    az("lock create -n keep -t CanNotDelete -g shop-ne")
    with pytest.raises(AzError, match="ScopeLocked"):
        az("network vnet delete -g shop-ne -n test-vnet")
    levels = az("lock list -g shop-ne --query [].level")
    az("lock delete -n keep -g shop-ne")

    assert ["CanNotDelete"] == levels
    assert [] == az("lock list")


def test_roles(az: AzSession) -> None:
    """A role is assigned by the name of who gets it, listed with that name, and taken back."""
    scope = f"--scope {TARGET}"
    az(f"role assignment create --assignee {USER['user_name']} --role Contributor {scope}")
    listed = az(f"role assignment list {scope} --query '[].[principalName, roleDefinitionName]'")
    az(f"role assignment delete --assignee {USER['user_name']} --role Contributor {scope}")

    assert [[USER["user_name"], "Contributor"]] == listed
    assert [] == az(f"role assignment list {scope}")
    assert {PRINCIPAL["client_id"], USER["user_name"]} == set(az("role assignment list --all --query [].principalName"))
    assert ["Reader"] == az("role definition list -n Reader --query [].roleName")
    assert PRINCIPAL["object_id"] == az(f"ad sp show --id {PRINCIPAL['client_id']} --query id")


def test_providers(az: AzSession) -> None:
    """Providers are listed and registered."""
    az("provider register -n Microsoft.RecoveryServices --wait")

    assert "Registered" == az("provider show -n Microsoft.RecoveryServices --query registrationState")
    assert {"Microsoft.Compute", "Microsoft.RecoveryServices"} <= set(az("provider list --query [].namespace"))


def test_raw_requests(az: AzSession, sim: Simulator) -> None:
    """`az rest` sends any request, to a path or a whole address."""
    path = f"{SOURCE}?api-version=2022-09-01"

    assert "shop-we" == az(f"rest --method get --url {path} --query name")
    assert "shop-we" == az(f"rest --method get --url {sim.endpoint}{path} --query name")
    with pytest.raises(AzError, match="ResourceNotFound"):
        az(f"rest --method get --url {vm_id('absent')}?api-version=2024-03-01")


def test_signing_in_on_another_device(sim: Simulator, tmp_path: Path) -> None:
    """A person types the CLI's code on the page that it names; the CLI then acts as that person."""
    variables = az_variables(sim, tmp_path) | {"AZURE_CORE_ONLY_SHOW_ERRORS": "false"}

    def az(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(AZ), *words], env=variables, check=False, capture_output=True, text=True)

    az("cloud", "register", "-n", "sim", "--endpoint-resource-manager", sim.endpoint)
    az("cloud", "set", "-n", "sim")
    login = [str(AZ), "login", "--use-device-code", "--tenant", sim.tenant_id]
    with subprocess.Popen(
        login, env=variables, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "enter the code" in line)
        found = re.search(r"page (\S+) and enter the code (\w+)", said)
        assert found is not None
        form = {"user_code": found[2], "username": USER["user_name"], "password": USER["password"]}
        page = sim.http.post(found[1], data=form, timeout=30).text
        rest = process.stderr.read()
        assert 0 == process.wait(60), rest
    refused = az("group", "delete", "-n", "shop-ne", "--yes")

    assert "You are signed in" in page
    assert "shop-we" in az("group", "list", "-o", "tsv").stdout
    assert "AuthorizationFailed" in refused.stderr
    assert USER["object_id"] in refused.stderr
