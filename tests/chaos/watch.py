"""Where every workflow of a stage stands, by one list a round: a query for each would cost the tested worker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError

from migration import names

ROUND_SECONDS = 0.7
_QUERY = f"WorkflowType IN ('{names.MIGRATE_PLAN}', '{names.MIGRATE_VM}')"


@dataclass(frozen=True)
class Standing:
    """How the youngest run of a workflow shows itself."""

    closed: bool
    phase: str
    needs_action: bool


class Watch:
    """Lists again and again; whoever waits for something looks after each round."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._round = asyncio.Condition()
        self._seen: dict[str, Standing] = {}

    def of(self, workflow_id: str) -> Standing | None:
        """Return where a workflow stands, None before it began."""
        return self._seen.get(workflow_id)

    async def ended(self, workflow_id: str) -> None:
        """Wait until a workflow shows its end: a list may be of the moment before."""
        async with asyncio.timeout(60):
            while (standing := self.of(workflow_id)) is None or not standing.closed:
                await self.round()

    async def begun_again(self, workflow_id: str) -> None:
        """Wait until a workflow that was ended shows its new run."""
        async with asyncio.timeout(60):
            while (standing := self.of(workflow_id)) is None or standing.closed:
                await self.round()

    async def round(self) -> None:
        """Wait for the next list."""
        async with self._round:
            await self._round.wait()

    async def run(self) -> None:
        """List until cancelled; while Temporal is away nothing changes."""
        while True:
            try:
                async with asyncio.timeout(10):
                    self._seen = await self._list()
            except (RPCError, TimeoutError):
                pass
            async with self._round:
                self._round.notify_all()
            await asyncio.sleep(ROUND_SECONDS)

    async def _list(self) -> dict[str, Standing]:
        seen: dict[str, tuple[Any, Standing]] = {}
        async for one in self._client.list_workflows(_QUERY):
            if one.id not in seen or seen[one.id][0] < one.start_time:
                seen[one.id] = (one.start_time, _standing(one))
        return {workflow_id: standing for workflow_id, (_, standing) in seen.items()}


def _standing(one: WorkflowExecution) -> Standing:
    shown = one.search_attributes
    [phase] = shown.get("MigrationPhase") or [""]
    [needs_action] = shown.get("NeedsAction") or [False]
    closed = one.status is not WorkflowExecutionStatus.RUNNING
    return Standing(closed, str(phase), bool(needs_action))
