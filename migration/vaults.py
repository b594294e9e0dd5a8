"""The vaults of a plan with their ids, and the names of their cache accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from migration import ids, names

if TYPE_CHECKING:
    from migration.plan import Plan


@dataclass(frozen=True)
class PlannedVault:
    """A vault of a plan."""

    id: str
    region: str | None = None
    """As the plan wants it; None in the check of one virtual machine, when the vault exists."""
    account_ids: tuple[str, ...] = ()
    """Its cache accounts; none where the plan leaves their names to us."""

    @property
    def group(self) -> tuple[str, str]:
        """Subscription and name of its resource group."""
        parsed = ids.ResourceId.parse(self.id)
        return parsed.subscription, parsed.resource_group or ""

    def account(self, source_region: str, number: int = 0) -> str:
        """Return the id of a cache account: the plan's, or the one that we would make."""
        if number < len(self.account_ids):
            return self.account_ids[number]
        return _account_of_ours(self.id, source_region, number)


def planned_vaults(plan: Plan) -> tuple[PlannedVault, ...]:
    """Return the vaults of a plan."""
    vaults = []
    for vault, vault_id in zip(plan.all_vaults, plan.vault_ids, strict=True):
        named = vault.cache_accounts
        accounts = (account_id(vault_id, named, plan.source.region, number) for number in range(len(named)))
        vaults.append(PlannedVault(vault_id, vault.region, tuple(accounts)))
    return tuple(vaults)


def account_id(vault_id: str, named: Sequence[str], region: str, number: int = 0) -> str:
    """Return the id of a vault's cache account in a region: the plan's, or the one that we make under that number."""
    if number >= len(named):
        return _account_of_ours(vault_id, region, number)
    vault = ids.ResourceId.parse(vault_id)
    return ids.storage_account_id(vault.subscription, vault.resource_group or "", named[number])


@lru_cache(maxsize=1_000)
def _account_of_ours(vault_id: str, region: str, number: int) -> str:
    vault = ids.ResourceId.parse(vault_id)
    name = names.cache_account_name(vault_id, region, number)
    return ids.storage_account_id(vault.subscription, vault.resource_group or "", name)
