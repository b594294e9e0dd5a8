"""The whole life of a move through the real asynchronous SDKs, their pollers included, at high speed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.recoveryservices.aio import RecoveryServicesClient
from azure.mgmt.recoveryservicessiterecovery.aio import SiteRecoveryManagementClient

from tests.simulator.siterecovery_estate import (
    A2A,
    POLICY,
    RECOVERY_CONTAINER,
    SOURCE_NETWORK,
    SUBSCRIPTION,
    TARGET_NETWORK,
    TEST_NETWORK,
    Lab,
    item_id,
    nic_id,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

VAULT = ("shop-ne", "shop-vault")
SOURCE_SIDE = (*VAULT, "westeurope", "source")
ITEM = (*SOURCE_SIDE, "web")
QUICK: Any = {"polling_interval": 0.05}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Simulator]:
    """A cloud in which a minute takes a hundredth of a second."""
    with Simulator(seed=seed("web", "slow", behaviour={"web": {}, "slow": {}}), speed=6000) as sim:
        yield sim


@pytest.fixture
async def client(cloud: Simulator) -> AsyncIterator[SiteRecoveryManagementClient]:
    """The SDK's client of Site Recovery."""
    async with (
        cloud.async_credential() as credential,
        SiteRecoveryManagementClient(credential, SUBSCRIPTION, **cloud.client_options) as client,
    ):
        yield client


async def _ended(begin: Any) -> Any:
    poller = await begin
    return await poller.result()


async def _set_up(cloud: Simulator, client: SiteRecoveryManagementClient) -> None:
    async with (
        cloud.async_credential() as credential,
        RecoveryServicesClient(credential, SUBSCRIPTION, **cloud.client_options) as vaults,
    ):
        vault: Any = {"location": "northeurope", "sku": {"name": "Standard"}, "properties": {}}
        made = await _ended(vaults.vaults.begin_create_or_update(*VAULT, vault, **QUICK))
        assert "Succeeded" == made.properties.provisioning_state
    fabrics = client.replication_fabrics
    for region in ("westeurope", "northeurope"):
        body: Any = {"properties": {"customDetails": {"instanceType": "Azure", "location": region}}}
        fabric = await _ended(fabrics.begin_create(*VAULT, region, body, **QUICK))
        assert "Azure" == fabric.properties.custom_details.instance_type
    policy: Any = {"properties": {"providerSpecificInput": {**A2A, "multiVmSyncStatus": "Enable"}}}
    await _ended(client.replication_policies.begin_create(*VAULT, "daily", policy, **QUICK))
    for fabric_name, name in (("westeurope", "source"), ("northeurope", "target")):
        container: Any = {"properties": {"providerSpecificInput": [A2A]}}
        begin: Any = client.replication_protection_containers.begin_create(
            *VAULT, fabric_name, name, container, **QUICK
        )
        assert name == (await _ended(begin)).name
    for ends in (("westeurope", "source", RECOVERY_CONTAINER), ("northeurope", "target", _source_container())):
        mapping: Any = {
            "properties": {"policyId": POLICY, "targetProtectionContainerId": ends[2], "providerSpecificInput": A2A}
        }
        begin = client.replication_protection_container_mappings.begin_create(*VAULT, *ends[:2], "m", mapping, **QUICK)
        assert "Paired" == (await _ended(begin)).properties.state
    network: Any = {
        "properties": {
            "fabricSpecificDetails": {"instanceType": "AzureToAzure", "primaryNetworkId": SOURCE_NETWORK},
            "recoveryFabricName": "northeurope",
            "recoveryNetworkId": TARGET_NETWORK,
        }
    }
    begin = client.replication_network_mappings.begin_create(
        *VAULT, "westeurope", "azureNetwork", "net", network, **QUICK
    )
    assert "Paired" == (await _ended(begin)).properties.state


def _source_container() -> str:
    return item_id("x").partition("/replicationProtectedItems")[0]


async def _until(client: SiteRecoveryManagementClient, state: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            item: Any = await client.replication_protected_items.get(*ITEM)
            if item.properties.protection_state == state:
                return item
            await asyncio.sleep(0.1)


async def test_whole_life(cloud: Simulator, client: SiteRecoveryManagementClient) -> None:
    """Set up, enable, configure, test, clean up, fail over, commit and purge, with the models that the SDK makes."""
    await _set_up(cloud, client)
    items, lab = client.replication_protected_items, Lab(cloud)
    enabled: Any = lab.enable_body("web")

    made = await _ended(items.begin_create(*ITEM, enabled, **QUICK))
    assert "A2A" == made.properties.provider_specific_details.instance_type
    item = await _until(client, "Protected")
    nic = item.properties.provider_specific_details.vm_nics[0]
    update: Any = {
        "properties": {
            "recoveryAzureVMName": "web-ne",
            "vmNics": [
                {
                    "nicId": nic.nic_id,
                    "ipConfigs": [{"ipConfigName": "ipconfig1", "recoveryStaticIPAddress": "10.2.0.50"}],
                }
            ],
            "providerSpecificDetails": A2A,
        }
    }
    updated = await _ended(items.begin_update(*ITEM, update, **QUICK))
    assert "web-ne" == updated.properties.provider_specific_details.recovery_azure_vm_name

    test: Any = {
        "properties": {
            "failoverDirection": "PrimaryToRecovery",
            "networkType": "VmNetworkAsInput",
            "networkId": TEST_NETWORK,
            "providerSpecificDetails": A2A,
        }
    }
    waiting = await _ended(items.begin_test_failover(*ITEM, test, **QUICK))
    assert "WaitingForCompletion" == waiting.properties.test_failover_state
    assert (
        vm_id("web-test", _target())
        == waiting.properties.provider_specific_details.test_failover_recovery_fabric_object_id
    )
    clean: Any = {"properties": {"comments": "ok"}}
    cleaned = await _ended(items.begin_test_failover_cleanup(*ITEM, clean, **QUICK))
    assert cleaned.properties.last_successful_test_failover_time is not None

    points = [point async for point in client.recovery_points.list_by_replication_protected_items(*ITEM)]
    assert points
    failover: Any = lab.failover_body()
    over = await _ended(items.begin_unplanned_failover(*ITEM, failover, **QUICK))
    assert "Recovery" == over.properties.active_location
    assert (
        "10.2.0.50"
        == lab.get(nic_id("web-nic", _target()))["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]
    )
    committed = await _ended(items.begin_failover_commit(*ITEM, **QUICK))
    assert "UnplannedFailoverCommitted" == committed.properties.protection_state
    remove: Any = {"properties": {}}
    with pytest.raises(HttpResponseError) as caught:
        await _ended(items.begin_delete(*ITEM, remove, **QUICK))
    assert caught.value.error is not None
    assert "150144" == caught.value.error.code
    await _ended(items.begin_purge(*ITEM, **QUICK))
    with pytest.raises(ResourceNotFoundError):
        await items.get(*ITEM)

    jobs: list[Any] = [job async for job in client.replication_jobs.list(*VAULT)]
    job: Any = await client.replication_jobs.get(
        *VAULT, next(j.name for j in jobs if j.properties.scenario_name == "UnplannedFailover")
    )
    assert "Shut down the virtual machine" in [task.friendly_name for task in job.properties.tasks]
    assert "FailoverJobDetails" == job.properties.custom_details.instance_type

    await _conflict_and_removal(client, lab)


def _target() -> str:
    return TARGET_NETWORK.partition("/providers/")[0]


async def _conflict_and_removal(client: SiteRecoveryManagementClient, lab: Lab) -> None:
    """A second write while a job runs is a ResourceExistsError; a removal ends with nothing."""
    items, slow = client.replication_protected_items, (*SOURCE_SIDE, "slow")
    body: Any = lab.enable_body("slow")
    lab.sim.clock(speed=1)
    poller = await items.begin_create(*slow, body, **QUICK)
    with pytest.raises(ResourceExistsError):
        await items.begin_create(*slow, body, polling=False)
    lab.sim.clock(speed=6000)
    await poller.result()
    remove: Any = {"properties": {}}
    assert None is await _ended(items.begin_delete(*slow, remove, **QUICK))


async def test_every_read_deserializes() -> None:
    """The SDK's models take what the lists and the single reads of a vault answer."""
    with Simulator(seed=seed("web", behaviour={"web": {}})) as sim:
        lab = Lab(sim)
        lab.set_up()
        lab.network_mapping(SOURCE_NETWORK, TARGET_NETWORK)
        lab.protect("web")
        async with (
            sim.async_credential() as credential,
            SiteRecoveryManagementClient(credential, SUBSCRIPTION, **sim.client_options) as client,
        ):
            lists: list[Any] = [
                client.replication_fabrics.list(*VAULT),
                client.replication_policies.list(*VAULT),
                client.replication_protection_containers.list(*VAULT),
                client.replication_protection_container_mappings.list(*VAULT),
                client.replication_networks.list(*VAULT),
                client.replication_network_mappings.list(*VAULT),
                client.replication_protected_items.list(*VAULT),
                client.replication_jobs.list(*VAULT),
                client.replication_alert_settings.list(*VAULT),
                client.replication_vault_setting.list(*VAULT),
                client.target_compute_sizes.list_by_replication_protected_items(*ITEM),
                client.recovery_points.list_by_replication_protected_items(*ITEM),
            ]
            counts = [len([entry async for entry in entries]) for entries in lists]
            health: Any = await client.replication_vault_health.get(*VAULT)
            systems: Any = await client.supported_operating_systems.get(*VAULT)
            eligible: Any = await client.replication_eligibility_results.get("shop-we", "web")
            plain: Any = await client.replication_protected_items.get(*ITEM)

    assert [2, 1, 2, 2, 2, 1, 1] == counts[:7]
    assert all(counts)
    assert 1 == health.properties.protected_items_health.resource_count
    assert systems.properties.supported_os_list
    assert [] == eligible.properties.errors
    details = plain.properties.provider_specific_details
    assert ("A2AReplicationDetails", 2) == (type(details).__name__, len(details.protected_managed_disks))
    assert details.vm_nics[0].ip_configs[0].is_seleted_for_failover
