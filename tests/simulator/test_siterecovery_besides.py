"""What a vault answers beside the replication of machines: policies of every kind, health, exports, keys."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.siterecovery_estate import (
    A2A,
    POLICY,
    PRIMARY_CONTAINER,
    RECOVERY_CONTAINER,
    VAULT,
    Lab,
    seed,
    vm_id,
)
from tests.support.cloud import Cloud

COUNTS = {"status": False, "associatedItemsCount": 0, "dataSourceType": "VM"}
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "InMageRcm": (
        {
            "appConsistentFrequencyInMinutes": 0,
            "crashConsistentFrequencyInMinutes": 5,
            "enableMultiVmSync": "true",
            "recoveryPointHistoryInMinutes": 2880,
        },
        {
            "instanceType": "InMageRcm",
            "recoveryPointHistoryInMinutes": 2880,
            "appConsistentFrequencyInMinutes": 0,
            "crashConsistentFrequencyInMinutes": 5,
            "enableMultiVmSync": "true",
            **COUNTS,
        },
    ),
    "InMageRcmFailback": (
        {"appConsistentFrequencyInMinutes": 60, "crashConsistentFrequencyInMinutes": 5},
        {
            "instanceType": "InMageRcmFailback",
            "appConsistentFrequencyInMinutes": 60,
            "crashConsistentFrequencyInMinutes": 5,
            **COUNTS,
        },
    ),
    "InMageAzureV2": (
        {
            "multiVmSyncStatus": "Enable",
            "recoveryPointHistory": 2880,
            "recoveryPointThresholdInMinutes": 10,
            "crashConsistentFrequencyInMinutes": 5,
        },
        {
            "instanceType": "InMageAzureV2",
            "crashConsistentFrequencyInMinutes": 5,
            "recoveryPointThresholdInMinutes": 10,
            "recoveryPointHistory": 2880,
            "appConsistentFrequencyInMinutes": 0,
            "multiVmSyncStatus": "Enabled",
        },
    ),
    "HyperVReplicaAzure": (
        {"recoveryPointHistoryDuration": 1, "replicationInterval": 24, "storageAccounts": ["/a"]},
        {
            "instanceType": "HyperVReplicaAzure",
            "recoveryPointHistoryDurationInHours": 1,
            "applicationConsistentSnapshotFrequencyInHours": 0,
            "replicationInterval": 24,
            "encryption": "Disabled",
            "activeStorageAccountId": "/a",
        },
    ),
    "VMwareCbt": (
        {"recoveryPointHistoryInMinutes": 60},
        {
            "instanceType": "VMwareCbt",
            "recoveryPointHistoryInMinutes": 60,
            "appConsistentFrequencyInMinutes": 0,
            "crashConsistentFrequencyInMinutes": 0,
        },
    ),
}
"""What is given and what is shown, in order; those of the first four are recorded."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A vault that is set up, and one machine."""
    with Cloud(seed("web", behaviour={"web": {}})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        yield lab


@pytest.mark.parametrize("kind", KINDS)
def test_policies_of_every_kind(lab: Lab, kind: str) -> None:
    """A policy of another kind is created, shown as recorded, changed, and deleted, but maps no Azure containers."""
    given, shown = KINDS[kind]
    id_ = f"{VAULT}/replicationPolicies/{kind}"
    lab.run("PUT", id_, {"properties": {"providerSpecificInput": {"instanceType": kind, **given}}})
    details = lab.get(id_)["properties"]["providerSpecificDetails"]
    changed = {"instanceType": kind, **given, "appConsistentFrequencyInMinutes": 240}
    lab.run("PATCH", id_, {"properties": {"replicationProviderSettings": changed}})
    other = lab.sim.arm("PATCH", id_, {"properties": {"replicationProviderSettings": A2A}})
    mapping = {"policyId": id_, "targetProtectionContainerId": RECOVERY_CONTAINER, "providerSpecificInput": A2A}
    mapped = lab.sim.arm(
        "PUT", f"{PRIMARY_CONTAINER}/replicationProtectionContainerMappings/mapping", {"properties": mapping}
    )
    after = lab.get(id_)["properties"]["providerSpecificDetails"]
    lab.run("DELETE", id_)

    assert list(shown.items()) == list(details.items())
    assert (400, 400) == (other.status_code, mapped.status_code)
    assert kind == "HyperVReplicaAzure" or after["appConsistentFrequencyInMinutes"] == 240
    assert [POLICY.lower()] == [found["id"].lower() for found in lab.get(f"{VAULT}/replicationPolicies")["value"]]


def test_a_policy_of_no_kind_is_refused(lab: Lab) -> None:
    """An unknown kind is named in a 400 of Site Recovery's own."""
    body = {"properties": {"providerSpecificInput": {"instanceType": "Tape"}}}
    answer = lab.sim.arm("PUT", f"{VAULT}/replicationPolicies/tape", body)

    assert (400, "InvalidInstanceType") == (answer.status_code, answer.json()["error"]["details"][0]["code"])
    assert "'Tape'" in answer.json()["error"]["message"]


def test_policies_by_the_version_that_asks(lab: Lab) -> None:
    """An Azure-to-Azure policy shows what it governs only where later recordings do."""
    old = lab.sim.arm("GET", POLICY, api_version="2022-08-01").json()["properties"]["providerSpecificDetails"]
    new = lab.sim.arm("GET", POLICY, api_version="2025-08-01").json()["properties"]["providerSpecificDetails"]

    assert list({**old, **COUNTS}) == list(new)


def test_health_is_refreshed(lab: Lab) -> None:
    """The refresh is a job of the vault; its Location ends in the health, with every recorded count."""
    answer = lab.accepted("POST", f"{VAULT}/replicationVaultHealth/default/refresh")
    lab.finish(answer)
    job = lab.job(answer)
    shown = lab.get(f"{VAULT}/replicationVaultHealth")
    result = lab.sim.arm("GET", answer.headers["Location"])

    assert "/replicationVaultHealth/operationresults/" in answer.headers["Location"]
    assert ("Vault", "", "Refresh vault health") == (
        job["targetInstanceType"],
        job["targetObjectName"],
        job["friendlyName"],
    )
    assert job["targetObjectId"].isdecimal()
    assert [("RefreshFailoverHealthTask", "Refreshing failover health")] == [
        (task["taskId"], task["friendlyName"]) for task in job["tasks"]
    ]
    assert (200, shown) == (result.status_code, result.json())
    health = shown["properties"]
    assert ["vaultErrors", "protectedItemsHealth", "fabricsHealth", "containersHealth"] == list(health)
    assert 12 == len(health["protectedItemsHealth"]["categorizedResourceCounts"])
    assert (2, None) == (
        health["containersHealth"]["resourceCount"],
        health["containersHealth"]["categorizedResourceCounts"],
    )


def test_supported_systems(lab: Lab) -> None:
    """Versions have a service pack only where there is one; other kinds of replication support none here."""
    path = f"{VAULT}/replicationSupportedOperatingSystems"
    systems = {one["osName"]: one for one in lab.get(path)["properties"]["supportedOsList"][0]["supportedOs"]}

    assert {"servicePack": "1", "version": "6.1"} == systems["Windows Server 2008 R2 Datacenter"]["osVersions"][0]
    assert {"version"} == set(systems["ubuntu"]["osVersions"][0])
    assert [] == lab.get(f"{path}?instanceType=InMage")["properties"]["supportedOsList"]


def test_vaults_have_keys_certificates_and_private_links(lab: Lab) -> None:
    """What agents and private endpoints ask of a vault is answered in the shapes of Microsoft's examples."""
    extended = f"{VAULT}/extendedInformation/vaultExtendedInfo"
    before = lab.get(extended)
    lab.sim.arm("PATCH", extended, {"properties": {"integrityKey": "a2V5"}})
    body = {"properties": {"authType": "AAD", "certificate": "TUlJ"}}
    certificate = lab.sim.arm("PUT", f"{VAULT}/certificates/one", body).json()
    links = lab.get(f"{VAULT}/privateLinkResources")["value"]
    group = VAULT.partition("/providers/")[0]
    check = f"{group}/providers/Microsoft.RecoveryServices/locations/northeurope/checkNameAvailability"
    named = [lab.sim.arm("POST", check, {"name": name}).json() for name in ("shop-vault", "another")]

    assert {"integrityKey", "algorithm"} == set(before["properties"])
    assert "a2V5" == lab.get(extended)["properties"]["integrityKey"]
    assert "TUlJ" == certificate["properties"]["certificate"]
    assert {"AzureBackup", "AzureSiteRecovery"} == {link["properties"]["groupId"] for link in links}
    assert links[1] == lab.get(f"{VAULT}/privateLinkResources/siteRecoveryResource")
    assert [("AlreadyExists", False), (None, True)] == [(one.get("reason"), one["nameAvailable"]) for one in named]
    assert 204 == lab.sim.arm("DELETE", f"{VAULT}/registeredIdentities/none").status_code


def test_a_vault_keeps_what_its_owner_sets(lab: Lab) -> None:
    """Identities get their principals; a change keeps what it leaves out; old versions show no scores."""
    group = VAULT.partition("/providers/")[0]
    id_ = f"{group}/providers/Microsoft.RecoveryServices/vaults/second"
    identity = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {f"{group}/providers/x/y/z": {}}}
    properties = {"redundancySettings": {"standardTierStorageRedundancy": "GeoRedundant"}}
    body = {"location": "West US", "sku": {"name": "Standard"}, "identity": identity, "properties": properties}
    created = lab.sim.arm("PUT", id_, body)
    lab.finish(created)
    alerts = {"classicAlertSettings": {"alertsForCriticalOperations": "Disabled"}}
    lab.sim.arm("PATCH", id_, {"properties": {"monitoringSettings": alerts}})
    shown = lab.get(id_)
    old = lab.sim.arm("GET", id_, api_version="2023-02-01").json()

    assert (201, "Provisioning") == (created.status_code, created.json()["properties"]["provisioningState"])
    assert {"tenantId", "principalId", "type", "userAssignedIdentities"} == set(shown["identity"])
    assert {"clientId", "principalId"} == set(next(iter(shown["identity"]["userAssignedIdentities"].values())))
    assert "GeoRedundant" == shown["properties"]["redundancySettings"]["standardTierStorageRedundancy"]
    assert {"azureMonitorAlertSettings", "classicAlertSettings"} == set(shown["properties"]["monitoringSettings"])
    assert {"secureScore", "bcdrSecurityLevel"} == shown["properties"].keys() - old["properties"].keys()


def test_events_tell_of_jobs_and_of_health() -> None:
    """A job that failed and an item that is unwell are events, found by the filters of Azure's tools."""
    with Cloud(seed("web", behaviour={"web": {}})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        lab.protect("web")
        bad = {"instanceType": "A2A", "multiVmSyncStatus": "Enable", "recoveryPointHistory": -1}
        lab.status("PUT", f"{VAULT}/replicationPolicies/bad", {"properties": {"providerSpecificInput": bad}})
        path = f"{VAULT}/replicationEvents"
        events = {one["properties"]["eventType"]: one for one in lab.get(path)["value"]}
        filters = {
            "Severity eq 'Warning'": ["VmHealth"],
            "EventType eq 'JobStatus' and Severity eq 'Critical,Warning'": ["JobStatus"],
            f"StartTime eq '{events['JobStatus']['properties']['timeOfOccurrence']}'": ["JobStatus"],
            "EndTime eq '2001-01-01T00:00:00Z'": [],
            "AffectedObjectFriendlyName eq 'WEB' and EventType eq 'VmHealth'": ["VmHealth"],
            "Unheard eq 'of'": ["JobStatus", "VmHealth"],
        }
        found = {text: lab.get(f"{path}?$filter={text}")["value"] for text in filters}

    assert filters == {text: [one["properties"]["eventType"] for one in value] for text, value in found.items()}
    failed, unwell = events["JobStatus"], events["VmHealth"]
    kinds = ["JobStatusMonitoringEvent", "VmMonitoringEvent"]
    assert kinds == [one["name"].partition(";")[0] for one in (failed, unwell)]
    assert failed["name"].partition(";")[2] < unwell["name"].partition(";")[2]
    assert ("AddProtectionProfile - Failed", "Failed") == (
        failed["properties"]["description"],
        failed["properties"]["eventSpecificDetails"]["jobStatus"],
    )
    assert "161011" == unwell["properties"]["healthErrors"][0]["errorCode"]
    assert vm_id("web").lower() == unwell["properties"]["providerSpecificDetails"]["fabricObjectId"]
