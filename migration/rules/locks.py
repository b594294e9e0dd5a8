"""Does a management lock stand in the way of the move, or of its undoing?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from migration import ids
from migration.access import Lock
from migration.facts import UnaskedError
from migration.ids import describe
from migration.models import VmSpec
from migration.rules.case import Case, Hit, SharedCheck, source_group, target_group
from migration.severities import Severity


def source(case: Case) -> Iterator[Hit]:
    """Object to read-only locks over a source or its disks; warn of others, which keep its agent from going again."""
    for vm in case.vms:
        for lock in _locks(case, *source_group(vm)):
            if lock.holds(vm.source_id):
                yield _hit(vm.source_id, lock, "blocking" if _is_read_only(lock) else "warning")
        with suppress(UnaskedError):  # of one machine; the rules about it say what could not be asked
            yield from _disks(case, vm)


def _disks(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to read-only locks on disks that move: the snapshots of the copying are refused there."""
    for disk_id in [disk.id for disk in case.kept_disks(vm) if disk.id]:
        home = ids.ResourceId.parse(disk_id)
        for lock in _locks(case, home.subscription, home.resource_group or ""):
            if lock.holds(disk_id) and not lock.holds(vm.source_id) and _is_read_only(lock):
                yield _hit(disk_id, lock, "blocking")


def target(case: Case) -> Iterator[Hit]:
    """Object to locks over the target groups: what is made there must be changed, and deleted when undone."""
    for subscription, group in sorted({target_group(vm) for vm in case.vms}):
        group_id = ids.resource_group_id(subscription, group)
        for lock in _locks(case, subscription, group):
            if lock.holds(group_id):
                yield _hit(group_id, lock, "blocking")


def vault(case: Case) -> Iterator[Hit]:
    """Object to locks over the vault and the cache account: both are written to, and deleted at the end."""
    for group in case.vault_groups:
        vaults = [vault.id for vault in case.vaults if _is_in(vault.id, group)]
        accounts = sorted({account for vm in case.vms if _is_in(account := case.cache_account_of(vm), group)})
        for lock in _locks(case, *group):
            held = next((each for each in (*vaults, *accounts) if lock.holds(each)), None)
            if held is not None:
                yield _hit(held, lock, "blocking")


def _is_in(resource_id: str, group: tuple[str, str]) -> bool:
    home = ids.ResourceId.parse(resource_id)
    return ids.same_id(
        ids.resource_group_id(*group), ids.resource_group_id(home.subscription, home.resource_group or "")
    )


def _locks(case: Case, subscription: str, group: str) -> tuple[Lock, ...]:
    group_id = ids.resource_group_id(subscription, group)
    known = case.inventory.groups.get(ids.id_key(group_id))
    absent = known is not None and known.known() is None
    return () if absent else case.inventory.locks.about(group_id) or ()


def _hit(resource_id: str, lock: Lock, severity: Severity) -> Hit:
    effect = "nothing there may be changed" if _is_read_only(lock) else "nothing there may be deleted"
    where = "it" if ids.same_id(lock.scope, resource_id) else describe(lock.scope)
    return Hit(
        describe(resource_id),
        f'the {lock.level} lock "{lock.name}" lies on {where}: {effect}',
        f"az lock delete --ids {lock.scope}/providers/Microsoft.Authorization/locks/{lock.name}",
        severity=severity,
    )


def _is_read_only(lock: Lock) -> bool:
    return lock.level.lower() == "readonly"


SHARED_CHECKS: dict[str, SharedCheck] = {"locks-source": source, "locks-target": target, "locks-vault": vault}
