"""Why a job of Site Recovery fails in the estate, by its numeric code (``causes.py`` lists what brings each about).

Codes and words follow Microsoft's troubleshooting pages and field reports. The codes of the last section are
assumptions: what fails is documented, its number is not.
"""

from __future__ import annotations

from simulator.siterecovery.refusals import AsrError


def capacity(detail: str) -> AsrError:
    """The target region has no quota, or does not offer the size."""
    return AsrError(
        "150097",
        f"Failover couldn't create the virtual machine in the target region. {detail}",
        "The subscription's quota in the target region is used up, or the VM size isn't available there.",
        "Raise the quota, or choose another VM size in 'Compute and Network' of the replicated item, and retry.",
    )


def provisioning(vm: str, state: str) -> AsrError:
    """The machine is being changed, or a change has failed."""
    return AsrError(
        "150019",
        f"The virtual machine '{vm}' isn't in a valid provisioning state: '{state}'.",
        "Another operation is changing the virtual machine, or the last one failed.",
        "Wait until the provisioning state is 'Succeeded', or repair it, then retry the operation.",
    )


def disk_not_found(vm: str, disk: str) -> AsrError:
    """A disk of the request is not one of the machine's."""
    return AsrError(
        "150039",
        f"The Azure data disk '{disk}' of the virtual machine '{vm}' wasn't found.",
        "The disk isn't attached to the virtual machine, or isn't initialised inside it.",
        "Check that the disk is attached and initialised, then retry the operation.",
    )


def needs_running_vm(vm: str) -> AsrError:
    """The agent has to be uninstalled from inside the machine."""
    return AsrError(
        "150144",
        "Disable replication requires action within the VM, which thus requires the VM to be in 'running' power "
        "status.",
        f"The virtual machine '{vm}' isn't running.",
        "Start the virtual machine and retry, or remove the replicated item by purging it.",
    )


def replica_exists(disk: str) -> AsrError:
    """A replica disk of an earlier protection is there still."""
    return AsrError(
        "150161",
        f"Protection couldn't be enabled because the replica managed disk '{disk}' already exists, without the "
        "expected tags, in the target resource group.",
        "The virtual machine was replicated before and the replica disk wasn't cleaned up.",
        "Delete the replica disk and restart the failed protection job.",
    )


def source_gone(vm: str) -> AsrError:
    """Information: disabled although nothing could be done in the machine."""
    return AsrError(
        "150225",
        f"Replication was disabled for the virtual machine '{vm}' with information: the virtual machine is gone.",
        "The virtual machine was deleted.",
        "No action is needed.",
    )


# From here on the numbers are assumptions.


def vm_not_found(vm: str) -> AsrError:
    """There is no such machine."""
    return AsrError(
        "150016",
        f"The virtual machine '{vm}' wasn't found.",
        "The virtual machine was deleted, or its id isn't right.",
        "Specify an existing virtual machine.",
    )


def wrong_region(vm: str, actual: str, expected: str) -> AsrError:
    """The machine is not in the fabric's region."""
    return AsrError(
        "150017",
        f"The virtual machine '{vm}' is in '{actual}', but the fabric is in '{expected}'.",
        "The virtual machine isn't in the region of the source fabric.",
        "Enable replication in the fabric of the virtual machine's region.",
    )


def vm_not_running(vm: str) -> AsrError:
    """The machine is switched off."""
    return AsrError(
        "150020",
        f"The virtual machine '{vm}' isn't running.",
        "The mobility service can be installed only while the virtual machine runs.",
        "Start the virtual machine and retry the operation.",
    )


def protected_already(vm: str, vault: str) -> AsrError:
    """Another item replicates the machine."""
    return AsrError(
        "150024",
        f"The virtual machine '{vm}' is already protected in the vault '{vault}'.",
        "A virtual machine can be replicated only once.",
        "Disable the existing replication first.",
    )


def disk_unsupported(disk: str, reason: str) -> AsrError:
    """A disk cannot be replicated."""
    return AsrError(
        "150172",
        f"Protection couldn't be enabled for the virtual machine because its disk '{disk}' isn't supported: {reason}.",
        "The disk's type or size isn't supported for replication.",
        "Exclude the disk, or change its type or size, and retry.",
    )


def os_disk_excluded(disk: str) -> AsrError:
    """The OS disk has to be replicated."""
    return AsrError(
        "150173",
        f"The OS disk '{disk}' isn't among the disks to be replicated.",
        "The OS disk can't be excluded from replication.",
        "Include the OS disk and retry.",
    )


def too_many_disks(subscription: str, limit: int) -> AsrError:
    """The subscription protects as many disks as it may."""
    return AsrError(
        "150174",
        f"The subscription '{subscription}' can't have more than {limit} protected disks.",
        "Site Recovery limits the number of disks that are protected in one subscription.",
        "Move machines that are replicated already and disable their replication, or use another subscription.",
    )


def too_many_data_disks(vm: str, limit: int) -> AsrError:
    """The machine has more data disks than Site Recovery replicates."""
    return AsrError(
        "150176",
        f"Protection couldn't be enabled for the virtual machine '{vm}' because it has more than {limit} data disks.",
        "Site Recovery limits the number of data disks of a virtual machine.",
        "Exclude data disks from replication and retry.",
    )


def group_full(group: str, limit: int) -> AsrError:
    """The consistency group has as many machines as it may."""
    return AsrError(
        "150175",
        f"The multi-VM consistency group '{group}' can't have more than {limit} virtual machines.",
        "Site Recovery limits the number of virtual machines in one consistency group.",
        "Use another group for the virtual machine.",
    )


def cache_account(account: str, reason: str) -> AsrError:
    """The cache storage account cannot be used."""
    return AsrError(
        "150075",
        f"The cache storage account '{account}' can't be used: {reason}.",
        "The cache storage account has to be in the source region and to exist.",
        "Specify an existing storage account of the source region.",
    )


def target_missing(kind: str, name: str) -> AsrError:
    """A target object does not exist."""
    return AsrError(
        "150076",
        f"The {kind} '{name}' wasn't found.",
        f"The {kind} was deleted, or its name isn't right.",
        f"Specify an existing {kind} in the replicated item's settings and retry.",
    )


def name_taken(kind: str, name: str) -> AsrError:
    """Something else has the name in the target group."""
    return AsrError(
        "150098",
        f"The {kind} '{name}' already exists in the target resource group.",
        f"A {kind} with the same name exists that Site Recovery hasn't created.",
        "Delete or rename it, or choose another name in the replicated item's settings, and retry.",
    )


def azure_refused(code: str, message: str) -> AsrError:
    """Creating or deleting a resource was refused by Azure itself."""
    return AsrError(
        "150099",
        f"An Azure operation failed with the error '{code}': {message}",
        "The resource provider refused the operation.",
        "Resolve the reason and retry the operation.",
    )


def not_registered(subscription: str, namespace: str) -> AsrError:
    """The subscription may not use a provider that Site Recovery needs."""
    return azure_refused(
        "MissingSubscriptionRegistration",
        f"The subscription '{subscription}' is not registered to use namespace '{namespace}'.",
    )


def locked(id_: str, lock: str) -> AsrError:
    """A lock forbids what has to be done."""
    return azure_refused("ScopeLocked", f"The scope '{id_}' cannot perform the operation because of the lock '{lock}'.")


def shutdown_failed(vm: str) -> AsrError:
    """The source did not shut down; the failover goes on."""
    return AsrError(
        "150110",
        f"The virtual machine '{vm}' couldn't be shut down.",
        "The virtual machine didn't respond to the shutdown request.",
        "Shut down the virtual machine yourself, so that not two copies run.",
    )


def synchronise_failed(vm: str) -> AsrError:
    """The last changes of the source did not come over; the failover goes on with the newest point that there is."""
    return AsrError(
        "150112",
        f"The latest changes of the virtual machine '{vm}' couldn't be synchronized.",
        "The cache storage account couldn't be reached, or the changes didn't arrive in time.",
        "Use the newest recovery point, or cancel and fail over again.",
    )


def no_point(item: str) -> AsrError:
    """There is no recovery point to use."""
    return AsrError(
        "150111",
        f"No recovery point of '{item}' can be used.",
        "The recovery point was removed, or none was created yet.",
        "Choose another recovery point.",
    )


def reference_unusable(kind: str, name: str, reason: str) -> AsrError:
    """An availability set, zone or the like of the target cannot be used."""
    return AsrError(
        "150077",
        f"The {kind} '{name}' can't be used in the target region: {reason}.",
        f"The {kind} that the replicated item's settings name doesn't fit the target region.",
        f"Choose another {kind} in the replicated item's settings and retry.",
    )


def same_region(region: str) -> AsrError:
    """Source and target are one region, and no other zone is wanted."""
    return AsrError(
        "150018",
        f"The source and the target are both in '{region}'.",
        "Within one region a virtual machine is replicated from one availability zone to another only.",
        "Choose a target in another region, or a target zone other than the virtual machine's own.",
    )


def reboot_wanted(vm: str) -> AsrError:
    """Information: the agent works, and wants a restart (documented as 151083)."""
    return AsrError(
        "151083",
        f"The mobility service of the virtual machine '{vm}' was updated with warnings.",
        "A component of the update takes effect only after a restart.",
        "No action is needed at once. Restart the virtual machine in the next maintenance window.",
    )
