"""The keys of a plan about vaults: one, or several over which its virtual machines are spread, and who goes where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator

from migration import checks, ids
from migration.base import Authored
from migration.errors import InvalidPlanError, InvalidValueError, PathStep
from migration.plan_types import AzureName, Region, Subscription

MOST_VAULTS = 100
MOST_ACCOUNTS = 50
_VAULTS = "Microsoft.RecoveryServices/vaults"


def vault_reference(text: str) -> str:
    """Return the name, or the id, of a vault of the plan."""
    return checks.name_or_id(text, _VAULTS, "a Recovery Services vault")


def cache_accounts(value: object) -> str | list[str]:
    """Return the name of a cache account, or the list of such names."""
    if isinstance(value, str):
        return checks.storage_name(value)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InvalidValueError("it should be the name of a storage account, or a list of names", "write text")
    if not 0 < len(value) <= MOST_ACCOUNTS:
        raise InvalidValueError(f"the list has {len(value)} names", f"name 1 to {MOST_ACCOUNTS}, or remove the key")
    names = [checks.storage_name(name) for name in value]
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise InvalidValueError(f'"{twice}" stands twice', "remove one")
    return names


CacheAccounts = Annotated[str | list[str], PlainValidator(cache_accounts, json_schema_input_type=str | list[str])]
VaultReference = Annotated[str, AfterValidator(vault_reference)]
WhichVault = Annotated[
    VaultReference | None,
    Field(description="Vault of the plan that protects it, by its name, or its id; left out: the planner chooses."),
]


class Vault(Authored):
    """The Recovery Services vault; made if it does not exist. Any region but the source."""

    name: Annotated[str, AfterValidator(checks.vault_name)]
    resource_group: AzureName
    region: Region
    subscription: Subscription | None = Field(None, description="Another one than the plan's, of the same tenant.")
    cache_account: CacheAccounts | None = Field(
        None,
        description="Cache storage account in the source region, or a list of such; made if not there. "
        "Left out: as many as the disks need are made, under names of their own.",
    )

    @property
    def cache_accounts(self) -> list[str]:
        """The names of the cache accounts that the plan gives it; none where they are left to us."""
        given = self.cache_account
        return [] if given is None else [given] if isinstance(given, str) else list(given)


def vault_ids(vaults: Iterable[Vault], subscription: str) -> list[str]:
    """Return the ids of vaults; *subscription* is that of the plan."""
    return [ids.vault_id(vault.subscription or subscription, vault.resource_group, vault.name) for vault in vaults]


def refuse_none_or_both(one: object, several: object) -> None:
    """Refuse a plan without a vault, and one that gives them in two ways."""
    if one is None and several is None:
        raise InvalidPlanError("the plan has no vault", "add vault:, or vaults: with a list of them", ("vault",))
    if one is not None and several is not None:
        raise InvalidPlanError(
            "vault stands beside vaults", "write one of them: put all vaults into the list", ("vaults",), ("vault",)
        )


def refuse_twins(vaults: list[Vault], subscription: str) -> None:
    """Refuse a vault that stands twice, and a cache account of two vaults: what fills one would fill the other."""
    seen: dict[str, int] = {}
    accounts: dict[str, int] = {}
    for index, vault_id in enumerate(vault_ids(vaults, subscription)):
        if (first := seen.setdefault(ids.id_key(vault_id), index)) != index:
            problem = f'the vault "{vaults[index].name}" of group "{vaults[index].resource_group}" stands twice'
            raise InvalidPlanError(
                problem, "remove one, or give it another name", ("vaults", index, "name"), ("vaults", first, "name")
            )
        for name in vaults[index].cache_accounts:
            # The names of storage accounts are unique in all of Azure.
            if (other := accounts.setdefault(name, index)) != index:
                raise InvalidPlanError(
                    f'the cache account "{name}" stands at two vaults',
                    "give each vault accounts of its own, or leave them out",
                    ("vaults", index, "cache_account"),
                    ("vaults", other, "cache_account"),
                )


def refuse_region(vault: str, source: str, target: str, path: tuple[PathStep, ...]) -> None:
    """Refuse a vault that would go down with the source; *path* leads to it in the plan."""
    if vault == source:
        raise InvalidPlanError(
            f"the vault would lie in the source region, {source}",
            f"use any other region, such as the target's: {target}",
            (*path, "region"),
        )


def named_vaults(
    waves: list[tuple[str | None, list[tuple[str, str | None]]]], vaults: list[Vault], subscription: str
) -> dict[str, int]:
    """Return which vault virtual machines have to go by, by their names: as they say, or their wave does.

    Raises:
        InvalidPlanError: the plan has no such vault, or more than one.
    """
    named: dict[str, int] = {}
    for w, (of_wave, vms) in enumerate(waves):
        for v, (name, own) in enumerate(vms):
            reference = own or of_wave
            if reference is not None:
                path = ("waves", w, "vms", v, "vault") if own else ("waves", w, "vault")
                named[name] = _index_of(reference, vaults, subscription, path)
    return named


def _index_of(reference: str, vaults: list[Vault], subscription: str, path: tuple[PathStep, ...]) -> int:
    """Return which of the plan's vaults is meant.

    Raises:
        InvalidPlanError: none is, or more than one; *path* says where that stands.
    """
    known = vault_ids(vaults, subscription)
    if reference.startswith("/"):
        meant = [index for index, vault_id in enumerate(known) if ids.same_id(vault_id, reference)]
    else:
        meant = [index for index, vault in enumerate(vaults) if vault.name.lower() == reference.lower()]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise InvalidPlanError(
            f'{len(meant)} vaults of the plan are called "{reference}"', f"give its id, such as {known[meant[0]]}", path
        )
    names = [vault.name for vault in vaults]
    near = difflib.get_close_matches(reference, names, n=1)
    fix = f"did you mean {near[0]}?" if near else f"it has {', '.join(names[:5])}"
    raise InvalidPlanError(f'the plan has no vault "{reference}"', fix, path)
