"""Microsoft's Python SDKs, unmodified, against the simulator: all the clients, synchronous and asynchronous."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DeviceCodeCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.aio import AuthorizationManagementClient as AsyncAuthorization
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.aio import ComputeManagementClient as AsyncCompute
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network.aio import NetworkManagementClient as AsyncNetwork
from azure.mgmt.recoveryservices import RecoveryServicesClient
from azure.mgmt.recoveryservices.aio import RecoveryServicesClient as AsyncRecoveryServices
from azure.mgmt.recoveryservicessiterecovery import SiteRecoveryManagementClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resource.locks.aio import ManagementLockClient as AsyncLocks
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.aio import ResourceManagementClient as AsyncResources
from azure.mgmt.resource.subscriptions import SubscriptionClient
from azure.mgmt.resource.subscriptions.aio import SubscriptionClient as AsyncSubscriptions
from azure.mgmt.storage import StorageManagementClient
from azure.mgmt.storage.aio import StorageManagementClient as AsyncStorage

from tests.simulator.siterecovery_estate import (
    A2A,
    POLICY,
    PRIMARY_CONTAINER,
    RECOVERY_CONTAINER,
    SOURCE,
    SUBSCRIPTION,
    TARGET,
    Lab,
    item_id,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

VAULT = ("shop-ne", "shop-vault")
ITEM = (*VAULT, "westeurope", "source", "web")
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
QUICK: Any = {"polling_interval": 0.05}
USER = {
    "kind": "user",
    "user_name": "ada@contoso.example",
    "password": "Pa55word!",
    "roles": [{"role": "Reader", "scope": SCOPE}],
}
PRINCIPAL = {"kind": "service_principal", "roles": [{"role": "Owner", "scope": SCOPE}]}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """Three machines and a person; a minute in a hundredth of a second, lists in pages of two."""
    estate = {**seed("web", "db", "app", behaviour={"web": {}}), "identities": [PRINCIPAL, USER]}
    with Simulator(seed=estate, speed=6000) as simulator:
        small = {"resources_page_size": 2, "provider_page_size": 2, "site_recovery_page_size": 2}
        assert 200 == simulator.control("POST", "settings", small).status_code
        yield simulator


@pytest.fixture(scope="module")
def sync(sim: Simulator) -> Iterator[Any]:
    """Make a synchronous client of a class."""
    credential = sim.credential()
    made: list[Any] = []

    def client(of: Any) -> Any:
        scope = () if of is SubscriptionClient else (SUBSCRIPTION,)
        made.append(of(credential, *scope, **sim.client_options))
        return made[-1]

    yield client
    for one in made:
        one.close()
    credential.close()


@pytest.fixture
async def asynchronous(sim: Simulator) -> AsyncIterator[Any]:
    """Make an asynchronous client of a class."""
    async with AsyncExitStack() as stack:
        credential = await stack.enter_async_context(sim.async_credential())

        async def client(of: Any) -> Any:
            scope = () if of is AsyncSubscriptions else (SUBSCRIPTION,)
            return await stack.enter_async_context(of(credential, *scope, **sim.client_options))

        yield client


def network_body() -> dict[str, Any]:
    """A virtual network with one subnet."""
    return {
        "location": "northeurope",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.50.0.0/16"]},
            "subnets": [{"name": "front", "properties": {"addressPrefix": "10.50.1.0/24"}}],
        },
    }


ACCOUNT = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {}}
VAULT_BODY = {"location": "northeurope", "sku": {"name": "Standard"}, "properties": {}}
ASSIGNMENT = {
    "properties": {
        "roleDefinitionId": f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions/{READER}",
        "principalId": "99999999-1111-4222-8333-444444444444",
        "principalType": "ServicePrincipal",
    }
}


def test_machines_and_networks(sync: Any) -> None:
    """Compute and Network: lists in pages, pollers that write themselves down and are taken up again."""
    compute, networks = sync(ComputeManagementClient), sync(NetworkManagementClient)
    poller = compute.virtual_machines.begin_deallocate("shop-we", "db", **QUICK)
    written = poller.continuation_token()
    compute.virtual_machines.begin_deallocate("shop-we", "db", continuation_token=written, **QUICK).result()
    off = compute.virtual_machines.instance_view("shop-we", "db").statuses[-1].code
    compute.virtual_machines.begin_start("shop-we", "db", **QUICK).result()
    script = {"commandId": "RunShellScript", "script": ["ls"]}
    ran = compute.virtual_machines.begin_run_command("shop-we", "web", script, **QUICK).result()
    made = networks.virtual_networks.begin_create_or_update("shop-ne", "made", network_body(), **QUICK).result()
    networks.virtual_networks.begin_delete("shop-ne", "made", **QUICK).result()
    first = compute.disks.list().by_page()
    names = [disk.name for disk in next(first)]
    rest = compute.disks.list().by_page(continuation_token=first.continuation_token)

    assert ["PowerState/deallocated", "ProvisioningState/succeeded"] == [off, ran.value[0].code]
    assert {"web", "db", "app"} == {vm.name for vm in compute.virtual_machines.list_all()}
    assert 2 == len(names)
    assert 6 == len({*names, *(disk.name for page in rest for disk in page)})
    assert ["front"] == [subnet.name for subnet in made.subnets]
    assert {"web-nic", "db-nic", "app-nic"} == {nic.name for nic in networks.network_interfaces.list_all()}
    with pytest.raises(ResourceNotFoundError, match="ResourceNotFound"):
        networks.virtual_networks.get("shop-ne", "made")


def test_the_other_clients(sync: Any) -> None:
    """Storage, resources, subscriptions, locks, role assignments and vaults."""
    storage, resources = sync(StorageManagementClient), sync(ResourceManagementClient)
    assignments = sync(AuthorizationManagementClient).role_assignments
    locks, vaults = sync(ManagementLockClient).management_locks, sync(RecoveryServicesClient).vaults
    account = storage.storage_accounts.begin_create("shop-we", "madebysdk", ACCOUNT, **QUICK).result()
    taken = storage.storage_accounts.check_name_availability({"name": "madebysdk"})
    storage.storage_accounts.delete("shop-we", "madebysdk")
    resources.resource_groups.create_or_update("made", {"location": "northeurope"})
    locks.create_or_update_at_resource_group_level("made", "keep", {"properties": {"level": "CanNotDelete"}})
    with pytest.raises(HttpResponseError, match="ScopeLocked"):
        resources.resource_groups.begin_delete("made")
    locks.delete_at_resource_group_level("made", "keep")
    assigned = assignments.create(TARGET, "77777777-1111-4222-8333-444444444444", ASSIGNMENT)
    gone = assignments.delete(TARGET, assigned.name)
    vaults.begin_create_or_update("made", "v", VAULT_BODY, **QUICK).result()
    found = [vault.name for vault in vaults.list_by_resource_group("made")]
    resources.resource_groups.begin_delete("made", **QUICK).result()
    machines = resources.resources.list(filter="resourceType eq 'Microsoft.Compute/virtualMachines'")

    assert ["Succeeded", "AlreadyExists"] == [account.provisioning_state, taken.reason]
    assert [assigned.id, ["v"]] == [gone.id, found]
    assert {"web", "db", "app"} == {resource.name for resource in machines}
    assert not resources.resource_groups.check_existence("made")
    assert [SUBSCRIPTION] == [one.subscription_id for one in sync(SubscriptionClient).subscriptions.list()]


async def test_machines_and_networks_asynchronously(asynchronous: Any) -> None:
    """The same as synchronously."""
    compute, networks = await asynchronous(AsyncCompute), await asynchronous(AsyncNetwork)
    poller = await compute.virtual_machines.begin_deallocate("shop-we", "app", **QUICK)
    written = poller.continuation_token()
    again = await compute.virtual_machines.begin_deallocate("shop-we", "app", continuation_token=written, **QUICK)
    await again.result()
    off = (await compute.virtual_machines.instance_view("shop-we", "app")).statuses[-1].code
    await (await compute.virtual_machines.begin_start("shop-we", "app", **QUICK)).result()
    begun = await networks.virtual_networks.begin_create_or_update("shop-ne", "other", network_body(), **QUICK)
    made = await begun.result()
    await (await networks.virtual_networks.begin_delete("shop-ne", "other", **QUICK)).result()
    pages = compute.disks.list().by_page()
    names = [disk.name async for disk in await anext(pages)]
    rest = compute.disks.list().by_page(continuation_token=pages.continuation_token)

    assert "PowerState/deallocated" == off
    assert 2 == len(names)
    assert 6 == len({*names, *[disk.name async for page in rest async for disk in page]})
    assert ["front"] == [subnet.name for subnet in made.subnets]
    assert {"web-nic", "db-nic", "app-nic"} == {nic.name async for nic in networks.network_interfaces.list_all()}


async def test_the_other_clients_asynchronously(asynchronous: Any) -> None:
    """The same as synchronously."""
    storage, resources = await asynchronous(AsyncStorage), await asynchronous(AsyncResources)
    assignments = (await asynchronous(AsyncAuthorization)).role_assignments
    locks = (await asynchronous(AsyncLocks)).management_locks
    vaults = (await asynchronous(AsyncRecoveryServices)).vaults
    account = await (await storage.storage_accounts.begin_create("shop-we", "madebyaio", ACCOUNT, **QUICK)).result()
    await storage.storage_accounts.delete("shop-we", "madebyaio")
    await resources.resource_groups.create_or_update("aio", {"location": "northeurope"})
    await locks.create_or_update_at_resource_group_level("aio", "keep", {"properties": {"level": "CanNotDelete"}})
    with pytest.raises(HttpResponseError, match="ScopeLocked"):
        await resources.resource_groups.begin_delete("aio")
    await locks.delete_at_resource_group_level("aio", "keep")
    assigned = await assignments.create(TARGET, "88888888-1111-4222-8333-444444444444", ASSIGNMENT)
    gone = await assignments.delete(TARGET, assigned.name)
    await (await vaults.begin_create_or_update("aio", "v", VAULT_BODY, **QUICK)).result()
    found = [vault.name async for vault in vaults.list_by_resource_group("aio")]
    await (await resources.resource_groups.begin_delete("aio", **QUICK)).result()
    subscriptions = (await asynchronous(AsyncSubscriptions)).subscriptions

    assert "Succeeded" == account.provisioning_state
    assert [assigned.id, ["v"]] == [gone.id, found]
    assert not await resources.resource_groups.check_existence("aio")
    assert [SUBSCRIPTION] == [one.subscription_id async for one in subscriptions.list()]


def fabric(region: str) -> dict[str, Any]:
    """The input of a fabric."""
    return {"properties": {"customDetails": {"instanceType": "Azure", "location": region}}}


def mapping(target: str) -> dict[str, Any]:
    """The input of a container mapping."""
    return {"properties": {"policyId": POLICY, "targetProtectionContainerId": target, "providerSpecificInput": A2A}}


def set_up(recovery: Any) -> None:
    """Fabrics, policy, containers and mappings."""
    policy: Any = {"properties": {"providerSpecificInput": {**A2A, "multiVmSyncStatus": "Enable"}}}
    containers = recovery.replication_protection_containers
    mappings = recovery.replication_protection_container_mappings
    for region in ("westeurope", "northeurope"):
        recovery.replication_fabrics.begin_create(*VAULT, region, fabric(region), **QUICK).result()
    recovery.replication_policies.begin_create(*VAULT, "daily", policy, **QUICK).result()
    for place in (("westeurope", "source"), ("northeurope", "target")):
        body = {"properties": {"providerSpecificInput": [A2A]}}
        assert place[1] == containers.begin_create(*VAULT, *place, body, **QUICK).result().name
    ends = (("westeurope", "source", RECOVERY_CONTAINER), ("northeurope", "target", PRIMARY_CONTAINER))
    for region, name, other in ends:
        made = mappings.begin_create(*VAULT, region, name, "m", mapping(other), **QUICK).result()
        assert "Paired" == made.properties.state


def test_a_move_with_synchronous_clients(sim: Simulator, sync: Any) -> None:
    """From the vault to the commit, by pollers that wait and one that is written down and taken up again."""
    recovery, lab = sync(SiteRecoveryManagementClient), Lab(sim)
    sync(RecoveryServicesClient).vaults.begin_create_or_update(*VAULT, VAULT_BODY, **QUICK).result()
    set_up(recovery)
    items = recovery.replication_protected_items
    written = items.begin_create(*ITEM, lab.enable_body("web"), **QUICK).continuation_token()
    made = items.begin_create(*ITEM, lab.enable_body("web"), continuation_token=written, **QUICK).result()
    protected = lab.until_protected("web")
    over = items.begin_unplanned_failover(*ITEM, lab.failover_body(), **QUICK).result()
    committed = items.begin_failover_commit(*ITEM, **QUICK).result()
    with pytest.raises(HttpResponseError, match="150144"):
        items.begin_delete(*ITEM, {"properties": {}}, **QUICK).result()
    items.begin_purge(*ITEM, **QUICK).result()
    jobs = [job.properties.scenario_name for job in recovery.replication_jobs.list(*VAULT)]

    assert [item_id("web").lower(), "Protected"] == [made.id.lower(), protected["protectionState"]]
    assert "Recovery" == over.properties.active_location
    assert "UnplannedFailoverCommitted" == committed.properties.protection_state
    assert ["PowerState/deallocated", "PowerState/running"] == [lab.power(vm_id("web", at)) for at in (SOURCE, TARGET)]
    assert {"EnableDr", "UnplannedFailover", "CommitFailover"} <= set(jobs)
    assert [] == sim.control("GET", "unknown").json()


def test_a_person_on_another_device(sim: Simulator) -> None:
    """`DeviceCodeCredential` tells the page and the code; whoever signs in there is who asks from then on."""

    def sign_in(page: str, code: str, _: object) -> None:
        form = {"user_code": code, "username": USER["user_name"], "password": USER["password"]}
        assert re.search("You are signed in", sim.http.post(page, data=form, timeout=30).text)

    options: Any = {"authority": sim.endpoint, "disable_instance_discovery": True, "connection_verify": sim.ca_file}
    with DeviceCodeCredential(tenant_id=sim.tenant_id, prompt_callback=sign_in, **options) as credential:
        resources = ResourceManagementClient(credential, SUBSCRIPTION, **sim.client_options)
        names = {group.name for group in resources.resource_groups.list()}
        with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
            resources.resource_groups.begin_delete("shop-ne")
        resources.close()

    assert {"shop-we", "shop-ne"} <= names
