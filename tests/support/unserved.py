"""Workflows of machines as Temporal keeps them while nobody serves them."""

from __future__ import annotations

from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from migration import names
from migration.phases import Phase

_NEED_A_PERSON = {Phase.AWAITING_APPROVAL, Phase.NEEDS_ACTION}


async def start_vm(client: Client, plan: str, name: str, phase: Phase, **shown: str) -> WorkflowHandle[Any, Any]:
    """Start a machine's workflow that is found in a phase; *shown*: further search attributes."""
    words = {names.ATTRIBUTE_PLAN: plan, names.ATTRIBUTE_PHASE: phase.value, **shown}
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(SearchAttributeKey.for_keyword(key), word) for key, word in words.items()
    ]
    needs = SearchAttributeKey.for_bool(names.ATTRIBUTE_NEEDS_ACTION)
    return await client.start_workflow(
        names.MIGRATE_VM,
        id=names.migrate_vm_id(plan, name),
        task_queue="nobody",
        search_attributes=TypedSearchAttributes([*pairs, SearchAttributePair(needs, phase in _NEED_A_PERSON)]),
    )
