"""Every operation of Microsoft.RecoveryServices that this cloud answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.provider import Route
from simulator.siterecovery import (
    committing,
    containers,
    disabling,
    eligibility,
    enabling,
    fabrics,
    failover,
    health,
    item_operations,
    items,
    job_calls,
    mappings,
    networks,
    policies,
    recovery_plans,
    recovery_points,
    switching,
    testing,
    vault_reads,
    vaults,
)

if TYPE_CHECKING:
    from simulator.provider import Handler

NAMESPACE = "Microsoft.RecoveryServices"
SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/{{group}}"
VAULTS = f"{GROUP}/providers/{NAMESPACE}/vaults"
VAULT = f"{VAULTS}/{{vault}}"
FABRICS = f"{VAULT}/replicationFabrics"
FABRIC = f"{FABRICS}/{{fabric}}"
CONTAINERS = f"{FABRIC}/replicationProtectionContainers"
CONTAINER = f"{CONTAINERS}/{{container}}"
MAPPINGS = f"{CONTAINER}/replicationProtectionContainerMappings"
MAPPING = f"{MAPPINGS}/{{mapping}}"
ITEMS = f"{CONTAINER}/replicationProtectedItems"
ITEM = f"{ITEMS}/{{item}}"
NETWORKS = f"{FABRIC}/replicationNetworks"
NETWORK_MAPPINGS = f"{NETWORKS}/{{network}}/replicationNetworkMappings"
NETWORK_MAPPING = f"{NETWORK_MAPPINGS}/{{mapping}}"
POLICIES = f"{VAULT}/replicationPolicies"
POLICY = f"{POLICIES}/{{policy}}"
JOBS = f"{VAULT}/replicationJobs"
JOB = f"{JOBS}/{{job}}"
PLANS = f"{VAULT}/replicationRecoveryPlans"
PLAN = f"{PLANS}/{{plan}}"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{{vm}}"
RESULTS = f"{MACHINE}/providers/{NAMESPACE}/replicationEligibilityResults"

_VAULT_ROUTES = [
    Route("GET", f"{SUBSCRIPTION}/providers/{NAMESPACE}/vaults", vaults.vaults_list_by_subscription_id),
    Route("GET", VAULTS, vaults.vaults_list_by_resource_group),
    Route("PUT", VAULT, vaults.vaults_create_or_update),
    Route("GET", VAULT, vaults.vaults_get),
    Route("PATCH", VAULT, vaults.vaults_update),
    Route("DELETE", VAULT, vaults.vaults_delete),
    Route("GET", f"{VAULT}/operationStatus/{{operation}}", vaults.operation_status_get, action=""),
    Route("GET", f"{VAULT}/operationResults/{{operation}}", vaults.operation_results_get, action=""),
    Route("GET", f"{VAULT}/usages", vault_reads.usages_list_by_vaults),
    Route("GET", f"{VAULT}/replicationUsages", vault_reads.replication_usages_list),
    Route("GET", f"{GROUP}/providers/{NAMESPACE}/operations", vault_reads.operations_list),
    Route("GET", f"/providers/{NAMESPACE}/operations", vault_reads.operations_list),
]
_FABRIC_ROUTES = [
    Route("GET", FABRICS, fabrics.replication_fabrics_list),
    Route("PUT", FABRIC, fabrics.replication_fabrics_create),
    Route("GET", FABRIC, fabrics.replication_fabrics_get),
    Route("DELETE", FABRIC, fabrics.replication_fabrics_purge),
    Route("POST", f"{FABRIC}/remove", fabrics.replication_fabrics_delete),
    Route("POST", f"{FABRIC}/checkConsistency", fabrics.replication_fabrics_check_consistency),
    Route("GET", POLICIES, policies.replication_policies_list),
    Route("PUT", POLICY, policies.replication_policies_create),
    Route("PATCH", POLICY, policies.replication_policies_update),
    Route("GET", POLICY, policies.replication_policies_get),
    Route("DELETE", POLICY, policies.replication_policies_delete),
]
_CONTAINER_ROUTES = [
    Route("GET", f"{VAULT}/replicationProtectionContainers", containers.replication_protection_containers_list),
    Route("GET", CONTAINERS, containers.replication_protection_containers_list_by_replication_fabrics),
    Route("PUT", CONTAINER, containers.replication_protection_containers_create),
    Route("GET", CONTAINER, containers.replication_protection_containers_get),
    Route("POST", f"{CONTAINER}/remove", containers.replication_protection_containers_delete),
    Route(
        "POST",
        f"{CONTAINER}/discoverProtectableItem",
        containers.replication_protection_containers_discover_protectable_item,
    ),
    Route("POST", f"{CONTAINER}/switchprotection", switching.replication_protection_containers_switch_protection),
    Route(
        "GET",
        f"{VAULT}/replicationProtectionContainerMappings",
        mappings.replication_protection_container_mappings_list,
    ),
    Route(
        "GET",
        MAPPINGS,
        mappings.replication_protection_container_mappings_list_by_replication_protection_containers,
    ),
    Route("PUT", MAPPING, mappings.replication_protection_container_mappings_create),
    Route("PATCH", MAPPING, mappings.replication_protection_container_mappings_update),
    Route("GET", MAPPING, mappings.replication_protection_container_mappings_get),
    Route("DELETE", MAPPING, mappings.replication_protection_container_mappings_purge),
    Route("POST", f"{MAPPING}/remove", mappings.replication_protection_container_mappings_delete),
]
_NETWORK_ROUTES = [
    Route("GET", f"{VAULT}/replicationNetworks", networks.replication_networks_list),
    Route("GET", NETWORKS, networks.replication_networks_list_by_replication_fabrics),
    Route("GET", f"{NETWORKS}/{{network}}", networks.replication_networks_get),
    Route("GET", f"{VAULT}/replicationNetworkMappings", networks.replication_network_mappings_list),
    Route("GET", NETWORK_MAPPINGS, networks.replication_network_mappings_list_by_replication_networks),
    Route("PUT", NETWORK_MAPPING, networks.replication_network_mappings_create),
    Route("PATCH", NETWORK_MAPPING, networks.replication_network_mappings_update),
    Route("GET", NETWORK_MAPPING, networks.replication_network_mappings_get),
    Route("DELETE", NETWORK_MAPPING, networks.replication_network_mappings_delete),
]
_ITEM_ACTIONS: dict[str, Handler] = {
    "remove": disabling.replication_protected_items_delete,
    "unplannedFailover": failover.replication_protected_items_unplanned_failover,
    "failoverCommit": committing.replication_protected_items_failover_commit,
    "applyRecoveryPoint": committing.replication_protected_items_apply_recovery_point,
    "testFailover": testing.replication_protected_items_test_failover,
    "testFailoverCleanup": testing.replication_protected_items_test_failover_cleanup,
    "reProtect": switching.replication_protected_items_reprotect,
    "addDisks": item_operations.replication_protected_items_add_disks,
    "removeDisks": item_operations.replication_protected_items_remove_disks,
    "resolveHealthErrors": item_operations.replication_protected_items_resolve_health_errors,
    "repairReplication": item_operations.replication_protected_items_repair_replication,
    "updateMobilityService": item_operations.replication_protected_items_update_mobility_service,
    "reinstallMobilityService": item_operations.replication_protected_items_update_mobility_service,
    "failoverCancel": items.unsupported,
    "plannedFailover": items.unsupported,
    "switchProvider": items.unsupported,
    "updateAppliance": items.unsupported,
}
_ITEM_ROUTES = [
    Route("GET", f"{VAULT}/replicationProtectedItems", items.replication_protected_items_list),
    Route("GET", ITEMS, items.replication_protected_items_list_by_replication_protection_containers),
    Route("PUT", ITEM, enabling.replication_protected_items_create),
    Route("PATCH", ITEM, items.replication_protected_items_update),
    Route("GET", ITEM, items.replication_protected_items_get),
    Route("DELETE", ITEM, disabling.replication_protected_items_purge),
    *(Route("POST", f"{ITEM}/{action}", handler) for action, handler in _ITEM_ACTIONS.items()),
    Route("GET", f"{ITEM}/recoveryPoints", recovery_points.recovery_points_list_by_replication_protected_items),
    Route("GET", f"{ITEM}/recoveryPoints/{{point}}", recovery_points.recovery_points_get),
    Route("GET", f"{ITEM}/targetComputeSizes", items.target_compute_sizes_list_by_replication_protected_items),
]
_JOB_ROUTES = [
    Route("GET", JOBS, job_calls.replication_jobs_list),
    Route("POST", f"{JOBS}/export", job_calls.replication_jobs_export),
    Route("GET", JOB, job_calls.replication_jobs_get),
    Route("POST", f"{JOB}/cancel", job_calls.replication_jobs_cancel),
    Route("POST", f"{JOB}/restart", job_calls.replication_jobs_restart),
    Route("POST", f"{JOB}/resume", job_calls.replication_jobs_resume),
    Route("GET", f"{VAULT}/replicationOperationStatus/{{job}}", job_calls.replication_operation_status_get, action=""),
    Route("GET", f"{VAULT}/{{path*}}/operationresults/{{job}}", job_calls.operation_results_get, action=""),
]
_PLAN_ROUTES = [
    Route("GET", PLANS, recovery_plans.replication_recovery_plans_list),
    Route("PUT", PLAN, recovery_plans.replication_recovery_plans_create),
    Route("PATCH", PLAN, recovery_plans.replication_recovery_plans_update),
    Route("GET", PLAN, recovery_plans.replication_recovery_plans_get),
    Route("DELETE", PLAN, recovery_plans.replication_recovery_plans_delete),
    *(
        Route("POST", f"{PLAN}/{action}", recovery_plans.run)
        for action in (
            "failoverCancel",
            "failoverCommit",
            "plannedFailover",
            "reProtect",
            "testFailover",
            "testFailoverCleanup",
            "unplannedFailover",
        )
    ),
]
_READ_ROUTES = [
    Route("GET", RESULTS, eligibility.replication_eligibility_results_list),
    Route("GET", f"{RESULTS}/default", eligibility.replication_eligibility_results_get),
    Route("GET", f"{VAULT}/replicationEvents", vault_reads.replication_events_list),
    Route("GET", f"{VAULT}/replicationEvents/{{event}}", vault_reads.replication_events_get),
    Route("GET", f"{VAULT}/replicationAlertSettings", vault_reads.replication_alert_settings_list),
    Route("GET", f"{VAULT}/replicationAlertSettings/{{setting}}", vault_reads.replication_alert_settings_get),
    Route("PUT", f"{VAULT}/replicationAlertSettings/{{setting}}", vault_reads.replication_alert_settings_create),
    Route("GET", f"{VAULT}/replicationVaultSettings", vault_reads.replication_vault_setting_list),
    Route("GET", f"{VAULT}/replicationVaultSettings/{{setting}}", vault_reads.replication_vault_setting_get),
    Route("PUT", f"{VAULT}/replicationVaultSettings/{{setting}}", vault_reads.replication_vault_setting_create),
    Route("GET", f"{VAULT}/replicationSupportedOperatingSystems", vault_reads.supported_operating_systems_get),
    Route("GET", f"{VAULT}/replicationVaultHealth", health.replication_vault_health_get),
    Route("POST", f"{VAULT}/replicationVaultHealth/default/refresh", health.replication_vault_health_refresh),
]
# What other kinds of replication have: Azure-to-Azure lists none of it, and finds none.
_OTHERS_OF_VAULT = (
    "replicationAppliances",
    "replicationMigrationItems",
    "replicationProtectionClusters",
    "replicationProtectionIntents",
    "replicationRecoveryServicesProviders",
    "replicationStorageClassifications",
    "replicationStorageClassificationMappings",
    "replicationvCenters",
)
_OTHERS_OF_FABRIC = (
    "replicationLogicalNetworks",
    "replicationRecoveryServicesProviders",
    "replicationStorageClassifications",
    "replicationvCenters",
)
_OTHERS_OF_CONTAINER = ("replicationMigrationItems", "replicationProtectableItems", "replicationProtectionClusters")
_EMPTY_ROUTES = [
    Route("GET", f"{scope}/{collection}", vault_reads.empty_list)
    for scope, collections in (
        (VAULT, _OTHERS_OF_VAULT),
        (FABRIC, _OTHERS_OF_FABRIC),
        (CONTAINER, _OTHERS_OF_CONTAINER),
    )
    for collection in collections
]
_ABSENT_ROUTES = [
    Route("GET", f"{scope}/{collection}/{{name}}", vault_reads.absent)
    for scope, collections in (
        (VAULT, ("replicationProtectionIntents",)),
        (FABRIC, _OTHERS_OF_FABRIC),
        (CONTAINER, _OTHERS_OF_CONTAINER),
    )
    for collection in collections
]
_REFUSED_ROUTES = [
    Route(method, f"{scope}/{collection}/{{name}}", vault_reads.not_supported)
    for scope, collections in (
        (VAULT, ("replicationProtectionIntents",)),
        (FABRIC, ("replicationRecoveryServicesProviders", "replicationvCenters")),
        (CONTAINER, ("replicationMigrationItems", "replicationProtectionClusters")),
    )
    for collection in collections
    for method in ("PUT", "PATCH", "DELETE")
]

ROUTES = [
    *_VAULT_ROUTES,
    *_FABRIC_ROUTES,
    *_CONTAINER_ROUTES,
    *_NETWORK_ROUTES,
    *_ITEM_ROUTES,
    *_JOB_ROUTES,
    *_PLAN_ROUTES,
    *_READ_ROUTES,
    *_EMPTY_ROUTES,
    *_ABSENT_ROUTES,
    *_REFUSED_ROUTES,
]
