"""A few hundred machines of a large plan, asked from inside in a history of their own."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.findings import GuestsAsked, GuestsToAsk
from workflows.guests import ask


@workflow.defn(name=names.ASK_GUESTS)
class AskGuests:
    """Asks machines from inside, few at once: each costs a history six events."""

    @workflow.run
    async def run(self, wanted: GuestsToAsk) -> GuestsAsked:
        """Return what was found."""
        together = asyncio.Semaphore(wanted.concurrency)
        found = await asyncio.gather(*(ask(request, together) for request in wanted.requests))
        return GuestsAsked(found=list(found))
