"""The vault and what is set up in it: shapes, refusals, lists, and what the vault answers besides."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.siterecovery_estate import (
    A2A,
    POLICY,
    PRIMARY,
    PRIMARY_CONTAINER,
    RECOVERY,
    RECOVERY_CONTAINER,
    SOURCE_NETWORK,
    SUBSCRIPTION,
    TARGET,
    TARGET_NETWORK,
    TEST_NETWORK,
    VAULT,
    Lab,
    item_id,
    seed,
    vm_id,
)
from tests.support.sim import Simulator

LISTS = (
    "replicationAppliances",
    "replicationMigrationItems",
    "replicationProtectedItems",
    "replicationProtectionClusters",
    "replicationRecoveryPlans",
    "replicationRecoveryServicesProviders",
    "replicationStorageClassifications",
    "replicationStorageClassificationMappings",
    "replicationvCenters",
    "replicationFabrics/westeurope/replicationLogicalNetworks",
    "replicationFabrics/westeurope/replicationvCenters",
    "replicationFabrics/westeurope/replicationProtectionContainers/source/replicationProtectableItems",
    "replicationFabrics/westeurope/replicationProtectionContainers/source/replicationMigrationItems",
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A vault that is set up."""
    behaviour: dict[str, Any] = {"old": {"os": "plan9 4"}}
    with Simulator(seed=seed("web", "old", behaviour=behaviour, quotas={"norwayeast": {"siteRecovery": 0}})) as sim:
        lab = Lab(sim)
        lab.set_up()
        yield lab


@pytest.fixture
def fresh() -> Iterator[Lab]:
    """A cloud of the test's own, without a vault."""
    with Simulator(seed=seed("web", behaviour={"web": {}})) as sim:
        yield Lab(sim)


def test_vault_is_made_in_the_background(fresh: Lab) -> None:
    """A new vault is answered with 201 and its own kind of status; deleting an absent one with 204."""
    gone = fresh.sim.arm("DELETE", VAULT)
    answer = fresh.sim.arm("PUT", VAULT, {"location": "North Europe", "sku": {"name": "Standard"}, "properties": {}})
    status = fresh.sim.arm("GET", answer.headers["Azure-AsyncOperation"])
    fresh.sim.advance(60)
    done = fresh.sim.arm("GET", answer.headers["Azure-AsyncOperation"]).json()
    vault = fresh.get(VAULT)

    assert (204, 201) == (gone.status_code, answer.status_code)
    assert "Location" not in answer.headers
    assert "Provisioning" == answer.json()["properties"]["provisioningState"]
    assert ({"id", "name", "status"}, "InProgress") == (set(status.json()), status.json()["status"])
    assert {"Azure-AsyncOperation", "Location"} <= set(status.headers)
    assert ("Succeeded", "Succeeded") == (done["status"], vault["properties"]["provisioningState"])
    assert "northeurope" == vault["location"]


def test_vault_refuses_what_is_unsound(fresh: Lab) -> None:
    """A region that does not exist, a missing SKU, and a move are refused."""
    good = {"location": "northeurope", "sku": {"name": "Standard"}, "properties": {}}
    codes = [
        fresh.sim.arm("PUT", VAULT, {**good, "location": "atlantis"}).json()["error"]["code"],
        fresh.sim.arm("PUT", VAULT, {"location": "northeurope"}).json()["error"]["code"],
    ]
    fresh.status("PUT", VAULT, good)
    codes.append(fresh.sim.arm("PUT", VAULT, {**good, "location": "westeurope"}).json()["error"]["code"])
    patched = fresh.sim.arm("PATCH", VAULT, {"tags": {"a": "b"}})

    assert ["LocationNotAvailableForResourceType", "MissingSkuInput", "InvalidResourceLocation"] == codes
    assert (200, {"a": "b"}) == (patched.status_code, fresh.get(VAULT)["tags"])


def test_vault_that_was_never_used(fresh: Lab) -> None:
    """Before the first object, an absent fabric or policy is a 400; afterwards a 404 of Site Recovery's own kind."""
    fresh.vault()
    before = [fresh.sim.arm("GET", id_) for id_ in (PRIMARY, POLICY)]
    fresh.run("PUT", POLICY, {"properties": {"providerSpecificInput": {**A2A, "multiVmSyncStatus": "Enable"}}})
    after = fresh.sim.arm("GET", PRIMARY)
    without = fresh.sim.arm("GET", PRIMARY.replace("shop-vault", "no-vault"))

    for answer in before:
        assert 400 == answer.status_code
        assert "SubscriptionIdNotRegisteredWithSrs" == answer.json()["error"]["details"][0]["code"]
    assert (404, "NotFound", "ArmResourceDoesNotExist") == (
        after.status_code,
        after.json()["error"]["code"],
        after.json()["error"]["details"][0]["code"],
    )
    assert (404, "ResourceNotFound") == (without.status_code, without.json()["error"]["code"])
    assert "gateway" == without.headers["x-ms-failure-cause"]


def test_teardown_in_azure_order(fresh: Lab) -> None:
    """Mappings, containers, policy, fabrics and vault go one after the other, and then nothing is left."""
    fresh.set_up()
    fresh.network_mapping(SOURCE_NETWORK, TARGET_NETWORK)
    held = fresh.sim.arm("DELETE", VAULT)
    for source, target in ((PRIMARY_CONTAINER, RECOVERY_CONTAINER), (RECOVERY_CONTAINER, PRIMARY_CONTAINER)):
        fresh.run("POST", f"{fresh.mapping(source, target)[0]}/remove", {"properties": {}})
    for container in (PRIMARY_CONTAINER, RECOVERY_CONTAINER):
        fresh.run("POST", f"{container}/remove")
    fresh.run("DELETE", POLICY)
    fresh.run("DELETE", PRIMARY)
    fresh.run("POST", f"{RECOVERY}/remove")
    answer = fresh.accepted("DELETE", VAULT)
    fresh.sim.follow(answer)

    assert (400, "ServiceResourceNotEmptyWithBackendMessage") == (held.status_code, held.json()["error"]["code"])
    assert 404 == fresh.sim.arm("GET", VAULT).status_code
    assert not [id_ for id_ in fresh.sim.resource_ids() if "recoveryservices" in id_]


def test_fabric_of_a_region(lab: Lab) -> None:
    """A fabric is known by its region's display name; the same again is taken, another region is not."""
    body = {"properties": {"customDetails": {"instanceType": "Azure", "location": "WestEurope"}}}
    again = lab.run("PUT", PRIMARY, body)
    other = {"properties": {"customDetails": {"instanceType": "Azure", "location": "northeurope"}}}
    refused = [
        lab.sim.arm("PUT", PRIMARY, other),
        *(
            lab.sim.arm(
                "PUT",
                f"{VAULT}/replicationFabrics/{name}",
                {"properties": {"customDetails": {"instanceType": "Azure", "location": name}}},
            )
            for name in ("norwayeast", "atlantis")
        ),
    ]
    shown = lab.get(PRIMARY)["properties"]

    assert "CreateSite" == again["scenarioName"]
    assert ("West Europe", "westeurope") == (shown["friendlyName"], shown["customDetails"]["location"])
    assert [400] * 3 == [answer.status_code for answer in refused]
    assert "LocationNotSupported" == refused[1].json()["error"]["details"][0]["code"]


@pytest.mark.parametrize(
    "given",
    [
        {"recoveryPointHistory": 90 * 24 * 60},
        {"appConsistentFrequencyInMinutes": 24 * 60},
        {"recoveryPointHistory": -1},
    ],
)
def test_unsound_policy_fails_later(lab: Lab, given: dict[str, int]) -> None:
    """Numbers out of range are accepted and fail the job with 150261; no policy is made."""
    id_ = f"{VAULT}/replicationPolicies/unsound"
    body = {"properties": {"providerSpecificInput": {**A2A, "multiVmSyncStatus": "Enable", **given}}}
    status = lab.status("PUT", id_, body)

    assert ("Failed", "150261") == (status["status"], status["error"]["code"])
    assert 404 == lab.sim.arm("GET", id_).status_code


def test_policy_is_updated_under_another_key(lab: Lab) -> None:
    """A PATCH takes its input as replicationProviderSettings."""
    id_ = f"{VAULT}/replicationPolicies/changing"
    lab.run("PUT", id_, {"properties": {"providerSpecificInput": {**A2A, "multiVmSyncStatus": "Enable"}}})
    settings = {**A2A, "multiVmSyncStatus": "Disable", "recoveryPointHistory": 1440}
    wrong = lab.sim.arm("PATCH", id_, {"properties": {"providerSpecificInput": settings}})
    lab.run("PATCH", id_, {"properties": {"replicationProviderSettings": settings}})
    shown = lab.get(id_)["properties"]["providerSpecificDetails"]

    assert 400 == wrong.status_code
    assert (1440, "Disabled", 5) == (
        shown["recoveryPointHistory"],
        shown["multiVmSyncStatus"],
        shown["crashConsistentFrequencyInMinutes"],
    )


def test_mappings_both_ways(lab: Lab) -> None:
    """A container lists the mappings from it and to it, and is paired; a second mapping of the pair is refused."""
    mappings = lab.get(f"{PRIMARY_CONTAINER}/replicationProtectionContainerMappings")["value"]
    shown = lab.get(PRIMARY_CONTAINER)["properties"]
    id_, body = lab.mapping(PRIMARY_CONTAINER, RECOVERY_CONTAINER)
    again = lab.run("PUT", id_, body)
    second = lab.sim.arm("PUT", f"{id_}-2", body)

    assert {PRIMARY_CONTAINER.lower(), RECOVERY_CONTAINER.lower()} == {
        mapping["id"].lower().partition("/replicationprotectioncontainermappings")[0] for mapping in mappings
    }
    assert ("Paired", "Primary") == (shown["pairingStatus"], shown["role"])
    assert "Succeeded" == again["state"]
    assert 400 == second.status_code


def test_network_is_mapped_once(lab: Lab) -> None:
    """A network maps to one network; another mapping, and a network of the wrong region, are refused."""
    lab.network_mapping(SOURCE_NETWORK, TARGET_NETWORK)
    id_ = f"{PRIMARY}/replicationNetworks/azureNetwork/replicationNetworkMappings"
    details = {"instanceType": "AzureToAzure", "primaryNetworkId": SOURCE_NETWORK}
    body = {"fabricSpecificDetails": details, "recoveryFabricName": "northeurope", "recoveryNetworkId": TEST_NETWORK}
    second = lab.sim.arm("PUT", f"{id_}/other", {"properties": body})
    wrong = lab.sim.arm("PUT", f"{id_}/wrong", {"properties": {**body, "recoveryNetworkId": SOURCE_NETWORK}})
    listed = lab.get(f"{VAULT}/replicationNetworkMappings")["value"]

    assert ["NetworkAlreadyMapped", "AzureNetworkNotFound"] == [
        answer.json()["error"]["details"][0]["code"] for answer in (second, wrong)
    ]
    assert SOURCE_NETWORK.lower() == listed[0]["properties"]["primaryNetworkId"]
    assert {"fabricSpecificSettings"} == {key for key in listed[0]["properties"] if key.startswith("fabricSpecific")}
    assert "azureNetwork" == lab.get(f"{VAULT}/replicationNetworks")["value"][0]["name"]


@pytest.mark.parametrize("collection", LISTS)
def test_empty_list_is_exactly_so(lab: Lab, collection: str) -> None:
    """What Azure-to-Azure has none of lists as an empty page."""
    assert {"value": [], "nextLink": None} == lab.get(f"{VAULT}/{collection}")


def test_eligibility(lab: Lab) -> None:
    """A machine is eligible or not without any vault; the kind of error is that of the list of supported systems."""
    tail = "providers/Microsoft.RecoveryServices/replicationEligibilityResults"
    good = lab.get(f"{vm_id('web')}/{tail}/default")
    bad = lab.get(f"{vm_id('old')}/{tail}")
    absent = lab.sim.arm("GET", f"{vm_id('nobody')}/{tail}/default")

    assert ("default", []) == (good["name"], good["properties"]["errors"])
    assert {"value"} == set(bad)
    assert ["A2AOperatingSystemNotSupported"] == [e["code"] for e in bad["value"][0]["properties"]["errors"]]
    assert {"code", "message", "possibleCauses", "recommendedAction", "status"} == set(
        bad["value"][0]["properties"]["errors"][0]
    )
    assert 404 == absent.status_code


def test_vault_answers_besides(lab: Lab) -> None:
    """Health, its refresh, alert settings, vault settings, systems and events answer in the documented shapes."""
    health = lab.get(f"{VAULT}/replicationVaultHealth")
    refresh = lab.run("POST", f"{VAULT}/replicationVaultHealth/default/refresh")
    alerts = {"sendToOwners": "Send", "customEmailAddresses": ["a@b.example"], "locale": "en_US"}
    written = lab.sim.arm("PUT", f"{VAULT}/replicationAlertSettings/defaultAlertSetting", {"properties": alerts})
    systems = lab.get(f"{VAULT}/replicationSupportedOperatingSystems?instanceType=A2A")
    lab.status("PUT", item_id("old"), lab.enable_body("old"))
    events = lab.get(f"{VAULT}/replicationEvents")["value"]

    assert ("Default", 2) == (health["name"], health["properties"]["fabricsHealth"]["resourceCount"])
    assert "RefreshVaultHealth" == refresh["scenarioName"]
    assert (200, alerts) == (written.status_code, written.json()["properties"])
    assert alerts == lab.get(f"{VAULT}/replicationAlertSettings")["value"][0]["properties"]
    assert "ubuntu" in {s["osName"] for s in systems["properties"]["supportedOsList"][0]["supportedOs"]}
    assert "EnableDr - Failed" in {event["properties"]["description"] for event in events}
    assert lab.get(f"{VAULT}/replicationEvents/{events[0]['name']}")["name"] == events[0]["name"]


def test_jobs_are_filtered(lab: Lab) -> None:
    """The list of jobs is newest first and takes the filters of Azure's tools."""
    every = lab.get(f"{VAULT}/replicationJobs")["value"]
    fabrics = lab.get(f"{VAULT}/replicationJobs?$filter=AffectedObjectTypes eq 'Server'")["value"]
    running = lab.get(f"{VAULT}/replicationJobs?$filter=JobStatus eq 'InProgress'")["value"]

    times = [job["properties"]["startTime"] for job in every]
    assert sorted(times, reverse=True) == times
    assert {"CreateSite"} == {job["properties"]["scenarioName"] for job in fabrics}
    assert [] == running


def test_rights_beyond_the_vault_are_needed() -> None:
    """Who may do everything in the vault but nothing to the machine cannot replicate it."""
    estate = seed("web", behaviour={"web": {}})
    scope = f"/subscriptions/{SUBSCRIPTION}"
    estate["identities"] = [
        {
            "kind": "service_principal",
            "client_id": "owner",
            "secret": "s",
            "roles": [{"role": "Owner", "scope": scope}],
        },
        {
            "kind": "service_principal",
            "client_id": "vault-only",
            "secret": "v",
            "roles": [{"role": "Contributor", "scope": VAULT}],
        },
    ]
    with Simulator(seed=estate) as sim:
        lab = Lab(sim)
        lab.set_up()
        token = sim.token("vault-only", "v")
        answer = sim.arm("PUT", item_id("web"), lab.enable_body("web"), token=token)

        assert (403, "LinkedAuthorizationFailed") == (answer.status_code, answer.json()["error"]["code"])
        assert 404 == sim.arm("GET", item_id("web")).status_code


def test_seeded_protection_is_taken_over() -> None:
    """Objects that a seed shows as Azure does are served; a machine that such an item protects is taken."""
    with Simulator(seed=seed("web", behaviour={"web": {}})) as sim:
        lab = Lab(sim)
        lab.set_up()
        lab.protect("web")
        ids = [VAULT, PRIMARY, RECOVERY, POLICY, PRIMARY_CONTAINER, RECOVERY_CONTAINER, item_id("web")]
        shown = [lab.get(id_) for id_ in ids]
        shown += lab.get(f"{VAULT}/replicationProtectionContainerMappings")["value"]
        before = lab.item("web")
    estate = seed("web", resources=shown, behaviour={"web": {}})
    with Simulator(seed=estate) as sim:
        lab = Lab(sim)
        after = lab.item("web")
        second = lab.status("PUT", item_id("web-2"), lab.enable_body("web"))
        job = lab.fail_over("web")

        assert "seed" == next(r for r in sim.resources() if r["id"].endswith("/web"))["created_by"]
    varying = {"lastHeartbeat", "rpoInSeconds", "lastRpoCalculatedTime", "agentCertificateExpiryDate", "multiVmGroupId"}
    for key in before["providerSpecificDetails"].keys() - varying - {"managementId", "lifecycleId"}:
        if key not in {"protectedManagedDisks", "monitoringPercentageCompletion", "vmNics"}:
            assert before["providerSpecificDetails"][key] == after["providerSpecificDetails"][key], key
    assert before["allowedOperations"] == after["allowedOperations"]
    assert ("150024", "Succeeded") == (second["error"]["code"], job["state"])
    assert TARGET in after["providerSpecificDetails"]["recoveryAzureResourceGroupId"]
