"""Can the vault lie where the plan wants it, and is Site Recovery to be had there?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from migration.calls.reads import NAMESPACES
from migration.facts import UnaskedError
from migration.ids import describe, id_key
from migration.inventory import ProtectedItem
from migration.models import VmSpec
from migration.placement import DISKS_OF_SUBSCRIPTION, VAULTS_OF_SUBSCRIPTION
from migration.rules.case import Case, Hit, SharedCheck, source_group


def vault_place(case: Case) -> Iterator[Hit]:
    """Object to a vault that exists elsewhere than the plan says, or in the source region."""
    sources = {vm.source_region for vm in case.vms}
    for vault in case.vaults:
        found = case.inventory.vaults.about(vault.id)
        if found is None:
            continue
        if vault.region and found.location != vault.region:
            yield Hit(describe(vault.id), f"it exists in {found.location}, the plan says {vault.region}")
        elif found.location in sources:
            yield Hit(describe(vault.id), f"it lies in the source region, {found.location}")


def offered(case: Case) -> Iterator[Hit]:
    """Object to regions in which Recovery Services is not offered."""
    regions = sorted({region for vm in case.vms for region in (vm.source_region, vm.target_region)})
    regions += sorted({vault.region for vault in case.vaults if vault.region} - set(regions))
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
    sources = {vm.source_region for vm in case.vms}
    for account in [account for vault in case.vaults for account in vault.account_ids]:
        found = case.inventory.accounts.about(account)
        if found and sources - {found.location}:
            yield Hit(describe(account), f"it lies in {found.location}, the source region is {min(sources)}")


def plan_fits(case: Case) -> Iterator[Hit]:
    """Object where machines find no cache account with room, or a vault none in its subscription."""
    for misfit in case.placement.misfits if case.placement else ():
        yield Hit(misfit.subject, misfit.evidence, misfit.remedy)
    for subscription in sorted({vault.group[0].lower() for vault in case.vaults}):
        mine = [vault.id for vault in case.vaults if vault.group[0].lower() == subscription]
        wanted = [vault_id for vault_id in mine if case.inventory.vaults.about(vault_id) is None]
        there = case.inventory.vault_counts.about(subscription) or 0 if wanted else 0
        if there + len(wanted) > VAULTS_OF_SUBSCRIPTION:
            told = f"it has {there} vaults, {len(wanted)} more are wanted; it takes {VAULTS_OF_SUBSCRIPTION}"
            remedy = "name vaults that exist, or give the new ones another subscription; or delete what nobody uses"
            yield Hit(f"subscription {subscription}", told, remedy)


def protected_disks(case: Case) -> Iterator[Hit]:
    """Object where a subscription would have more protected disks than Site Recovery takes, there or going there."""
    items = [item for vault in case.vaults for item in case.inventory.items.about(vault.id) or ()]
    for subscription in searched(case):
        items += case.inventory.foreign_items.about(subscription) or ()
    ours = {id_key(vm.source_id) for vm in case.vms}
    others = [item for item in items if id_key(item.machine_id) not in ours]
    for subscription in subscriptions(case):
        here = f"/subscriptions/{subscription}/"
        protected = sum(item.disks for item in others if any(f"{id_key(one)}/".startswith(here) for one in _ends(item)))
        moving = [vm for vm in case.vms if subscription in _homes(vm)]
        more = sum(disks_of(case, vm) for vm in moving)
        if protected + more > DISKS_OF_SUBSCRIPTION:
            yield Hit(
                f"subscription {subscription}",
                f"{protected} disks are protected, {more} more move with {len(moving)} machines; "
                f"{DISKS_OF_SUBSCRIPTION} are taken",
            )


def disks_of(case: Case, vm: VmSpec) -> int:
    """Return how many disks of a machine move; of one that cannot be read it is one at least."""
    with suppress(UnaskedError):
        return len(case.kept_disks(vm))
    return 1


def _ends(item: ProtectedItem) -> tuple[str, str]:
    return item.machine_id, item.target_group_id


def searched(case: Case) -> list[str]:
    """Return the subscriptions of which every vault is looked at."""
    return sorted({source_group(vm)[0].lower() for vm in case.vms} | {vault.group[0].lower() for vault in case.vaults})


def _homes(vm: VmSpec) -> set[str]:
    return {source_group(vm)[0].lower(), vm.target_subscription.lower()}


def subscriptions(case: Case) -> list[str]:
    """Return the subscriptions in which the move works."""
    found = {vault.group[0].lower() for vault in case.vaults}
    for vm in case.vms:
        found |= {source_group(vm)[0].lower(), vm.target_subscription.lower()}
    return sorted(found)


SHARED_CHECKS: dict[str, SharedCheck] = {
    "vault-place": vault_place,
    "site-recovery-offered": offered,
    "providers-registered": registered,
    "cache-account": cache_account,
    "plan-fits": plan_fits,
    "protected-disks": protected_disks,
}
