"""What lost runs left of what all machines of a plan share: proved, or named and not touched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from activities.leftover_entries import leftover, on_purpose, untouched
from arm import reads, vault_reads
from migration import ids, names
from migration.cleaning import CleanSurvey, Leftover, Untouched, claimed
from migration.ids import ResourceId, describe, id_key
from migration.models import vm_specs

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from arm.reads import Json
    from migration.earlier import EarlierAnswer
    from migration.plan import Plan


class SharedLooker:
    """Looks at what the machines of a plan share. *gone*: what goes before it; *others*: running plans that use it."""

    def __init__(
        self, azure: AzureClients, plan: Plan, earlier: EarlierAnswer, gone: list[str], others: list[str]
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
        plan = self._plan
        use = await vault_reads.read_use(self._azure, plan.vault_id)
        account = plan.vault.cache_account or names.cache_account_name(plan.vault_id, plan.source.region)
        cache = ids.storage_account_id(plan.subscription, plan.vault.resource_group, account)
        inside = [*use.network_mapping_ids, *use.mapping_ids, *use.container_ids, *use.policy_ids, *use.fabric_ids]
        asked = list(dict.fromkeys([cache, plan.vault_id, *self._groups()]))
        documents = dict(
            zip(asked, await asyncio.gather(*(reads.read(self._azure, one) for one in asked)), strict=True)
        )
        vault = documents[plan.vault_id]
        vault_is_ours = vault is not None and bool(self._reason(plan.vault_id, vault))
        users = [one for one in use.item_ids if id_key(one) not in self._gone]
        found: list[Leftover] = []
        stays: list[Untouched] = []
        for one in inside:
            why = self._by_run.get(id_key(one)) or self._left_reason(one)
            why = why or ("in the vault that we made, under our name" if vault_is_ours and _is_named_ours(one) else "")
            self._sort(found, stays, one, {}, why, self._in_use(users))
        for one in (cache, plan.vault_id):
            if documents[one] is not None:
                self._sort(
                    found, stays, one, documents[one] or {}, self._reason(one, documents[one]), self._in_use(users)
                )
        await self._look_at_groups(found, stays, documents)
        return CleanSurvey(leftovers=found, untouched=stays)

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

    def _in_use(self, users: list[str]) -> str:
        if self._others:
            return f"in use by the plans {', '.join(self._others)}"
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
        groups.append(ids.resource_group_id(self._plan.subscription, self._plan.vault.resource_group))
        return list({id_key(one): one for one in groups}.values())


def _is_named_ours(resource_id: str) -> bool:
    return ResourceId.parse(resource_id).name.lower().startswith(("migration-", "asrcache"))


def _goes(resource_id: str, going: set[str]) -> bool:
    key = id_key(resource_id)
    return key in going or any(key.startswith(f"{parent}/") for parent in going)
