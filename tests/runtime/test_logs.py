"""Log lines of every source carry the same fields, once, and no secret."""

import io
import json
import logging
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from temporalio import activity
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from runtime.encryption import PayloadKeyError
from runtime.logs import configure_logging, quiet_temporal_messages
from runtime.payload_keys import Keyring
from tests.runtime.story import Story


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Return where JSON lines go; the test's own logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    quiet_temporal_messages()
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines that were logged."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@activity.defn
async def speak(vm: str) -> None:
    """Log by each of the ways in which an activity may."""
    activity.logger.info("by the adapter", extra={"arm_request_id": "r-1"})
    logging.getLogger("arm").info("by the standard library of %s", vm)
    structlog.get_logger("arm").info("by structlog", client_secret="canary")


async def test_lines_of_a_workflow_and_its_activity(
    dev_server: WorkflowEnvironment, task_queue: str, stream: io.StringIO
) -> None:
    """Each says which run, plan and VM it belongs to, and is logged once though every task replays."""
    identity = f"migrate-vm/contoso-{uuid.uuid4()}/web/01"
    async with Worker(
        dev_server.client, task_queue=task_queue, workflows=[Story], activities=[speak], max_cached_workflows=0
    ):
        handle = await dev_server.client.start_workflow(Story.run, "web/01", id=identity, task_queue=task_queue)
        await handle.result()

    said = [line for line in lines(stream) if line.get("workflow_id") == identity]
    assert [
        "begun",
        "by the adapter",
        "by the standard library of web/01",
        "by structlog",
        "ended",
    ] == [line["event"] for line in said]
    assert {handle.first_execution_run_id} == {line["run_id"] for line in said}
    assert {("web/01", identity.split("/")[1])} == {(line["vm"], line["plan"]) for line in said}
    assert ["speak"] * 3 == [line["activity"] for line in said if "activity" in line]
    assert 1 == said[1]["attempt"]
    assert "r-1" == said[1]["arm_request_id"]
    assert "***" == said[3]["client_secret"]


def test_an_error_that_explains_itself_is_told_without_a_stack_trace(stream: io.StringIO) -> None:
    """Temporal logs a worker's missing key as an unexpected error, once for each try; its sentence is what helps."""
    try:
        raise PayloadKeyError.unknown("2026-05", Keyring())
    except PayloadKeyError as error:
        logging.getLogger("temporalio.worker").exception("Failed handling activation")
        logging.getLogger("temporalio.worker").warning("Completing activity as failed", exc_info=error)

    for line in lines(stream):
        assert "its key '2026-05' is not configured here" in line["cause"]
        assert "Traceback" not in str(line)
    assert 2 == len(lines(stream))


def test_an_exception_is_logged_without_its_secrets(stream: io.StringIO) -> None:
    """A stack trace quotes what went wrong, token and all."""
    try:
        int("Authorization: Bearer canary-canary-canary")
    except ValueError:
        logging.getLogger("arm").exception("reading a vault")

    assert "reading a vault" == lines(stream)[0]["event"]
    assert "ValueError" in lines(stream)[0]["exception"]
    assert "canary" not in stream.getvalue()


def test_the_azure_sdk_is_heard_only_when_it_warns(stream: io.StringIO) -> None:
    """Its information lines hold each request and answer."""
    logging.getLogger("azure.core.pipeline").info("Request URL: ...")
    logging.getLogger("azure.identity").warning("no token, which whoever wanted one raises")
    logging.getLogger("azure.mgmt").warning("an old version")

    assert ["an old version"] == [line["event"] for line in lines(stream)]


def test_the_console_cannot_be_steered() -> None:
    """A message from outside with control characters stays on its line, and cannot clear the screen."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        configure_logging("console", "info", stream)
        logging.getLogger("arm").info("name \x1b[2J\nforged")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()

    assert 1 == stream.getvalue().count("\n")
    assert "\x1b" not in stream.getvalue()
