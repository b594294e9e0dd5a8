"""What the steps of a migration make, by the names that Site Recovery gives: known before it is made.

The names are those of the recorded runs; the ledger (`migration.ledger`) holds what becomes of each.
"""

from migration import ids
from migration.ledger import Creator, LedgerEntry, State
from migration.models import SourceDisk, SourceVm, VmTask


def replication_entries(task: VmTask, source: SourceVm) -> list[LedgerEntry]:
    """Return what enabling replication makes: the item, a replica of each disk, the agent's extension on the source."""
    extension = f"{task.vm.source_id}/extensions/SiteRecovery-{source.os_type}"
    return [
        entry_of(task.item_id, "site_recovery", "replication of this virtual machine"),
        *(_disk(task, f"{disk.name}-ASRReplica", "replica disk") for disk in _moving_disks(task, source)),
        entry_of(extension, "site_recovery", "Site Recovery's agent on the source"),
    ]


def failover_entries(task: VmTask, source: SourceVm) -> list[LedgerEntry]:
    """Return what the failover makes: the target machine, its interfaces and disks, named as the source's."""
    return [
        entry_of(task.vm.target_id, "site_recovery", "the moved virtual machine"),
        *(_nic(task, nic.name, "its network interface") for nic in source.nics),
        *(_disk(task, disk.name, "its disk") for disk in _moving_disks(task, source)),
    ]


def return_entries(task: VmTask, source: SourceVm) -> list[LedgerEntry]:
    """Return what replicating back makes: the item in its new place, replicas where the source was, the agent."""
    home = ids.ResourceId.parse(task.vm.source_id)
    extension = f"{task.vm.target_id}/extensions/SiteRecovery-{source.os_type}"
    replicas = [
        ids.disk_id(home.subscription, home.resource_group or "", f"{disk.name}-ASRReplica")
        for disk in _moving_disks(task, source)
    ]
    return [
        entry_of(task.reversed.item_id, "site_recovery", "replication back to the old region"),
        *(entry_of(disk, "site_recovery", "replica disk in the old region") for disk in replicas),
        entry_of(extension, "site_recovery", "Site Recovery's agent on the target"),
    ]


def test_entries(task: VmTask, source: SourceVm) -> list[LedgerEntry]:
    """Return what a test failover makes until its clean-up."""
    return [
        entry_of(task.vm.test_vm_id, "site_recovery", "the virtual machine of the test failover"),
        *(_disk(task, f"{disk.name}-ASRtest", "disk of the test failover") for disk in _moving_disks(task, source)),
    ]


def _moving_disks(task: VmTask, source: SourceVm) -> list[SourceDisk]:
    return [disk for disk in source.disks if not task.vm.excludes(disk.name)]


def _disk(task: VmTask, name: str, why: str) -> LedgerEntry:
    disk = ids.disk_id(task.vm.target_subscription, task.vm.target_resource_group, name)
    return entry_of(disk, "site_recovery", why)


def _nic(task: VmTask, name: str, why: str) -> LedgerEntry:
    nic = ids.nic_id(task.vm.target_subscription, task.vm.target_resource_group, name)
    return entry_of(nic, "site_recovery", why)


def entry_of(resource_id: str, creator: Creator, why: str, state: State = "predicted") -> LedgerEntry:
    """Return the entry of a resource that *creator* makes, or has made."""
    kind = ids.ResourceId.parse(resource_id).type
    return LedgerEntry(id=resource_id, type=kind, created_by=creator, state=state, why=why)
