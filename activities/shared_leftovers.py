"""What lost runs left of what all machines of a plan share: proved, or named and not touched."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from activities.leftover_entries import leftover, on_purpose, untouched
from arm import reads, vault_reads
from migration import ids, names
from migration.cleaning import CleanSurvey, Leftover, Untouched, claimed
from migration.ids import ResourceId, describe, id_key
from migration.specs import vm_specs
from migration.vaults import account_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arm.clients import AzureClients
    from arm.reads import Json
    from migration.earlier import EarlierAnswer
    from migration.plan import Plan
    from migration.plan_vaults import Vault


class SharedLooker:
    """Looks at what the machines of a plan share. *gone*: what goes before it; *others*: running plans that use it."""

    def __init__(
        self,
        azure: AzureClients,
        plan: Plan,
        earlier: EarlierAnswer,
        gone: list[str],
        others: Mapping[str, list[str]],
    ) -> None:
        self._azure = azure
        self._plan = plan
        self._by_run = claimed(earlier)
        self._left = {id_key(entry.id): entry.why for entry in earlier.entries if entry.state == "left"}
        self._existed = earlier.existed
        self._gone = {id_key(one) for one in gone}
        self._others = others

    async def look(self) -> CleanSurvey:
        """Return what is left of it."""
        found: list[Leftover] = []
        stays: list[Untouched] = []
        for vault, vault_id in zip(self._plan.all_vaults, self._plan.vault_ids, strict=True):
            await self._look_at_vault(vault, vault_id, found, stays)
        groups = self._groups()
        documents = dict(
            zip(groups, await asyncio.gather(*(reads.read(self._azure, one) for one in groups)), strict=True)
        )
        await self._look_at_groups(found, stays, documents)
        return CleanSurvey(leftovers=found, untouched=stays)

    async def _look_at_vault(self, vault: Vault, vault_id: str, found: list[Leftover], stays: list[Untouched]) -> None:
        """Look at what lies in a vault, at its cache accounts, and at the vault itself."""
        use = await vault_reads.read_use(self._azure, vault_id)
        inside = [*use.network_mapping_ids, *use.mapping_ids, *use.container_ids, *use.policy_ids, *use.fabric_ids]
        documents = {**await self._accounts(vault, vault_id), vault_id: await reads.read(self._azure, vault_id)}
        there = documents[vault_id]
        vault_is_ours = there is not None and bool(self._reason(vault_id, there))
        users = [one for one in use.item_ids if id_key(one) not in self._gone]
        busy = self._in_use(vault_id, users)
        for one in inside:
            why = self._by_run.get(id_key(one)) or self._left_reason(one)
            why = why or ("in the vault that we made, under our name" if vault_is_ours and _is_named_ours(one) else "")
            self._sort(found, stays, one, {}, why, busy)
        for one, document in documents.items():
            if document is not None:
                self._sort(found, stays, one, document, self._reason(one, document), busy)

    async def _accounts(self, vault: Vault, vault_id: str) -> dict[str, Json | None]:
        """Return the documents of a vault's cache accounts: those of the plan, or as many as we made in a row."""
        found: dict[str, Json | None] = {}
        for number in itertools.count():
            account = account_id(vault_id, vault.cache_accounts, self._plan.source.region, number)
            found[account] = await reads.read(self._azure, account)
            named = number + 1 < len(vault.cache_accounts)
            is_last = number + 1 == len(vault.cache_accounts)
            known = found[account] is not None or id_key(account) in self._by_run
            if is_last or not (named or known):
                return found
        return found

    async def _look_at_groups(
        self, found: list[Leftover], stays: list[Untouched], documents: dict[str, Json | None]
    ) -> None:
        for group_id in self._groups():
            document = documents[group_id]
            if document is None:
                continue
            going = self._gone | {id_key(one.id) for one in found}
            version = reads.API_VERSIONS["microsoft.resources"]
            listed = await reads.read_list(
                self._azure, f"{group_id}/resources", ResourceId.parse(group_id).subscription, version
            )
            others = [str(one["id"]) for one in listed if not _goes(str(one["id"]), going)]
            more = f", and {len(others) - 1} more" if len(others) > 1 else ""
            busy = f"it still holds {describe(others[0])}{more}" if others else ""
            self._sort(found, stays, group_id, document, self._reason(group_id, document), busy)

    def _sort(
        self, found: list[Leftover], stays: list[Untouched], one: str, document: Json, reason: str, busy: str
    ) -> None:
        """Enter a resource where it belongs; what existed before is nobody's leftover, and not told."""
        if id_key(one) in self._existed or (not reason and not _is_named_ours(one)):
            return
        if reason and not busy:
            found.append(leftover(one, document, reason, ""))
        elif reason:
            stays.append(on_purpose(one, document, busy))
        else:
            why = "cannot be proved ours: no run's ledger names it, and it has no tag of this plan"
            stays.append(untouched(one, document, why))

    def _in_use(self, vault_id: str, users: list[str]) -> str:
        if others := self._others.get(vault_id):
            return f"in use by the plans {', '.join(others)}"
        number = "1 machine" if len(users) == 1 else f"{len(users)} machines"
        return f"in use: the vault protects {number}" if users else ""

    def _reason(self, resource_id: str, document: Json | None) -> str:
        tagged = ((document or {}).get("tags") or {}).get(names.TAG_PLAN) == self._plan.name
        by_run = self._by_run.get(id_key(resource_id)) or self._left_reason(resource_id)
        return by_run or ("tagged as made by this plan" if tagged else "")

    def _left_reason(self, resource_id: str) -> str:
        why = self._left.get(id_key(resource_id))
        return f"left by the run: {why}" if why else ""

    def _groups(self) -> list[str]:
        groups = [spec.target_resource_group_id for spec in vm_specs(self._plan)]
        homes = [ResourceId.parse(vault_id) for vault_id in self._plan.vault_ids]
        groups += [ids.resource_group_id(home.subscription, home.resource_group or "") for home in homes]
        return list({id_key(one): one for one in groups}.values())


def _is_named_ours(resource_id: str) -> bool:
    return ResourceId.parse(resource_id).name.lower().startswith(("migration-", "asrcache"))


def _goes(resource_id: str, going: set[str]) -> bool:
    key = id_key(resource_id)
    return key in going or any(key.startswith(f"{parent}/") for parent in going)
