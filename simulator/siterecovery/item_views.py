"""A replicated item as Azure shows it: the recorded keys in the recorded order, with their typos and sentinels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.clock import rfc7, rfc_seconds
from simulator.siterecovery import (
    added_disks,
    health,
    jobs,
    names,
    recovery_points,
    regions,
    replication,
    replication_pace,
    states,
)
from simulator.siterecovery.networks import fabric_location
from simulator.siterecovery.nic_views import shown_nics
from simulator.siterecovery.views import view

if TYPE_CHECKING:
    from simulator.siterecovery.job_model import Job
    from simulator.store import Resource
    from simulator.world import World

AGENT_VERSION = "9.62.7172.1"
NEVER_EXPIRES = "9999-12-31T23:59:59.9999999"
NO_SCENARIO_START = "1753-01-01T01:01:01Z"
CERTIFICATE_LIFE = timedelta(days=3 * 365)


@dataclass(frozen=True)
class Reading:
    """What the parts of a view share, read once."""

    world: World
    item: Resource
    state: str
    job: Job | None
    until: datetime
    """Until when the machine delivered data."""
    point: tuple[str, datetime] | None
    source: Resource | None
    """The machine."""
    primary: str
    """The region of the primary side; ``recovery``: that of the other."""
    recovery: str

    @property
    def protected(self) -> bool:
        """Whether the initial replication has ever been completed."""
        return states.was_protected(self.item)


def _read(world: World, item: Resource) -> Reading:
    source = world.store.glance(item.meta["vm"])
    until = recovery_points.last_moment(world, item, source)
    return Reading(
        world=world,
        item=item,
        state=states.state_of(world, item),
        job=jobs.running_on(world, item.id),
        until=until,
        point=recovery_points.newest(world, item, until, source),
        source=source,
        primary=fabric_location(world, item.id),
        recovery=fabric_location(world, item.meta["recovery_container"]),
    )


@view(names.ITEM)
def item_view(world: World, item: Resource) -> dict[str, Any]:
    """The item with everything that changes by itself computed for now."""
    reading, meta = _read(world, item), item.meta
    point = meta.get("failover_point")
    shown = {
        **_sides(reading),
        **_state(reading),
        "policyId": meta["policy"],
        "policyFriendlyName": names.last(meta["policy"]),
        **_successes(item),
        "currentScenario": _scenario(reading),
        "failoverRecoveryPointId": recovery_points.point_id(item, point["name"]) if point else None,
        "providerSpecificDetails": {
            **_origin(reading),
            **_target(reading),
            **_progress(reading),
            **_results(reading),
        },
        "recoveryContainerId": meta["recovery_container"],
        "eventCorrelationId": meta["correlation"],
    }
    return {"id": item.id, "name": item.name, "type": names.ITEM, "properties": shown}


def _sides(reading: Reading) -> dict[str, Any]:
    item, recovery_container = reading.item, reading.item.meta["recovery_container"]
    fabric = names.fabric_of(item.id)
    provider = names.stable_uuid("provider", fabric)
    return {
        "friendlyName": names.last(item.meta["vm"]),
        "protectedItemType": "",
        "protectableItemId": None,
        "recoveryServicesProviderId": f"{fabric}/replicationRecoveryServicesProviders/{provider}",
        "primaryFabricFriendlyName": regions.display_name(reading.primary),
        "primaryFabricProvider": "AzureFabric",
        "recoveryFabricFriendlyName": regions.display_name(reading.recovery),
        "recoveryFabricId": names.fabric_of(recovery_container),
        "primaryProtectionContainerFriendlyName": names.last(names.container_of(item.id)),
        "recoveryProtectionContainerFriendlyName": names.last(recovery_container),
    }


def _state(reading: Reading) -> dict[str, Any]:
    item = reading.item
    now = health.health_of(reading.world, item, reading.point, reading.source)
    test = states.test_state(item)
    return {
        "protectionState": reading.state,
        "protectionStateDescription": states.description(item, reading.state),
        "activeLocation": "Recovery" if states.is_failed_over(item) else "Primary",
        "testFailoverState": test,
        "testFailoverStateDescription": states.TEST_DESCRIPTIONS[test],
        "switchProviderState": "None",
        "switchProviderStateDescription": None,
        "allowedOperations": [] if reading.job else states.allowed_operations(reading.world, item),
        "replicationHealth": now.replication,
        "failoverHealth": health.failover_health(item),
        "healthErrors": now.errors,
    }


def _successes(item: Resource) -> dict[str, str]:
    """Times that are absent until they happen."""
    labels = {"last_failover": "lastSuccessfulFailoverTime", "last_test": "lastSuccessfulTestFailoverTime"}
    return {label: rfc7(datetime.fromisoformat(item.meta[key])) for key, label in labels.items() if item.meta.get(key)}


def _scenario(reading: Reading) -> dict[str, Any]:
    """The job that works on the item, the test failover that waits for its clean-up, or the idle sentinel."""
    vault, test = names.vault_id(reading.item.id), reading.item.meta.get("test")
    job = reading.job or (jobs.find(reading.world, vault, test["job"]) if test else None)
    if job is None:
        return {"scenarioName": "None", "jobId": names.job_id(vault, "None"), "startTime": NO_SCENARIO_START}
    return {"scenarioName": job.scenario, "jobId": job.id, "startTime": job.start}


def _origin(reading: Reading) -> dict[str, Any]:
    meta = reading.item.meta
    return {
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
        "unprotectedDisks": _unprotected(reading),
        "protectedManagedDisks": [_disk(reading.world, reading.item, disk) for disk in meta["disks"]],
    }


def _target(reading: Reading) -> dict[str, Any]:
    meta = reading.item.meta
    return {
        "recoveryBootDiagStorageAccountId": meta.get("boot_diagnostics"),
        "primaryFabricLocation": reading.primary,
        "recoveryFabricLocation": reading.recovery,
        "osType": meta["os_type"],
        "recoveryAzureVMSize": meta["size"],
        "recoveryAzureVMName": meta["target_name"],
        "recoveryAzureResourceGroupId": meta["recovery_group"],
        "recoveryCloudService": None,
        "recoveryAvailabilitySet": meta.get("availability_set"),
        "selectedRecoveryAzureNetworkId": meta.get("network") if reading.protected else None,
        "selectedTfoAzureNetworkId": meta.get("test_network"),
        "vmNics": shown_nics(reading.item, protected=reading.protected),
        "vmSyncedConfigDetails": {
            "tags": meta["tags"] if reading.protected or meta.get("reversed") else {},
            "inputEndpoints": [],
        },
    }


def _progress(reading: Reading) -> dict[str, Any]:
    percent, kind = replication.progress(reading.world, reading.item)
    certificate = {}
    if reading.protected:
        enabled = datetime.fromisoformat(reading.item.meta["enabled_at"])
        certificate = {"agentCertificateExpiryDate": rfc_seconds(enabled + CERTIFICATE_LIFE)}
    return {
        "monitoringPercentageCompletion": percent,
        "monitoringJobType": kind,
        "lastHeartbeat": replication.last_heartbeat(reading.item, reading.until),
        "agentVersion": AGENT_VERSION,
        "agentExpiryDate": NEVER_EXPIRES,
        "isReplicationAgentUpdateRequired": False,
        **certificate,
        "isReplicationAgentCertificateUpdateRequired": False,
    }


def _results(reading: Reading) -> dict[str, Any]:
    meta = reading.item.meta
    replicating = reading.state == states.PROTECTED
    rpo = recovery_points.rpo(reading.world, reading.item, reading.point) if replicating else None
    return {
        "recoveryFabricObjectId": meta.get("target_vm"),
        "vmProtectionState": "Protected" if reading.protected else "UnprotectedStatesBegin",
        "vmProtectionStateDescription": "Protected" if reading.protected else "Enabling protection",
        "lifecycleId": meta["lifecycle"] if reading.protected else None,
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


def _unprotected(reading: Reading) -> list[dict[str, Any]] | None:
    luns, status = [], reading.item.meta["auto_protection"]
    if reading.source is not None:
        luns = added_disks.unprotected_luns(reading.world, reading.item, reading.source)
    return [{"diskLunId": lun, "diskAutoProtectionStatus": status} for lun in luns] or None


def _disk(world: World, item: Resource, disk: dict[str, Any]) -> dict[str, Any]:
    state, percent, kind, pending = replication.disk_progress(world, item, disk)
    in_doubt = replication_pace.stall_of(item).get("reason") == "resync"
    to_resync = replication_pace.disks_to_resync(world, item) if in_doubt else set()
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
        "resyncRequired": disk["name"].lower() in to_resync,
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
