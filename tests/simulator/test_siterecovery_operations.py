"""Every operation of Microsoft's SDKs for vaults and Site Recovery is known to this cloud."""

from collections.abc import Iterator

import pytest

from simulator.registry import ROUTES
from simulator.router import Router
from tests.simulator.sdk_operations import SDKS, Operation, operations
from tests.simulator.siterecovery_estate import SOURCE_NETWORK, SUBSCRIPTION, TARGET_NETWORK, Lab, seed
from tests.support.cloud import Cloud

ESTATE = {
    "subscription_id": SUBSCRIPTION,
    "resource_group_name": "shop-ne",
    "resource_name": "shop-vault",
    "vault_name": "shop-vault",
    "fabric_name": "westeurope",
    "protection_container_name": "source",
    "replicated_protected_item_name": "web",
    "policy_name": "daily",
    "mapping_name": "there",
    "network_name": "azureNetwork",
    "virtual_machine_name": "web",
    "location": "northeurope",
}
OF_THE_MACHINE = {**ESTATE, "resource_group_name": "shop-we"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A vault with one protected machine."""
    with Cloud(seed("web", behaviour={"web": {}})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        lab.network_mapping(SOURCE_NETWORK, TARGET_NETWORK)
        lab.protect("web")
        yield lab


def path_of(operation: Operation) -> str:
    """The path of an operation in the estate."""
    return operation.path(OF_THE_MACHINE if "eligibility" in operation.name else ESTATE)


@pytest.mark.parametrize("sdk", SDKS)
def test_every_operation_has_a_route(sdk: str) -> None:
    """No operation of the SDK falls on a type or method that this cloud does not have."""
    router = Router(ROUTES)
    missing = [one.name for one in operations(sdk).values() if router.find(one.method, path_of(one)) is None]

    assert [] == missing
    assert len(operations(sdk)) > 20


@pytest.mark.parametrize("sdk", SDKS)
def test_every_list_answers(lab: Lab, sdk: str) -> None:
    """A list has a `value`, empty where this cloud has nothing of the kind, under an object of such a kind too."""
    lists = [one for one in operations(sdk).values() if one.lists]
    answers = {one.name: lab.sim.arm("GET", path_of(one)) for one in lists}

    assert {} == {name: answer.text for name, answer in answers.items() if answer.status_code != 200}
    assert {"list"} == {type(answer.json()["value"]).__name__ for answer in answers.values()}
    if sdk == "siterecovery":
        full = {name for name, answer in answers.items() if answer.json()["value"]}
        assert {
            "replication_protected_items_list",
            "replication_jobs_list",
            "replication_network_mappings_list",
            "recovery_points_list_by_replication_protected_items",
        } < full
        assert not {name for name in full if "cluster" in name or "migration" in name or "appliance" in name}
        without = {name for name, answer in answers.items() if "nextLink" not in answer.json()}
        assert {"replication_eligibility_results_list"} == without


@pytest.mark.parametrize("sdk", SDKS)
def test_every_other_operation_is_answered_by_its_provider(lab: Lab, sdk: str) -> None:
    """Whatever an SDK asks for, with objects that do not exist and no sense in the body: the provider says why not."""
    asked = [one for one in operations(sdk).values() if not one.lists]
    known = len(lab.sim.world.unknown.all())  # type: ignore[attr-defined]
    values = {key: ESTATE[key] for key in ("subscription_id", "resource_group_name")}
    answers = {one.name: lab.sim.arm(one.method, one.path(values), {"properties": {}}) for one in asked}
    strange = {
        name: answer.text
        for name, answer in answers.items()
        if answer.status_code >= 500 or "InvalidResourceType" in answer.text or answer.status_code == 405
    }

    assert {} == strange
    assert known == len(lab.sim.world.unknown.all())  # type: ignore[attr-defined]
