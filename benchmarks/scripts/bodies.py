"""What both scripts tell Azure, so that they differ only in how they wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

A2A = {"instanceType": "A2A"}


class NotRunningError(Exception):
    """The machine does not run in the target region after its failover."""


def access(environment: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of management clients, and those of the credential."""
    endpoint, ca_file = environment["AZURE_RESOURCE_MANAGER_ENDPOINT"], environment["REQUESTS_CA_BUNDLE"]
    clients = {
        "base_url": endpoint,
        "credential_scopes": [f"{endpoint}/.default"],
        "connection_verify": ca_file,
    }
    credential = {
        "tenant_id": environment["AZURE_TENANT_ID"],
        "client_id": environment["AZURE_CLIENT_ID"],
        "client_secret": environment["AZURE_CLIENT_SECRET"],
        "authority": environment["AZURE_AUTHORITY_HOST"],
        "disable_instance_discovery": True,
        "connection_verify": ca_file,
    }
    return clients, credential


def item(moves: Mapping[str, Any], machine: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where the protected item of a machine is: group, vault, fabric, container, name."""
    return moves["vault_group"], moves["vault"], moves["fabric"], moves["container"], machine["name"]


def enable(moves: Mapping[str, Any], machine: Mapping[str, Any]) -> Any:
    """Return the body that protects a machine with all its disks."""
    group = moves["target_group_id"]
    disks = [
        {
            "diskId": disk,
            "primaryStagingAzureStorageAccountId": machine["cache_id"],
            "recoveryResourceGroupId": group,
            "recoveryReplicaDiskAccountType": "Premium_LRS",
            "recoveryTargetDiskAccountType": "Premium_LRS",
        }
        for disk in machine["disk_ids"]
    ]
    details = {
        **A2A,
        "fabricObjectId": machine["id"],
        "recoveryContainerId": moves["target_container_id"],
        "recoveryResourceGroupId": group,
        "recoveryAzureNetworkId": moves["target_network_id"],
        "recoverySubnetName": moves["subnet"],
        "vmManagedDisks": disks,
    }
    return {"properties": {"policyId": moves["policy_id"], "providerSpecificDetails": details}}


def target(moves: Mapping[str, Any], machine: Mapping[str, Any]) -> Any:
    """Return the body that names the machine, its size and its network in the target region."""
    settings = {
        "recoveryAzureVMName": machine["name"],
        "recoveryAzureVMSize": moves["size"],
        "selectedRecoveryAzureNetworkId": moves["target_network_id"],
        "providerSpecificDetails": A2A,
    }
    return {"properties": settings}


def failover() -> Any:
    """Return the body that shuts the source down and fails over to the latest point."""
    wanted = {
        "failoverDirection": "PrimaryToRecovery",
        "sourceSiteOperations": "Required",
        "providerSpecificDetails": A2A,
    }
    return {"properties": wanted}


def has_booted(view: Any) -> bool:
    """Tell whether the agent of a machine that runs reports, by its instance view.

    Raises:
        NotRunningError: it does not.
    """
    codes = {status.code for status in view.statuses or ()}
    if "PowerState/running" not in codes:
        raise NotRunningError(f"the machine shows {sorted(codes)}")
    statuses = (view.vm_agent and view.vm_agent.statuses) or ()
    return any(status.display_status == "Ready" for status in statuses)
