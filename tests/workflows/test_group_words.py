"""A member of a consistency group says a word and is called back in the same moment: it hears that."""

import asyncio
from contextlib import suppress

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import (
    Interceptor,
    SignalExternalWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from migration.groups import MemberWord
from tests.conftest import own_client
from tests.workflows.scenes import make_plan
from tests.workflows.stage import PATIENCE_SECONDS, staged
from tests.workflows.world import World

PAIR = {"only": ["db@shop", "web@shop"]}


class _EndsWithItsCancel(Interceptor):
    """Lets the leader's word "verified" end together with the cancel that comes meanwhile, as Temporal may."""

    def __init__(self) -> None:
        self.said, self.loop = asyncio.Event(), asyncio.get_running_loop()

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - Temporal's
    ) -> type[WorkflowInboundInterceptor]:
        """Return what is put before the workflows."""
        words = self

        class Outbound(WorkflowOutboundInterceptor):
            async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:  # noqa: A002
                await super().signal_external_workflow(input)
                await words.end_with_cancel(input)

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

        return Inbound

    async def end_with_cancel(self, sent: SignalExternalWorkflowInput) -> None:
        """Wait for the cancel, and lose it."""
        word = sent.args[0] if sent.args else None
        if isinstance(word, MemberWord) and (word.vm, word.stage) == ("db", "verified"):
            self.loop.call_soon_threadsafe(self.said.set)
            with suppress(asyncio.CancelledError):
                await workflow.wait_condition(lambda: False)


@pytest.mark.parametrize("cancelled", ["db", "web"])
async def test_what_calls_one_back_while_it_says_that_it_is_verified_is_not_lost(
    dev_server: WorkflowEnvironment, world: World, cancelled: str
) -> None:
    """Cancelled itself, or with its group: it goes back at once, and no person is waited for first."""
    plan = make_plan(PAIR)
    words = _EndsWithItsCancel()
    environment = WorkflowEnvironment.from_client(await own_client(dev_server))
    async with staged(environment, world, [words]) as stage:
        plan_handle = await stage.start_plan(plan)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await words.said.wait()
        await stage.vm_of(plan, cancelled).cancel()
        # Those who wait for each other ask again after five minutes, and would hear then what they had missed.
        async with asyncio.timeout(PATIENCE_SECONDS):
            ending = await plan_handle.result()
        with pytest.raises(WorkflowFailureError):
            await stage.vm_of(plan, cancelled).result()

    assert {"rolled_back": 2} == ending.counts
