"""What hangs on the source and will not be on the target: Site Recovery does not carry it.

`Support matrix <https://learn.microsoft.com/azure/site-recovery/azure-to-azure-support-matrix>`_, compute settings and
networking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from migration.ids import describe, same_id
from migration.models import VmSpec
from migration.parity.aspects import PREFIX, TABLE, Aspect
from migration.rules.case import Case, Hit, VmCheck, source_group
from migration.rules.chapters.not_carried import CHAPTER

_OWN_EXTENSIONS = "siterecovery"
_SHOWN = 5


def extensions(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Note the extensions that have to be installed again."""
    machine = case.machine(vm)
    named = [each.name for each in machine.extensions] if machine else []
    others = [name for name in named if not name.lower().startswith(_OWN_EXTENSIONS)]
    if others:
        yield Hit(describe(vm.source_id), f"it has the extensions {_listed(others)}")


def public_addresses(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of public addresses: whoever knows the machine by one does not find it any more."""
    for number, hit in enumerate(_on_nics(case, vm, "public_address_ids", "it has")):
        yield hit if number == 0 else replace(hit, remedy=_BY_HAND)


def load_balancers(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of backend pools that the target will not be in."""
    for nic in case.nics(vm):
        balancers = {pool.rsplit("/backendAddressPools/", 1)[0] for pool in nic.pool_ids}
        for balancer in sorted(balancers):
            yield Hit(describe(nic.id), f"it is in a backend pool of {describe(balancer)}")


def security_groups(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of security groups: the target's interfaces have none, and are open to what the subnet lets through."""
    for nic in case.nics(vm):
        if nic.security_group_id:
            yield Hit(describe(nic.id), f"it is under {describe(nic.security_group_id)}")
        for group in nic.application_group_ids:
            yield Hit(describe(nic.id), f"it is under {describe(group)}", remedy=_BY_HAND)


def addresses(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of addresses beside an interface's primary one."""
    for nic in case.nics(vm):
        if nic.more_addresses:
            yield Hit(describe(nic.id), f"it has the further addresses {_listed(nic.more_addresses)}")


def identities(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of managed identities: what the machine may do by them, the target may not."""
    machine = case.machine(vm)
    if machine and machine.identity_ids:
        named = [describe(each) if each.startswith("/") else each for each in machine.identity_ids]
        yield Hit(describe(vm.source_id), f"it has the managed identities {_listed(named)}")


def role_assignments(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of roles that others have on the machine, and of those that its own identity has elsewhere."""
    machine = case.machine(vm)
    if machine is None:
        return
    for assignment in case.inventory.role_assignments.about(source_group(vm)[0]) or ():
        if same_id(assignment.scope, vm.source_id):
            yield Hit(describe(vm.source_id), f"principal {assignment.principal_id} has a role on it")
        elif machine.principal_id and assignment.principal_id.lower() == machine.principal_id.lower():
            yield Hit(describe(vm.source_id), f"its identity has a role on {describe(assignment.scope)}")


def backup(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn of backups that go on for the source alone."""
    for item in case.inventory.backups.about(source_group(vm)[0]) or ():
        if same_id(item.machine_id, vm.source_id):
            yield Hit(describe(vm.source_id), f"{describe(item.vault_id)} backs it up")


def encryption_at_host(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Warn that the target will not be encrypted at its host."""
    machine = case.machine(vm)
    if machine and machine.encrypted_at_host:
        yield Hit(describe(vm.source_id), "it is encrypted at its host")


def _on_nics(case: Case, vm: VmSpec, field: str, what: str) -> Iterator[Hit]:
    for nic in case.nics(vm):
        for resource_id in getattr(nic, field):
            yield Hit(describe(nic.id), f"{what} {describe(resource_id)}")


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


_BY_HAND = "by hand"
"""Marks a hit that no plan can have restored, though others of its rule are."""


def _with_parity(aspect: Aspect, check: VmCheck) -> VmCheck:
    """Return *check* with a remedy that says what the move does about it by itself after the failover, or waits for."""

    def told(case: Case, vm: VmSpec) -> Iterator[Hit]:
        for hit in check(case, vm):
            what = _waits(aspect) if hit.remedy == _BY_HAND else _parity(aspect, vm)
            yield replace(hit, remedy=f"{_REMEDIES[TABLE[aspect].finding]}; {what}")

    return told


def _parity(aspect: Aspect, vm: VmSpec) -> str:
    named = {
        "security-groups": vm.parity.network_security_group,
        "public-addresses": vm.parity.public_ip,
        "load-balancer-pools": vm.parity.load_balancer_pools,
    }
    if aspect in vm.parity.restore and named.get(aspect, aspect != "ip-configurations"):
        return "the move does that by itself after the failover"
    if aspect in named:
        return f"the move does that where the plan names one; else {_waits(aspect)}"
    return _waits(aspect)


def _waits(aspect: Aspect) -> str:
    return f"the commit waits for it, or for a waiver of {PREFIX}{aspect}"


_REMEDIES = {rule.id: rule.remedy for rule in CHAPTER.rules}
_CHECKS: dict[Aspect, VmCheck] = {
    "extensions": extensions,
    "public-addresses": public_addresses,
    "load-balancer-pools": load_balancers,
    "security-groups": security_groups,
    "ip-configurations": addresses,
    "managed-identities": identities,
    "role-assignments": role_assignments,
    "backup": backup,
    "encryption-at-host": encryption_at_host,
}
CHECKS: dict[str, VmCheck] = {TABLE[aspect].finding: _with_parity(aspect, check) for aspect, check in _CHECKS.items()}
"""Each by the rule that foretells its aspect of parity."""
