"""Microsoft.Resources through the real SDK, synchronous and asynchronous."""

from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.aio import ResourceManagementClient as AsyncResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient

from tests.support.sim import Simulator


@pytest.fixture(scope="module")
def cloud() -> Iterator[Simulator]:
    """An empty simulator at a speed at which operations end at once."""
    with Simulator(speed=3600) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def client(cloud: Simulator) -> Iterator[ResourceManagementClient]:
    """The SDK's client."""
    with (
        cloud.credential() as credential,
        ResourceManagementClient(credential, cloud.subscription_id, **cloud.client_options) as client,
    ):
        yield client


def test_group_lives_and_dies(client: ResourceManagementClient) -> None:
    """A group is created, changed, found in any case, deleted, and gone."""
    made = client.resource_groups.create_or_update("Apps", {"location": "West Europe", "tags": {"team": "blå"}})
    again = client.resource_groups.create_or_update("apps", {"location": "westeurope"})

    assert ("Apps", "westeurope", {"team": "blå"}) == (made.name, made.location, made.tags)
    assert (made.id, None) == (again.id, again.tags)
    assert client.resource_groups.check_existence("APPS")
    assert {"x": "1"} == client.resource_groups.update("apps", {"tags": {"x": "1"}}).tags
    assert ["Apps"] == [group.name for group in client.resource_groups.list()]
    client.resource_groups.begin_delete("apps", polling_interval=1).result()
    assert not client.resource_groups.check_existence("Apps")
    with pytest.raises(ResourceNotFoundError) as caught:
        client.resource_groups.get("Apps")
    assert "(ResourceGroupNotFound)" in str(caught.value)


def test_group_keeps_its_location(client: ResourceManagementClient) -> None:
    """A group cannot move, and needs a region that exists."""
    client.resource_groups.create_or_update("still", {"location": "northeurope"})

    with pytest.raises(HttpResponseError, match="InvalidResourceGroupLocation"):
        client.resource_groups.create_or_update("still", {"location": "westeurope"})
    with pytest.raises(HttpResponseError, match="LocationNotAvailableForResourceGroup"):
        client.resource_groups.create_or_update("other", {"location": "atlantis"})


def test_resources_are_listed_by_type(cloud: Simulator, client: ResourceManagementClient) -> None:
    """Lists of resources know the scope and the filters resourceType and name."""
    group = f"/subscriptions/{cloud.subscription_id}/resourceGroups/listed"
    disk = {"id": f"{group}/providers/Microsoft.Compute/disks/d1", "location": "westeurope"}
    vnet = {"id": f"{group}/providers/microsoft.network/VIRTUALNETWORKS/n1", "location": "westeurope"}
    cloud.seed({"resources": [disk, vnet]})

    by_type = client.resources.list(filter="resourceType eq 'Microsoft.Compute/disks'")
    in_group = client.resources.list_by_resource_group("LISTED")

    assert [disk["id"]] == [found.id for found in by_type]
    assert {"d1", "n1"} == {found.name for found in in_group}
    assert [] == list(client.resources.list_by_resource_group("listed", filter="name eq 'zzz'"))
    with pytest.raises(HttpResponseError, match="InvalidFilterInQueryString"):
        list(client.resources.list(filter="colour eq 'red'"))


def test_providers_say_where_vaults_are_offered(client: ResourceManagementClient) -> None:
    """The provider's resource types list their regions by display name."""
    provider = client.providers.get("microsoft.recoveryservices")

    vaults = next(found for found in provider.resource_types or [] if found.resource_type == "vaults")
    assert ("Microsoft.RecoveryServices", "Registered") == (provider.namespace, provider.registration_state)
    assert {"West Europe", "North Europe"} <= set(vaults.locations or [])


def test_subscription_and_its_locations(cloud: Simulator) -> None:
    """Subscription, tenant and regions are what the SDK's subscription client reads."""
    with cloud.credential() as credential, SubscriptionClient(credential, **cloud.client_options) as client:
        subscription = client.subscriptions.get(cloud.subscription_id)
        locations = {found.name: found for found in client.subscriptions.list_locations(cloud.subscription_id)}
        tenants = [tenant.tenant_id for tenant in client.tenants.list()]

    assert ("Simulator", "Enabled") == (subscription.display_name, subscription.state)
    assert "West Europe" == locations["westeurope"].display_name
    assert "northeurope" == locations["westeurope"].as_dict()["metadata"]["pairedRegion"][0]["name"]
    assert [cloud.tenant_id] == tenants


async def test_asynchronous_client(cloud: Simulator) -> None:
    """The asynchronous client does the same."""
    async with (
        cloud.async_credential() as credential,
        AsyncResourceManagementClient(credential, cloud.subscription_id, **cloud.client_options) as client,
    ):
        made = await client.resource_groups.create_or_update("later", {"location": "uksouth"})
        poller = await client.resource_groups.begin_delete("later", polling_interval=1)
        await poller.result()
        exists = await client.resource_groups.check_existence("later")

    assert "uksouth" == made.location
    assert exists is False


def test_deleting_a_group_takes_what_lies_in_it(cloud: Simulator, client: ResourceManagementClient) -> None:
    """A group's resources go with it."""
    group = f"/subscriptions/{cloud.subscription_id}/resourceGroups/doomed"
    cloud.seed({"resources": [{"id": f"{group}/providers/Microsoft.Compute/disks/d2", "location": "westeurope"}]})
    assert f"{group}/providers/microsoft.compute/disks/d2".lower() in cloud.resource_ids()

    client.resource_groups.begin_delete("doomed", polling_interval=1).result()

    assert [] == [id_ for id_ in cloud.resource_ids() if "/doomed" in id_]
