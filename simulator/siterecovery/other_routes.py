"""The operations of other kinds of replication (VMware, Hyper-V, clusters), of which this cloud has none."""

from __future__ import annotations

from itertools import product

from simulator.provider import Route
from simulator.siterecovery import other_kinds
from simulator.siterecovery.scopes import CONTAINER, FABRIC, VAULT

_CLASSIFICATION = "replicationStorageClassifications/{name}/replicationStorageClassificationMappings"
_LISTS = {
    VAULT: (
        "replicationAppliances",
        "replicationMigrationItems",
        "replicationProtectionClusters",
        "replicationProtectionIntents",
        "replicationRecoveryServicesProviders",
        "replicationStorageClassifications",
        "replicationStorageClassificationMappings",
        "replicationvCenters",
    ),
    FABRIC: (
        "replicationLogicalNetworks",
        "replicationRecoveryServicesProviders",
        "replicationStorageClassifications",
        _CLASSIFICATION,
        "replicationvCenters",
    ),
    CONTAINER: (
        "replicationMigrationItems",
        "replicationMigrationItems/{name}/migrationRecoveryPoints",
        "replicationProtectableItems",
        "replicationProtectionClusters",
        "replicationProtectionClusters/{name}/recoveryPoints",
    ),
}
_OBJECTS = {
    VAULT: ("replicationProtectionIntents",),
    FABRIC: _LISTS[FABRIC],
    CONTAINER: (*_LISTS[CONTAINER], "replicationProtectionClusters/{name}/operationResults"),
}
_WRITABLE = {
    VAULT: ("replicationProtectionIntents",),
    FABRIC: ("replicationRecoveryServicesProviders", "replicationvCenters", _CLASSIFICATION),
    CONTAINER: ("replicationMigrationItems", "replicationProtectionClusters"),
}
_ACTIONS = {
    f"{FABRIC}/replicationRecoveryServicesProviders": ("refreshProvider", "remove"),
    f"{CONTAINER}/replicationMigrationItems": (
        "migrate",
        "pauseReplication",
        "resumeReplication",
        "resync",
        "testMigrate",
        "testMigrateCleanup",
    ),
    f"{CONTAINER}/replicationProtectionClusters": (
        "applyRecoveryPoint",
        "failoverCommit",
        "repairReplication",
        "testFailover",
        "testFailoverCleanup",
        "unplannedFailover",
    ),
}
_REFUSED = {
    FABRIC: ("migratetoaad", "reassociateGateway", "renewCertificate", "removeInfra"),
    CONTAINER: ("switchClusterProtection",),
}


def _under(tree: dict[str, tuple[str, ...]]) -> list[str]:
    return [f"{scope}/{name}" for scope, found in tree.items() for name in found]


OTHER_ROUTES = [
    *(Route("GET", path, other_kinds.empty_list) for path in _under(_LISTS)),
    *(Route("GET", f"{path}/{{object}}", other_kinds.absent) for path in _under(_OBJECTS)),
    *(
        Route(method, f"{path}/{{object}}", other_kinds.not_supported)
        for path, method in product(_under(_WRITABLE), ("PUT", "PATCH", "DELETE"))
    ),
    *(
        Route("POST", f"{scope}/{{object}}/{action}", other_kinds.absent)
        for scope, actions in _ACTIONS.items()
        for action in actions
    ),
    *(Route("POST", path, other_kinds.not_supported) for path in _under(_REFUSED)),
]
