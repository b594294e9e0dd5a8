"""Many requests to Temporal at once: what one error, or a person's Ctrl-C, leaves of the others."""

import asyncio
import time

import pytest
from temporalio.client import Client

from console.connection import Link
from console.errors import UnreachableError
from console.recorded import together
from console.updates import send_update
from migration.report import DecisionMessage
from tests.console.conftest import CommandLine
from tests.console.standins import APPROVER
from tests.console.steps import handle_of, started, until_phase


def test_an_error_ends_the_others_without_a_stack_trace(caplog: pytest.LogCaptureFixture) -> None:
    """Those still at work are ended before the error is told, also those that make an error of their end."""
    ended = []

    async def fails() -> None:
        await asyncio.sleep(0.01)
        raise UnreachableError("the first")

    async def makes_an_error_of_its_end(number: int) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(number)
            raise UnreachableError(f"number {number}") from None

    async def command() -> None:
        await together([fails(), *(makes_an_error_of_its_end(number) for number in range(3))])

    with pytest.raises(UnreachableError, match="the first"):
        asyncio.run(command())
    assert [0, 1, 2] == sorted(ended)
    assert [] == caplog.records


async def test_an_interrupted_message_is_no_missing_answer(starter: CommandLine, standins: Client) -> None:
    """Ctrl-C ends the waiting as an interruption: that no worker answered in time is not what happened."""
    name = await started(starter, ["deaf-1"])
    await until_phase(starter, name, "awaiting_approval")
    handle = handle_of(standins, name, "deaf-1")
    link = Link(standins, "here", time.monotonic())
    sending = asyncio.create_task(send_update(link, handle.id, "decide_commit", DecisionMessage(approver=APPROVER)))
    await asyncio.sleep(0.5)

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
