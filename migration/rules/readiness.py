"""Right before the failover: is the copy sound and fresh, and the source still what was copied?"""

from __future__ import annotations

from collections.abc import Iterator

from migration.checks import duration_text
from migration.facts import UnaskedError
from migration.ids import describe
from migration.inventory import ProtectedItem
from migration.models import VmSpec
from migration.rules import fingerprints
from migration.rules.case import Case, Hit, VmCheck


def still_protected(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a virtual machine that the vault does not protect any more."""
    item = case.inventory.item_of(vm.source_id)
    if item is None:
        yield Hit(describe(vm.source_id), f"{describe(case.vault_of(vm).id)} does not protect it any more")
    elif item.protection_state != "Protected":
        yield Hit(describe(item.id), f"its state is {item.protection_state}")


def failover_allowed(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object where Site Recovery does not list the failover among what may be done."""
    item = _protected(case, vm)
    if item and "UnplannedFailover" not in item.allowed_operations:
        yield Hit(describe(item.id), f"Site Recovery allows only {', '.join(item.allowed_operations) or 'nothing'}")


def replication_sound(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to critical health."""
    item = _protected(case, vm)
    if item and "critical" in {item.replication_health.lower(), item.failover_health.lower()}:
        yield Hit(describe(item.id), "; ".join(item.errors) or "its health is critical")


def recovery_point_fresh(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a recovery point that is older than the plan's limit."""
    item, limit = _protected(case, vm), case.failover.max_recovery_point_age
    if item is None:
        return
    if item.rpo_seconds is None:
        raise UnaskedError(f"reading {describe(item.id)}: Azure has not calculated its RPO yet")
    if item.rpo_seconds > limit:
        yield Hit(
            describe(item.id), f"its recovery point is {item.rpo_seconds} s old, the plan allows {duration_text(limit)}"
        )


def no_other_job(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a job that works on the item."""
    item = case.inventory.item_of(vm.source_id)
    if item and item.scenario.lower() not in {"", "none"}:
        yield Hit(describe(item.id), f"a job of kind {item.scenario} works on it")


def no_drift(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to changes of the source, and of what stands over it, that the first check did not see."""
    now = fingerprints.take(case, vm)
    if now is None:
        return
    if case.fingerprint is None:
        raise UnaskedError(f"comparing {describe(vm.source_id)}: what it was at the start is not recorded")
    for change in case.fingerprint.changes_to(now):
        yield Hit(describe(vm.source_id), change)


def _protected(case: Case, vm: VmSpec) -> ProtectedItem | None:
    item = case.inventory.item_of(vm.source_id)
    return item if item and item.protection_state == "Protected" else None


CHECKS: dict[str, VmCheck] = {
    "still-protected": still_protected,
    "failover-allowed": failover_allowed,
    "replication-sound": replication_sound,
    "recovery-point-fresh": recovery_point_fresh,
    "no-other-job": no_other_job,
    "no-drift": no_drift,
}
