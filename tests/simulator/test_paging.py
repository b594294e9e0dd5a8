"""Lists in pages: links that the real SDKs follow, tokens that survive deletions, and the settings that size them."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.mgmt.recoveryservicessiterecovery import SiteRecoveryManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from simulator import settings
from tests.simulator.compute_estate import COMPUTE, SCOPE, SUBSCRIPTION, VM, compute, machine, network, networks, seed
from tests.simulator.siterecovery_estate import VAULT, Lab
from tests.simulator.siterecovery_estate import seed as shop
from tests.support.cloud import Cloud
from tests.support.sim import Simulator

NAMES = [f"vm{number}" for number in range(5)]
SMALL = {name: 2 for name in settings.SETTINGS if name.endswith("_page_size")}


@pytest.fixture(scope="module")
def estate() -> Iterator[Simulator]:
    """Five machines, in pages of two."""
    with Simulator(seed=seed(network(), *(machine(name) for name in NAMES))) as simulator:
        assert SMALL.items() <= simulator.control("POST", "settings", SMALL).json().items()
        yield simulator


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The same in this process."""
    with Cloud(seed(network(), *(machine(name) for name in NAMES))) as made:
        made.world.change_settings(SMALL)
        yield made


def pages(cloud: Cloud, path: str) -> list[dict[str, Any]]:
    """Every page of a list."""
    found = [cloud.arm("GET", path).json()]
    while found[-1].get("nextLink"):
        found.append(cloud.arm("GET", found[-1]["nextLink"]).json())
    return found


def test_the_sdks_follow_the_links(estate: Simulator) -> None:
    """Machines, disks, NICs and resources come whole and in order through pages of two."""
    resources = ResourceManagementClient(estate.credential(), SUBSCRIPTION, **estate.client_options)

    assert NAMES == [vm.name for vm in compute(estate).virtual_machines.list_all()]
    assert 10 == len(list(compute(estate).disks.list()))
    assert 5 == len(list(networks(estate).network_interfaces.list_all()))
    assert 21 == len(list(resources.resources.list()))


def test_site_recovery_lists_page_in_the_sdk(estate: Simulator) -> None:
    """Policies, and the jobs that made them newest first, come whole through pages of two."""
    estate.seed({"resources": [{"id": VAULT, "location": "northeurope", "properties": {}}]})
    subscription = VAULT.split("/")[2]
    client = SiteRecoveryManagementClient(estate.credential(), subscription, **estate.client_options)
    policies = [f"p{number}" for number in range(5)]
    body = {"properties": {"providerSpecificInput": {"instanceType": "A2A", "multiVmSyncStatus": "Enable"}}}
    for name in policies:
        estate.follow(estate.arm("PUT", f"{VAULT}/replicationPolicies/{name}", body))
    jobs = list(client.replication_jobs.list("shop-ne", "shop-vault"))

    assert policies == [policy.name for policy in client.replication_policies.list("shop-ne", "shop-vault")]
    assert ["p4", "p3", "p2", "p1", "p0"] == [job.properties.target_object_name for job in jobs if job.properties]


def test_links_keep_what_was_asked_and_end(cloud: Cloud) -> None:
    """A link is absolute, has the caller's api-version and filter, and the last page of ARM's lists has none."""
    found = pages(
        cloud, f"{SCOPE}/resources?$filter=resourceType eq 'Microsoft.Compute/virtualMachines'&api-version=2021-04-01"
    )

    assert [2, 2, 1] == [len(page["value"]) for page in found]
    assert found[0]["nextLink"].startswith(f"{cloud.endpoint}{SCOPE}/resources?api-version=2021-04-01&$filter=")
    assert "nextLink" not in found[-1]
    assert NAMES == [entry["name"] for page in found for entry in page["value"]]


def test_the_last_page_of_site_recovery_has_a_null_link() -> None:
    """Site Recovery writes the key always, as the recordings show."""
    with Cloud(shop("web")) as cloud:
        Lab(cloud).set_up()  # type: ignore[arg-type]
        cloud.world.change_settings({"site_recovery_page_size": 2})
        found = pages(cloud, f"{VAULT}/replicationJobs")

        assert [*[True] * (len(found) - 1), False] == [page["nextLink"] is not None for page in found]
        assert 7 == len({job["name"] for page in found for job in page["value"]})


def test_what_is_deleted_between_pages_hides_nothing(cloud: Cloud) -> None:
    """The next page begins after the last entry shown, although an earlier one is gone."""
    first = cloud.arm("GET", VM).json()
    cloud.follow(cloud.arm("DELETE", f"{VM}/vm0"))
    rest = pages(cloud, first["nextLink"])

    assert ["vm2", "vm3", "vm4"] == [entry["name"] for page in rest for entry in page["value"]]


def test_top_limits_the_page(cloud: Cloud) -> None:
    """``$top`` of ARM's lists is the size of a page, up to the largest."""
    cloud.world.change_settings({"resources_page_size": 1000})
    found = pages(cloud, f"{SCOPE}/resources?$top=8&api-version=2021-04-01")

    assert [8, 8, 5] == [len(page["value"]) for page in found]


@pytest.mark.parametrize("token", ["%21", "bm9uc2Vuc2U="])
def test_a_token_that_makes_no_sense_is_refused(cloud: Cloud, token: str) -> None:
    """Nobody gets a first page by a broken link."""
    answer = cloud.arm("GET", f"{COMPUTE}/disks?$skiptoken={token}")

    assert (400, "InvalidSkipToken") == (answer.status_code, answer.json()["error"]["code"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "settings: give an object"),
        ({"speed": 1}, "settings.speed: not known"),
        ({"provider_page_size": 0}, "from 1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(estate: Simulator, given: object, words: str) -> None:
    """The control call says which setting, and what would be right; nothing changes."""
    before = estate.control("GET", "settings").json()
    answer = estate.control("POST", "settings", given)

    assert 400 == answer.status_code
    assert words in answer.json()["error"]
    assert before == estate.control("GET", "settings").json()
