"""Does a management lock stand in the way of the move, or of its undoing?"""

from __future__ import annotations

from collections.abc import Iterator

from migration import ids
from migration.ids import describe
from migration.inventory import Lock
from migration.rules.case import Case, Hit, SharedCheck, source_group, target_group
from migration.severities import Severity


def source(case: Case) -> Iterator[Hit]:
    """Object to read-only locks over a source; warn of locks that keep its extension from being removed again."""
    for vm in case.vms:
        for lock in _locks(case, *source_group(vm)):
            if lock.holds(vm.source_id):
                yield _hit(vm.source_id, lock, "blocking" if _is_read_only(lock) else "warning")


def target(case: Case) -> Iterator[Hit]:
    """Object to locks over the target groups: what is made there must be changed, and deleted when undone."""
    for subscription, group in sorted({target_group(vm) for vm in case.vms}):
        group_id = ids.resource_group_id(subscription, group)
        for lock in _locks(case, subscription, group):
            if lock.holds(group_id):
                yield _hit(group_id, lock, "blocking")


def vault(case: Case) -> Iterator[Hit]:
    """Object to locks over the vault: its items, mappings and the cache account are deleted at the end."""
    for lock in _locks(case, *case.vault_group):
        if lock.holds(case.vault_id):
            yield _hit(case.vault_id, lock, "blocking")


def _locks(case: Case, subscription: str, group: str) -> tuple[Lock, ...]:
    group_id = ids.resource_group_id(subscription, group)
    absent = case.inventory.groups.about(group_id) is None
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
