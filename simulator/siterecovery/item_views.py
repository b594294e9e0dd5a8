"""A replicated item as Azure shows it: the recorded keys in the recorded order, with their typos and sentinels."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc7, rfc_seconds
from simulator.siterecovery import health, jobs, names, recovery_points, replication, states
from simulator.siterecovery.mappings import friendly_fabric
from simulator.siterecovery.networks import fabric_location
from simulator.siterecovery.nic_views import shown_nics
from simulator.siterecovery.views import view

if TYPE_CHECKING:
    from simulator.store import Resource
    from simulator.world import World

AGENT_VERSION = "9.62.7172.1"
NEVER_EXPIRES = "9999-12-31T23:59:59.9999999"
NO_SCENARIO_START = "1753-01-01T01:01:01Z"
CERTIFICATE_LIFE = timedelta(days=3 * 365)


@view(names.ITEM)
def item_view(world: World, item: Resource) -> dict[str, Any]:
    """The item with everything that changes by itself computed for now."""
    meta = item.meta
    state = states.state_of(world, item)
    recovery_container = meta["recovery_container"]
    shown: dict[str, Any] = {
        "friendlyName": names.last(meta["vm"]),
        "protectedItemType": "",
        "protectableItemId": None,
        "recoveryServicesProviderId": _provider_id(item),
        "primaryFabricFriendlyName": friendly_fabric(world, item.id),
        "primaryFabricProvider": "AzureFabric",
        "recoveryFabricFriendlyName": friendly_fabric(world, recovery_container),
        "recoveryFabricId": names.fabric_of(recovery_container),
        "primaryProtectionContainerFriendlyName": names.last(names.container_of(item.id)),
        "recoveryProtectionContainerFriendlyName": names.last(recovery_container),
        "protectionState": state,
        "protectionStateDescription": states.description(item, state),
        "activeLocation": "Recovery" if states.is_failed_over(item) else "Primary",
        "testFailoverState": states.test_state(item),
        "testFailoverStateDescription": states.TEST_DESCRIPTIONS[states.test_state(item)],
        "switchProviderState": "None",
        "switchProviderStateDescription": None,
        "allowedOperations": states.allowed_operations(world, item),
        "replicationHealth": health.replication_health(world, item),
        "failoverHealth": health.failover_health(world, item),
        "healthErrors": health.errors(world, item),
        "policyId": meta["policy"],
        "policyFriendlyName": names.last(meta["policy"]),
    }
    for key, label in (
        ("last_failover", "lastSuccessfulFailoverTime"),
        ("last_test", "lastSuccessfulTestFailoverTime"),
    ):
        if meta.get(key):
            shown[label] = rfc7(datetime.fromisoformat(meta[key]))
    point = meta.get("failover_point")
    shown |= {
        "currentScenario": current_scenario(world, item),
        "failoverRecoveryPointId": recovery_points.point_id(item, point["name"]) if point else None,
        "providerSpecificDetails": _details(world, item, state),
        "recoveryContainerId": recovery_container,
        "eventCorrelationId": meta["correlation"],
    }
    return {"id": item.id, "name": item.name, "type": names.ITEM, "properties": shown}


def _provider_id(item: Resource) -> str:
    fabric = names.fabric_of(item.id)
    return f"{fabric}/replicationRecoveryServicesProviders/{names.stable_uuid('provider', fabric)}"


def current_scenario(world: World, item: Resource) -> dict[str, Any]:
    """The job that works on the item, the test failover that waits for its clean-up, or the idle sentinel."""
    vault = names.vault_id(item.id)
    job = jobs.running_on(world, item.id)
    if job is None and item.meta.get("test"):
        job = jobs.find(world, vault, item.meta["test"]["job"])
    if job is None:
        return {"scenarioName": "None", "jobId": names.job_id(vault, "None"), "startTime": NO_SCENARIO_START}
    return {"scenarioName": job.scenario, "jobId": job.id, "startTime": job.start}


def _details(world: World, item: Resource, state: str) -> dict[str, Any]:  # one flat table, in Azure's order
    meta = item.meta
    protected = states.was_protected(item)
    protection = ("Protected", "Protected") if protected else ("UnprotectedStatesBegin", "Enabling protection")
    percent, kind = replication.progress(world, item)
    rpo = recovery_points.rpo(world, item) if state == states.PROTECTED else None
    shown: dict[str, Any] = {
        "instanceType": "A2A",
        "fabricObjectId": meta["vm"].lower(),
        "initialPrimaryZone": meta.get("initial_zone") or "",
        "initialPrimaryFabricLocation": meta["initial_primary"],
        "initialRecoveryZone": meta.get("initial_recovery_zone") or "",
        "initialPrimaryExtendedLocation": None,
        "initialRecoveryExtendedLocation": None,
        "initialRecoveryFabricLocation": meta["initial_recovery"],
        "multiVmGroupId": meta["multi_vm_group"],
        "multiVmGroupName": meta.get("multi_vm_group_name") or "",
        "multiVmGroupCreateOption": "UserSpecified" if meta.get("multi_vm_group_name") else "AutoCreated",
        "managementId": meta["management"],
        "protectedDisks": None,
        "unprotectedDisks": _unprotected(item),
        "protectedManagedDisks": [_disk(world, item, disk) for disk in meta["disks"]],
        "recoveryBootDiagStorageAccountId": meta.get("boot_diagnostics"),
        "primaryFabricLocation": fabric_location(world, item.id),
        "recoveryFabricLocation": fabric_location(world, meta["recovery_container"]),
        "osType": meta["os_type"],
        "recoveryAzureVMSize": meta["size"],
        "recoveryAzureVMName": meta["target_name"],
        "recoveryAzureResourceGroupId": meta["recovery_group"],
        "recoveryCloudService": None,
        "recoveryAvailabilitySet": meta.get("availability_set"),
        "selectedRecoveryAzureNetworkId": meta.get("network") if protected else None,
        "selectedTfoAzureNetworkId": meta.get("test_network"),
        "vmNics": shown_nics(item, protected=protected),
        "vmSyncedConfigDetails": {
            "tags": meta["tags"] if protected or meta.get("reversed") else {},
            "inputEndpoints": [],
        },
        "monitoringPercentageCompletion": percent,
        "monitoringJobType": kind,
        "lastHeartbeat": replication.last_heartbeat(world, item),
        "agentVersion": AGENT_VERSION,
        "agentExpiryDate": NEVER_EXPIRES,
        "isReplicationAgentUpdateRequired": False,
    }
    if protected:
        enabled = datetime.fromisoformat(meta["enabled_at"])
        shown["agentCertificateExpiryDate"] = rfc_seconds(enabled + CERTIFICATE_LIFE)
    return shown | {
        "isReplicationAgentCertificateUpdateRequired": False,
        "recoveryFabricObjectId": meta.get("target_vm"),
        "vmProtectionState": protection[0],
        "vmProtectionStateDescription": protection[1],
        "lifecycleId": meta["lifecycle"] if protected else None,
        "testFailoverRecoveryFabricObjectId": (meta.get("test") or {}).get("vm"),
        "rpoInSeconds": rpo[0] if rpo else None,
        "lastRpoCalculatedTime": rfc7(rpo[1]) if rpo else None,
        "primaryAvailabilityZone": meta.get("primary_zone"),
        "recoveryAvailabilityZone": meta.get("zone"),
        "primaryExtendedLocation": None,
        "recoveryExtendedLocation": None,
        "vmEncryptionType": "NotEncrypted",
        "tfoAzureVMName": meta["test_name"],
        "recoveryAzureGeneration": meta["generation"],
        "recoveryProximityPlacementGroupId": meta.get("proximity_placement_group"),
        "autoProtectionOfDataDisk": meta["auto_protection"],
        "recoveryVirtualMachineScaleSetId": meta.get("scale_set"),
        "recoveryCapacityReservationGroupId": meta.get("capacity_reservation"),
    }


def _unprotected(item: Resource) -> list[dict[str, Any]] | None:
    luns = item.meta.get("excluded_luns") or []
    return [{"diskLunId": lun, "diskAutoProtectionStatus": "Disabled"} for lun in luns] or None


def _disk(world: World, item: Resource, disk: dict[str, Any]) -> dict[str, Any]:
    state, percent, kind, pending = replication.disk_progress(world, item, disk)
    return {
        "diskId": disk["id"].lower(),
        "recoveryResourceGroupId": disk["group"],
        "recoveryTargetDiskId": disk.get("target_id"),
        "recoveryReplicaDiskId": disk["replica_id"],
        "recoveryOrignalTargetDiskId": disk.get("original_target"),
        "recoveryReplicaDiskAccountType": disk["replica_sku"],
        "recoveryTargetDiskAccountType": disk["target_sku"],
        "recoveryDiskEncryptionSetId": disk.get("encryption_set"),
        "primaryDiskEncryptionSetId": disk.get("primary_encryption_set"),
        "diskName": disk["name"],
        "diskCapacityInBytes": disk["capacity"],
        "primaryStagingAzureStorageAccountId": disk["cache"],
        "diskType": disk["kind"],
        "resyncRequired": False,
        "monitoringPercentageCompletion": percent,
        "monitoringJobType": kind,
        "dataPendingInStagingStorageAccountInMB": 0.0,
        "dataPendingAtSourceAgentInMB": pending,
        "diskState": state,
        "allowedDiskLevelOperation": [],
        "isDiskEncrypted": False,
        "secretIdentifier": None,
        "dekKeyVaultArmId": None,
        "isDiskKeyEncrypted": False,
        "keyIdentifier": None,
        "kekKeyVaultArmId": None,
        "failoverDiskName": disk["failover_name"],
        "tfoDiskName": disk["test_name"],
    }
