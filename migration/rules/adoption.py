"""Is the machine replicated already, and does a run go on with that? One answer for every state, reason included.

Ours is the item that bears the name that we give it, in the container that we make. What anybody else made is never
disabled; a run goes on with it only where the plan says `adopt: true` and it is what the plan wants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration import names
from migration.adoption import Adoption, Stage
from migration.ids import ResourceId, describe, id_key, same_id, vault_of
from migration.rules.case import Case, source_group

if TYPE_CHECKING:
    from migration.inventory import Machine, ProtectedItem
    from migration.models import VmSpec

ENABLING_FAILED = "EnablingFailed"
COMMITTED = "UnplannedFailoverCommitted"
FAILED_OVER = "UnplannedFailoverCommitPending"
FAILING_OVER = "UnplannedFailoverInProgress"
_REPLICATING = ("Protected", "InitialReplication", "Enabling")
"""Beginnings of the states before a failover; `EnablingFailed` is asked for first."""
_TEST_DONE = {"", "None", "MarkedForDeletion"}
_QUIET = {"", "none"}
_OTHER_WORK = ("commit", "switch", "reprotect", "reverse", "disable", "purge")
"""What a job's scenario has in it that ends a protection, or turns it round."""
_WAIT = "wait until that has ended, see that one copy serves, then start again"
_WHAT_TO_DO = {
    COMMITTED: "see whether the target was deleted; disable replication of the item, start the source, start again",
    "UnplannedFailoverFailed": "start the source if it is off (az vm start), starter.py clean PLAN, then start again",
}
_DISABLE = 'disable that replication where it was made, or hand it over with "adopt: true" in the plan'


def recognise(case: Case, vm: VmSpec) -> Adoption:
    """Return what a virtual machine's protection is, and what a run does with it.

    Raises:
        UnaskedError: The items of the vaults could not be read.
    """
    elsewhere = _in_another_vault(case, vm)
    if elsewhere is not None:
        return elsewhere
    item = case.inventory.item_of(vm.source_id)
    if item is None:
        back = case.inventory.item_of(vm.target_id)
        return _replicates_back(back) if back is not None else Adoption()
    return _in_its_vault(case, vm, item) or (_ours(case, vm, item) if is_ours(vm, item.id) else _handed_over(vm, item))


def is_ours(vm: VmSpec, item_id: str) -> bool:
    """Tell whether an item bears the name, and lies in the container, that this software gives."""
    found = dict(ResourceId.parse(item_id).names)
    container = found.get("replicationProtectionContainers", "")
    named = found.get("replicationProtectedItems", "").lower() == names.protected_item_name(vm.source_id).lower()
    return named and container.lower() == names.container_name(vm.source_region).lower()


def _in_another_vault(case: Case, vm: VmSpec) -> Adoption | None:
    for item in case.inventory.foreign_items.about(source_group(vm)[0]) or ():
        if same_id(item.machine_id, vm.source_id):
            told = f"{describe(vault_of(item.id))} protects it ({item.protection_state}), which is not the plan's vault"
            return _refused(item, told, "disable replication there first, or leave the machine out")
    return None


def _in_its_vault(case: Case, vm: VmSpec, item: ProtectedItem) -> Adoption | None:
    """Refuse an item in another vault of the plan than the one that the machine has to go by."""
    there = vault_of(item.id)
    if vm.name not in case.named or same_id(there, case.vaults[case.named[vm.name]].id):
        return None
    wanted = describe(case.vaults[case.named[vm.name]].id)
    told = f"{describe(there)} protects it ({item.protection_state}), the plan says {wanted}"
    return _refused(item, told, "let the plan name the vault that protects it, or none; or starter.py clean PLAN first")


def _replicates_back(item: ProtectedItem) -> Adoption:
    told = f"it was moved, and is replicated back by {describe(item.id)} ({item.protection_state})"
    return _refused(item, told, "nothing is left to move; leave the machine out of the plan")


def _ours(case: Case, vm: VmSpec, item: ProtectedItem) -> Adoption:
    differing = _differences(vm, item) if item.protection_state != ENABLING_FAILED else []
    if differing:
        told = f"an earlier run replicates it otherwise: {'; '.join(differing)}"
        return _refused(item, told, "starter.py clean PLAN with the plan of that run, then start again")
    stage, told = _stage(item)
    if stage == "refused":
        return _refused(item, told, _WHAT_TO_DO.get(item.protection_state, _WAIT))
    return Adoption(
        stage=stage,
        item_id=item.id,
        state=item.protection_state,
        told=f"{told} ({describe(item.id)}: {item.protection_state})",
        test_pending=item.test_failover_state not in _TEST_DONE,
        own_ids=[item.id, *item.replica_disk_ids, *extensions(case.machine(vm)), *target_parts(case, vm, item)],
    )


def _stage(item: ProtectedItem) -> tuple[Stage, str]:
    """Return how far an earlier run of ours got, by the state of its item and the job that works on it."""
    state, busy = item.protection_state, item.scenario.lower()
    cases: tuple[tuple[bool, Stage, str], ...] = (
        (state == ENABLING_FAILED, "enabling_failed", "an earlier enabling failed: it is removed and enabled anew"),
        (any(word in busy for word in _OTHER_WORK), "refused", f"{item.scenario} works on it"),
        (state == COMMITTED, "refused", "its failover is committed, and its target was not found"),
        (
            state.startswith(FAILED_OVER),
            "failed_over",
            "an earlier run has failed it over: it is verified and approved",
        ),
        (FAILING_OVER in {state, f"{item.scenario}InProgress"}, "failing_over", "an earlier run fails it over now"),
        (state.startswith(_REPLICATING), "replicating", "an earlier run replicates it: replication goes on"),
    )
    left = f"an earlier run left its item in state {state}"
    return next(((stage, told) for holds, stage, told in cases if holds), ("refused", left))


def _handed_over(vm: VmSpec, item: ProtectedItem) -> Adoption:
    """Judge an item that somebody else made in the plan's vault."""
    what = f"{describe(item.id)} protects it ({item.protection_state}), which this software did not make"
    if not vm.adopt:
        return _refused(item, what, _DISABLE)
    differing = _differences(vm, item)
    if differing:
        return _refused(item, f"{what}: {'; '.join(differing)}", "let plan and replication say the same")
    if not item.protection_state.startswith(_REPLICATING) or item.protection_state == ENABLING_FAILED:
        return _refused(item, what, "only what replicates and has not failed over is taken over")
    if item.test_failover_state not in _TEST_DONE or item.scenario.lower() not in _QUIET | {"enabledr"}:
        return _refused(item, f"{what}; {item.scenario} works on it", "wait until that is over, clean a test up")
    told = f"{what}: the plan takes it over, and never disables it on the way back"
    return Adoption(stage="replicating", item_id=item.id, state=item.protection_state, told=told, foreign=True)


def _refused(item: ProtectedItem, told: str, remedy: str) -> Adoption:
    return Adoption(stage="refused", item_id=item.id, state=item.protection_state, told=told, remedy=remedy)


def _differences(vm: VmSpec, item: ProtectedItem) -> list[str]:
    """Return what cannot be changed any more and is not as the plan wants it."""
    found = []
    if item.target_group_id and not same_id(item.target_group_id, vm.target_resource_group_id):
        found.append(f"into {describe(item.target_group_id)}, the plan says {vm.target_resource_group}")
    if item.target_vm_id and not same_id(item.target_vm_id, vm.target_id):
        found.append(f"its target is {describe(item.target_vm_id)}, the plan says {vm.target_name}")
    wanted = vm.consistency_group or ""
    if item.consistency_group.lower() != wanted.lower():
        told = f"in the consistency group {item.consistency_group}" if item.consistency_group else "in no group"
        found.append(f"{told}, the plan says {wanted or 'none'}, and Site Recovery lets none join or leave")
    excluded = [disk for disk in item.disk_ids if vm.excludes(disk.rsplit("/", 1)[-1])]
    found += [f"{describe(disk)} is replicated, the plan leaves it behind" for disk in excluded]
    return found


def extensions(machine: Machine | None) -> list[str]:
    """Return the ids of Site Recovery's extensions on a source: whoever protects it brought them."""
    if machine is None:
        return []
    named = [extension.name for extension in machine.extensions]
    return [f"{machine.id}/extensions/{name}" for name in named if name.lower().startswith("siterecovery")]


def target_parts(case: Case, vm: VmSpec, item: ProtectedItem) -> list[str]:
    """Return what the item's failover made: the machine that the item names, with what is attached to it.

    Only what lies in the target group under the names that Site Recovery takes from the source.
    """
    if not item.target_vm_id:
        return []
    machine = next(
        (one for one in case.inventory.group_machines.about(vm.target_resource_group_id) or () if _is(one, item)), None
    )
    attached = [*(disk.id for disk in machine.disks if disk.id), *machine.nic_ids] if machine else []
    wanted = {id_key(resource_id) for resource_id in case.will_be_made(vm)}
    return [vm.target_id, *(part for part in attached if id_key(part) in wanted)]


def _is(machine: Machine, item: ProtectedItem) -> bool:
    return same_id(machine.id, item.target_vm_id)
