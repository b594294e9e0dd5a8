"""The life of a vault in which each of Microsoft's examples of Site Recovery has its moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.simulator.sdk_operations import operations
from tests.simulator.siterecovery_estate import (
    A2A,
    CACHE,
    POLICY,
    PRIMARY,
    PRIMARY_CONTAINER,
    RECOVERY,
    RECOVERY_CONTAINER,
    SOURCE,
    SOURCE_NETWORK,
    TARGET,
    TARGET_NETWORK,
    TEST_NETWORK,
    VAULT,
    Lab,
    disk_id,
    item_id,
    seed,
)
from tests.simulator.spec_examples import Session
from tests.simulator.test_siterecovery_operations import ESTATE, OF_THE_MACHINE
from tests.support.cloud import Cloud

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulator.spec_examples import Example

OTHER_NAMES = {
    "ReplicationInfrastructure_Delete": "replication_fabrics_remove_infra",
    "ClusterRecoveryPoint_Get": "cluster_recovery_point_get",
}
MACHINES = ("web", "db", "app", "old")
BACK_CACHE = f"{TARGET}/providers/Microsoft.Storage/storageAccounts/shopback"


class Life(Session):
    """Sends the examples by the names of their operations."""

    def __init__(self, cloud: Cloud, examples: Mapping[str, Example]) -> None:
        """Begin with a vault that is set up and has one protected machine, and with a job that failed."""
        super().__init__(cloud, examples)
        self.lab = Lab(cloud)  # type: ignore[arg-type]
        self.lab.set_up()
        self.lab.network_mapping(SOURCE_NETWORK, TARGET_NETWORK)
        bad = {
            "properties": {"providerSpecificInput": {**A2A, "multiVmSyncStatus": "Enable", "recoveryPointHistory": -1}}
        }
        self.failed = self.lab.accepted("PUT", f"{VAULT}/replicationPolicies/bad", bad)
        self.lab.finish(self.failed)
        disks = self.lab.enable_body("web")["properties"]["providerSpecificDetails"]["vmManagedDisks"]
        self.lab.protect("web", vmManagedDisks=disks[:1])
        plan = {"primaryFabricId": PRIMARY, "recoveryFabricId": RECOVERY, "groups": []}
        self.lab.run("PUT", f"{VAULT}/replicationRecoveryPlans/empty", {"properties": plan})

    def act(self, name: str, body: Any = None, *, ends: str = "", **values: str) -> None:
        """Send the example *name*; *values* are parameters of its path that are not the estate's."""
        operation = operations("siterecovery")[OTHER_NAMES.get(name, self.examples[name].operation)]
        estate = OF_THE_MACHINE if "eligibility" in operation.name else ESTATE
        self.hold(name, operation.method, operation.path({**estate, **values}), body, ends=ends)


def live(examples: Mapping[str, Example]) -> dict[str, list[str]]:
    """Send every example in its moment; what is not as the examples have it."""
    with Cloud(seed(*MACHINES, behaviour={name: {} for name in MACHINES})) as cloud:
        life = Life(cloud, examples)
        _settings(life)
        _reads(life)
        _parts(life)
        _disks(life)
        _plan(life)
        _machine(life)
        _jobs(life)
        _ends(life)
        for name in examples:
            if name not in life.outcomes:
                life.act(name)
        return life.outcomes


def _settings(life: Life) -> None:
    life.act("ReplicationAlertSettings_Create", alert_setting_name="defaultAlertSetting")
    life.act("ReplicationVaultSetting_Create", vault_setting_name="default")
    life.act("ReplicationVaultHealth_Refresh")
    life.act("ReplicationFabrics_CheckConsistency")
    life.act("ReplicationFabrics_Create", fabric_name="hyperv")
    life.act("ReplicationPolicies_Create", policy_name="other")
    life.act("ReplicationPolicies_Update", policy_name="other")
    life.act("ReplicationPolicies_Delete", policy_name="other")


def _reads(life: Life) -> None:
    lab = life.lab
    names = {
        "event_name": lab.get(f"{VAULT}/replicationEvents")["value"][0]["name"],
        "job_name": lab.get(f"{VAULT}/replicationJobs")["value"][0]["name"],
        "recovery_point_name": lab.get(f"{item_id('web')}/recoveryPoints")["value"][0]["name"],
        "network_mapping_name": "we-vnet",
        "mapping_name": "mapping",
        "recovery_plan_name": "empty",
        "alert_setting_name": "defaultAlertSetting",
        "vault_setting_name": "default",
    }
    for name, example in life.examples.items():
        found = operations("siterecovery").get(OTHER_NAMES.get(name, example.operation))
        if found is not None and found.method == "GET":
            life.act(name, **names)


def _parts(life: Life) -> None:
    container = f"{PRIMARY}/replicationProtectionContainers/extra"
    life.act(
        "ReplicationProtectionContainers_Create",
        {"properties": {"providerSpecificInput": [A2A]}},
        protection_container_name="extra",
    )
    _, mapping = life.lab.mapping(container, RECOVERY_CONTAINER)
    extra = {"protection_container_name": "extra", "mapping_name": "first"}
    life.act("ReplicationProtectionContainerMappings_Create", mapping, **extra)
    update = {"properties": {"providerSpecificInput": {**A2A, "agentAutoUpdateStatus": "Disabled"}}}
    life.act("ReplicationProtectionContainerMappings_Update", update, **extra)
    life.act("ReplicationProtectionContainerMappings_Delete", {"properties": {}}, **extra)
    life.lab.run("PUT", f"{container}/replicationProtectionContainerMappings/first", mapping)
    life.act("ReplicationProtectionContainerMappings_Purge", **extra)
    life.act("ReplicationProtectionContainers_Delete", protection_container_name="extra")

    network = {
        "fabricSpecificDetails": {"instanceType": "AzureToAzure", "primaryNetworkId": TARGET_NETWORK},
        "recoveryFabricName": "westeurope",
        "recoveryNetworkId": SOURCE_NETWORK,
    }
    back = {"fabric_name": "northeurope", "network_mapping_name": "back"}
    life.act("ReplicationNetworkMappings_Create", {"properties": network}, **back)
    life.act("ReplicationNetworkMappings_Update", {"properties": network}, **back)
    life.act("ReplicationNetworkMappings_Delete", **back)


def _disks(life: Life) -> None:
    life.act("ReplicationProtectedItems_ResolveHealthErrors")
    life.act("ReplicationProtectedItems_RepairReplication")
    name = {"properties": {"recoveryAzureVMName": "web", "providerSpecificDetails": A2A}}
    life.act("ReplicationProtectedItems_Update", name)
    disk = {
        "diskId": disk_id("web_data"),
        "primaryStagingAzureStorageAccountId": CACHE,
        "recoveryResourceGroupId": TARGET,
    }
    added = {"properties": {"providerSpecificDetails": {**A2A, "vmManagedDisks": [disk]}}}
    life.act("ReplicationProtectedItems_AddDisks", added)
    life.cloud.advance(7200)
    removed = {"properties": {"providerSpecificDetails": {**A2A, "vmManagedDisksIds": [disk_id("web_data")]}}}
    life.act("ReplicationProtectedItems_RemoveDisks", removed)


def _plan(life: Life) -> None:
    life.act("ReplicationProtectedItems_Create", life.lab.enable_body("db"), replicated_protected_item_name="db")
    life.lab.until_protected("db")
    group = {"groupType": "Boot", "replicationProtectedItems": [{"id": item_id("db")}]}
    given = {"primaryFabricId": PRIMARY, "recoveryFabricId": RECOVERY, "groups": [group]}
    shop = {"recovery_plan_name": "shop"}
    life.act("ReplicationRecoveryPlans_Create", {"properties": given}, **shop)
    life.act("ReplicationRecoveryPlans_Update", {"properties": {"groups": [group]}}, **shop)
    test = {"failoverDirection": "PrimaryToRecovery", "networkId": TEST_NETWORK, "providerSpecificDetails": [A2A]}
    life.act("ReplicationRecoveryPlans_TestFailover", {"properties": test}, **shop)
    life.act("ReplicationRecoveryPlans_TestFailoverCleanup", **shop)
    life.act("ReplicationRecoveryPlans_UnplannedFailover", life.lab.failover_body(several=True), **shop)
    life.act("ReplicationRecoveryPlans_FailoverCommit", **shop)
    life.act("ReplicationRecoveryPlans_Delete", **shop)


def _machine(life: Life) -> None:
    """The machine that the examples of an item are about: tested, failed over, committed, and switched back."""
    lab = life.lab
    test = {"failoverDirection": "PrimaryToRecovery", "networkId": TEST_NETWORK, "providerSpecificDetails": A2A}
    life.act("ReplicationProtectedItems_TestFailover", {"properties": test})
    life.act("ReplicationProtectedItems_TestFailoverCleanup")
    life.act("ReplicationProtectedItems_UnplannedFailover", lab.failover_body())
    point = lab.get(f"{item_id('web')}/recoveryPoints")["value"][0]["id"]
    life.act(
        "ReplicationProtectedItems_ApplyRecoveryPoint",
        {"properties": {"recoveryPointId": point, "providerSpecificDetails": A2A}},
    )
    life.act("ReplicationProtectedItems_FailoverCommit", {})
    account = {"location": "northeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    life.cloud.arm("PUT", BACK_CACHE, account)
    life.cloud.advance(60)
    details = {
        **A2A,
        "recoveryContainerId": PRIMARY_CONTAINER,
        "recoveryResourceGroupId": SOURCE,
        "policyId": POLICY,
        "vmManagedDisks": [
            {
                "diskId": disk_id("web_os", TARGET),
                "primaryStagingAzureStorageAccountId": BACK_CACHE,
                "recoveryResourceGroupId": SOURCE,
            }
        ],
    }
    life.act(
        "ReplicationProtectionContainers_SwitchProtection",
        {"properties": {"replicationProtectedItemName": "web", "providerSpecificDetails": details}},
    )


def _jobs(life: Life) -> None:
    lab = life.lab
    running = lab.accepted("PUT", item_id("old"), lab.enable_body("old"))
    life.act("ReplicationJobs_Cancel", job_name=running.headers["x-ms-request-id"].rpartition("/")[2])
    life.act("ReplicationJobs_Restart", job_name=life.failed.headers["x-ms-request-id"].rpartition("/")[2])
    life.act("ReplicationJobs_Export")


def _ends(life: Life) -> None:
    lab = life.lab
    lab.protect("app")
    life.act("ReplicationProtectedItems_Delete", replicated_protected_item_name="app")
    life.act("ReplicationProtectedItems_Purge", replicated_protected_item_name="db")
    for name in ("one", "two"):
        details = {"instanceType": "Azure", "location": "eastus"}
        lab.run("PUT", f"{VAULT}/replicationFabrics/{name}", {"properties": {"customDetails": details}})
    life.act("ReplicationFabrics_Delete", fabric_name="one")
    life.act("ReplicationFabrics_Purge", fabric_name="two")
