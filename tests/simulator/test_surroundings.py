"""What stands around machines: Azure Monitor's figures, policy restrictions, backups, quotas, subscriptions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.simulator.mending import policy
from tests.simulator.siterecovery_estate import SOURCE, SUBSCRIPTION, TARGET, VAULT, seed, vm_id
from tests.support.cloud import Cloud

BASE = f"/subscriptions/{SUBSCRIPTION}/providers"
OTHER = "33333333-3333-4444-8555-777777777777"
BACKUP = {"backupManagementType": "AzureIaasVM", "virtualMachineId": vm_id("calm")}
ITEM = f"{VAULT}/backupFabrics/Azure/protectionContainers/c/protectedItems"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """Return an estate with a busy machine, a policy, backups, and a subscription that is disabled."""
    given = seed(
        "busy",
        "calm",
        resources=[
            {"id": VAULT, "location": "northeurope", "sku": {"name": "Standard"}, "properties": {}},
            {
                "id": f"{ITEM}/vm",
                "properties": {"backupManagementType": "AzureIaasVM", "virtualMachineId": vm_id("calm")},
            },
            {"id": f"{ITEM}/sql", "properties": {"backupManagementType": "AzureWorkload"}},
            policy(TARGET, "Microsoft.Compute/disks"),
        ],
        behaviour={"busy": {"churn_mb_per_second": 60}},
        quotas={"westeurope": {"StorageAccounts": 7, "NetworkInterfaces": 5}},
    )
    given["subscriptions"] = [
        {"subscriptionId": SUBSCRIPTION, "displayName": "shop"},
        {"subscriptionId": OTHER, "displayName": "old", "state": "Disabled"},
    ]
    with Cloud(seed=given) as made:
        yield made


def _get(cloud: Cloud, path: str) -> Any:
    answer = cloud.arm("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_metrics_are_split_by_machine_where_the_filter_asks_for_it(cloud: Cloud) -> None:
    """One answer tells of all machines of a region; one machine's own answer is not split; others are refused."""
    split = quote("Microsoft.ResourceId eq '*'")
    query = f"region=westeurope&metricnames={quote('Disk Write Bytes')}&aggregation=Total&interval=PT1M"
    (metric,) = _get(cloud, f"{BASE}/Microsoft.Insights/metrics?{query}&$filter={split}")["value"]
    written = {one["metadatavalues"][0]["value"]: one["data"][0]["total"] for one in metric["timeseries"]}
    assert {vm_id("busy"): 60e6 * 60, vm_id("calm"): 0.5e6 * 60} == written
    assert [60, 60] == [len(one["data"]) for one in metric["timeseries"]]

    own = _get(cloud, f"{vm_id('busy')}/providers/Microsoft.Insights/metrics?{query}")["value"][0]["timeseries"]
    assert ([], 60e6 * 60) == (own[0]["metadatavalues"], own[0]["data"][0]["total"])
    refused = cloud.arm("GET", f"{BASE}/Microsoft.Insights/metrics?region=westeurope&metricnames=Hops")
    assert (400, "BadRequest") == (refused.status_code, refused.json()["error"]["code"])


def _check(cloud: Cloud, scope: str, kind: str, name: str = "new") -> Any:
    body = {"resourceDetails": {"resourceContent": {"type": kind, "name": name, "location": "northeurope"}}}
    answer = cloud.arm("POST", f"{scope}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions", body)
    assert answer.status_code == 200, answer.text
    return answer.json()["contentEvaluationResult"]["policyEvaluations"]


def test_policy_restrictions_are_those_that_a_write_would_meet(cloud: Cloud) -> None:
    """What a policy denies in the group is told before it is written; elsewhere, and of other kinds, nothing is."""
    (found,) = _check(cloud, TARGET, "Microsoft.Compute/disks")
    assert ("NonCompliant", "Deny") == (found["evaluationResult"], found["effectDetails"]["policyEffect"])
    assert policy(TARGET)["id"].lower() == found["policyInfo"]["policyAssignmentId"].lower()
    body = {"location": "northeurope", "sku": {"name": "Premium_LRS"}, "properties": {"diskSizeGB": 4}}
    denied = cloud.arm("PUT", f"{TARGET}/providers/Microsoft.Compute/disks/new", body)
    assert "RequestDisallowedByPolicy" == denied.json()["error"]["code"]

    assert [] == _check(cloud, TARGET, "Microsoft.Compute/virtualMachines")
    assert [] == _check(cloud, SOURCE, "Microsoft.Compute/disks")
    assert [] == _check(cloud, SOURCE, "Microsoft.Compute/virtualMachines/extensions", "busy/agent")
    assert [] == _check(cloud, f"/subscriptions/{SUBSCRIPTION}", "Microsoft.Compute/disks")


def test_policies_of_a_machine_are_told_to_who_asks_about_it(cloud: Cloud) -> None:
    """What is assigned to a resource bears on its children, where the question names it as their scope."""
    machine, kind = f"{SOURCE}/providers/Microsoft.Compute/virtualMachines/busy", "Microsoft.Compute/virtualMachines"
    assigned = policy(machine, f"{kind}/extensions")
    assert 201 == cloud.arm("PUT", assigned["id"], assigned).status_code
    content = {"type": f"{kind}/extensions", "name": "busy/agent", "location": "westeurope"}
    url = f"{SOURCE}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"

    def told(**more: str) -> list[str]:
        answer = cloud.arm("POST", url, {"resourceDetails": {"resourceContent": content, **more}}).json()
        evaluations = answer["contentEvaluationResult"]["policyEvaluations"]
        return [one["policyInfo"]["policyAssignmentId"].lower() for one in evaluations]

    assert ([], [assigned["id"].lower()]) == (told(), told(scope=machine))
    listing = f"{SOURCE}/providers/Microsoft.Authorization/policyAssignments"
    assert assigned["id"] in {one["id"] for one in _get(cloud, listing)["value"]}
    assert 200 == cloud.arm("DELETE", assigned["id"]).status_code


def test_backup_items_are_listed_by_kind(cloud: Cloud) -> None:
    """A vault lists what the seed lets it back up, narrowed by kind."""
    only = quote("backupManagementType eq 'AzureIaasVM'")

    assert {"vm", "sql"} == {one["name"] for one in _get(cloud, f"{VAULT}/backupProtectedItems")["value"]}
    assert ["vm"] == [one["name"] for one in _get(cloud, f"{VAULT}/backupProtectedItems?$filter={only}")["value"]]


def test_quotas_of_storage_and_network_come_from_the_seed(cloud: Cloud) -> None:
    """Both count the estate and have the seed's limits, else Azure's own."""
    (accounts,) = _get(cloud, f"{BASE}/Microsoft.Storage/locations/westeurope/usages")["value"]
    assert ("StorageAccounts", 1, 7) == (accounts["name"]["value"], accounts["currentValue"], accounts["limit"])
    (away,) = _get(cloud, f"{BASE}/Microsoft.Storage/locations/northeurope/usages")["value"]
    assert (0, 250) == (away["currentValue"], away["limit"])
    rows = _get(cloud, f"{BASE}/Microsoft.Network/locations/westeurope/usages")["value"]
    limits = {row["name"]["value"]: row["limit"] for row in rows}
    assert (5.0, 1000.0) == (limits["NetworkInterfaces"], limits["PublicIPAddresses"])


def test_a_subscription_has_the_state_of_the_seed(cloud: Cloud) -> None:
    """A subscription that the seed calls disabled says so."""
    states = [_get(cloud, f"/subscriptions/{id_}")["state"] for id_ in (SUBSCRIPTION, OTHER)]

    assert ["Enabled", "Disabled"] == states
