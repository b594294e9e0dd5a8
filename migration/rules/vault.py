"""Can the vault lie where the plan wants it, and is Site Recovery to be had there?"""

from __future__ import annotations

from collections.abc import Iterator

from migration.calls.reads import NAMESPACES
from migration.ids import describe, id_key
from migration.models import VmSpec
from migration.rules.case import Case, Hit, SharedCheck, source_group

MAX_PROTECTED_DISKS = 3000
"""In a subscription, be it the source's or the target's."""


def vault_place(case: Case) -> Iterator[Hit]:
    """Object to a vault that exists elsewhere than the plan says, or in the source region."""
    found = case.inventory.vault.known()
    sources = {vm.source_region for vm in case.vms}
    if found is None:
        return
    if case.vault_region and found.location != case.vault_region:
        yield Hit(describe(case.vault_id), f"it exists in {found.location}, the plan says {case.vault_region}")
    elif found.location in sources:
        yield Hit(describe(case.vault_id), f"it lies in the source region, {found.location}")


def offered(case: Case) -> Iterator[Hit]:
    """Object to regions in which Recovery Services is not offered."""
    regions = sorted({region for vm in case.vms for region in (vm.source_region, vm.target_region)})
    regions += [case.vault_region] if case.vault_region and case.vault_region not in regions else []
    for subscription in subscriptions(case):
        provider = case.inventory.providers.about(f"{subscription}/{NAMESPACES[0]}")
        for region in regions:
            if provider and region not in provider.vault_regions:
                yield Hit(f"region {region}", f"subscription {subscription} is offered no Recovery Services there")


def registered(case: Case) -> Iterator[Hit]:
    """Object to resource providers that are not registered in a subscription of the move."""
    for subscription in subscriptions(case):
        for namespace in NAMESPACES:
            provider = case.inventory.providers.about(f"{subscription}/{namespace}")
            state = provider.registration if provider else "unknown to Azure"
            if state != "Registered":
                remedy = f"az provider register --namespace {namespace} --subscription {subscription}"
                yield Hit(f"provider {namespace} in subscription {subscription}", f"it is {state}", remedy)


def cache_account(case: Case) -> Iterator[Hit]:
    """Object to a cache account that exists outside the source region."""
    if case.cache_account_id is None:
        return
    found = case.inventory.accounts.about(case.cache_account_id)
    sources = {vm.source_region for vm in case.vms}
    if found and sources - {found.location}:
        yield Hit(describe(case.cache_account_id), f"it lies in {found.location}, the source region is {min(sources)}")


def protected_disks(case: Case) -> Iterator[Hit]:
    """Object where a subscription would have more protected disks than Site Recovery takes."""
    items = [*(case.inventory.items.known() or ())]
    for subscription in sorted({source_group(vm)[0].lower() for vm in case.vms}):
        items += case.inventory.foreign_items.about(subscription) or ()
    ours = {id_key(vm.source_id) for vm in case.vms}
    for subscription in subscriptions(case):
        moving = [vm for vm in case.vms if subscription in _homes(vm)]
        protected = sum(
            item.disks
            for item in items
            if id_key(item.machine_id) not in ours
            and item.machine_id.lower().startswith(f"/subscriptions/{subscription}/")
        )
        more = sum(len(case.kept_disks(vm)) for vm in moving)
        if protected + more > MAX_PROTECTED_DISKS:
            yield Hit(
                f"subscription {subscription}",
                f"{protected} disks are protected, {more} more move; {MAX_PROTECTED_DISKS} are taken",
            )


def _homes(vm: VmSpec) -> set[str]:
    return {source_group(vm)[0].lower(), vm.target_subscription.lower()}


def subscriptions(case: Case) -> list[str]:
    """Return the subscriptions in which the move works."""
    found = {case.vault_group[0].lower()}
    for vm in case.vms:
        found |= {source_group(vm)[0].lower(), vm.target_subscription.lower()}
    return sorted(found)


SHARED_CHECKS: dict[str, SharedCheck] = {
    "vault-place": vault_place,
    "site-recovery-offered": offered,
    "providers-registered": registered,
    "cache-account": cache_account,
    "protected-disks": protected_disks,
}
