"""What in the estate makes Site Recovery refuse or fail, at which moment, with which code, and what mends it.

Nothing here is a switch: each cause is a state of the estate (a quota, a lock, a policy, a disk, what the guest
answers) that the seed or a request brings about, and that goes away when that state does. The list is what
``docs/simulator.md`` prints and what tests walk; the words of the errors are in ``failures.py`` and
``guest_failures.py``, and the checks stand where the work is done.
"""

from __future__ import annotations

from dataclasses import dataclass

REFUSED = ""
"""The `task` of a cause for which the request itself is refused."""
CHECK = "Prerequisites check"
INSTALL = "Installing Mobility Service and preparing target"
FAILOVER_CHECK = "Prerequisites check for failover"
START_FAILOVER = "Start failover"
SYNCHRONISE = "Synchronizing the latest changes"
SHUT_DOWN = "Shut down the virtual machine"
UNINSTALL = "Uninstalling the Mobility Service"
REMOVE_REPLICAS = "Removing the replica disks"


@dataclass(frozen=True)
class Cause:
    """One cause of failure."""

    name: str
    scenario: str
    """The job's `scenarioName`, also where the request is refused."""
    task: str
    """The friendly name of the task that fails; empty: the request is refused."""
    code: str
    """The job's error code, or the code of the refusal."""
    brought_about_by: str
    mended_by: str
    inner: str = ""
    """The code of Azure's own refusal in the message, where the job's code (150099) stands for any."""


_GUEST = "behaviour of the VM"
CAUSES = (
    # Refused at once.
    Cause("provider-not-registered", "EnableDr", REFUSED, "MissingSubscriptionRegistration",
          "Microsoft.RecoveryServices unregistered in the vault's subscription", "registering it"),
    Cause("vault-locked", "EnableDr", REFUSED, "ScopeLocked",
          "a ReadOnly lock on the vault or above", "deleting the lock"),
    # Enabling: what Site Recovery sees of the estate.
    Cause("vm-absent", "EnableDr", CHECK, "150016", "no such VM", "creating it"),
    Cause("vm-elsewhere", "EnableDr", CHECK, "150017", "a VM of another region than the fabric", "another fabric"),
    Cause("vm-replicated", "EnableDr", CHECK, "150024", "another item for the VM", "removing that item"),
    Cause("vm-busy", "EnableDr", CHECK, "150019", "provisioningState of the VM is not Succeeded", "waiting, repairing"),
    Cause("vm-off", "EnableDr", CHECK, "150020", "the VM does not run", "starting it"),
    Cause("agent-silent", "EnableDr", CHECK, "150023", f"{_GUEST}: agent", "a ready VM agent"),
    Cause("disk-too-big", "EnableDr", CHECK, "150172", "an OS disk over 4,095 GiB, a data disk over 32,767 GiB",
          "leaving a data disk out"),
    Cause("disk-ultra", "EnableDr", CHECK, "150172", "a disk with the SKU UltraSSD_LRS", "leaving it out"),
    Cause("disk-shared", "EnableDr", CHECK, "150172", "a disk with maxShares over 1", "leaving it out"),
    Cause("disk-uninitialised", "EnableDr", CHECK, "150039", f"{_GUEST}: uninitialised_luns", "initialising the disk"),
    Cause("disk-absent", "EnableDr", CHECK, "150039", "a disk that the VM does not have", "the right disk"),
    Cause("os-disk-left-out", "EnableDr", CHECK, "150173", "vmManagedDisks without the OS disk", "including it"),
    Cause("cache-unusable", "EnableDr", CHECK, "150075", "a cache account that is absent or in another region",
          "an account of the source region"),
    Cause("too-many-disks", "EnableDr", CHECK, "150174", "setting protected_disks_per_subscription reached",
          "removing others"),
    Cause("too-many-data-disks", "EnableDr", CHECK, "150176", "setting data_disks_per_machine exceeded",
          "leaving data disks out"),
    Cause("group-full", "EnableDr", CHECK, "150175", "16 VMs of one multiVmGroupName", "another group"),
    Cause("target-absent", "EnableDr", CHECK, "150076", "no such target group, network, subnet, availability set, ...",
          "creating it"),
    Cause("zone-absent", "EnableDr", CHECK, "150077", "a target zone that the region does not have", "another zone"),
    Cause("same-region", "EnableDr", CHECK, "150018", "source and target in one region and zone", "another zone"),
    Cause("quota-exceeded", "EnableDr", CHECK, "150097", "quotas of the target region: cores, a family, VMs",
          "raising the quota"),
    Cause("size-not-offered", "EnableDr", CHECK, "150097", "quotas of the target region: the size is 0",
          "offering the size, another size"),
    Cause("size-not-offered-in-zone", "EnableDr", CHECK, "150097", "quotas of the target region: the size lacks a zone",
          "another zone"),
    # Enabling: the agent, the cache, the replica disks.
    Cause("source-locked", "EnableDr", INSTALL, "150099", "a ReadOnly lock on the VM, its group or subscription",
          "deleting the lock", "ScopeLocked"),
    Cause("cache-locked", "EnableDr", INSTALL, "150099", "a ReadOnly lock on the cache account", "deleting the lock",
          "ScopeLocked"),
    Cause("disk-locked", "EnableDr", INSTALL, "150099", "a ReadOnly lock on a source disk", "deleting the lock",
          "ScopeLocked"),
    Cause("target-group-locked", "EnableDr", INSTALL, "150099", "a ReadOnly lock on the target group",
          "deleting the lock", "ScopeLocked"),
    Cause("policy-denies-extension", "EnableDr", INSTALL, "150099", "a policy that denies VM extensions",
          "changing the assignment", "RequestDisallowedByPolicy"),
    Cause("policy-denies-disk", "EnableDr", INSTALL, "150099", "a policy that denies disks in the target group",
          "changing the assignment", "RequestDisallowedByPolicy"),
    Cause("target-provider-not-registered", "EnableDr", INSTALL, "150099",
          "Microsoft.Compute unregistered in the target's subscription", "registering it",
          "MissingSubscriptionRegistration"),
    Cause("replica-left-over", "EnableDr", INSTALL, "150161", "a disk <source>-ASRReplica without this item's tag",
          "deleting it"),
    Cause("os-unsupported", "EnableDr", INSTALL, "A2AOperatingSystemNotSupported", f"{_GUEST}: os", "another system"),
    Cause("kernel-unsupported", "EnableDr", INSTALL, "151141", f"{_GUEST}: os.kernel", "a supported kernel"),
    Cause("controller-unsupported", "EnableDr", INSTALL, "151273", "an NVMe-only size with a system that lacks it",
          "another size"),
    Cause("snapshot-services-disabled", "EnableDr", INSTALL, "151025", f"{_GUEST} (Windows): services VSS, COMSysApp",
          "enabling them"),
    Cause("boot-by-lvm", "EnableDr", INSTALL, "151124", f"{_GUEST}: grub, a device mapper's name", "correcting GRUB"),
    Cause("boot-by-device-name", "EnableDr", INSTALL, "151126", f"{_GUEST}: grub, a device name", "UUIDs in GRUB"),
    Cause("certificates-missing", "EnableDr", INSTALL, "151066", f"{_GUEST}: certificates", "installing the roots"),
    Cause("name-resolution", "EnableDr", INSTALL, "151195", f"{_GUEST}: dns", "a DNS server that answers"),
    Cause("proxy-authenticated", "EnableDr", INSTALL, "151072", f"{_GUEST}: proxy", "an open proxy, or none"),
    Cause("no-way-out", "EnableDr", INSTALL, "151192", f"{_GUEST}: outbound", "a NAT gateway, a public IP"),
    Cause("sign-in-blocked", "EnableDr", INSTALL, "151196", f"{_GUEST}: outbound", "tag AzureActiveDirectory"),
    Cause("service-blocked", "EnableDr", INSTALL, "151197", f"{_GUEST}: outbound", "tags AzureSiteRecovery, EventHub"),
    Cause("storage-blocked", "EnableDr", INSTALL, "151037", f"{_GUEST}: outbound", "tag Storage"),
    # Failing over.
    Cause("point-gone", "UnplannedFailover", FAILOVER_CHECK, "150111", "a recovery point that is not there (any more)",
          "another point"),
    Cause("name-taken", "UnplannedFailover", FAILOVER_CHECK, "150098", "a VM of that name in the target group",
          "another name, deleting it"),
    Cause("failover-group-locked", "UnplannedFailover", FAILOVER_CHECK, "150099", "a ReadOnly lock on the target group",
          "deleting the lock", "ScopeLocked"),
    Cause("shutdown-fails", "UnplannedFailover", SHUT_DOWN, "150110", f"{_GUEST}: shutdown_fails",
          "shutting it down by hand; the failover goes on"),
    Cause("shutdown-locked", "UnplannedFailover", SHUT_DOWN, "150099", "a ReadOnly lock on the VM or above",
          "deleting the lock; the failover goes on", "ScopeLocked"),
    Cause("synchronise-fails", "UnplannedFailover", SYNCHRONISE, "150112", f"{_GUEST}: synchronise_fails",
          "nothing; the failover goes on with the newest point that there is"),
    Cause("failover-quota-exceeded", "UnplannedFailover", START_FAILOVER, "150097",
          "quotas of the target region fell since", "raising the quota, another size"),
    Cause("disk-name-taken", "UnplannedFailover", START_FAILOVER, "150098", "a disk of that name in the target group",
          "another name, deleting it"),
    Cause("nic-name-taken", "UnplannedFailover", START_FAILOVER, "150098", "a NIC of that name in the target group",
          "another name, deleting it"),
    Cause("subnet-full", "UnplannedFailover", START_FAILOVER, "150099", "no free address in the target subnet",
          "a larger subnet, freeing addresses", "SubnetIsFull"),
    Cause("policy-denies-vm", "UnplannedFailover", START_FAILOVER, "150099", "a policy that denies the VM",
          "changing the assignment", "RequestDisallowedByPolicy"),
    # Afterwards.
    Cause("disable-while-off", "DisableDr", CHECK, "150144", "the source does not run", "starting it, or purging"),
    Cause("disable-locked", "DisableDr", UNINSTALL, "150099", "a lock on the VM or above", "deleting the lock",
          "ScopeLocked"),
    Cause("replica-locked", "DisableDr", REMOVE_REPLICAS, "150099", "a lock on a replica disk or above",
          "deleting the lock", "ScopeLocked"),
)  # fmt: skip
"""Every cause that there is, in the order in which Site Recovery comes upon them."""
