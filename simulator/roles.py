"""Azure's built-in roles that matter to virtual machines and Site Recovery, as data.

Source: Microsoft's "Azure built-in roles" and, for Site Recovery, "Manage Site Recovery access with Azure role-based
access control". Seeds name them by name; role assignments by the GUID of their definition.
"""

from __future__ import annotations

from typing import Any

COMMON = [
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
]
_VAULT = "Microsoft.RecoveryServices/vaults"
_ITEM = f"{_VAULT}/replicationFabrics/replicationProtectionContainers/replicationProtectedItems"

SITE_RECOVERY_CONTRIBUTOR = [
    *COMMON,
    "Microsoft.Network/virtualNetworks/read",
    "Microsoft.RecoveryServices/locations/allocatedStamp/read",
    "Microsoft.RecoveryServices/locations/allocateStamp/action",
    "Microsoft.RecoveryServices/operations/read",
    f"{_VAULT}/certificates/write",
    f"{_VAULT}/extendedInformation/*",
    f"{_VAULT}/read",
    f"{_VAULT}/refreshContainers/read",
    f"{_VAULT}/registeredIdentities/*",
    f"{_VAULT}/replicationAlertSettings/*",
    f"{_VAULT}/replicationEvents/read",
    f"{_VAULT}/replicationFabrics/*",
    f"{_VAULT}/replicationJobs/*",
    f"{_VAULT}/replicationPolicies/*",
    f"{_VAULT}/replicationRecoveryPlans/*",
    f"{_VAULT}/replicationVaultSettings/*",
    f"{_VAULT}/storageConfig/*",
    f"{_VAULT}/tokenInfo/read",
    f"{_VAULT}/usages/read",
    f"{_VAULT}/vaultTokens/read",
    f"{_VAULT}/monitoringAlerts/*",
    f"{_VAULT}/monitoringConfigurations/notificationConfiguration/read",
    f"{_VAULT}/replicationOperationStatus/read",
    "Microsoft.ResourceHealth/availabilityStatuses/read",
    "Microsoft.Storage/storageAccounts/read",
]
_READ_PARTS = [
    "extendedInformation",
    "refreshContainers",
    "registeredIdentities",
    "replicationAlertSettings",
    "replicationEvents",
    "replicationFabrics",
    "replicationFabrics/replicationNetworks",
    "replicationFabrics/replicationNetworks/replicationNetworkMappings",
    "replicationFabrics/replicationProtectionContainers",
    "replicationFabrics/replicationProtectionContainers/replicationProtectableItems",
    "replicationFabrics/replicationProtectionContainers/replicationProtectedItems",
    "replicationFabrics/replicationProtectionContainers/replicationProtectedItems/recoveryPoints",
    "replicationFabrics/replicationProtectionContainers/replicationProtectionContainerMappings",
    "replicationFabrics/replicationRecoveryServicesProviders",
    "replicationFabrics/replicationStorageClassifications",
    "replicationFabrics/replicationStorageClassifications/replicationStorageClassificationMappings",
    "replicationFabrics/replicationvCenters",
    "replicationJobs",
    "replicationPolicies",
    "replicationRecoveryPlans",
    "replicationVaultSettings",
    "replicationOperationStatus",
    "storageConfig",
    "tokenInfo",
    "usages",
    "vaultTokens",
]
_ITEM_OPERATIONS = [
    "applyRecoveryPoint",
    "failoverCommit",
    "plannedFailover",
    "reProtect",
    "repairReplication",
    "switchProtection",
    "testFailover",
    "testFailoverCleanup",
    "unplannedFailover",
    "updateMobilityService",
]
SITE_RECOVERY_OPERATOR = [
    *COMMON,
    "Microsoft.Network/virtualNetworks/read",
    "Microsoft.RecoveryServices/locations/allocatedStamp/read",
    "Microsoft.RecoveryServices/locations/allocateStamp/action",
    "Microsoft.RecoveryServices/operations/read",
    f"{_VAULT}/read",
    *(f"{_VAULT}/{part}/read" for part in _READ_PARTS),
    f"{_VAULT}/replicationFabrics/checkConsistency/action",
    f"{_VAULT}/replicationFabrics/reassociateGateway/action",
    f"{_VAULT}/replicationFabrics/renewCertificate/action",
    f"{_VAULT}/replicationFabrics/replicationProtectionContainers/switchProtection/action",
    f"{_VAULT}/replicationFabrics/replicationRecoveryServicesProviders/refreshProvider/action",
    f"{_VAULT}/replicationJobs/*",
    f"{_VAULT}/replicationRecoveryPlans/*/action",
    f"{_VAULT}/monitoringAlerts/*",
    *(f"{_ITEM}/{operation}/action" for operation in _ITEM_OPERATIONS),
    "Microsoft.ResourceHealth/availabilityStatuses/read",
    "Microsoft.Storage/storageAccounts/read",
]

ROLES: dict[str, dict[str, Any]] = {
    "Owner": {"id": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "actions": ["*"], "notActions": []},
    "Contributor": {
        "id": "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "actions": ["*"],
        "notActions": [
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
            "Microsoft.Purview/consents/write",
            "Microsoft.Purview/consents/delete",
        ],
    },
    "Reader": {"id": "acdd72a7-3385-48ef-bd42-f606fba81ae7", "actions": ["*/read"], "notActions": []},
    "User Access Administrator": {
        "id": "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "actions": ["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        "notActions": [],
    },
    "Role Based Access Control Administrator": {
        "id": "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "actions": [
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ],
        "notActions": [],
    },
    "Virtual Machine Contributor": {
        "id": "9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
        "actions": [
            *COMMON,
            "Microsoft.Compute/availabilitySets/*",
            "Microsoft.Compute/locations/*",
            "Microsoft.Compute/virtualMachines/*",
            "Microsoft.Compute/virtualMachineScaleSets/*",
            "Microsoft.Compute/cloudServices/*",
            "Microsoft.Compute/disks/write",
            "Microsoft.Compute/disks/read",
            "Microsoft.Compute/disks/delete",
            "Microsoft.DevTestLab/schedules/*",
            "Microsoft.Network/applicationGateways/backendAddressPools/join/action",
            "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
            "Microsoft.Network/loadBalancers/inboundNatPools/join/action",
            "Microsoft.Network/loadBalancers/inboundNatRules/join/action",
            "Microsoft.Network/loadBalancers/probes/join/action",
            "Microsoft.Network/loadBalancers/read",
            "Microsoft.Network/locations/*",
            "Microsoft.Network/networkInterfaces/*",
            "Microsoft.Network/networkSecurityGroups/join/action",
            "Microsoft.Network/networkSecurityGroups/read",
            "Microsoft.Network/publicIPAddresses/join/action",
            "Microsoft.Network/publicIPAddresses/read",
            "Microsoft.Network/virtualNetworks/read",
            "Microsoft.Network/virtualNetworks/subnets/join/action",
            f"{_VAULT}/backupPolicies/read",
            f"{_VAULT}/backupPolicies/write",
            f"{_VAULT}/read",
            f"{_VAULT}/usages/read",
            f"{_VAULT}/write",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
            "Microsoft.SerialConsole/serialPorts/connect/action",
            "Microsoft.SqlVirtualMachine/*",
            "Microsoft.Storage/storageAccounts/listKeys/action",
            "Microsoft.Storage/storageAccounts/read",
        ],
        "notActions": [],
    },
    "Network Contributor": {
        "id": "4d97b98b-1d4f-4787-a291-c67834d212e7",
        "actions": [*COMMON, "Microsoft.Network/*", "Microsoft.ResourceHealth/availabilityStatuses/read"],
        "notActions": [],
    },
    "Storage Account Contributor": {
        "id": "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        "actions": [
            *COMMON,
            "Microsoft.Insights/diagnosticSettings/*",
            "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
            "Microsoft.Storage/storageAccounts/*",
        ],
        "notActions": [],
    },
    "Site Recovery Contributor": {
        "id": "6670b86e-a3f7-4917-ac9b-5d6ab1be4567",
        "actions": SITE_RECOVERY_CONTRIBUTOR,
        "notActions": [],
    },
    "Site Recovery Operator": {
        "id": "494ae006-db33-4328-bf46-533a6560a3ca",
        "actions": SITE_RECOVERY_OPERATOR,
        "notActions": [],
    },
    "Site Recovery Reader": {
        "id": "dbaa88c4-0c30-4179-9fb3-46319faa6149",
        "actions": [*COMMON[:1], f"{_VAULT}/read", *(f"{_VAULT}/{part}/read" for part in _READ_PARTS)],
        "notActions": [],
    },
}


def role_by_definition(guid: str) -> dict[str, Any] | None:
    """The built-in role whose definition has that GUID, or None."""
    return next((role for role in ROLES.values() if role["id"] == guid.lower()), None)
