"""Every rule of preflight: what it asks, how bad a no is, what to do, which Site Recovery error it prevents.

Codes: `Troubleshoot Azure-to-Azure errors <https://learn.microsoft.com/azure/site-recovery/azure-to-azure-troubleshoot-errors>`_.
"""

from __future__ import annotations

from dataclasses import dataclass

from migration.findings import Moment
from migration.models import Severity

_DOCS = "https://learn.microsoft.com/azure"
_ERRORS = f"{_DOCS}/site-recovery/azure-to-azure-troubleshoot-errors"
_MATRIX = f"{_DOCS}/site-recovery/azure-to-azure-support-matrix"
_TUTORIAL = f"{_DOCS}/site-recovery/azure-to-azure-tutorial-migrate"
_NETWORKS = f"{_DOCS}/site-recovery/azure-to-azure-network-mapping"
_ADDRESSES = f"{_DOCS}/virtual-network/ip-services/private-ip-addresses"
_LOCKS = f"{_DOCS}/azure-resource-manager/management/lock-resources"
_QUOTAS = f"{_DOCS}/quotas/per-vm-quota-requests"
_HEALTH = f"{_DOCS}/site-recovery/azure-to-azure-troubleshoot-replication"

BOTH: tuple[Moment, ...] = ("start", "cutover")
START: tuple[Moment, ...] = ("start",)
CUTOVER: tuple[Moment, ...] = ("cutover",)


@dataclass(frozen=True)
class Rule:
    """A rule. *asks* is what has to be true; *remedy* what to do where it is not."""

    id: str
    asks: str
    remedy: str
    link: str
    severity: Severity = "blocking"
    prevents: str | None = None
    moments: tuple[Moment, ...] = START
    shared: bool = False
    """Whether it judges what virtual machines share, once for all."""


SOURCE = (
    Rule("source-exists", "The virtual machine exists.", "correct its name or resource group in the plan", _TUTORIAL,
         moments=BOTH),
    Rule("source-region", "It runs in the plan's source region.", "correct the region, or plan this one separately",
         _TUTORIAL),
    Rule("source-running", "It is running.", "start it: az vm start", _TUTORIAL, moments=BOTH),
    Rule("source-provisioned", "Its last change succeeded.",
         "wait if it is being updated; if it failed, mend it and run the change again", _ERRORS, prevents="150019",
         moments=BOTH),
    Rule("source-agent-ready", "Its guest agent answers.", "install or restart the Azure VM agent in the guest",
         f"{_DOCS}/virtual-machines/extensions/agent-windows"),
    Rule("source-extension-sound", "No Site Recovery extension of an earlier try has failed on it.",
         "if replication cannot be enabled, remove the extension first", _ERRORS, severity="warning"),
    Rule("source-unprotected", "No other vault protects it.",
         "disable that replication first, or leave the machine out", _ERRORS, prevents="150226"),
    Rule("item-usable", "No earlier move of it is half done in the plan's vault.",
         "finish or undo that move, or disable replication of the item in the vault", _ERRORS, prevents="150226"),
    Rule("eligible", "Site Recovery says that it can protect it.", "see the finding", _MATRIX),
)  # fmt: skip

DISKS = (
    Rule("disks-supported", "Site Recovery supports its disks.", "exclude the disk in the plan, or change its kind",
         _MATRIX),
    Rule("disk-sizes", "Its disks are of a size that Site Recovery takes.",
         "exclude the disk in the plan, or resize it", _MATRIX, prevents="150172"),
    Rule("disk-count", "It has no more disks than Site Recovery takes.", "exclude disks in the plan", _MATRIX),
    Rule("disk-encryption", "No disk is encrypted inside the guest.",
         "copy the keys to a key vault of the target region before the failover", _MATRIX, severity="warning",
         prevents="150175"),
    Rule("excluded-disks", "The disks left behind exist and the OS disk is not among them.",
         "correct excluded_disks in the plan", _TUTORIAL),
    Rule("disk-types", "The disk types wanted are for disks that it has, and possible there.",
         "correct disk_types in the plan", f"{_DOCS}/virtual-machines/disks-types"),
    Rule("encryption-set", "The disk encryption set exists in the target region.",
         "create it there, or correct the plan", f"{_DOCS}/virtual-machines/disk-encryption"),
)  # fmt: skip

TARGET = (
    Rule("size-offered", "The target region offers the size.",
         "choose another size or zone in the plan, or ask for access", _ERRORS, prevents="150097", moments=BOTH),
    Rule("size-fits", "The size takes its disks, interfaces and generation.", "choose another size in the plan",
         _ERRORS, prevents="150097"),
    Rule("quota", "The target region's quotas suffice for all that move.",
         "ask for more quota, or choose other sizes", _QUOTAS, prevents="150097", moments=BOTH, shared=True),
    Rule("target-name-free", "The name of the virtual machine is free in the target group.",
         "rename or remove that machine, or give the plan another target name or group", _TUTORIAL, moments=BOTH),
    Rule("target-nic-free", "The names of its network interfaces are free in the target group.",
         "rename or remove that interface, or choose another target group", _TUTORIAL, moments=BOTH),
    Rule("target-disk-free", "The names of its disks are free in the target group.",
         "rename or remove that disk, or choose another target group", _TUTORIAL, moments=BOTH),
    Rule("replica-disk-free", "No replica disk of an earlier protection is left.",
         "make sure that nobody needs the disk and delete it", _ERRORS, prevents="150161"),
    Rule("test-names-free", "The names of the test failover are free in the target group.",
         "rename or remove what has the name", _TUTORIAL),
    Rule("plan-names-differ",
         "No two virtual machines of the plan bring a disk or interface of one name to one group.",
         "give one of them another target group", _TUTORIAL),
)  # fmt: skip

NETWORK = (
    Rule("target-network", "The target network exists, in the target region and the target's subscription.",
         "create it, or correct the plan", _NETWORKS, moments=BOTH),
    Rule("target-subnet", "The subnet exists and takes virtual machines.", "create it, or correct the plan",
         _NETWORKS, moments=BOTH),
    Rule("subnet-space", "The subnet has an address for each interface.", "enlarge the subnet, or choose another",
         _ADDRESSES, shared=True),
    Rule("target-address", "The address wanted lies in the subnet and is free.",
         "choose another address in the plan", _ADDRESSES, moments=BOTH),
    Rule("static-address", "An address that is static at home has one in the target.",
         "name one as target.address; else it becomes dynamic", _ADDRESSES, severity="note"),
    Rule("test-network", "The test network exists in the target region and is not the production network.",
         "create an isolated network there, and name it as failover.test_network", _NETWORKS),
    Rule("network-mapping", "The source network is mapped to no other target network.",
         "use one target network for all machines of a network, or remove the mapping in the vault", _NETWORKS),
)  # fmt: skip

VAULT = (
    Rule("vault-place", "The vault lies in the plan's region, outside the source region.",
         "correct the vault's region in the plan, or name another vault", _TUTORIAL, shared=True),
    Rule("site-recovery-offered", "Site Recovery is offered in the regions.", "choose regions that offer it",
         _MATRIX, shared=True),
    Rule("providers-registered", "The resource providers are registered.",
         "register them: az provider register -n NAMESPACE",
         f"{_DOCS}/azure-resource-manager/management/resource-providers-and-types", shared=True),
    Rule("cache-account", "The cache account that the plan names lies in the source region.",
         "name an account of the source region, or none", _MATRIX, shared=True),
)  # fmt: skip

ACCESS = (
    Rule("permissions-vault", "The identity may do what the move does in the vault's group.",
         "grant it Site Recovery Contributor and Storage Account Contributor; Contributor where it makes the group",
         _TUTORIAL, moments=BOTH, shared=True),
    Rule("permissions-source", "The identity may do what the move does in the source group.",
         "grant it Virtual Machine Contributor there", _TUTORIAL, moments=BOTH, shared=True),
    Rule("permissions-target", "The identity may do what the move does in the target group.",
         "grant it Virtual Machine Contributor there; Contributor where it makes the group", _TUTORIAL, moments=BOTH,
         shared=True),
    Rule("permissions-network", "The identity may use the target network.", "grant it Network Contributor there",
         _TUTORIAL, moments=BOTH, shared=True),
    Rule("locks-source", "No lock keeps the source from being stopped and started.",
         "remove the lock for the time of the move", _LOCKS, prevents="150225", moments=BOTH, shared=True),
    Rule("locks-target", "No lock keeps us from making, and undoing, in the target group.",
         "remove the lock for the time of the move", _LOCKS, prevents="150225", moments=BOTH, shared=True),
    Rule("locks-vault", "No lock keeps us from making, and undoing, in the vault's group.",
         "remove the lock for the time of the move", _LOCKS, prevents="150225", moments=BOTH, shared=True),
)  # fmt: skip

READINESS = (
    Rule("still-protected", "It is protected.", "look at the item in the vault; resynchronise, or give the move up",
         _HEALTH, moments=CUTOVER),
    Rule("failover-allowed", "Site Recovery allows the failover now.",
         "look at the item in the vault for what it waits for", _HEALTH, moments=CUTOVER),
    Rule("replication-sound", "Its replication has no critical error.", "mend what the health error names", _HEALTH,
         moments=CUTOVER),
    Rule("recovery-point-fresh", "Its recovery point is no older than the plan allows.",
         "wait until replication has caught up, or raise failover.max_recovery_point_age", _HEALTH,
         prevents="153007", moments=CUTOVER),
    Rule("no-other-job", "No other job works on it.", "wait until the job has ended", _HEALTH, moments=CUTOVER),
    Rule("no-drift", "The source is as it was when replication began.",
         "undo the change, or give this move up and start it anew", _MATRIX, moments=CUTOVER),
)  # fmt: skip

ALREADY_MIGRATED = Rule(
    "already-migrated", "It has not been moved before.", "nothing: it counts as migrated", _TUTORIAL, severity="note"
)

RULES = (*SOURCE, *DISKS, *TARGET, *NETWORK, *VAULT, *ACCESS, *READINESS)
BY_ID = {rule.id: rule for rule in (*RULES, ALREADY_MIGRATED)}
