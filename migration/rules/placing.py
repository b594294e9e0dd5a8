"""Plans who goes by which vault and cache account, from what a check read."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from migration.facts import UnaskedError
from migration.ids import id_key, same_id, vault_of
from migration.placement import Load, Site, place
from migration.rules.migrated import evidence_of_move
from migration.rules.vault import disks_of, searched

if TYPE_CHECKING:
    from migration.inventory import NetworkMapping, ProtectedItem
    from migration.models import VmSpec
    from migration.rules.case import Case
    from migration.vaults import PlannedVault


def placed(case: Case) -> Case:
    """Return the case of a plan with the places of its machines; those that have moved need none.

    What cannot be read is left out: the rules that need it say so.
    """
    moving = tuple(vm for vm in case.vms if not _has_moved(case, vm))
    ours = {id_key(vm.source_id) for vm in moving}
    foreign = _foreign(case)
    sites = [_site(case, vault, ours, foreign) for vault in case.vaults]
    return replace(case, placement=place([_load(case, vm) for vm in moving], sites))


def _has_moved(case: Case, vm: VmSpec) -> bool:
    with suppress(UnaskedError):
        return evidence_of_move(case, vm) is not None
    return False


def _load(case: Case, vm: VmSpec) -> Load:
    item = _item(case, vm)
    vault = next((n for n, one in enumerate(case.vaults) if item and same_id(vault_of(item.id), one.id)), None)
    named = case.named.get(vm.name, vault)
    account = next(iter(item.cache_ids), None) if item and vault == named else None
    elsewhere = account is not None and named is not None and not _is_of(case.vaults[named], account)
    return Load(
        name=vm.name,
        key=id_key(vm.source_id),
        # Its writes go through an account that is none of the vault's, and stay there.
        disks=0 if elsewhere else disks_of(case, vm),
        vault=named,
        account=account,
        group=(vm.consistency_group or "").lower(),
        networks=_networks(case, vm),
    )


def _is_of(vault: PlannedVault, account: str) -> bool:
    return not vault.account_ids or any(same_id(account, one) for one in vault.account_ids)


def _item(case: Case, vm: VmSpec) -> ProtectedItem | None:
    with suppress(UnaskedError):
        return case.inventory.item_of(vm.source_id)
    return None


def _networks(case: Case, vm: VmSpec) -> frozenset[tuple[str, str]]:
    with suppress(UnaskedError):
        return frozenset((id_key(nic.network_id), id_key(vm.network_id)) for nic in case.nics(vm))
    return frozenset()


def _site(case: Case, vault: PlannedVault, ours: set[str], foreign: list[ProtectedItem]) -> Site:
    inventory = case.inventory
    mappings: list[NetworkMapping] = []
    items: list[ProtectedItem] = []
    with suppress(UnaskedError):
        mappings = [*(inventory.mappings.about(vault.id) or ())]
    with suppress(UnaskedError):
        items = [item for item in inventory.items.about(vault.id) or () if id_key(item.machine_id) not in ours]
    used: Counter[str] = Counter()
    for item in [*items, *foreign, *_of_the_others(case, vault)]:
        if id_key(item.machine_id) not in ours:
            used.update(id_key(account) for account in item.cache_ids)
    return Site(
        id=vault.id,
        accounts=vault.account_ids,
        used=used,
        source_region=case.vms[0].source_region,
        items=len(items),
        mappings=frozenset((id_key(one.network_id), id_key(one.target_network_id)) for one in mappings),
    )


def _foreign(case: Case) -> list[ProtectedItem]:
    """Return what vaults protect that are none of the plan's; it may replicate through the same accounts."""
    found: list[ProtectedItem] = []
    for subscription in searched(case):
        with suppress(UnaskedError):
            found += case.inventory.foreign_items.about(subscription) or ()
    return found


def _of_the_others(case: Case, vault: PlannedVault) -> list[ProtectedItem]:
    """Return what the other vaults of the plan protect."""
    found: list[ProtectedItem] = []
    for other in case.vaults:
        if other is not vault:
            with suppress(UnaskedError):
                found += case.inventory.items.about(other.id) or ()
    return found
