"""Prove the ledgers of a plan by listing its groups and its vault."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from temporalio import activity

from activities.earlier import latest_ledger
from activities.heartbeats import beating
from arm.listings import Listings
from migration import names
from migration.ledger_proof import LedgerProof, ListPlan, PlanListing, ProvePlan, digests, proof, unlisted

if TYPE_CHECKING:
    from temporalio.client import Client

    from arm.clients import AzureClients

_AT_ONCE = 4
CLOSED_WITHIN_SECONDS = 10.0
"""How long the last machines' workflows may take to close, in all, after they told of their end."""
_OTHERS = 200


class ProofActivities:
    """Listings of what a plan works in, before it and after it."""

    def __init__(self, azure: AzureClients, client: Client) -> None:
        self._listings = Listings(azure)
        self._client = client

    @activity.defn
    async def list_plan(self, request: ListPlan) -> PlanListing:
        """Return what lies in the groups and the vault of a plan before it makes anything."""
        async with beating(list):
            found = await self._listings.plan(request.group_ids, request.vault_ids)
        return PlanListing(digests=[] if found.why else sorted(digests(found.ids)), why=found.why)

    @activity.defn
    async def prove_plan(self, request: ProvePlan) -> LedgerProof:
        """Hold what is listed now against what was there before, and against the ledgers of plan and machines."""
        async with beating(list):
            found = await self._listings.plan(request.what.group_ids, request.what.vault_ids)
            why = found.why or request.before.why
            known, unread = await self._ledgers(request.workflow_ids, time.monotonic() + CLOSED_WITHIN_SECONDS)
            known |= digests(entry.id for entry in request.entries)
            candidates = [] if why else unlisted(found.ids, set(request.before.digests), known)
            if candidates:
                others, _ = await self._ledgers(await self._other_machines(request.what.plan))
                candidates = await self._listings.confirmed(unlisted(candidates, set(), others))
        if unread:
            why = why or f"{unread} virtual machines did not tell what they made; what is unlisted may be theirs"
        return proof(candidates, [], why)

    async def _ledgers(self, workflow_ids: list[str], until: float = 0.0) -> tuple[set[str], int]:
        """Return the digests of what some machines wrote down, and how many of them do not say."""
        together = asyncio.Semaphore(_AT_ONCE)

        async def one(workflow_id: str) -> list[str] | None:
            async with together:
                return await latest_ledger(self._client, workflow_id, until)

        found = await asyncio.gather(*(one(each) for each in workflow_ids))
        return {one for ledger in found if ledger for one in ledger}, found.count(None)

    async def _other_machines(self, plan: str) -> list[str]:
        """Return the machines of other plans: what moves into a group at the same time is theirs."""
        query = f"WorkflowType = '{names.MIGRATE_VM}' AND {names.ATTRIBUTE_PLAN} != '{plan}'"
        return list({run.id: None async for run in self._client.list_workflows(query, limit=_OTHERS)})
