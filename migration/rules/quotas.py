"""Are the quotas large enough for all that moves?

A virtual machine counts once: its test failover is cleaned up before its failover begins, and both are of one size.
Those of all waves count together, for what has moved stays. Its disks count twice while it is protected: the replica
is there until replication is disabled, beside the test's disk or the target's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from migration.ids import id_key
from migration.inventory import Usage
from migration.models import VmSpec
from migration.rules.case import Case, Hit, SharedCheck, place
from migration.rules.sizes import closest, sku_of
from migration.rules.target import REPLICA_SUFFIX, target_disk_ids
from migration.severities import Severity

_DISK_QUOTAS = {
    "standard_lrs": "StandardDiskCount",
    "standardssd_lrs": "StandardSSDDiskCount",
    "standardssd_zrs": "StandardSSDZRSDiskCount",
    "premium_lrs": "PremiumDiskCount",
    "premium_zrs": "PremiumZRSDiskCount",
    "premiumv2_lrs": "PremiumV2DiskCount",
}
"""Compute's name of the quota of each disk type; a region lists those that it limits."""


def compute(case: Case) -> Iterator[Hit]:
    """Object to each quota of Compute that the virtual machines together would exceed: vCPUs, machines, disks."""
    for where in _places(case):
        vms = _those_in(case, where)
        usages = case.inventory.usages.about(where) or {}
        yield from _exceeded(where, usages, _machines(case, vms), vms)
        listed = {name: amount for name, amount in _disks(case, vms).items() if name.lower() in usages}
        yield from _exceeded(where, usages, Counter(listed), vms)


def network(case: Case) -> Iterator[Hit]:
    """Object to the quota of network interfaces; warn of that of public addresses, which a person makes anew."""
    for where in _places(case):
        vms = _those_in(case, where)
        usages = case.inventory.network_usages.about(where) or {}
        nics = [nic for vm in vms for nic in case.nics(vm)]
        yield from _exceeded(where, usages, Counter({"NetworkInterfaces": len(nics)}), vms)
        public = sum(len(nic.public_address_ids) for nic in nics)
        yield from _exceeded(where, usages, Counter({"PublicIPAddresses": public}), vms, severity="warning")


def storage(case: Case) -> Iterator[Hit]:
    """Object where cache accounts cannot be made because the source region has as many accounts as it may."""
    wanted: dict[str, dict[str, VmSpec]] = {}
    for vm in case.vms:
        account, vault = case.cache_account_of(vm), case.vault_of(vm)
        if account not in vault.account_ids or case.inventory.accounts.about(account) is None:
            wanted.setdefault(place(vault.group[0].lower(), vm.source_region), {})[id_key(account)] = vm
    for where, accounts in sorted(wanted.items()):
        usages = case.inventory.storage_usages.about(where) or {}
        yield from _exceeded(where, usages, Counter({"StorageAccounts": len(accounts)}), case.vms)


def _places(case: Case) -> list[str]:
    return sorted({place(vm.target_subscription, vm.target_region) for vm in case.vms})


def _those_in(case: Case, where: str) -> tuple[VmSpec, ...]:
    return tuple(vm for vm in case.vms if place(vm.target_subscription, vm.target_region) == where)


def _machines(case: Case, vms: tuple[VmSpec, ...]) -> Counter[str]:
    wanted: Counter[str] = Counter()
    for vm in vms:
        size = case.wanted_size(vm)
        sku = (sku_of(case, vm, size) or closest(case, vm)) if size else None
        if sku is not None:
            wanted.update({"cores": sku.vcpus, "virtualMachines": 1, sku.family: sku.vcpus})
    return wanted


def _disks(case: Case, vms: tuple[VmSpec, ...]) -> Counter[str]:
    """Count the disks to be made: replicas that are not there yet, and the test's or the target's beside them."""
    wanted: Counter[str] = Counter()
    for vm in vms:
        there = {id_key(disk.id) for disk in case.inventory.group_disks.about(vm.target_resource_group_id) or ()}
        replicas = target_disk_ids(case, vm, REPLICA_SUFFIX)
        for disk, replica in zip(case.kept_disks(vm), replicas, strict=True):
            kind = (vm.disk_type(disk.name) or disk.type or "").lower()
            if kind in _DISK_QUOTAS:
                wanted[_DISK_QUOTAS[kind]] += 1 if id_key(replica) in there else 2
    return wanted


def _exceeded(
    where: str,
    usages: dict[str, Usage],
    wanted: Counter[str],
    vms: tuple[VmSpec, ...],
    *,
    severity: Severity | None = None,
) -> Iterator[Hit]:
    subscription, _, region = where.partition("/")
    waves = len({vm.wave for vm in vms})
    who = f"for {len(vms)} machine{'s' if len(vms) != 1 else ''} of {waves} wave{'s' if waves != 1 else ''}"
    who += ", their tests included" if any(vm.test_network_id for vm in vms) else ""
    for name, amount in sorted(wanted.items()):
        usage = usages.get(name.lower())
        subject = f"quota {usage.label if usage else name} of subscription {subscription} in {region}"
        if usage is None:
            yield Hit(subject, "Azure does not list it", severity="unknown")
        elif amount and usage.used + amount > usage.limit:
            remedy = f"ask for a limit of {usage.used + amount} or more, or choose other sizes"
            evidence = f"{usage.limit} allowed, {usage.used} used, {amount} more wanted {who}"
            yield Hit(subject, evidence, remedy, severity=severity)


SHARED_CHECKS: dict[str, SharedCheck] = {"quota": compute, "quota-network": network, "quota-storage": storage}
