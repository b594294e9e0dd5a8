"""Are the names free that Site Recovery will give what it makes in the target group?

It names the virtual machine as the plan says, network interfaces and disks as at the source, replica disks
`<disk>-ASRReplica`, what a test failover makes `<name>-test` and `<disk>-ASRtest`.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration import ids
from migration.ids import describe, id_key
from migration.models import VmSpec
from migration.rules.case import Case, Hit, VmCheck, target_group

REPLICA_SUFFIX = "-ASRReplica"
TEST_DISK_SUFFIX = "-ASRtest"
TEST_SUFFIX = "-test"


def machine_name_free(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a virtual machine that has the target's name already."""
    if _is_taken(case, vm, vm.target_id):
        yield Hit(describe(vm.target_id), "a virtual machine of this name is there already")


def nic_names_free(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to network interfaces that have the names of the source's."""
    for nic_id in target_nic_ids(case, vm):
        if _is_taken(case, vm, nic_id):
            yield Hit(describe(nic_id), "a network interface of this name is there already")


def disk_names_free(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to disks that have the names of the source's."""
    for disk_id in target_disk_ids(case, vm):
        if _is_taken(case, vm, disk_id):
            yield Hit(describe(disk_id), "a disk of this name is there already")


def replica_disks_free(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to replica disks that an earlier protection left and that are not of the item that goes on."""
    item = case.inventory.item_of(vm.source_id)
    known = {id_key(replica) for replica in item.replica_disk_ids} if item else set()
    for disk_id in target_disk_ids(case, vm, REPLICA_SUFFIX):
        if id_key(disk_id) not in known and not case.owns(disk_id) and _exists(case, vm, disk_id):
            yield Hit(describe(disk_id), "a replica disk is left from an earlier protection")


def test_names_free(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to what has the names of the test failover, if the plan asks for one."""
    if not case.failover.test_first:
        return
    nics = [f"{nic_id}{TEST_SUFFIX}" for nic_id in target_nic_ids(case, vm)]
    for resource_id in (vm.test_vm_id, *nics, *target_disk_ids(case, vm, TEST_DISK_SUFFIX)):
        if not case.owns(resource_id) and _exists(case, vm, resource_id):
            yield Hit(describe(resource_id), "the test failover would give its own this name")


def plan_names_differ(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object where an earlier virtual machine of the plan brings a disk or interface of the same name to the group."""
    for resource_id in case.will_be_made(vm):
        first = case.brought[id_key(resource_id)]
        if first != vm.name:
            yield Hit(describe(resource_id), f'virtual machine "{first}" of the plan brings one of this name too')


def target_nic_ids(case: Case, vm: VmSpec) -> list[str]:
    """Return the ids that the network interfaces will have."""
    machine = case.machine(vm)
    names = [nic_id.rsplit("/", 1)[-1] for nic_id in machine.nic_ids] if machine else []
    return [ids.nic_id(*target_group(vm), name) for name in names]


def target_disk_ids(case: Case, vm: VmSpec, suffix: str = "") -> list[str]:
    """Return the ids that the disks will have, or with a suffix their replicas and test disks."""
    return [ids.disk_id(*target_group(vm), f"{disk.name}{suffix}") for disk in case.kept_disks(vm)]


def _is_taken(case: Case, vm: VmSpec, resource_id: str) -> bool:
    # Before the cutover nothing of the failover exists yet, so that then even what our ledger predicts is a stranger's.
    return (case.moment == "cutover" or not case.owns(resource_id)) and _exists(case, vm, resource_id)


def _exists(case: Case, vm: VmSpec, resource_id: str) -> bool:
    return any(ids.same_id(there, resource_id) for there in _ids_in_group(case, vm, resource_id))


def _ids_in_group(case: Case, vm: VmSpec, alike: str) -> list[str]:
    group, inventory = vm.target_resource_group_id, case.inventory
    match ids.ResourceId.parse(alike).names[-1][0]:
        case "virtualMachines":
            return [machine.id for machine in inventory.group_machines.about(group) or ()]
        case "networkInterfaces":
            return [nic.id for nic in inventory.group_nics.about(group) or ()]
        case _:
            return [disk.id for disk in inventory.group_disks.about(group) or ()]


CHECKS: dict[str, VmCheck] = {
    "target-name-free": machine_name_free,
    "target-nic-free": nic_names_free,
    "target-disk-free": disk_names_free,
    "replica-disk-free": replica_disks_free,
    "test-names-free": test_names_free,
    "plan-names-differ": plan_names_differ,
}
